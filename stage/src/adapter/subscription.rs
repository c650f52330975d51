//! The manual edge: code that is no stage asks a producer itself, and takes what comes.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use thiserror::Error;

use super::inbox::{Arrival, Inbox, OpenEdge};
use crate::exit::{Cancel, Exit};
use crate::id::SubscriptionId;
use crate::runtime::{EdgeStats, Outlet};

/// The producer failed or was aborted, so that the events are not all there.
#[derive(Debug, Clone, Error)]
#[error("the producer ended early: {0}")]
pub struct UpstreamFailed(pub Exit);

/// A subscription held by code that is no stage. Nothing comes before it is asked for; dropping it cancels.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = stage::from_iter(0..).spawn()?;
/// let mut edge = numbers.subscribe();
/// edge.request(NonZeroUsize::new(3).ok_or("not zero")?);
/// assert_eq!(edge.next().await?, Some(vec![0, 1, 2]));
/// # Ok(())
/// # }
/// ```
pub struct Subscription<T: Send + 'static> {
    edge: OpenEdge,
    inbox: Arc<Inbox<T>>,
}

impl<T: Send + 'static> std::fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id())
            .field("to", &self.stats().from)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Subscription<T> {
    pub(crate) fn new(outlet: &Outlet<T>) -> Self {
        let inbox = Inbox::new();
        Self {
            edge: OpenEdge::new(outlet, &inbox),
            inbox,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        self.edge.id()
    }

    /// Its counts now.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        self.edge.stats()
    }

    /// Asks for `n` more events. What is asked and not taken is held here, so `n` bounds the memory.
    pub fn request(&mut self, n: NonZeroUsize) {
        self.edge.ask(n.get());
    }

    /// Says that no more is wanted; what was already sent still comes, and then the end.
    pub fn cancel(&self, reason: Cancel) {
        self.edge.cancel(reason);
    }

    /// Takes the next message: at least one event, in the order of emission; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`UpstreamFailed`], once, when the producer failed, was aborted or had already ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, UpstreamFailed> {
        poll_fn(|task| self.poll_message(task)).await
    }

    fn poll_message(
        &mut self,
        task: &mut Task<'_>,
    ) -> Poll<Result<Option<Vec<T>>, UpstreamFailed>> {
        if self.edge.has_ended() {
            return Poll::Ready(Ok(None));
        }
        match ready!(self.inbox.poll(task)) {
            Arrival::Events(_, events) => Poll::Ready(Ok(Some(events))),
            Arrival::End(_, end) => {
                self.edge.ended();
                Poll::Ready(if end.is_failure() {
                    Err(UpstreamFailed(end.to_exit()))
                } else {
                    Ok(None)
                })
            }
        }
    }
}
