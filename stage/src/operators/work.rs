//! What is done with each event: an async function, or a service that can be not ready.

use std::future::Future;
use std::task::{Context as Task, Poll};

use crate::exit::Result;

mod sealed {
    pub trait Sealed {}
}

pub(super) use sealed::Sealed;

/// What a [`MapAsync`](crate::MapAsync) does with each event. Sealed.
#[expect(
    missing_docs,
    reason = "a bound of the stage that nobody implements or calls"
)]
pub trait Work<In>: Sealed + Send + 'static {
    type Out: Send + 'static;
    #[doc(hidden)]
    type Call: Future<Output = Result<Self::Out>> + Send + 'static;
    /// Returns whether it can be called; called again after each call, and only where an event and a place are there.
    #[doc(hidden)]
    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }
    /// Called only after `poll_ready` said so.
    #[doc(hidden)]
    fn call(&mut self, event: In) -> Self::Call;
}

/// An async function as the work of a [`MapAsync`](crate::MapAsync).
pub struct Function<F>(pub(super) F);

impl<F> std::fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Function")
    }
}

impl<F> Sealed for Function<F> {}

impl<In, Out, F, Call> Work<In> for Function<F>
where
    Out: Send + 'static,
    F: FnMut(In) -> Call + Send + 'static,
    Call: Future<Output = Result<Out>> + Send + 'static,
{
    type Out = Out;
    type Call = Call;

    fn call(&mut self, event: In) -> Call {
        (self.0)(event)
    }
}
