//! Streams at both ends: a tokio stream is the producer, and what the last stage emits is a stream again.
//!
//! ```text
//! 1
//! 4
//! 9
//! 16
//! end
//! ```

use std::time::Duration;

use stage::{Batch, Context, Demand, ProducerConsumer, Result};
use tokio_stream::StreamExt;

struct Square;

impl ProducerConsumer for Square {
    type In = u32;
    type Out = u32;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, u32>,
        cx: &mut Context<u32>,
    ) -> Result {
        cx.emit_all(events.map(|n| n * n));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // The stream is polled only while somebody waits for its items, so a slow reader slows it down.
    let ticks = tokio_stream::iter(1..=4).throttle(Duration::from_millis(20));
    let numbers = stage::from_stream(ticks).spawn()?;
    let squares = stage::producer_consumer(Square)
        .subscribe_to(&numbers, Demand::up_to(2)?)
        .spawn()?;
    let mut squares = squares.stream(Demand::up_to(2)?);
    while let Some(square) = squares.try_next().await? {
        println!("{square}");
    }
    println!("end");
    Ok(())
}
