//! Opening subscriptions: ids, bad windows, producers that have ended, and manual demand.

use std::collections::HashSet;

use stage::{Demand, Exit, LookupError, Stages, Subscribe, consumer, producer};

use crate::fixtures::*;

#[tokio::test]
async fn gs_043_each_subscription_has_an_id_of_its_own() {
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let ids: HashSet<_> = (0..3)
        .map(|_| sink.subscribe_to(&counter, Demand::default()).unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    counter.abort();
}

#[test]
fn gs_045_bad_windows_are_refused_with_their_numbers() {
    let refused = |max, min| Demand::new(max, min).unwrap_err().to_string();
    assert_eq!(refused(0, 0), "max_demand must be at least 1, got 0");
    assert_eq!(
        refused(1000, 2000),
        "min_demand must be at most 999, got 2000"
    );
}

#[tokio::test]
async fn gs_047_permanent_on_an_ended_producer_ends_the_consumer() {
    let counter = producer(Counter::new()).spawn().unwrap();
    counter.stop().await;
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    assert!(sink.subscribe_to(&counter, permanent()).is_ok());
    assert!(matches!(sink.join().await, Exit::Unreachable));
}

#[tokio::test]
async fn gs_049_temporary_on_an_ended_producer_leaves_the_consumer_alive() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    counter.stop().await;
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    assert!(sink.subscribe_to(&counter, temporary()).is_ok());
    let (_, end) = saw.cancelled().await;
    assert!(matches!(end, stage::End::Down(Exit::Unreachable)));
    assert!(matches!(sink.stop().await, Exit::Stopped));
}

#[tokio::test]
async fn an_unknown_name_is_told_by_its_name() {
    let unknown = Stages::new().registry().outlet::<usize>("nobody");
    assert_eq!(
        unknown.unwrap_err(),
        LookupError::NotFound("nobody".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn gs_056_nothing_comes_before_it_is_asked_for_by_hand() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let id = sink
        .subscribe_to(&counter, Subscribe::default().manual())
        .unwrap();
    assert!(saw.batches_at_rest().await.is_empty());
    for at in 0..2 {
        sink.call(Ask(id, 50)).await.unwrap();
        assert_eq!(
            saw.batches_at_rest().await,
            [numbers(50 * at..50 * (at + 1))]
        );
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_057_manual_demand_from_the_start() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&counter, Subscribe::default().manual())
        .spawn()
        .unwrap();
    let [Seen::Subscribed(id)] = saw.at_rest().await[..] else {
        panic!("subscribed, and nothing came")
    };
    for at in 0..2 {
        sink.call(Ask(id, 50)).await.unwrap();
        assert_eq!(
            saw.batches_at_rest().await,
            [numbers(50 * at..50 * (at + 1))]
        );
    }
    counter.abort();
}
