//! A producer-consumer that groups events by three, or what there is 100 ms after the first; at the end the rest.
//! It goes through the rules of demand first. Tokio's clock stands still, so waiting costs no time. Prints:
//!
//! ```text
//! the rules hold
//! 0 ms: [1, 2, 3]
//! 100 ms: [4]
//! 200 ms: [5, 6, 7]
//! 200 ms: [8]
//! ```

use std::time::Duration;

use stage::test_util::conformance;
use stage::{Batch, Context, Demand, Handler, ProducerConsumer, Result};
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt;

const LEN_MAX: usize = 3;
const PATIENCE: Duration = Duration::from_millis(100);

/// Invariant: `group` is shorter than `LEN_MAX` between two callbacks, and a timer runs for it when it is not empty.
#[derive(Default)]
struct Batcher {
    group: Vec<usize>,
    /// How many groups were emitted: the number of the one that fills.
    emitted: u64,
}

/// The group of this number has waited long enough.
struct TimeOut(u64);

impl Batcher {
    fn emit_group(&mut self, cx: &mut Context<Vec<usize>>) {
        cx.emit(std::mem::take(&mut self.group));
        self.emitted += 1;
    }
}

impl ProducerConsumer for Batcher {
    type In = usize;
    type Out = Vec<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<Vec<usize>>,
    ) -> Result {
        for event in events {
            if self.group.is_empty() {
                cx.cast_after::<Self, _>(PATIENCE, TimeOut(self.emitted));
            }
            self.group.push(event);
            if self.group.len() == LEN_MAX {
                self.emit_group(cx);
            }
        }
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.group.len() // what a stop finds here is counted as lost
    }

    async fn handle_complete(&mut self, cx: &mut Context<Vec<usize>>) -> Result {
        if !self.group.is_empty() {
            self.emit_group(cx);
        }
        Ok(())
    }
}

impl Handler<TimeOut, Vec<usize>> for Batcher {
    type Reply = ();

    async fn handle(&mut self, TimeOut(group): TimeOut, cx: &mut Context<Vec<usize>>) {
        // A group that was full in time has left its timer behind.
        if group == self.emitted {
            self.emit_group(cx);
        }
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let batcher = || stage::producer_consumer(Batcher::default());
    let report = conformance::producer_consumer(batcher, |n| n)
        .origin(|group| group[0])
        .run()
        .await;
    report.assert();
    println!("the rules hold");

    let (sender, numbers) = stage::channel();
    let numbers = numbers.spawn()?;
    let groups = batcher()
        .subscribe_to(&numbers, Demand::new(4, 2)?)
        .spawn()?;
    tokio::spawn(async move {
        for number in 1..=8 {
            sender.send(number).await?;
            if number == 4 {
                sleep(2 * PATIENCE).await;
            }
        }
        Ok::<_, stage::SendError<usize>>(())
    });
    let start = Instant::now();
    let mut groups = groups.stream(Demand::new(2, 1)?);
    while let Some(group) = groups.try_next().await? {
        println!("{} ms: {group:?}", start.elapsed().as_millis());
    }
    Ok(())
}
