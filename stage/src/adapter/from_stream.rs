//! A stream as a producer: it is polled only while somebody waits for its items.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures::Stream;

use crate::behaviour::Producer;
use crate::context::Context;
use crate::exit::Result;
use crate::runtime::{AsProducer, Build, producer};

/// Items taken in one turn.
const POLLS_MAX: usize = 1_000;

/// A producer of a stream's items; made by [`from_stream`].
pub struct FromStream<S>(Pin<Box<S>>);

impl<S> std::fmt::Debug for FromStream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FromStream")
    }
}

/// Builds a producer of the items of `stream`; it completes when the stream ends.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, from_stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let words = from_stream(tokio_stream::iter(["ask", "emit"])).spawn()?;
/// let all: Vec<_> = words.stream(Demand::new(1, 0)?).try_collect().await?;
/// assert_eq!(all, ["ask", "emit"]);
/// # Ok(())
/// # }
/// ```
pub fn from_stream<S>(stream: S) -> Build<AsProducer<FromStream<S>>>
where
    S: Stream + Send + 'static,
    S::Item: Send + 'static,
{
    producer(FromStream(Box::pin(stream)))
}

impl<S> Producer for FromStream<S>
where
    S: Stream + Send + 'static,
    S::Item: Send + 'static,
{
    type Out = S::Item;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<S::Item>) -> Result {
        // The stream is polled in `poll_events`, which runs after every change of demand.
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<S::Item>) -> Poll<Result> {
        // One that is always ready must not hold the thread: what is left is polled in the next turn.
        let demand = cx.demand().min(POLLS_MAX);
        for taken in 0..demand {
            match self.0.as_mut().poll_next(task) {
                Poll::Ready(Some(item)) => cx.emit(item),
                Poll::Ready(None) => {
                    cx.complete();
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
        if demand > 0 {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}
