//! A producer that is filled from outside: senders wait for demand, so that nothing is queued that nobody asked for.
//!
//! ```text
//!  consumer ──ask(n)──▶ stage ──n permits──▶ senders
//!  consumer ◀──batch── stage ◀──accepted─── senders
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use thiserror::Error;
use tokio::sync::TryAcquireError;

use super::EventSink;
use super::gate::Gate;
use crate::behaviour::Producer;
use crate::context::Context;
use crate::exit::Result;
use crate::protocol::WhenFull;
use crate::runtime::{AsProducer, Build, Intake, Unreachable, producer};

/// A producer of what its senders give it; made by [`channel`].
pub struct Channel<T: Send + 'static>(Arc<Gate<T>>);

/// Gives events to a [`channel`]; when the last clone is dropped the producer completes after its last event.
///
/// An event is accepted when a consumer has asked for it and no other event was accepted for that ask. Senders that wait
/// are served in the order of their coming.
pub struct Sender<T: Send + 'static>(Arc<Gate<T>>);

/// The stage has ended; what was not sent is given back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("the stage has ended")]
pub struct SendError<T>(pub T);

/// Why an event was not accepted at once; it is given back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// No consumer waits for an event.
    #[error("no consumer has asked for an event")]
    NoDemand(T),
    /// The stage has ended.
    #[error("the stage has ended")]
    Ended(T),
}

/// Builds a producer that is filled from outside, and its first [`Sender`].
///
/// Accepted events that are not delivered yet are never more than consumers have asked for. When a consumer leaves, what
/// was already accepted for it waits for the next one, and senders wait too until that has taken it all. A drain refuses
/// further events and delivers the accepted ones; a stop or an abort discards them, counted as `discarded`. A build
/// that is dropped unspawned has ended.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, channel};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let (sender, build) = channel();
/// let words = build.named("words").spawn()?;
/// tokio::spawn(async move {
///     for word in ["ask", "emit"] {
///         sender.send(word).await?;
///     }
///     Ok::<_, stage::SendError<_>>(())
/// });
/// let all: Vec<_> = words.stream(Demand::new(1, 0)?).try_collect().await?;
/// assert_eq!(all, ["ask", "emit"]);
/// # Ok(())
/// # }
/// ```
pub fn channel<T: Send + 'static>() -> (Sender<T>, Build<AsProducer<Channel<T>>>) {
    let gate = Gate::with_one_sender();
    // The buffer only gets what was accepted for consumers that have left since; of that nothing is dropped.
    let build = producer(Channel(Arc::clone(&gate))).buffer(1, WhenFull::HoldBack);
    (Sender(gate), build)
}

impl<T: Send + 'static> Sender<T> {
    /// Waits until a consumer has asked for one more event, and hands this one over.
    ///
    /// ```
    /// use stage::SendError;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let (sender, build) = stage::channel();
    /// let letters = build.spawn()?;
    /// letters.stop().await;
    /// assert_eq!(sender.send('a').await, Err(SendError('a')));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the event back when the stage has ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the event was not sent, and it is dropped with the future.
    /// [`Sender::send_all`] leaves what was not sent with the caller.
    pub async fn send(&self, event: T) -> std::result::Result<(), SendError<T>> {
        let Ok(permit) = self.0.credit().acquire().await else {
            return Err(SendError(event));
        };
        self.0.accept(event).map_err(SendError)?;
        permit.forget();
        Ok(())
    }

    /// Hands over all of `events` from the front, as many at a time as consumers have asked for.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use std::num::NonZeroUsize;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let (sender, build) = stage::channel();
    /// let letters = build.spawn()?;
    /// let mut edge = letters.subscribe();
    /// edge.request(NonZeroUsize::new(2).ok_or("not zero")?);
    ///
    /// let mut events = VecDeque::from(['a', 'b', 'c']);
    /// tokio::select! {
    ///     _ = sender.send_all(&mut events) => {}
    ///     sent = edge.next() => assert_eq!(sent?, Some(vec!['a', 'b'])),
    /// }
    /// assert_eq!(events, ['c']);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unreachable`] when the stage has ended; what was not sent is still in `events`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not sent is still in `events`, and nothing else is.
    pub async fn send_all(&self, events: &mut VecDeque<T>) -> std::result::Result<(), Unreachable> {
        let credit = self.0.credit();
        while !events.is_empty() {
            let mut permits = credit.acquire().await.map_err(|_| Unreachable)?;
            let more = credit.available_permits().min(events.len() - 1);
            // Another sender may be quicker; then it is one event now and the rest in the next turn.
            if let Ok(more) = credit.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)) {
                permits.merge(more);
            }
            self.0.accept_from(events, permits.num_permits())?;
            permits.forget();
        }
        Ok(())
    }

    /// Hands an event over if a consumer has asked for one.
    ///
    /// ```
    /// use stage::TrySendError;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let (sender, build) = stage::channel();
    /// let letters = build.spawn()?;
    /// assert_eq!(sender.try_send('a'), Err(TrySendError::NoDemand('a')));
    /// letters.stop().await;
    /// assert_eq!(sender.try_send('a'), Err(TrySendError::Ended('a')));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrySendError`] gives the event back: nobody has asked for it, or the stage has ended.
    pub fn try_send(&self, event: T) -> std::result::Result<(), TrySendError<T>> {
        match self.0.credit().try_acquire() {
            Ok(permit) => {
                self.0.accept(event).map_err(TrySendError::Ended)?;
                permit.forget();
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(TrySendError::NoDemand(event)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Ended(event)),
        }
    }

    /// Makes it a sink that is ready when a consumer has asked, so that any stream can be forwarded into stages.
    #[must_use]
    pub fn into_sink(self) -> EventSink<T> {
        EventSink::new(self)
    }

    pub(super) const fn gate(&self) -> &Arc<Gate<T>> {
        &self.0
    }
}

impl<T: Send + 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.sender_came();
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.sender_went();
    }
}

impl<T: Send + 'static> Producer for Channel<T> {
    type Out = T;

    async fn started(&mut self, cx: &mut Context<T>) -> Result {
        let gate: Arc<dyn Intake> = self.0.clone();
        cx.cell.note_intake(gate);
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<T>) -> Result {
        // Senders get their permits in `poll_events`, which runs after every change of demand.
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<T>) -> Poll<Result> {
        self.0.poll(task, cx)
    }

    async fn handle_drain(&mut self, cx: &mut Context<T>) -> Result {
        cx.emit_all(self.0.close());
        Ok(())
    }
}

/// A build may be dropped before it is a stage, which would close the gate.
impl<T: Send + 'static> Drop for Channel<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T: Send + 'static> std::fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channel")
    }
}

impl<T: Send + 'static> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

/// Like the channels' errors it is printed without its event, which need not be printable.
impl<T> std::fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> std::fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoDemand(_) => "NoDemand(..)",
            Self::Ended(_) => "Ended(..)",
        })
    }
}
