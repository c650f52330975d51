//! How a child starts: a start function of two shapes, and why it did not.

use std::future::Future;

use thiserror::Error;

use super::Stopping;
use crate::exit::{Result, StageError};
use crate::runtime::CallError;

mod sealed {
    pub trait Sealed<E> {}
}

/// What starts the children of a [`ConsumerSupervisor`](crate::ConsumerSupervisor): a function from an event to a
/// future, or a [`StartWith`]. Sealed.
pub trait StartChild<E>: sealed::Sealed<E> + Send + 'static {
    #[doc(hidden)]
    type Child: Future<Output = Result> + Send + 'static;
    /// Starts a child; one that wants to hear of its end takes `stopping`.
    #[doc(hidden)]
    fn start(&mut self, event: E, stopping: impl FnOnce() -> Stopping) -> Result<Self::Child>;
}

impl<E, F, Fut> sealed::Sealed<E> for F where F: FnMut(E) -> Fut {}

impl<E, F, Fut> StartChild<E> for F
where
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    type Child = Fut;

    fn start(&mut self, event: E, _: impl FnOnce() -> Stopping) -> Result<Fut> {
        Ok(self(event))
    }
}

/// The start function of [`consumer_supervisor_with`](crate::consumer_supervisor_with).
pub struct StartWith<F>(pub(super) F);

impl<F> std::fmt::Debug for StartWith<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StartWith")
    }
}

impl<E, F, Fut> sealed::Sealed<E> for StartWith<F> where F: FnMut(E, Stopping) -> Result<Fut> {}

impl<E, F, Fut> StartChild<E> for StartWith<F>
where
    F: FnMut(E, Stopping) -> Result<Fut> + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    type Child = Fut;

    fn start(&mut self, event: E, stopping: impl FnOnce() -> Stopping) -> Result<Fut> {
        (self.0)(event, stopping())
    }
}

/// Why a child did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// A live stage or child has its name.
    #[error("a live stage or child is named {0:?}")]
    NameTaken(String),
    /// Its start function, or what names it or clones its event, panicked.
    #[error("its start panicked")]
    Panicked,
    /// Its start function returned this error.
    #[error("its start failed: {0}")]
    Failed(StageError),
    /// The supervisor ended before it could start it.
    #[error(transparent)]
    Call(#[from] CallError),
}
