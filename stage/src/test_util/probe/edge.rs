//! One subscription to a fake producer: what its consumer says, and what the test sends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Unexpected;
use super::seen::{Seen, Tell};
use crate::exit::{Cancel, End, Exit, StageError};
use crate::id::SubscriptionId;
use crate::runtime::{ConsumerPort, Edge};

/// One consumer's subscription to a [`SourceProbe`](super::SourceProbe), seen from the producer's side.
pub struct SourceEdge<T: Send + 'static> {
    pub(super) id: SubscriptionId,
    pub(super) consumer: Arc<dyn ConsumerPort<T>>,
    pub(super) edge: Arc<Edge>,
    pub(super) asked: Arc<AtomicUsize>,
    pub(super) sent: usize,
    pub(super) heard: Seen<Heard>,
}

/// What a consumer said on a subscription.
pub(super) enum Heard {
    Ask(usize),
    Cancel(Cancel),
    Gone(Exit),
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
        let mut events: Vec<T> = events.into_iter().collect();
        self.sent += events.len();
        self.edge.delivered(events.len());
        self.consumer.deliver(self.id, &mut events);
    }

    /// Sends a batch on a subscription that the consumer never opened.
    pub fn send_unknown(&self, events: impl IntoIterator<Item = T>) {
        let mut events = events.into_iter().collect();
        self.consumer.deliver(SubscriptionId::next(), &mut events);
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

impl<T: Send + 'static> fmt::Debug for SourceEdge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceEdge")
            .field("id", &self.id)
            .field("asked", &self.asked())
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
