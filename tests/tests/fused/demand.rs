//! What the first is told, and what waits between the two.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use stage::test_util::SinkProbe;
use stage::{
    Broadcast, Context, Demand, DemandMode, Exit, Producer, ProducerConsumer, Result, WhenFull,
    consumer, from_iter, producer, producer_consumer,
};

use crate::halves::{Counter, Flusher, Map, Taker};

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_is_told_what_the_consumers_wait_for() {
    let counter = Counter::default();
    let stage = producer(counter.clone()).fuse(producer_consumer(Map::copies(1)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(3);
    assert_eq!(sink.expect_events(3).await.unwrap(), [0, 1, 2]);
    sink.ask(4);
    assert_eq!(sink.expect_events(4).await.unwrap(), [3, 4, 5, 6]);
    sink.expect_nothing().await.unwrap();
    assert_eq!(*counter.told.lock().unwrap(), [3, 4]);
    assert_eq!((stage.stats().owed, stage.stats().buffered), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_is_told_no_more_than_a_batch_at_a_time() {
    let counter = Counter::default();
    let stage = producer(counter.clone()).fuse(producer_consumer(Map::copies(1)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(1_200);
    sink.expect_events(1_200).await.unwrap();
    assert_eq!(*counter.told.lock().unwrap(), [500, 500, 200]);
}

#[tokio::test(start_paused = true)]
async fn the_first_is_told_again_until_a_filter_has_paid() {
    let counter = Counter::default();
    let rare = Map::only(|n| n % 100 == 99);
    let stage = producer(counter.clone()).fuse(producer_consumer(rare));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(3);
    assert_eq!(sink.expect_events(3).await.unwrap(), [99, 199, 299]);
    sink.expect_nothing().await.unwrap();
    assert_eq!(counter.emitted(), 300, "and no more than that");
}

#[tokio::test(start_paused = true)]
async fn a_flush_in_the_middle_of_three_loses_no_demand() {
    let sieve = Flusher {
        wants: |n| n % 3 != 0,
        waits: false,
    };
    let stage = producer(Counter::default())
        .fuse(producer_consumer(sieve))
        .fuse(producer_consumer(Map::copies(1)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(5);
    assert_eq!(sink.expect_events(5).await.unwrap(), [1, 2, 4, 5, 7]);
}

#[tokio::test(start_paused = true)]
async fn what_a_leaver_left_unpaid_is_told_again_to_the_first_of_three() {
    let sieve = Map::only(|n| n % 5 < 2).slowly(1);
    let stage = producer(Counter::default())
        .fuse(producer_consumer(sieve))
        .fuse(producer_consumer(Map::copies(1)));
    let stage = stage.spawn().unwrap();
    let mut leaver = SinkProbe::subscribe(&stage);
    leaver.ask(5);
    tokio::task::yield_now().await;
    drop(leaver);
    let mut next = SinkProbe::subscribe(&stage);
    next.expect_nothing().await.unwrap();
    let left = stage.stats().owed;
    assert!((1..5).contains(&left), "{left} of 5");
    next.ask(left);
    next.expect_events(left).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_an_expansion_makes_too_much_waits_and_nothing_else_is_told() {
    let counter = Counter::default();
    let stage = producer(counter.clone()).fuse(producer_consumer(Map::copies(1_000)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(2);
    sink.expect_events(2).await.unwrap();
    sink.expect_nothing().await.unwrap();
    assert_eq!((counter.emitted(), stage.stats().buffered), (2, 1_998));
    sink.ask(1_998);
    sink.expect_events(1_998).await.unwrap();
    sink.expect_nothing().await.unwrap();
    assert_eq!((counter.emitted(), stage.stats().discarded), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_second_whose_output_waits_is_lent_no_more() {
    // The first makes 2,000 of a message, of which the second takes one batch before its output is asked for.
    let source = from_iter(0..4_usize).spawn().unwrap();
    let taken = Counter::default();
    let second = Noting(taken.clone());
    let stage = producer_consumer(Map::copies(500)).fuse(producer_consumer(second));
    let stage = stage.subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(1);
    sink.expect_events(1).await.unwrap();
    sink.expect_nothing().await.unwrap();
    assert_eq!((taken.emitted(), stage.stats().buffered), (500, 499));
    sink.ask(500);
    sink.expect_events(500).await.unwrap();
    sink.expect_nothing().await.unwrap();
    assert_eq!(taken.emitted(), 1_000);
    sink.ask(usize::MAX);
    let (rest, _) = sink.expect_events_and_end().await.unwrap();
    assert_eq!(rest.len(), 1_499);
}

/// Passes on, and counts what it took.
struct Noting(Counter);

impl ProducerConsumer for Noting {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut stage::Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        let count = events.len();
        self.0
            .next
            .fetch_add(count, std::sync::atomic::Ordering::SeqCst);
        cx.emit_all(events);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_pipeline_is_one_stage() {
    let taker = Taker::default();
    let stage = from_iter(0..10_000)
        .fuse(producer_consumer(Map::only(|n| n % 2 == 0)))
        .fuse(producer_consumer(Map::copies(2)))
        .fuse(consumer(taker.clone()))
        .spawn()
        .unwrap();
    assert!(matches!(stage.join().await, Exit::Completed));
    let expected: Vec<_> = (0..10_000).step_by(2).flat_map(|n| [n, n]).collect();
    assert_eq!(taker.taken(), expected);
}

#[tokio::test(start_paused = true)]
async fn demand_that_is_put_off_is_not_told() {
    let counter = Counter::up_to(10);
    let stage = producer(counter.clone()).fuse(producer_consumer(Map::copies(1)));
    let stage = stage.accumulate().spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(4);
    sink.expect_nothing().await.unwrap();
    assert_eq!(counter.emitted(), 0);
    stage.set_demand_mode(DemandMode::Forward);
    sink.expect_events(4).await.unwrap();
    assert_eq!(*counter.told.lock().unwrap(), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_drops_is_the_pairs_own() {
    let stage = producer(Counter::default())
        .fuse(producer_consumer(Map::copies(10)).buffer(3, WhenFull::DropNewest));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(1);
    sink.expect_events(1).await.unwrap();
    sink.expect_nothing().await.unwrap();
    assert_eq!((stage.stats().buffered, stage.stats().discarded), (3, 6));
}

#[tokio::test(start_paused = true)]
async fn the_dispatcher_is_that_of_the_second() {
    let counter = Counter::default();
    let second = producer_consumer(Map::copies(1)).dispatcher(Broadcast::new());
    let stage = producer(counter.clone()).fuse(second).spawn().unwrap();
    let mut quick = SinkProbe::subscribe(&stage);
    let mut even = SinkProbe::subscribe(&stage.select(|n| n % 2 == 0));
    quick.expect_nothing().await.unwrap();
    quick.ask(9);
    even.ask(4);
    assert_eq!(quick.expect_events(7).await.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(even.expect_events(4).await.unwrap(), [0, 2, 4, 6]);
    quick.expect_nothing().await.unwrap();
    assert_eq!(counter.emitted(), 7, "as many as the slower one wants");
}

/// Emits and flushes one at a time, and waits a second after each.
struct Slow(usize);

impl Producer for Slow {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        for _ in 0..demand {
            cx.emit(self.0);
            self.0 += 1;
            cx.flush();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_first_flushes_comes_out_while_it_waits() {
    let start = tokio::time::Instant::now();
    let stage = producer(Slow(0)).fuse(producer_consumer(Map::copies(1).slowly(1)));
    let stage = stage.spawn().unwrap();
    let mut edge = stage.subscribe();
    edge.request(n(3));
    for second in 0..3 {
        assert_eq!(edge.next().await.unwrap(), Some(vec![second]));
        assert_eq!(start.elapsed().as_secs(), second as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn both_halves_may_wait_at_a_time() {
    // The first flushes an event a second; the second takes 2.5 s for each. The third is done after 7.5 s, and the first
    // went on meanwhile.
    let start = tokio::time::Instant::now();
    let stage = producer(Slow(0)).fuse(producer_consumer(Ponder));
    let stage = stage.spawn().unwrap();
    let all: Vec<_> = stage
        .stream(Demand::new(3, 0).unwrap())
        .take(3)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all, [0, 1, 2]);
    assert_eq!(start.elapsed().as_millis(), 7_500);
}

struct Ponder;

impl ProducerConsumer for Ponder {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut stage::Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        while let Some(event) = events.front() {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            cx.emit(*event);
            events.pop();
        }
        Ok(())
    }
}
