//! Demand and events that are put off, and replayed in their order.

use stage::{Broadcast, DemandMode, consumer, producer, producer_consumer};

use crate::fixtures::*;

#[tokio::test(start_paused = true)]
async fn gs_018_nothing_flows_before_it_may() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).accumulate().spawn().unwrap();
    assert_eq!(counter.demand_mode(), DemandMode::Accumulate);
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 0))
        .spawn()
        .unwrap();
    assert!(saw.batches_at_rest().await.is_empty());
    counter.set_demand_mode(DemandMode::Forward);
    assert_eq!(saw.batch().await, numbers(0..4));
    assert_eq!(counter.demand_mode(), DemandMode::Forward);
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_019_batches_put_off_come_separately_and_in_order() {
    let silent = producer(Silent(no_log()))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let first: Vec<_> = (0..2)
        .map(|_| silent.stream(stage::Demand::default()))
        .collect();
    rest().await;
    silent.set_demand_mode(DemandMode::Accumulate);
    drop(first);
    for event in 1..=4 {
        silent.call(Queue(vec![event])).await.unwrap();
    }
    let mut saws = Vec::new();
    for _ in 0..2 {
        let (log, saw) = log();
        consumer(Forwarder(log))
            .subscribe_to(&silent, stage::Demand::default())
            .spawn()
            .unwrap();
        saws.push(saw);
    }
    for saw in &mut saws {
        assert!(saw.batches_at_rest().await.is_empty());
    }
    silent.set_demand_mode(DemandMode::Forward);
    for saw in &mut saws {
        assert_eq!(saw.batches_at_rest().await, [[1], [2], [3], [4]]);
    }
    assert_eq!(silent.stats().buffered, 0);
    silent.abort();
}

#[tokio::test]
async fn gs_021_forward_before_anybody_subscribes() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).accumulate().spawn().unwrap();
    counter.set_demand_mode(DemandMode::Forward);
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 0))
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, numbers(0..4));
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_022_accumulate_twice_loses_nothing() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).accumulate().spawn().unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 0))
        .spawn()
        .unwrap();
    assert!(saw.batches_at_rest().await.is_empty());
    counter.set_demand_mode(DemandMode::Accumulate);
    counter.set_demand_mode(DemandMode::Forward);
    assert_eq!(saw.batch().await, numbers(0..4));
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_19_the_replay_keeps_the_order_of_demand_and_events() {
    let (log, mut saw) = log();
    let counter = Counter {
        next: 100,
        log: no_log(),
    };
    let counter = producer(counter).accumulate().spawn().unwrap();
    counter.call(Queue(vec![1, 2])).await.unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 2))
        .spawn()
        .unwrap();
    rest().await;
    counter.call(Queue(vec![3])).await.unwrap();
    counter.set_demand_mode(DemandMode::Forward);
    assert_eq!(saw.batch().await, [1, 2]);
    assert_eq!(saw.batch().await, [100, 101]);
    assert_eq!(saw.batch().await, [102, 103]);
    assert_eq!(saw.batch().await, [3]);
    assert_eq!(saw.batch().await, [104]);
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_is_not_demanded_again() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).accumulate().spawn().unwrap();
    let mut edge = silent.subscribe();
    edge.request(4.try_into().unwrap());
    rest().await;
    for event in 0..10 {
        silent.call(Queue(vec![event])).await.unwrap();
    }
    silent.set_demand_mode(DemandMode::Forward);
    let heard = saw.at_rest().await;
    assert!(matches!(heard[..], [Seen::Demand(4)]), "{heard:?}");
    assert_eq!(silent.stats().buffered, 6);
    silent.abort();
}

#[tokio::test]
async fn gsx_11_a_producer_consumer_says_that_it_forwards() {
    let identity = producer_consumer(Identity(no_log())).spawn().unwrap();
    assert_eq!(identity.demand_mode(), DemandMode::Forward);
    identity.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_counts_against_the_buffer() {
    for (when_full, kept) in [
        (stage::WhenFull::DropOldest, numbers(3..6)),
        (stage::WhenFull::DropNewest, numbers(0..3)),
    ] {
        let silent = producer(Silent(no_log()))
            .buffer(3, when_full)
            .accumulate()
            .spawn()
            .unwrap();
        silent.call(Queue(numbers(0..2))).await.unwrap();
        silent.call(Queue(numbers(2..4))).await.unwrap();
        silent.call(Queue(numbers(4..6))).await.unwrap();
        assert_eq!((silent.stats().buffered, silent.stats().discarded), (3, 3));
        let mut edge = silent.subscribe();
        edge.request(9.try_into().unwrap());
        silent.set_demand_mode(DemandMode::Forward);
        let mut received = Vec::new();
        while received.len() < 3 {
            received.extend(edge.next().await.unwrap().unwrap());
        }
        assert_eq!(received, kept);
        silent.abort();
    }
}
