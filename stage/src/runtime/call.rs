//! Calls and casts as their senders see them: what refuses them, and a stage's weak handle to itself.

use std::sync::{Arc, Weak};

use thiserror::Error;

use super::{CallPort, Envelope, Message};
use crate::behaviour::Handler;

/// Why a call had no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The stage ended, or its handler failed, before it replied.
    #[error("the stage ended or failed before it replied")]
    Ended,
    /// A callback called its own stage, which can't reply before that callback returns. Two stages that call each other
    /// wait for ever, and nothing tells.
    #[error("a stage can't call itself: it would wait for its own callback")]
    Itself,
    /// It has not replied in time; it may still handle the message.
    #[error("the stage has not replied in time")]
    TimedOut,
}

/// Why a cast was refused; the message comes back.
#[derive(Error)]
#[non_exhaustive]
pub enum CastError<M> {
    /// Too many calls and casts are waiting.
    #[error("too many messages are waiting at the stage")]
    Full(M),
    /// The stage has ended.
    #[error("the stage has ended")]
    Ended(M),
}

/// Like the channels' errors it is printed without its message, which need not be printable.
impl<M> std::fmt::Debug for CastError<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Ended(_) => "Ended(..)",
        })
    }
}

/// A stage's handle to itself; it keeps nothing alive.
pub struct WeakHandle<S, Out: Send + 'static>(pub(crate) Weak<dyn CallPort<S, Out>>);

impl<S, Out: Send + 'static> Clone for WeakHandle<S, Out> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<S, Out: Send + 'static> std::fmt::Debug for WeakHandle<S, Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakHandle")
    }
}

impl<S: 'static, Out: Send + 'static> WeakHandle<S, Out> {
    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// [`CastError`] gives the message back.
    pub fn cast<M: Send + 'static>(&self, message: M) -> Result<(), CastError<M>>
    where
        S: Handler<M, Out>,
    {
        match self.0.upgrade() {
            Some(port) => cast(&*port, message, CallPort::send),
            None => Err(CastError::Ended(message)),
        }
    }
}

pub(super) fn cast<P, S, M, Out>(
    port: &P,
    message: M,
    send: impl FnOnce(&P, Box<dyn Envelope<S, Out>>) -> bool,
) -> Result<(), CastError<M>>
where
    P: CallPort<S, Out> + ?Sized,
    S: Handler<M, Out>,
    M: Send + 'static,
    Out: Send + 'static,
{
    match Arc::clone(port.calls()).try_acquire_owned() {
        Ok(permit) => {
            send(port, Box::new(Message::new(message, None, permit)));
            Ok(())
        }
        Err(tokio::sync::TryAcquireError::NoPermits) => Err(CastError::Full(message)),
        Err(tokio::sync::TryAcquireError::Closed) => Err(CastError::Ended(message)),
    }
}
