//! Opening subscriptions: ids, bad windows, producers that have ended, and manual demand.

use std::collections::HashSet;

use stage::protocol::{Buffer, DemandDispatcher, Dispatched, ProducerHalf};
use stage::{
    Demand, DemandError, End, Exit, LookupError, Stages, Subscribe, SubscriptionId, WhenFull,
    consumer, producer,
};

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

/// GS-045, 053: whatever it is for, a window is checked before there is a subscription, so no stage hears of a bad one.
#[test]
fn gs_045_053_bad_windows_are_refused_with_their_numbers() {
    let refused = |max, min| Demand::new(max, min).unwrap_err().to_string();
    assert_eq!(refused(0, 0), "max_demand must be at least 1, got 0");
    assert_eq!(
        refused(1000, 2000),
        "min_demand must be at most 999, got 2000"
    );
}

#[test]
fn gsx_10_nothing_starts_with_a_window_of_none() {
    let windows = [Demand::new(0, 0), Demand::up_to(0), Demand::one_by_one(0)];
    assert_eq!(windows, [Err(DemandError::MaxIsZero); 3]);
}

/// A name that was known, as GenStage knows it no sooner than the consumer subscribes: its stage has ended since.
async fn on_a_name_that_is_gone(options: Subscribe) -> (stage::ConsumerHandle<Forwarder>, Saw) {
    let ((log, mut saw), stages) = (log(), Stages::new());
    let build = producer(Counter::new()).named("gone").within(&stages);
    let counter = build.spawn().unwrap();
    let known = stages.registry().outlet::<usize>("gone").unwrap();
    counter.stop().await;
    assert_eq!(
        stages.registry().outlet::<usize>("gone").unwrap_err(),
        LookupError::NotFound("gone".to_owned())
    );
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let id = sink.subscribe_to(&known, options).unwrap();
    let (heard, end) = saw.cancelled().await;
    assert!(
        heard == id && matches!(end, End::Down(Exit::Unreachable)),
        "{end:?}"
    );
    (sink, saw)
}

#[tokio::test]
async fn gs_046_permanent_on_a_name_that_is_gone_ends_the_consumer() {
    let (sink, _) = on_a_name_that_is_gone(permanent()).await;
    assert!(matches!(sink.join().await, Exit::Unreachable));
}

#[tokio::test]
async fn gs_048_temporary_on_a_name_that_is_gone_leaves_the_consumer_alive() {
    let (sink, mut saw) = on_a_name_that_is_gone(temporary()).await;
    let counter = producer(Counter::new()).spawn().unwrap();
    sink.subscribe_to(&counter, temporary()).unwrap();
    assert_eq!(saw.batch().await, numbers(0..500));
    assert!(matches!(sink.stop().await, Exit::Stopped));
    counter.abort();
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
    assert!(matches!(end, End::Down(Exit::Unreachable)));
    assert!(matches!(sink.stop().await, Exit::Stopped));
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

/// GS-051, 052, 054, 055: there is one way to resubscribe, and it waits for nothing.
#[tokio::test(start_paused = true)]
async fn gs_051_054_a_subscription_is_replaced_in_one_step() {
    let ((log, mut saw), (producer_log, mut producer_saw)) = (log(), log());
    let silent = producer(Silent(producer_log)).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let old = sink.subscribe_to(&silent, permanent()).unwrap();
    let reason = stage::Cancel::failed("replaced");
    let new = sink.resubscribe(old, reason, &silent, permanent()).unwrap();
    assert_ne!(old, new);
    let seen = saw.at_rest().await;
    assert!(
        matches!(&seen[..], [Seen::Subscribed(a), Seen::Subscribed(b), Seen::Cancelled(c, _)]
            if (*a, *b, *c) == (old, new, old)),
        "{seen:?}"
    );
    assert!(
        sink.exit().is_none(),
        "the end of what was replaced stops nothing"
    );
    assert!(matches!(
        producer_saw.at_rest().await[..],
        [Seen::Demand(1000)]
    ));
    silent.abort();
}

#[tokio::test]
async fn gs_052_055_an_unknown_subscription_is_replaced_too() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let unknown = stage::SubscriptionId::next();
    let new = sink
        .resubscribe(unknown, stage::Cancel::Normal, &counter, temporary())
        .unwrap();
    assert!(matches!(saw.next().await, Seen::Subscribed(id) if id == new));
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_17_a_smaller_successor_uses_what_was_asked_before_it() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let old = sink.subscribe_to(&silent, window(10, 0)).unwrap();
    sink.resubscribe(old, stage::Cancel::Normal, &silent, window(6, 0))
        .unwrap();
    assert!(matches!(saw.at_rest().await[..], [Seen::Demand(10)]));
    assert_eq!(silent.stats().owed, 10);
    silent.abort();

    let buffer = Buffer::new(9, WhenFull::DropOldest);
    let mut half = ProducerHalf::<usize>::new(DemandDispatcher::default(), buffer);
    let (mut out, [old, new]) = (
        Dispatched::default(),
        [(); 2].map(|()| SubscriptionId::next()),
    );
    half.on_subscribe(old, None::<()>).unwrap();
    half.on_ask(old, 10, &mut out);
    assert_eq!(half.take_demand(), 10);
    half.on_cancel(old, &mut out);
    half.on_subscribe(new, None::<()>).unwrap();
    half.on_ask(new, 6, &mut out);
    assert_eq!(half.take_demand(), 0);
    assert_eq!((half.owed(), half.orphaned()), (10, 4));
}

