//! Producers as a stream, an iterator as a producer.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use stage::{
    Cancel, Demand, End, EventStream, Exit, Source, Stages, Subscribe, UpstreamFailed, consumer,
    from_iter, producer, stream,
};

use crate::fixtures::*;

async fn take(max: usize, n: usize) {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    let stream = counter.stream(Demand::up_to(max).unwrap());
    let all: Vec<usize> = stream.take(n).try_collect().await.unwrap();
    assert_eq!(all, numbers(0..n));
    let (_, end) = saw.cancelled().await;
    assert!(matches!(end, End::Cancelled(Cancel::Normal)));
    assert!(matches!(counter.stop().await, Exit::Stopped));
}

#[tokio::test]
async fn gs_102_ten_of_a_stream() {
    take(1000, 10).await;
}

#[tokio::test]
async fn gs_103_more_of_a_stream_than_its_window() {
    take(100, 300).await;
}

async fn stopped(options: Subscribe) -> EventStream<usize> {
    let counter = producer(Counter::new()).spawn().unwrap();
    counter.stop().await;
    counter.stream(options)
}

#[tokio::test]
async fn gs_106_permanent_on_an_ended_producer_is_an_error_and_then_the_end() {
    let mut stream = stopped(permanent()).await;
    let UpstreamFailed(exit) = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(exit, Exit::Unreachable));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn gs_107_permanent_on_a_producer_that_refuses_and_ends_fails_with_its_reason() {
    let refuser = producer(Refuser { lives: false }).spawn().unwrap();
    let mut stream = refuser.stream(permanent());
    let UpstreamFailed(exit) = stream.next().await.unwrap().unwrap_err();
    assert_eq!(exit.to_string(), "failed: no_thanks");
    assert!(stream.next().await.is_none());
    assert!(matches!(refuser.join().await, Exit::Stopped));
}

async fn is_empty(stream: EventStream<usize>) {
    let none: Vec<usize> = stream.try_collect().await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn gs_110_temporary_on_an_ended_producer_is_empty() {
    is_empty(stopped(temporary()).await).await;
}

#[tokio::test]
async fn gs_111_temporary_on_a_producer_that_refuses_and_ends_is_empty() {
    let refuser = producer(Refuser { lives: false }).spawn().unwrap();
    is_empty(refuser.stream(temporary())).await;
    assert!(matches!(refuser.join().await, Exit::Stopped));
}

#[tokio::test]
async fn gs_112_temporary_on_a_producer_that_refuses_and_lives_is_empty() {
    let refuser = producer(Refuser { lives: true }).spawn().unwrap();
    is_empty(refuser.stream(temporary())).await;
    assert!(refuser.exit().is_none());
    refuser.stop().await;
}

#[tokio::test]
async fn two_producers_take_turns_in_the_order_of_arrival() {
    let low = from_iter(0..).spawn().unwrap();
    let high = from_iter(100..).spawn().unwrap();
    let both = stream([(low.outlet(), window(2, 0)), (high.outlet(), window(2, 0))]);
    let first: Vec<i32> = both.take(8).try_collect().await.unwrap();
    assert_eq!(first, [0, 1, 100, 101, 2, 3, 102, 103]);
    low.stop().await;
    high.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_cancels_all_its_producers_and_holds_nothing() {
    let token = Arc::new(());
    let endless = || {
        let token = Arc::clone(&token);
        from_iter(std::iter::repeat(token)).spawn().unwrap()
    };
    let producers = [endless(), endless()];
    let mut both = stream(producers.iter().map(|one| (one, window(10, 5))));
    let first = both.next().await.unwrap().unwrap();
    rest().await;
    drop((first, both));
    rest().await;
    assert_eq!(Arc::strong_count(&token), 1 + producers.len());
    for one in &producers {
        assert_eq!(one.stats().owed, 0);
        assert!(one.exit().is_none());
        one.stop().await;
    }
}

#[tokio::test]
async fn a_failed_producer_ends_the_stream_of_two_unless_it_is_temporary() {
    let refuser = producer(Refuser { lives: true }).spawn().unwrap();
    for (options, expected) in [(transient(), None), (temporary(), Some(vec![0, 1]))] {
        let numbers = from_iter(0..2).spawn().unwrap();
        let both = stream([
            (refuser.outlet(), options),
            (numbers.outlet(), Subscribe::default()),
        ]);
        let all: Result<Vec<usize>, _> = both.try_collect().await;
        assert_eq!(all.ok(), expected);
        numbers.abort();
    }
    refuser.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_cancelled_after_all_that_was_emitted_for_it() {
    let (log, mut saw) = log();
    let last_words = producer(LastWords(None)).spawn().unwrap();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&last_words, temporary())
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, [1, 2]);
    let (_, end) = saw.cancelled().await;
    assert!(matches!(end, End::Cancelled(Cancel::Normal)));
    rest().await;
    assert_eq!(
        (last_words.stats().buffered, sink.exit().is_none()),
        (0, true)
    );
    sink.stop().await;
    last_words.stop().await;
}

#[tokio::test]
async fn gs_113_the_producer_outlives_a_stream_that_is_dropped() {
    let endless = from_iter(0..).spawn().unwrap();
    let all: Vec<usize> = endless
        .stream(transient())
        .take(10)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all, numbers(0..10));
    assert!(endless.exit().is_none());
    assert!(matches!(endless.stop().await, Exit::Stopped));
}

