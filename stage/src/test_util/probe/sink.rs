//! A fake consumer: it asks, takes and cancels when the test says so, and sees all that comes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::seen::{Seen, Tell};
use super::{Patience, Unexpected};
use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::runtime::{AskPort, ConsumerPort, Edge, Source};

/// A consumer under the test's control, subscribed to one producer; dropping it cancels.
///
/// It asks for nothing of its own accord, and keeps all that comes until the test takes it.
///
/// ```
/// use stage::End;
/// use stage::test_util::SinkProbe;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let numbers = stage::from_iter(1..=5).spawn()?;
/// let mut sink = SinkProbe::subscribe(&numbers);
/// sink.expect_nothing().await?;
/// sink.ask(2);
/// assert_eq!(sink.expect_events(2).await?, [1, 2]);
/// sink.expect_nothing().await?;
/// sink.ask(10);
/// assert_eq!(sink.expect_events(3).await?, [3, 4, 5]);
/// assert!(matches!(sink.expect_end().await?, End::Completed));
/// # Ok(())
/// # }
/// ```
pub struct SinkProbe<T: Send + 'static> {
    id: SubscriptionId,
    producer: Arc<dyn AskPort>,
    edge: Arc<Edge>,
    port: Arc<Port<T>>,
    asked: usize,
    has_ended: bool,
    arrived: Seen<Arrived<T>>,
}

/// What came to the consumer.
enum Arrived<T> {
    Events(SubscriptionId, Vec<T>),
    End(SubscriptionId, End),
}

struct Port<T> {
    arrived: UnboundedSender<Arrived<T>>,
    delivered: AtomicUsize,
}

