//! A fake producer: it hears what consumers say and sends what the test says, right or wrong.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::seen::{Seen, Tell};
use super::{Patience, Unexpected};
use crate::exit::{Cancel, End, Exit, StageError};
use crate::id::{ById, SubscriptionId};
use crate::runtime::{AskPort, ConsumerPort, Edge, NewConsumer, Outlet, ProducerPort, Source};

/// A producer under the test's control, to which stages subscribe as to any other.
///
/// Each subscription is a [`SourceEdge`]. It does nothing of its own accord: a probe left alone is a silent producer.
///
/// ```
/// use stage::test_util::SourceProbe;
/// use stage::{Batch, Consumer, Context, Demand, Exit, Result, consumer};
///
/// struct Print;
/// impl Consumer for Print {
///     type In = u64;
///     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
///         println!("{:?}", events.as_slice());
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let mut source = SourceProbe::new();
/// let print = consumer(Print).subscribe_to(&source, Demand::new(4, 2)?).spawn()?;
/// let mut edge = source.expect_subscribe().await?;
/// edge.expect_ask(4).await?;
/// edge.send([1]);
/// edge.expect_no_ask().await?;
/// edge.send([2]);
/// edge.expect_ask(2).await?;
/// edge.complete();
/// assert!(matches!(print.join().await, Exit::Completed));
/// # Ok(())
/// # }
/// ```
pub struct SourceProbe<T: Send + 'static> {
    port: Arc<Port<T>>,
    opened: Seen<SourceEdge<T>>,
}

/// One consumer's subscription to a [`SourceProbe`], seen from the producer's side.
pub struct SourceEdge<T: Send + 'static> {
    id: SubscriptionId,
    consumer: Arc<dyn ConsumerPort<T>>,
    edge: Arc<Edge>,
    asked: Arc<AtomicUsize>,
    sent: usize,
    heard: Seen<Heard>,
}

/// What a consumer said on a subscription.
enum Heard {
    Ask(usize),
    Cancel(Cancel),
    Gone(Exit),
}

struct Port<T: Send + 'static> {
    is_closed: AtomicBool,
    patience: Patience,
    opened: UnboundedSender<SourceEdge<T>>,
    lines: Mutex<ById<SubscriptionId, Line>>,
}

/// Where to note what is said on a subscription.
struct Line {
    heard: UnboundedSender<Heard>,
    asked: Arc<AtomicUsize>,
}

impl<T: Send + 'static> SourceProbe<T> {
    /// Makes one that nobody has subscribed to.
    #[must_use]
    pub fn new() -> Self {
        Self::with_patience(Patience::default())
    }

    /// Makes one that waits this long.
    #[must_use]
    pub fn with_patience(patience: Patience) -> Self {
        let (note, opened) = Seen::new(patience);
        let port = Port {
            is_closed: AtomicBool::new(false),
            patience,
            opened: note,
            lines: Mutex::default(),
        };
        Self {
            port: Arc::new(port),
            opened,
        }
    }

    /// Refuses subscriptions from now on, as a producer does that has ended.
    pub fn close(&self) {
        self.port.is_closed.store(true, Ordering::SeqCst);
    }

    /// Waits for the next subscription.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: none came in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_subscribe(&mut self) -> Result<SourceEdge<T>, Unexpected> {
        self.opened.next("a subscription").await
    }

    /// Sees that nobody subscribes.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: somebody did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_no_subscribe(&mut self) -> Result<(), Unexpected> {
        self.opened.none("no subscription", |_| true).await
    }
}

impl<T: Send + 'static> Default for SourceProbe<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static> Source for SourceProbe<T> {
    type Out = T;

    fn outlet(&self) -> Outlet<T> {
        Outlet::new(self.port.clone(), "source-probe".into(), None)
    }
}

