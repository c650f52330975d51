//! A channel: code that is no stage gives events to stages, and waits for their demand.
//!
//! The consumer wants two at a time, so the sender is never more than two ahead of it.
//!
//! ```text
//! refused: a, nobody has asked
//! sent: a
//! sent: b
//! printed: ["a", "b"]
//! sent: c
//! sent: d
//! forwarding: e
//! printed: ["c", "d"]
//! printed: ["e"]
//! completed
//! ```

use std::time::Duration;

use futures::{StreamExt, stream};
use stage::{Batch, Consumer, Context, Demand, Result, TrySendError, channel, consumer};

struct Print;

impl Consumer for Print {
    type In = &'static str;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, &'static str>,
        _: &mut Context,
    ) -> Result {
        // Slow on purpose: the sender has to wait for it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        println!("printed: {:?}", events.as_slice());
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (sender, build) = channel();
    let letters = build.named("letters").spawn()?;
    if let Err(TrySendError::NoDemand(letter)) = sender.try_send("a") {
        println!("refused: {letter}, nobody has asked");
    }
    let print = consumer(Print)
        .subscribe_to(&letters, Demand::new(2, 0)?)
        .spawn()?;
    for letter in ["a", "b", "c", "d"] {
        sender.send(letter).await?;
        println!("sent: {letter}");
    }
    // The last sender becomes a sink. Its end is the end of the stages, after their last event.
    let last = stream::iter(["e"]).inspect(|letter| println!("forwarding: {letter}"));
    last.map(Ok).forward(sender.into_sink()).await?;
    println!("{}", print.join().await);
    Ok(())
}
