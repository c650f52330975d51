//! A producer-consumer in the middle: batches on both sides, filters that never stall, and bounded hold-back.

use std::num::NonZeroUsize;

use stage::{Broadcast, Exit, consumer, producer, producer_consumer};

use crate::fixtures::*;

async fn doubler_100_20(is_late: bool) {
    let ((middle_log, mut middle), (log, mut saw)) = (log(), log());
    let counter = producer(Counter::new()).spawn().unwrap();
    if is_late {
        let doubler = producer_consumer(Doubler(middle_log)).spawn().unwrap();
        let sink = consumer(Forwarder(log)).spawn().unwrap();
        doubler.subscribe_to(&counter, window(100, 20)).unwrap();
        sink.subscribe_to(&doubler, window(100, 50)).unwrap();
    } else {
        let doubler = producer_consumer(Doubler(middle_log))
            .subscribe_to(&counter, window(100, 20))
            .spawn()
            .unwrap();
        consumer(Forwarder(log))
            .subscribe_to(&doubler, window(100, 50))
            .spawn()
            .unwrap();
    }
    assert_eq!(middle.batch().await, numbers(0..80));
    assert_eq!(middle.batch().await, numbers(80..100));
    assert_eq!(middle.batch().await, numbers(100..180));
    for at in 0..3 {
        assert_eq!(saw.batch().await, doubled(25 * at..25 * (at + 1)));
    }
    counter.abort();
}

#[tokio::test]
async fn gs_010_a_doubler_of_100_20() {
    doubler_100_20(false).await;
}

#[tokio::test]
async fn gs_012_a_doubler_of_100_20_subscribed_late() {
    doubler_100_20(true).await;
}

#[tokio::test]
async fn gs_009_a_doubler_of_100_80() {
    let ((middle_log, mut middle), (log, mut saw)) = (log(), log());
    let counter = producer(Counter::new()).spawn().unwrap();
    let doubler = producer_consumer(Doubler(middle_log))
        .subscribe_to(&counter, window(100, 80))
        .spawn()
        .unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&doubler, window(100, 50))
        .spawn()
        .unwrap();
    assert_eq!(middle.batch().await, numbers(0..20));
    assert_eq!(saw.batch().await, doubled(0..20));
    assert_eq!(saw.batch().await, doubled(20..40));
    let mut handled = 20;
    while handled < 400 {
        let batch = middle.batch().await;
        assert_eq!(batch, numbers(handled..handled + 20));
        handled += 20;
    }
    // Which batches follow depends on the schedule; their order, their bound and their count do not.
    let mut received = Vec::new();
    while received.len() < 600 {
        let batch = saw.batch().await;
        assert!(batch.len() <= 50);
        received.extend(batch);
    }
    assert_eq!(received[..600], doubled(40..340)[..]);
    counter.abort();
}

#[tokio::test]
async fn gs_014_a_filter_never_stalls() {
    let (middle_log, mut middle) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let discarder = producer_consumer(Discarder(middle_log))
        .subscribe_to(&counter, window(100, 80))
        .spawn()
        .unwrap();
    let _sink = consumer(Forwarder(no_log()))
        .subscribe_to(&discarder, window(100, 50))
        .spawn()
        .unwrap();
    for at in 0..51 {
        assert_eq!(middle.batch().await, numbers(20 * at..20 * (at + 1)));
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn the_worked_example_of_a_prefetching_stage_of_4_2() {
    let ((middle_log, mut middle), (log, mut saw)) = (log(), log());
    let counter = producer(Counter::new()).spawn().unwrap();
    let identity = producer_consumer(Identity(middle_log))
        .subscribe_to(&counter, window(4, 2))
        .spawn()
        .unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let id = sink
        .subscribe_to(&identity, stage::Subscribe::from(window(10, 0)).manual())
        .unwrap();
    assert!(
        middle.batches_at_rest().await.is_empty(),
        "prefetched and not processed"
    );
    type Row = (
        usize,
        &'static [&'static [usize]],
        &'static [&'static [usize]],
        usize,
    );
    let rows: [Row; 4] = [
        (1, &[&[0, 1], &[2, 3]], &[&[0]], 3),
        (3, &[], &[&[1, 2, 3]], 0),
        (4, &[&[4, 5], &[6, 7]], &[&[4, 5], &[6, 7]], 0),
        (
            5,
            &[&[8, 9], &[10, 11], &[12, 13]],
            &[&[8, 9], &[10, 11], &[12]],
            1,
        ),
    ];
    for (ask, handled, received, buffered) in rows {
        sink.call(Ask(id, ask)).await.unwrap();
        assert_eq!(
            middle.batches_at_rest().await,
            handled,
            "after asking {ask}"
        );
        assert_eq!(saw.batches_at_rest().await, received, "after asking {ask}");
        assert_eq!(identity.stats().buffered, buffered, "after asking {ask}");
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_02_without_consumers_it_holds_at_most_one_message() {
    let (middle_log, mut middle) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let identity = producer_consumer(Identity(middle_log))
        .subscribe_to(&counter, window(5, 0))
        .spawn()
        .unwrap();
    let mut edge = identity.subscribe();
    edge.request(15.try_into().unwrap());
    assert_eq!(edge.next().await.unwrap().unwrap(), numbers(0..5));
    drop(edge);
    let handled: usize = middle.batches_at_rest().await.iter().map(Vec::len).sum();
    assert!(
        identity.stats().buffered <= 10 + 5,
        "{:?}",
        identity.stats()
    );
    rest().await;
    assert!(
        middle.at_rest().await.is_empty(),
        "it goes on after {handled}"
    );
    counter.abort();
}

#[tokio::test]
async fn completion_passes_the_middle_after_the_last_event() {
    let (log, mut saw) = log();
    let source = stage::from_iter(0..10).spawn().unwrap();
    let doubler = producer_consumer(Doubler(no_log()))
        .subscribe_to(&source, window(4, 2))
        .spawn()
        .unwrap();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&doubler, window(3, 1))
        .spawn()
        .unwrap();
    assert!(matches!(sink.join().await, Exit::Completed));
    let mut all = Vec::new();
    while all.len() < 20 {
        all.extend(saw.batch().await);
    }
    assert_eq!(all, doubled(0..10));
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_told_anew_when_the_slowest_of_all_leaves() {
    let silent = producer(Silent(no_log())).spawn().unwrap();
    let identity = producer_consumer(Identity(no_log()))
        .dispatcher(Broadcast::new())
        .subscribe_to(&silent, window(10, 0))
        .spawn()
        .unwrap();
    let [mut fast, mut slow] = [(); 2].map(|()| identity.subscribe());
    fast.request(NonZeroUsize::new(5).unwrap());
    slow.request(NonZeroUsize::new(2).unwrap());
    rest().await;
    assert_eq!(identity.stats().owed, 2);
    drop(slow);
    rest().await;
    assert_eq!(identity.stats().owed, 5);
    identity.abort();
    silent.abort();
}
