//! How a pair ends: completion, drain, stop and abort, from either half and from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use stage::test_util::SinkProbe;
use stage::{
    Batch, Build, Cancel, Consumer, Context, Demand, End, Exit, Producer, ProducerConsumer, Result,
    Role, SpawnError, SubscriptionId, consumer, from_iter, map_async, producer, producer_consumer,
};

use crate::halves::{Counter, Map, Taker};

/// Sums three at a time; what is over comes with the completion.
#[derive(Default)]
struct Triples {
    held: Vec<usize>,
    heard: Vec<&'static str>,
}

impl ProducerConsumer for Triples {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        for event in events {
            self.held.push(event);
            if self.held.len() == 3 {
                cx.emit(self.held.drain(..).sum());
            }
        }
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        end: &End,
        _: &mut Context<usize>,
    ) -> Result {
        if matches!(end, End::Completed) {
            self.heard.push("end");
        }
        Ok(())
    }

    async fn handle_complete(&mut self, cx: &mut Context<usize>) -> Result {
        assert_eq!(self.heard, ["end"], "its upstream ends before");
        self.heard.push("complete");
        if !self.held.is_empty() {
            cx.emit(self.held.drain(..).sum());
        }
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.held.len()
    }
}

fn triples() -> stage::Build<stage::AsProducerConsumer<Triples>> {
    producer_consumer(Triples::default())
}

#[tokio::test(start_paused = true)]
async fn the_second_completes_after_the_last_event_of_the_first() {
    let window = || Demand::new(2, 1).unwrap();
    let stage = from_iter(0..8).fuse(triples()).spawn().unwrap();
    let all: Vec<_> = stage.stream(window()).try_collect().await.unwrap();
    assert_eq!(all, [3, 12, 13]);
    assert!(matches!(stage.join().await, Exit::Completed));

    let source = from_iter(0..8).spawn().unwrap();
    let stage = producer_consumer(Map::copies(1)).fuse(triples());
    let stage = stage.subscribe_to(&source, window()).spawn().unwrap();
    let all: Vec<_> = stage.stream(window()).try_collect().await.unwrap();
    assert_eq!(all, [3, 12, 13]);
}

#[tokio::test(start_paused = true)]
async fn each_of_four_completes_after_the_one_before_it() {
    let stage = from_iter(0..26)
        .fuse(triples())
        .fuse(triples().fuse(triples()))
        .spawn()
        .unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [25 * 26 / 2]);
}

