//! What a consumer that is killed costs, with acknowledgements and without.

use std::future::pending;
use std::num::{NonZeroU32, NonZeroUsize};

use stage::{
    Acked, Batch, Consumer, ConsumerHandle, Context, Exit, Outlet, Result, Source, consumer,
    producer, redeliver,
};

use crate::fixtures::*;

/// Notes each batch; then it is done with it, or hangs with it for ever.
struct Taker<T> {
    log: Log,
    number: fn(&T) -> usize,
    done: Option<fn(T)>,
}

impl<T: Send + 'static> Consumer for Taker<T> {
    type In = T;

    async fn handle_events(&mut self, events: &mut Batch<'_, T>, _: &mut Context) -> Result {
        let numbers = events.as_slice().iter().map(self.number).collect();
        self.log.send(Seen::Batch(numbers))?;
        let Some(done) = self.done else {
            return pending().await;
        };
        events.drain().for_each(done);
        Ok(())
    }
}

/// Starts one with the window 10/5.
fn take<T: Send + 'static>(
    outlet: &Outlet<T>,
    number: fn(&T) -> usize,
    done: Option<fn(T)>,
) -> (ConsumerHandle<Taker<T>>, Saw) {
    let (log, saw) = log();
    let taker = Taker { log, number, done };
    let handle = consumer(taker).subscribe_to(outlet, window(10, 5));
    (handle.spawn().unwrap(), saw)
}

#[tokio::test(start_paused = true)]
async fn gsx_24_without_acks_a_killed_consumer_loses_what_it_had_and_says_so() {
    let source = producer(Silent(no_log())).spawn().unwrap();
    let (killed, mut saw) = take(&source.outlet(), |event| *event, None);
    rest().await;
    source.call(Queue(numbers(1..13))).await.unwrap();
    assert_eq!(saw.batch().await, numbers(1..6));
    killed.abort();
    assert!(matches!(killed.join().await, Exit::Aborted));
    rest().await;
    assert_eq!((killed.stats().lost, source.stats().buffered), (10, 2));
    let (_next, mut saw) = take(&source.outlet(), |event| *event, Some(drop));
    assert_eq!(saw.batches_at_rest().await, [[11, 12]]);
}

#[tokio::test(start_paused = true)]
async fn gsx_24_with_acks_what_a_killed_consumer_had_comes_again_in_order() {
    let source = producer(Silent(no_log())).spawn().unwrap();
    let kept = redeliver(NonZeroUsize::new(100).unwrap(), NonZeroU32::new(2).unwrap())
        .subscribe_to(&source, window(100, 50))
        .spawn()
        .unwrap();
    let number = |event: &Acked<usize>| event.data;
    let (killed, mut saw) = take(&kept.outlet(), number, None);
    rest().await;
    source.call(Queue(numbers(1..13))).await.unwrap();
    assert_eq!(saw.batch().await, numbers(1..6));
    killed.abort();
    assert!(matches!(killed.join().await, Exit::Aborted));
    rest().await;
    assert_eq!(killed.stats().lost, 10, "to the consumer they are lost");
    let (_next, mut saw) = take(
        &kept.outlet(),
        number,
        Some(|event| event.ack.acknowledge()),
    );
    assert_eq!(
        saw.batches_at_rest().await,
        [numbers(1..6), numbers(6..11), numbers(11..13)]
    );
    source.stop().await;
    assert!(matches!(kept.join().await, Exit::Stopped));
    let stats = kept.stats();
    assert_eq!((stats.lost, stats.failed, stats.discarded), (0, 0, 0));
}