impl<T: Send + 'static> SourceEdge<T> {
    /// The subscription's id.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// All that was asked up to now, expected or not.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// All that was sent.
    #[must_use]
    pub const fn sent(&self) -> usize {
        self.sent
    }

    /// What was asked and not sent.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.asked().saturating_sub(self.sent)
    }

    /// Waits for the next ask and returns its size.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: something else came, or nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next_ask(&mut self) -> Result<usize, Unexpected> {
        let ask = |heard| match heard {
            Heard::Ask(n) => Ok(n),
            other => Err(other),
        };
        self.heard.next_as("an ask", ask).await
    }

    /// Waits for the next ask, which must be for `n`.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: another ask or something else came, or nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_ask(&mut self, n: usize) -> Result<(), Unexpected> {
        let ask = |heard| match heard {
            Heard::Ask(asked) if asked == n => Ok(()),
            other => Err(other),
        };
        let expected = format_args!("an ask for {n}");
        self.heard.next_as(expected, ask).await
    }

    /// Sees that nothing more is asked.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: an ask came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_no_ask(&mut self) -> Result<(), Unexpected> {
        let is_ask = |heard: &Heard| matches!(heard, Heard::Ask(_));
        self.heard.none("no ask", is_ask).await
    }

    /// Sees that nothing is said on the subscription.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: something was.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn expect_nothing(&mut self) -> Result<(), Unexpected> {
        self.heard.none("nothing", |_| true).await
    }

    /// Waits for the consumer to cancel, over asks, and returns its reason; a producer confirms it with
    /// [`SourceEdge::end`].
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: it ended without a cancel, or nothing came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses only asks.
    pub async fn expect_cancel(&mut self) -> Result<Cancel, Unexpected> {
        self.over_asks("a cancel", |heard| match heard {
            Heard::Cancel(reason) => Ok(reason),
            other => Err(other),
        })
        .await
    }

    /// Takes a cancel that has come, over asks, without waiting.
    pub fn take_cancel(&mut self) -> Option<Cancel> {
        let ask = |heard| match heard {
            Heard::Ask(_) => Ok(()),
            other => Err(other),
        };
        while self.heard.take_as(ask).is_some() {}
        self.heard.take_as(|heard| match heard {
            Heard::Cancel(reason) => Ok(reason),
            other => Err(other),
        })
    }

    /// Waits for the consumer's end, over asks, and returns it.
    ///
    /// # Errors
    ///
    /// [`Unexpected`]: it cancelled instead, or nothing came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses only asks.
    pub async fn expect_gone(&mut self) -> Result<Exit, Unexpected> {
        self.over_asks("the consumer's end", |heard| match heard {
            Heard::Gone(exit) => Ok(exit),
            other => Err(other),
        })
        .await
    }

    async fn over_asks<U>(
        &mut self,
        expected: &str,
        take: impl Fn(Heard) -> Result<U, Heard>,
    ) -> Result<U, Unexpected> {
        loop {
            let ask_or = |heard| match heard {
                Heard::Ask(_) => Ok(None),
                other => take(other).map(Some),
            };
            if let Some(taken) = self.heard.next_as(expected, ask_or).await? {
                return Ok(taken);
            }
        }
    }

    /// Sends a batch, whether it was asked for or not, and also after the end.
    pub fn send(&mut self, events: impl IntoIterator<Item = T>) {
        let events: Vec<T> = events.into_iter().collect();
        self.sent += events.len();
        self.edge.delivered(events.len());
        self.consumer.deliver(self.id, events);
    }

    /// Sends a batch on a subscription that the consumer never opened.
    pub fn send_unknown(&self, events: impl IntoIterator<Item = T>) {
        let events = events.into_iter().collect();
        self.consumer.deliver(SubscriptionId::next(), events);
    }

    /// Ends the subscription, in whatever way and how often the test wants.
    pub fn end(&self, end: End) {
        self.consumer.end(self.id, end);
    }

    /// Ends it as a producer that has no more events.
    pub fn complete(&self) {
        self.end(End::Completed);
    }

    /// Ends it as a producer that failed.
    pub fn fail(&self, error: impl Into<StageError>) {
        self.end(End::Down(Exit::Failed(Arc::new(error.into()))));
    }

    /// Ends it as a producer that was aborted.
    pub fn die(&self) {
        self.end(End::Down(Exit::Aborted));
    }
}

impl<T: Send + 'static> Port<T> {
    fn lines(&self) -> MutexGuard<'_, ById<SubscriptionId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A subscription that nobody opened is ignored, as by a stage.
    fn note(&self, id: SubscriptionId, heard: Heard) {
        if let Some(line) = self.lines().get(&id) {
            if let Heard::Ask(n) = heard {
                let asked = line.asked.load(Ordering::SeqCst);
                line.asked.store(asked.saturating_add(n), Ordering::SeqCst);
            }
            let _edge_dropped = line.heard.send(heard);
        }
    }
}

impl<T: Send + 'static> ProducerPort<T> for Port<T> {
    fn subscribe(&self, consumer: NewConsumer<T>) -> bool {
        if self.is_closed.load(Ordering::SeqCst) {
            return false;
        }
        let (note, heard) = Seen::new(self.patience);
        let asked = Arc::default();
        let line = Line {
            heard: note,
            asked: Arc::clone(&asked),
        };
        self.lines().insert(consumer.id, line);
        let opened = SourceEdge {
            id: consumer.id,
            consumer: consumer.port,
            edge: consumer.edge,
            asked,
            sent: 0,
            heard,
        };
        self.opened.send(opened).is_ok()
    }
}

impl<T: Send + 'static> AskPort for Port<T> {
    fn ask(&self, id: SubscriptionId, n: usize) {
        self.note(id, Heard::Ask(n));
    }

    fn cancel(&self, id: SubscriptionId, reason: Cancel) {
        self.note(id, Heard::Cancel(reason));
    }

    fn gone(&self, id: SubscriptionId, exit: Exit) {
        self.note(id, Heard::Gone(exit));
    }

    // A probe belongs to no group of stages, so nobody stops or drains it.
    fn stop(&self) {}

    fn drain(&self) {}

    fn finish(&self) {}
}

impl Tell for Heard {
    fn tell(&self) -> String {
        match self {
            Self::Ask(n) => format!("an ask for {n}"),
            Self::Cancel(reason) => format!("a cancel ({reason:?})"),
            Self::Gone(exit) => format!("the consumer's end ({exit})"),
        }
    }
}

impl<T: Send + 'static> Tell for SourceEdge<T> {
    fn tell(&self) -> String {
        format!("the subscription {}", self.id)
    }
}

impl<T: Send + 'static> fmt::Debug for SourceProbe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceProbe")
            .field("subscriptions", &self.port.lines().len())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> fmt::Debug for SourceEdge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceEdge")
            .field("id", &self.id)
            .field("asked", &self.asked())
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