#[tokio::test(start_paused = true)]
async fn the_second_completes_after_what_the_first_has_in_hand() {
    let source = from_iter(0..8).spawn().unwrap();
    let n = std::num::NonZeroUsize::new(3).unwrap();
    let slow = map_async(n, stage::Order::Ordered, async |event: usize| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(event)
    });
    let stage = slow
        .fuse(triples())
        .subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [3, 12, 13]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_out_what_both_hold() {
    let counter = Counter::default();
    let twice = producer_consumer(Map::copies(2));
    let stage = producer(counter.clone()).fuse(twice).fuse(triples());
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(1);
    assert_eq!(sink.expect_events(1).await.unwrap(), [1]);
    sink.expect_nothing().await.unwrap();
    assert_eq!(counter.emitted(), 2, "one of the four is in hand");
    let (drained, rest) = tokio::join!(stage.drain(Duration::from_secs(9)), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sink.ask(9);
        sink.expect_events_and_end().await.unwrap().0
    });
    assert!(matches!(drained.exit, Exit::Stopped), "{drained:?}");
    assert_eq!((rest, counter.emitted()), (vec![1], 2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_counts_what_is_between_as_lost() {
    let source = from_iter(0..2_usize).spawn().unwrap();
    let stage = producer_consumer(Map::copies(600)).fuse(producer_consumer(Map::copies(1)));
    let stage = stage.subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(1);
    sink.expect_events(1).await.unwrap();
    sink.expect_nothing().await.unwrap();
    stage.stop().await;
    let stats = stage.stats();
    assert_eq!((stats.discarded, stats.lost), (499, 700));
}

#[tokio::test(start_paused = true)]
async fn an_abort_counts_what_the_second_had_at_work_as_lost() {
    let taker = Taker {
        turns: usize::MAX,
        ..Taker::default()
    };
    let source = from_iter(0..10).spawn().unwrap();
    let stage = producer_consumer(Map::copies(2)).fuse(consumer(taker));
    let stage = stage.subscribe_to(&source, Demand::new(4, 0).unwrap());
    let stage = stage.spawn().unwrap();
    tokio::task::yield_now().await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    stage.abort();
    assert!(matches!(stage.join().await, Exit::Aborted));
    let delivered = stage.edges()[0].delivered;
    assert_eq!(
        (delivered, stage.stats().lost),
        (4, 8),
        "each of them twice"
    );
}

/// Ends as it is told to at its first demand, after three events.
struct Ends(fn(&mut Context<usize>));

impl Producer for Ends {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<usize>) -> Result {
        cx.emit_all(0..3);
        (self.0)(cx);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_first_stops_what_it_emitted_before_comes_out() {
    let check = async |ends: fn(&mut Context<usize>), expected: &str| {
        let stage = producer(Ends(ends)).fuse(producer_consumer(Map::copies(1)));
        let stage = stage.spawn().unwrap();
        let mut sink = SinkProbe::subscribe(&stage);
        sink.ask(9);
        let (events, _) = sink.expect_events_and_end().await.unwrap();
        assert_eq!(events, [0, 1, 2]);
        assert_eq!(stage.join().await.to_string(), expected);
    };
    check(Context::complete, "completed").await;
    check(Context::stop, "stopped").await;
}

/// Sends away who subscribes, as the second of a pair does.
struct Closed(fn() -> Cancel);

impl Producer for Closed {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, cx: &mut Context<usize>) -> Result {
        cx.emit_all(0..3);
        cx.cancel_consumer(id, (self.0)());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_that_sends_the_second_away_has_ended() {
    let check = async |reason: fn() -> Cancel, expected: &str| {
        let taker = Taker::default();
        let stage = producer(Closed(reason)).fuse(consumer(taker.clone()));
        let stage = stage.spawn().unwrap();
        assert_eq!(stage.join().await.to_string(), expected);
        assert_eq!(taker.taken(), [0, 1, 2], "what was emitted before");
    };
    check(|| Cancel::Normal, "completed").await;
    check(|| Cancel::failed("closed"), "failed: closed").await;
}

/// Completes at its third event.
struct Three(usize);

impl ProducerConsumer for Three {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        for event in events {
            self.0 += 1;
            match self.0 {
                1..3 => cx.emit(event),
                3 => {
                    cx.emit(event);
                    cx.complete();
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn handle_complete(&mut self, _: &mut Context<usize>) -> Result {
        unreachable!("it ends by itself")
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_may_complete_before_the_first() {
    let counter = Counter::default();
    let stage = producer(counter.clone()).fuse(producer_consumer(Three(0)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(2);
    sink.expect_events(2).await.unwrap();
    sink.ask(2);
    let (events, end) = sink.expect_events_and_end().await.unwrap();
    assert_eq!((events, counter.emitted()), (vec![2], 4));
    assert!(matches!(end, End::Completed));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_fails_fails_the_pair() {
    let failing = producer(Fails).spawn().unwrap();
    let stage = producer_consumer(Map::copies(1)).fuse(consumer(Taker::default()));
    let stage = stage.subscribe_to(&failing, Demand::default());
    let stage = stage.spawn().unwrap();
    assert_eq!(stage.join().await.to_string(), "failed: no more");
}

struct Fails;

impl Producer for Fails {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Err("no more".into())
    }
}

#[tokio::test]
async fn what_is_behind_another_has_no_other_producer() {
    let other = from_iter(0..3).spawn().unwrap();
    let second = producer_consumer(Map::copies(1)).subscribe_to(&other, Demand::default());
    let fused = from_iter(0..3).fuse(second).spawn();
    assert_eq!(fused.unwrap_err(), SpawnError::FusedAndSubscribed);
}

#[tokio::test(start_paused = true)]
async fn what_asks_by_itself_can_not_be_behind_another() {
    let n = std::num::NonZeroUsize::MIN;
    let slow = map_async(n, stage::Order::Ordered, async |event: usize| Ok(event));
    let stage = from_iter(0..3).fuse(slow).spawn().unwrap();
    let exit = stage.join().await.to_string();
    assert!(exit.starts_with("failed: what asks by itself"), "{exit}");
}

/// Swallows each batch, for which it takes its time, and counts it.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicUsize>);

impl Slow {
    async fn swallow(&self, events: &mut Batch<'_, usize>) -> Result {
        events.drain().for_each(drop);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Consumer for Slow {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.swallow(events).await
    }
}

impl ProducerConsumer for Slow {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        _: &mut Context<usize>,
    ) -> Result {
        self.swallow(events).await
    }
}

/// Stops a stage in the middle of its work, and returns how many callbacks of the slow one have ended since.
async fn callbacks_after_stop<R: Role>(build: Build<R>, slow: &Slow) -> usize {
    let stage = build.spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(310)).await;
    let before = slow.0.load(Ordering::SeqCst);
    assert!(before > 0, "it is at work");
    stage.stop().await;
    slow.0.load(Ordering::SeqCst) - before
}

async fn check_of<R: Role>(make: impl Fn(Slow) -> Build<R>) {
    let slow = Slow::default();
    assert_eq!(callbacks_after_stop(make(slow.clone()), &slow).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_comes_between_two_batches_of_the_second() {
    let source = || producer(Counter::default());
    let fives = || producer_consumer(Map::copies(5));
    let many = || producer_consumer(Map::copies(5_000));
    check_of(|slow| source().fuse(consumer(slow))).await;
    check_of(|slow| source().fuse(fives()).fuse(consumer(slow))).await;
    check_of(|slow| source().fuse(fives().fuse(consumer(slow)))).await;
    check_of(|slow| source().fuse(fives()).fuse(fives()).fuse(consumer(slow))).await;
    check_of(|slow| source().fuse(fives().fuse(fives().fuse(consumer(slow))))).await;
    let upstream = source().spawn().unwrap();
    check_of(|slow| {
        let many = many().fuse(consumer(slow));
        many.subscribe_to(&upstream, Demand::default())
    })
    .await;
    check_of(|slow| {
        let nothing = source().fuse(producer_consumer(slow));
        nothing.fuse(consumer(Taker::default()))
    })
    .await;
}