impl<T: Send + 'static> SinkProbe<T> {
    /// Subscribes to what a stage emits.
    #[must_use]
    pub fn subscribe(source: &impl Source<Out = T>) -> Self {
        Self::with_patience(source, Patience::default())
    }

    /// Subscribes, and waits this long.
    #[must_use]
    pub fn with_patience(source: &impl Source<Out = T>, patience: Patience) -> Self {
        let outlet = source.outlet();
        let id = SubscriptionId::next();
        let edge = Edge::new(Arc::clone(outlet.name()), "sink-probe".into());
        let (note, arrived) = Seen::new(patience);
        let port = Arc::new(Port {
            arrived: note,
            delivered: AtomicUsize::new(0),
        });
        let opened = port.clone();
        if !outlet.open(id, opened, Arc::clone(&edge)) {
            port.end(id, End::Down(Exit::Unreachable));
        }
        Self {
            id,
            producer: outlet.ask_port(),
            edge,
            port,
            asked: 0,
            has_ended: false,
            arrived,
        }
    }

    /// The subscription's id.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// All that was asked.
    #[must_use]
    pub const fn asked(&self) -> usize {
        self.asked
    }

    /// All events that came up to now, taken or not.
    #[must_use]
    pub fn delivered(&self) -> usize {
        self.port.delivered.load(Ordering::SeqCst)
    }

    /// Returns whether the producer has let go of this consumer.
    #[must_use]
    pub fn is_released(&self) -> bool {
        Arc::strong_count(&self.port) == 1
    }

    /// Asks for `n` more, also after the end; `usize::MAX` is the greediest.
    pub fn ask(&mut self, n: usize) {
        self.asked = self.asked.saturating_add(n);
        self.edge.asked(n);
        self.producer.ask(self.id, n);
    }

    /// Asks on a subscription that was never opened.
    pub fn ask_unknown(&self, n: usize) {
        self.producer.ask(SubscriptionId::next(), n);
    }

    /// Cancels, as often as the test wants.
    pub fn cancel(&self, reason: Cancel) {
        self.producer.cancel(self.id, reason);
    }

    /// Cancels a subscription that was never opened.
    pub fn cancel_unknown(&self) {
        self.producer.cancel(SubscriptionId::next(), Cancel::Normal);
    }

    /// Ends as a consumer that was aborted.
    pub fn die(&self) {
        self.producer.gone(self.id, Exit::Aborted);
    }

    /// Waits for exactly `n` events, in however many batches, and takes them.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: the end came before, a batch held more, or not enough came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the events that it has waited for.
    pub async fn expect_events(&mut self, n: usize) -> Result<Vec<T>, Unexpected> {
        let mut events = Vec::new();
        while events.len() < n {
            let expected = format_args!("{n} events (after {})", events.len());
            events.extend(self.next_batch(expected).await?);
        }
        if events.len() > n {
            let came = format!("{} came", events.len());
            return Err(Unexpected::new(format!("{n} events"), came));
        }
        Ok(events)
    }

    /// Waits for the next batch and takes it.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: the end came, an empty batch, or nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_batch(&mut self) -> Result<Vec<T>, Unexpected> {
        self.next_batch("a batch").await
    }

    async fn next_batch(&mut self, expected: impl fmt::Display) -> Result<Vec<T>, Unexpected> {
        let id = self.id;
        let batch = |arrived| match arrived {
            Arrived::Events(to, events) if to == id && !events.is_empty() => Ok(events),
            other => Err(other),
        };
        self.arrived.next_as(expected, batch).await
    }

    /// Takes the events that have come, without waiting.
    pub fn take_events(&mut self) -> Vec<T> {
        let events = |arrived| match arrived {
            Arrived::Events(_, events) => Ok(events),
            end @ Arrived::End(..) => Err(end),
        };
        let batches = std::iter::from_fn(|| self.arrived.take_as(events));
        batches.flatten().collect()
    }

    /// Waits for the end of the subscription.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: events came, or nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_end(&mut self) -> Result<End, Unexpected> {
        let id = self.id;
        let end = |arrived| match arrived {
            Arrived::End(of, end) if of == id => Ok(end),
            other => Err(other),
        };
        let end = self.arrived.next_as("the end", end).await?;
        self.has_ended = true;
        Ok(end)
    }

    /// Waits for the end and takes what comes before it.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: no end came in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the events that it has waited for.
    pub async fn expect_events_and_end(&mut self) -> Result<(Vec<T>, End), Unexpected> {
        let mut events = Vec::new();
        loop {
            match self.arrived.next("the end").await? {
                Arrived::Events(_, batch) => events.extend(batch),
                Arrived::End(_, end) => {
                    self.has_ended = true;
                    return Ok((events, end));
                }
            }
        }
    }

    /// Takes `n` events one ask at a time, cancels, and returns what came up to the end: a consumer that cancels after
    /// its `n`th event, whatever else is on its way.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: not enough events came, or no end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the events that it has waited for.
    pub async fn cancel_after(&mut self, n: usize) -> Result<Vec<T>, Unexpected> {
        let mut events = Vec::new();
        for _ in 0..n {
            self.ask(1);
            events.extend(self.expect_events(1).await?);
        }
        self.cancel(Cancel::Normal);
        events.extend(self.expect_events_and_end().await?.0);
        Ok(events)
    }

    /// Sees that nothing comes.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: something did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_nothing(&mut self) -> Result<(), Unexpected> {
        self.arrived.none("nothing", |_| true).await
    }
}

impl<T: Send + 'static> Drop for SinkProbe<T> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.cancel(Cancel::Normal);
        }
        self.edge.end();
    }
}

impl<T: Send> ConsumerPort<T> for Port<T> {
    fn deliver(&self, subscription: SubscriptionId, events: &mut Vec<T>) {
        let events = std::mem::take(events);
        self.delivered.fetch_add(events.len(), Ordering::SeqCst);
        let _probe_dropped = self.arrived.send(Arrived::Events(subscription, events));
    }

    fn end(&self, subscription: SubscriptionId, end: End) {
        let _probe_dropped = self.arrived.send(Arrived::End(subscription, end));
    }
}

impl<T> Tell for Arrived<T> {
    fn tell(&self) -> String {
        match self {
            Self::Events(id, events) => format!("{} events on {id}", events.len()),
            Self::End(id, end) => format!("the end of {id} ({end:?})"),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for SinkProbe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkProbe")
            .field("id", &self.id)
            .field("asked", &self.asked)
            .field("delivered", &self.delivered())
            .finish_non_exhaustive()
    }
}
