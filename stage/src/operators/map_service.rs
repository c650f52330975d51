//! A tower service as a stage: while it is not ready, demand is held back.

use std::num::NonZeroUsize;
use std::task::{Context as Task, Poll};

use futures::TryFutureExt;
use futures::future::ErrInto;
use tower_service::Service;

use super::map_async::map;
use super::work::{Sealed, Work};
use super::{MapAsync, Order};
use crate::exit::{Result, StageError};
use crate::runtime::{AsProducerConsumer, Build};

/// A tower service as the work of a [`MapAsync`].
#[derive(Debug)]
pub struct TowerService<S>(S);

/// Builds a producer-consumer that calls `service` with each event, at most `n` at once; otherwise it is
/// [`map_async`](crate::map_async).
///
/// The service is asked whether it is ready before an event takes a place, and only when an event is there. While it is
/// not, events wait in the stage's windows and nothing is asked for them, so that a limit inside the service holds back
/// the whole pipeline. An error of a call is an event's failure; an error of readiness means that the service is of no
/// more use, and fails the stage with it, whatever `on_failure` says.
///
/// ```
/// use std::convert::Infallible;
/// use std::future::{Ready, ready};
/// use std::num::NonZeroUsize;
/// use std::task::{Context, Poll};
///
/// use futures::TryStreamExt;
/// use stage::{Demand, Order, from_iter, map_service};
///
/// struct Double;
///
/// impl tower_service::Service<u32> for Double {
///     type Response = u32;
///     type Error = Infallible;
///     type Future = Ready<Result<u32, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, event: u32) -> Self::Future {
///         ready(Ok(2 * event))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(1..=3).spawn()?;
/// let doubled = map_service(NonZeroUsize::MIN, Order::Ordered, Double)
///     .subscribe_to(&numbers, Demand::new(2, 1)?)
///     .spawn()?;
/// let all: Vec<u32> = doubled.stream(Demand::default()).try_collect().await?;
/// assert_eq!(all, [2, 4, 6]);
/// # Ok(())
/// # }
/// ```
pub fn map_service<In, S>(
    n: NonZeroUsize,
    order: Order,
    service: S,
) -> Build<AsProducerConsumer<MapAsync<In, TowerService<S>>>>
where
    In: Send + 'static,
    S: Service<In> + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<StageError>,
    S::Future: Send + 'static,
{
    map(n, order, TowerService(service))
}

impl<S> Sealed for TowerService<S> {}

impl<In, S> Work<In> for TowerService<S>
where
    S: Service<In> + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<StageError>,
    S::Future: Send + 'static,
{
    type Out = S::Response;
    type Call = ErrInto<S::Future, StageError>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result> {
        self.0.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, event: In) -> Self::Call {
        self.0.call(event).err_into()
    }
}
