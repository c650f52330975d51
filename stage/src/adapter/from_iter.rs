//! An iterator as a producer: it is pulled exactly as far as was asked.

use crate::behaviour::Producer;
use crate::context::Context;
use crate::exit::{End, Result};
use crate::id::SubscriptionId;
use crate::protocol::Dispatcher;
use crate::runtime::{AsProducer, Build, producer};

/// Items between two looks at the rest of the world.
const CHUNK_MAX: usize = 10_000;

/// A producer of an iterator's items; made by [`from_iter`].
#[derive(Debug)]
pub struct FromIter<I> {
    items: I,
    consumers: usize,
    stops_with_last_consumer: bool,
}

/// Builds a producer of the items of `items`; it completes when they end.
///
/// An iterator that blocks blocks its stage: use [`from_stream`](crate::from_stream) for what has to wait.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let squares = from_iter((1..=4).map(|n| n * n)).spawn()?;
/// let all: Vec<u32> = squares.stream(Demand::new(2, 1)?).try_collect().await?;
/// assert_eq!(all, [1, 4, 9, 16]);
/// # Ok(())
/// # }
/// ```
pub fn from_iter<I>(items: I) -> Build<AsProducer<FromIter<I::IntoIter>>>
where
    I: IntoIterator,
    I::IntoIter: Send + 'static,
    I::Item: Send + 'static,
{
    producer(FromIter {
        items: items.into_iter(),
        consumers: 0,
        stops_with_last_consumer: false,
    })
}

impl<I, D> Build<AsProducer<FromIter<I>, D>>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
    D: Dispatcher<I::Item>,
{
    /// Stops the producer when its last consumer leaves, rather than waiting for another.
    pub fn stop_with_last_consumer(mut self) -> Self {
        self.stage.stops_with_last_consumer = true;
        self
    }
}

impl<I> Producer for FromIter<I>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
{
    type Out = I::Item;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<I::Item>) -> Result {
        let mut left = demand;
        loop {
            let chunk = left.min(CHUNK_MAX);
            let before = left;
            cx.emit_all(self.items.by_ref().take(chunk).inspect(|_| left -= 1));
            if before - left < chunk || self.items.size_hint().1 == Some(0) {
                cx.complete();
                return Ok(());
            }
            if left == 0 {
                return Ok(());
            }
            // A demand without end must not hold the thread, nor all its items at once.
            cx.flush();
            tokio::task::yield_now().await;
        }
    }

    async fn handle_subscriber(&mut self, _: SubscriptionId, _: &mut Context<I::Item>) -> Result {
        self.consumers += 1;
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        _: &End,
        cx: &mut Context<I::Item>,
    ) -> Result {
        self.consumers -= 1;
        if self.consumers == 0 && self.stops_with_last_consumer {
            cx.stop();
        }
        Ok(())
    }
}
