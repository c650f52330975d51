//! The manual edge: code that is no stage asks a producer itself, and takes what comes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use thiserror::Error;

use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::runtime::{ConsumerPort, Edge, EdgeStats, Outlet};

/// The producer failed or was aborted, so that the events are not all there.
#[derive(Debug, Clone, Error)]
#[error("the producer ended early: {0}")]
pub struct UpstreamFailed(pub Exit);

/// What has arrived. It is bounded by what was asked.
struct Arrivals<T> {
    messages: VecDeque<Vec<T>>,
    end: Option<End>,
    waker: Option<Waker>,
}

struct Inbox<T>(Mutex<Arrivals<T>>);

impl<T> Inbox<T> {
    fn lock(&self) -> MutexGuard<'_, Arrivals<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, change: impl FnOnce(&mut Arrivals<T>)) {
        let mut arrivals = self.lock();
        change(&mut arrivals);
        let waker = arrivals.waker.take();
        drop(arrivals);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: Send> ConsumerPort<T> for Inbox<T> {
    fn deliver(&self, _: SubscriptionId, events: Vec<T>) {
        self.arrived(|arrivals| arrivals.messages.push_back(events));
    }

    fn end(&self, _: SubscriptionId, end: End) {
        self.arrived(|arrivals| {
            arrivals.end.get_or_insert(end);
        });
    }
}

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
    id: SubscriptionId,
    outlet: Outlet<T>,
    edge: Arc<Edge>,
    inbox: Arc<Inbox<T>>,
    is_ended: bool,
}

impl<T: Send + 'static> std::fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .field("to", &self.outlet)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Subscription<T> {
    pub(crate) fn new(outlet: Outlet<T>) -> Self {
        let id = SubscriptionId::next();
        let edge = Edge::new(Arc::clone(outlet.name()), id.to_string().into());
        let inbox = Arc::new(Inbox(Mutex::new(Arrivals {
            messages: VecDeque::new(),
            end: None,
            waker: None,
        })));
        let port: Arc<dyn ConsumerPort<T>> = inbox.clone();
        if !outlet.open(id, port, Arc::clone(&edge)) {
            inbox.end(id, End::Down(Exit::Unreachable));
        }
        Self {
            id,
            outlet,
            edge,
            inbox,
            is_ended: false,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// Its counts now.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        self.edge.stats()
    }

    /// Asks for `n` more events. What is asked and not taken is held here, so `n` bounds the memory.
    pub fn request(&mut self, n: NonZeroUsize) {
        self.edge.asked(n.get());
        self.outlet.ask_port().ask(self.id, n.get());
    }

    /// Says that no more is wanted; what was already sent still comes, and then the end.
    pub fn cancel(&self, reason: Cancel) {
        self.outlet.ask_port().cancel(self.id, reason);
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

    pub(super) fn poll_message(
        &mut self,
        task: &mut Task<'_>,
    ) -> Poll<Result<Option<Vec<T>>, UpstreamFailed>> {
        if self.is_ended {
            return Poll::Ready(Ok(None));
        }
        let mut arrivals = self.inbox.lock();
        if let Some(events) = arrivals.messages.pop_front() {
            return Poll::Ready(Ok(Some(events)));
        }
        if let Some(end) = &arrivals.end {
            self.is_ended = true;
            let is_failure = end.is_failure();
            let exit = end.to_exit();
            return Poll::Ready(if is_failure {
                Err(UpstreamFailed(exit))
            } else {
                Ok(None)
            });
        }
        arrivals.waker = Some(task.waker().clone());
        Poll::Pending
    }
}

impl<T: Send + 'static> Drop for Subscription<T> {
    fn drop(&mut self) {
        if self.inbox.lock().end.is_none() {
            self.cancel(Cancel::Normal);
        }
        self.edge.end();
    }
}
