//! A callback that failed: how, and how its panic is caught.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::exit::{Exit, Result, StageError};

/// How a callback failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Failure {
    /// It returned this error.
    Error(Arc<StageError>),
    /// It panicked with this message.
    Panic(Arc<str>),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_exit().fmt(f)
    }
}

impl Failure {
    pub(crate) fn error(error: StageError) -> Box<Self> {
        Box::new(Self::Error(Arc::new(error)))
    }

    pub(crate) fn panic(payload: &(dyn std::any::Any + Send)) -> Box<Self> {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("a panic without a message");
        Box::new(Self::Panic(message.into()))
    }

    pub(crate) fn to_exit(&self) -> Exit {
        match self {
            Self::Error(error) => Exit::Failed(Arc::clone(error)),
            Self::Panic(message) => Exit::Panicked(Arc::clone(message)),
        }
    }
}

/// An event that a stage failed on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetter<T> {
    /// The event.
    pub event: T,
    /// Why the callback failed.
    pub failure: Failure,
    /// The name of the stage.
    pub stage: Arc<str>,
}

impl<T> DeadLetter<T> {
    pub(crate) const fn new(event: T, failure: Failure, stage: Arc<str>) -> Self {
        Self {
            event,
            failure,
            stage,
        }
    }
}

/// What a callback came to. A failure is rare, so it is boxed and the result is one word.
pub(crate) type Outcome<T = ()> = std::result::Result<T, Box<Failure>>;

/// A callback whose panic is caught as a failure.
#[pin_project::pin_project]
pub(crate) struct Guarded<F>(#[pin] F);

pub(crate) const fn guarded<T, F: Future<Output = Result<T>>>(callback: F) -> Guarded<F> {
    Guarded(callback)
}

impl<T, F: Future<Output = Result<T>>> Future for Guarded<F> {
    type Output = Outcome<T>;

    /// Each callback is polled at one or two places, and to call it from there costs a third of what it does itself.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let callback = self.project().0;
        match catch_unwind(AssertUnwindSafe(|| callback.poll(task))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(returned)) => Poll::Ready(returned.map_err(Failure::error)),
            Err(payload) => Poll::Ready(Err(Failure::panic(&*payload))),
        }
    }
}
