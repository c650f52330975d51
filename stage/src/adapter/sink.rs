//! A channel's sender as a `Sink`: it is ready when a consumer has asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use futures::Sink;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, TryAcquireError};

use super::{SendError, Sender};

/// A sink into a [`channel`](crate::channel); made by [`Sender::into_sink`].
///
/// It is ready when a consumer has asked for an event that no other sender has sent. That ask is then kept for this sink
/// until its event comes, so make it ready only when there is one, as `forward` does. An accepted event needs no flush.
/// Closing it drops the sender. Its error gives back the event, if there was one yet.
///
/// ```
/// use futures::{StreamExt, TryStreamExt};
/// use stage::{Demand, channel};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let (sender, build) = channel();
/// let numbers = build.spawn()?;
/// tokio::spawn(futures::stream::iter(1..=3).map(Ok).forward(sender.into_sink()));
/// let all: Vec<u32> = numbers.stream(Demand::new(1, 0)?).try_collect().await?;
/// assert_eq!(all, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
pub struct EventSink<T: Send + 'static> {
    /// `None` when it is closed.
    sender: Option<Sender<T>>,
    permit: Permit,
}

type Acquire =
    Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send + Sync>>;

/// ```text
/// None ──▶ Waiting ──▶ Held ──event──▶ None
/// ```
enum Permit {
    None,
    Waiting(Acquire),
    Held(OwnedSemaphorePermit),
}

impl<T: Send + 'static> EventSink<T> {
    pub(super) const fn new(sender: Sender<T>) -> Self {
        Self {
            sender: Some(sender),
            permit: Permit::None,
        }
    }
}

impl<T: Send + 'static> Sink<T> for EventSink<T> {
    type Error = SendError<Option<T>>;

    fn poll_ready(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        let Some(sender) = &this.sender else {
            return Poll::Ready(Err(SendError(None)));
        };
        loop {
            this.permit = match &mut this.permit {
                Permit::Held(_) => return Poll::Ready(Ok(())),
                Permit::Waiting(acquire) => match ready!(acquire.as_mut().poll(task)) {
                    Ok(permit) => Permit::Held(permit),
                    Err(_) => return this.ended(),
                },
                Permit::None => {
                    let credit = Arc::clone(sender.gate().credit());
                    match Arc::clone(&credit).try_acquire_owned() {
                        Ok(permit) => Permit::Held(permit),
                        Err(TryAcquireError::NoPermits) => {
                            Permit::Waiting(Box::pin(credit.acquire_owned()))
                        }
                        Err(TryAcquireError::Closed) => return this.ended(),
                    }
                }
            };
        }
    }

    fn start_send(self: Pin<&mut Self>, event: T) -> Result<(), Self::Error> {
        let this = self.get_mut();
        let permit = std::mem::replace(&mut this.permit, Permit::None);
        let (Some(sender), Permit::Held(permit)) = (&this.sender, permit) else {
            return Err(SendError(Some(event)));
        };
        let accepted = sender.gate().accept(event);
        accepted.map_err(|event| SendError(Some(event)))?;
        permit.forget();
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        this.permit = Permit::None;
        this.sender = None;
        Poll::Ready(Ok(()))
    }
}

impl<T: Send + 'static> EventSink<T> {
    fn ended(&mut self) -> Poll<Result<(), SendError<Option<T>>>> {
        self.permit = Permit::None;
        Poll::Ready(Err(SendError(None)))
    }
}

impl<T: Send + 'static> std::fmt::Debug for EventSink<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventSink")
    }
}
