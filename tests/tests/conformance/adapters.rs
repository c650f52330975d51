//! A producer as a stream, an iterator as a producer.

use futures::{StreamExt, TryStreamExt};
use stage::{Demand, End, Exit, Stages, consumer, from_iter, producer};

use crate::fixtures::*;

async fn take(max: usize, n: usize) {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    let stream = counter.stream(Demand::up_to(max).unwrap());
    let all: Vec<usize> = stream.take(n).try_collect().await.unwrap();
    assert_eq!(all, numbers(0..n));
    let (_, end) = saw.cancelled().await;
    assert!(matches!(end, End::Cancelled(stage::Cancel::Normal)));
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

#[tokio::test]
async fn gs_113_the_producer_outlives_a_stream_that_is_dropped() {
    let endless = from_iter(0..).spawn().unwrap();
    let all: Vec<usize> = endless
        .stream(Demand::default())
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
    let options =
        stage::Subscribe::from(window(4, 2)).upstream_ends(stage::UpstreamEnds::StopOnFailure);
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
