//! What the probes see, and what they say when it is not what was expected.

use std::time::Duration;

use stage::test_util::{Patience, SinkProbe, SourceProbe};
use stage::{Cancel, End, Exit, Subscribe, UpstreamEnds, consumer, producer, producer_consumer};

use crate::fixtures::{Counter, Doubler, Taker, window};

#[tokio::test(start_paused = true)]
async fn a_source_probe_sees_the_subscription_each_ask_and_the_end() {
    let mut source = SourceProbe::new();
    source.expect_no_subscribe().await.unwrap();
    let taker = consumer(Taker).subscribe_to(&source, window(4, 2));
    let taker = taker.spawn().unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    edge.expect_ask(4).await.unwrap();
    edge.send([1]);
    edge.expect_no_ask().await.unwrap();
    edge.send([2]);
    assert_eq!(edge.next_ask().await.unwrap(), 2);
    assert_eq!((edge.asked(), edge.sent(), edge.outstanding()), (6, 2, 4));
    taker.stop().await;
    assert!(matches!(edge.expect_gone().await.unwrap(), Exit::Stopped));
    source.expect_no_subscribe().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_probe_sees_a_cancel_and_confirms_it() {
    let mut source = SourceProbe::new();
    let options = Subscribe::from(window(4, 2)).upstream_ends(UpstreamEnds::Keep);
    let taker = consumer(Taker).spawn().unwrap();
    let id = taker.subscribe_to(&source, options).unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    assert_eq!(edge.id(), id);
    taker.cancel(id, Cancel::failed("enough"));
    let Cancel::Failed(reason) = edge.expect_cancel().await.unwrap() else {
        panic!("the reason is a failure");
    };
    assert_eq!(reason.to_string(), "enough");
    edge.end(End::Cancelled(Cancel::Normal));
    edge.expect_nothing().await.unwrap();
    assert!(taker.exit().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_closed_source_probe_is_a_producer_that_has_ended() {
    let source = SourceProbe::new();
    source.close();
    let taker = consumer(Taker).subscribe_to(&source, window(4, 2));
    let exit = taker.spawn().unwrap().join().await;
    assert!(matches!(exit, Exit::Unreachable), "{exit}");
}

#[tokio::test(start_paused = true)]
async fn a_source_probe_fails_and_dies_as_the_test_says() {
    let mut source = SourceProbe::new();
    for fails in [true, false] {
        let taker = consumer(Taker).subscribe_to(&source, window(4, 2));
        let taker = taker.spawn().unwrap();
        let edge = source.expect_subscribe().await.unwrap();
        if fails {
            edge.fail("on purpose");
        } else {
            edge.die();
        }
        let expected = if fails {
            "failed: on purpose"
        } else {
            "aborted"
        };
        assert_eq!(taker.join().await.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_misbehaving_source_sends_is_counted_and_harms_nobody() {
    let mut source = SourceProbe::new();
    let options = Subscribe::from(window(4, 2)).upstream_ends(UpstreamEnds::Keep);
    let taker = consumer(Taker).subscribe_to(&source, options);
    let taker = taker.spawn().unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    edge.send_unknown([1, 2, 3]);
    edge.send(0..100);
    edge.complete();
    edge.complete();
    edge.send([4]);
    edge.expect_nothing().await.unwrap_err();
    assert_eq!(taker.stats().lost, 4);
    assert!(taker.exit().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sink_probe_takes_what_it_asked_for() {
    let counter = producer(Counter::up_to(5)).spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&counter);
    sink.ask(0);
    sink.expect_nothing().await.unwrap();
    sink.ask(1);
    sink.ask(2);
    assert_eq!(sink.expect_events(3).await.unwrap(), [0, 1, 2]);
    sink.expect_nothing().await.unwrap();
    sink.ask(usize::MAX);
    assert_eq!(sink.expect_batch().await.unwrap(), [3, 4]);
    assert!(matches!(sink.expect_end().await.unwrap(), End::Completed));
    assert_eq!((sink.asked(), sink.delivered()), (usize::MAX, 5));
    assert!(sink.is_released());
}

#[tokio::test(start_paused = true)]
async fn a_sink_probe_cancels_dies_and_names_what_nobody_knows() {
    let counter = producer(Counter::endless()).spawn().unwrap();
    let mut first = SinkProbe::subscribe(&counter);
    assert_eq!(first.cancel_after(3).await.unwrap(), [0, 1, 2]);
    let mut second = SinkProbe::subscribe(&counter);
    second.ask_unknown(3);
    second.cancel_unknown();
    second.ask(1);
    assert_eq!(second.expect_events(1).await.unwrap(), [3]);
    assert!(!second.is_released());
    second.die();
    let (_, end) = second.expect_events_and_end().await.unwrap();
    assert!(matches!(end, End::Down(Exit::Aborted)), "{end:?}");
    drop(SinkProbe::subscribe(&counter));
    assert!(counter.exit().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sink_probe_subscribed_to_what_has_ended_is_told() {
    let counter = producer(Counter::endless()).spawn().unwrap();
    counter.stop().await;
    let mut sink = SinkProbe::subscribe(&counter);
    let end = sink.expect_end().await.unwrap();
    assert!(matches!(end, End::Down(Exit::Unreachable)), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn probes_at_both_ends_see_a_stage_between_them() {
    let mut source = SourceProbe::new();
    let doubler = producer_consumer(Doubler).subscribe_to(&source, window(4, 2));
    let doubler = doubler.spawn().unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    let mut sink = SinkProbe::subscribe(&doubler);
    edge.expect_ask(4).await.unwrap();
    edge.send([1, 2]);
    sink.expect_nothing().await.unwrap();
    edge.expect_no_ask().await.unwrap();
    sink.ask(3);
    assert_eq!(sink.expect_events(3).await.unwrap(), [1, 1, 2]);
    edge.expect_ask(2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_expectation_says_what_was_expected_and_what_came() {
    let patience = Patience::new(Duration::from_secs(1), Duration::from_millis(1));
    let mut source = SourceProbe::<usize>::with_patience(patience);
    let silent = source.expect_subscribe().await.unwrap_err();
    assert_eq!(
        silent.to_string(),
        "expected a subscription, but nothing came within 1s"
    );
    let taker = consumer(Taker).subscribe_to(&source, window(4, 2));
    let _taker = taker.spawn().unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    let other = edge.expect_ask(5).await.unwrap_err();
    assert_eq!(
        other.to_string(),
        "expected an ask for 5, but an ask for 4 came"
    );
    let wrong = edge.expect_nothing().await.unwrap_err();
    assert_eq!(wrong.to_string(), "expected nothing, but an ask for 4 came");

    let counter = producer(Counter::endless()).spawn().unwrap();
    let mut sink = SinkProbe::with_patience(&counter, patience);
    sink.ask(2);
    let short = sink.expect_events(3).await.unwrap_err();
    assert_eq!(
        short.to_string(),
        "expected 3 events (after 2), but nothing came within 1s"
    );
    sink.ask(2);
    let more = sink.expect_events(1).await.unwrap_err();
    assert_eq!(more.to_string(), "expected 1 events, but 2 came");
}
