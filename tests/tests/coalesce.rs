//! Messages that are handed over together: up to a batch, in order, and never those of two upstreams.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::time::Duration;

use stage::{Batch, Consumer, Context, Demand, Result, Sender, Subscribe, channel, consumer};
use tokio::sync::mpsc;

/// Tells each batch, and then is at work for a second.
struct Slow(mpsc::UnboundedSender<Vec<usize>>);

impl Consumer for Slow {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.0.send(events.drain().collect()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

/// Sends these one by one, each in a message of its own.
async fn send(sender: &Sender<usize>, events: impl IntoIterator<Item = usize>) {
    for event in events {
        sender.send(event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Returns the batches that come of seven messages, of which the first finds the stage at rest.
async fn batches(options: impl FnOnce(Demand) -> Subscribe) -> Vec<Vec<usize>> {
    let (sender, build) = channel();
    let source = build.spawn().unwrap();
    let (told, mut batches) = mpsc::unbounded_channel();
    let demand = Demand::new(10, 6).unwrap();
    let slow = consumer(Slow(told)).subscribe_to(&source, options(demand));
    let slow = slow.spawn().unwrap();
    send(&sender, 0..7).await;
    source.stop().await;
    slow.join().await;
    let mut all = Vec::new();
    while let Some(batch) = batches.recv().await {
        all.push(batch);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn what_has_come_while_the_stage_was_at_work_is_one_batch() {
    let together = batches(|demand| Subscribe::from(demand).coalesce()).await;
    assert_eq!(together, [vec![0], vec![1, 2, 3, 4], vec![5, 6]]);
}

#[tokio::test(start_paused = true)]
async fn without_it_each_message_is_a_batch() {
    let each = batches(Subscribe::from).await;
    assert_eq!(each, (0..7).map(|n| vec![n]).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn those_of_another_upstream_stay_apart() {
    let ((one, build_one), (other, build_other)) = (channel(), channel());
    let sources = [build_one.spawn().unwrap(), build_other.spawn().unwrap()];
    let (told, mut batches) = mpsc::unbounded_channel();
    let options = Subscribe::from(Demand::new(10, 0).unwrap()).coalesce();
    let slow = consumer(Slow(told)).subscribe_to(&sources[0], options);
    let slow = slow.subscribe_to(&sources[1], options).spawn().unwrap();
    send(&one, [0, 1, 2]).await;
    send(&other, [10, 11]).await;
    send(&one, [3]).await;
    for source in sources {
        source.stop().await;
    }
    slow.join().await;
    let mut all = Vec::new();
    while let Some(batch) = batches.recv().await {
        all.push(batch);
    }
    assert_eq!(all, [vec![0], vec![1, 2], vec![10, 11], vec![3]]);
}