#[tokio::test(start_paused = true)]
async fn gsx_25_two_subscriptions_of_one_consumer_have_each_their_own_credit() {
    let ((log, mut saw), (producer_log, mut producer_saw)) = (log(), log());
    let silent = producer(Silent(producer_log)).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let [first, second] = [(); 2].map(|()| sink.subscribe_to(&silent, window(10, 0)).unwrap());
    assert_ne!(first, second);
    let heard = producer_saw.at_rest().await;
    assert!(
        matches!(heard[..], [Seen::Demand(10), Seen::Demand(10)]),
        "{heard:?}"
    );
    silent.call(Queue(numbers(0..20))).await.unwrap();
    assert_eq!(
        saw.batches_at_rest().await,
        [numbers(0..10), numbers(10..20)]
    );
    let edges: Vec<_> = sink.edges();
    let counts = edges.iter().map(|edge| (edge.asked, edge.delivered));
    assert_eq!(counts.collect::<Vec<_>>(), [(20, 10), (20, 10)]);
    // One of them ends alone.
    sink.cancel(first, stage::Cancel::Normal);
    let (ended, _) = saw.cancelled().await;
    assert_eq!(ended, first);
    silent.call(Queue(numbers(20..25))).await.unwrap();
    assert_eq!(saw.batches_at_rest().await, [numbers(20..25)]);
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn a_window_changes_while_it_runs() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let id = sink.subscribe_to(&silent, window(4, 2)).unwrap();
    assert!(matches!(saw.at_rest().await[..], [Seen::Demand(4)]));
    sink.set_demand(id, window(10, 5));
    assert!(
        matches!(saw.at_rest().await[..], [Seen::Demand(6)]),
        "a wider one asks at once"
    );
    sink.set_demand(id, window(4, 2));
    silent.call(Queue(numbers(0..7))).await.unwrap();
    assert!(saw.at_rest().await.is_empty(), "3 are outstanding");
    silent.call(Queue(numbers(7..8))).await.unwrap();
    assert!(
        matches!(saw.at_rest().await[..], [Seen::Demand(2)]),
        "at the minimum it asks up to 4"
    );
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn a_paused_consumer_takes_nothing_that_it_asked_for() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    sink.pause();
    sink.subscribe_to(&counter, window(4, 0)).unwrap();
    assert!(saw.batches_at_rest().await.is_empty());
    assert_eq!(sink.edges()[0].delivered, 4);
    sink.resume();
    assert_eq!(saw.batch().await, numbers(0..4));
    counter.abort();
}