#[test]
fn gs_115_a_stream_of_no_demand_is_refused_by_name() {
    assert!(
        Demand::up_to(0)
            .unwrap_err()
            .to_string()
            .contains("max_demand")
    );
}

#[tokio::test]
async fn gs_116_a_stage_belongs_to_the_group_it_was_given_and_else_to_the_root() {
    let stages = Stages::new();
    let owned = from_iter(std::iter::empty::<u8>())
        .within(&stages)
        .spawn()
        .unwrap();
    let free = from_iter(std::iter::empty::<u8>()).spawn().unwrap();
    assert_eq!(stages.len(), 1);
    assert!(
        stages
            .drain(std::time::Duration::from_secs(10))
            .await
            .is_empty()
    );
    assert!(matches!(owned.join().await, Exit::Stopped));
    assert!(free.exit().is_none());
    let none: Vec<u8> = free.stream(Demand::default()).try_collect().await.unwrap();
    assert!(none.is_empty());
    assert!(matches!(free.join().await, Exit::Completed));
}

#[tokio::test]
async fn gs_118_a_cycle_lives_on_or_stops_with_its_last_consumer() {
    for stops in [false, true] {
        let mut cycle = from_iter([1, 2, 3].into_iter().cycle());
        if stops {
            cycle = cycle.stop_with_last_consumer();
        }
        let cycle = cycle.spawn().unwrap();
        let all: Vec<i32> = cycle
            .stream(Demand::default())
            .take(5)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(all, [1, 2, 3, 1, 2]);
        if stops {
            assert!(matches!(cycle.join().await, Exit::Stopped));
        } else {
            let more: Vec<i32> = cycle
                .stream(Demand::default())
                .take(1)
                .try_collect()
                .await
                .unwrap();
            assert_eq!((more.len(), cycle.exit().is_none()), (1, true));
            cycle.stop().await;
        }
    }
}

async fn finite(count: usize) {
    let (log, mut saw) = log();
    let source = from_iter(1..=count).spawn().unwrap();
    let options = Subscribe::from(window(4, 2)).upstream_ends(stage::UpstreamEnds::StopOnFailure);
    let sink = consumer(Forwarder(log))
        .subscribe_to(&source, options)
        .spawn()
        .unwrap();
    assert!(matches!(saw.next().await, Seen::Subscribed(_)));
    for first in (1..=count).step_by(2) {
        assert!(matches!(saw.next().await, Seen::Batch(batch) if batch == [first, first + 1]));
    }
    assert!(matches!(
        saw.next().await,
        Seen::Cancelled(_, End::Completed)
    ));
    assert!(matches!(source.join().await, Exit::Completed));
    assert!(sink.exit().is_none());
    sink.stop().await;
}

#[tokio::test]
async fn gsx_21_the_end_comes_after_the_last_batch() {
    finite(10).await;
}

#[tokio::test]
async fn gsx_22_the_end_is_seen_when_the_length_equals_the_demand() {
    finite(4).await;
}
