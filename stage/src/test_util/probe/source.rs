//! A fake producer: it hears what consumers say and sends what the test says, right or wrong.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::edge::{Heard, SourceEdge};
use super::seen::Seen;
use super::{Patience, Unexpected};
use crate::exit::{Cancel, Exit};
use crate::id::{ById, SubscriptionId};
use crate::runtime::{AskPort, NewConsumer, Outlet, ProducerPort, Source};

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

    // A probe belongs to no group of stages, so nobody stops, drains or suspends it.
    fn stop(&self) {}

    fn drain(&self) {}

    fn finish(&self) {}

    fn suspend(&self) {}
}

impl<T: Send + 'static> fmt::Debug for SourceProbe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceProbe")
            .field("subscriptions", &self.port.lines().len())
            .finish_non_exhaustive()
    }
}
