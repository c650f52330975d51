//! Our own behaviours through the conformance suite.

use std::num::NonZeroUsize;
use std::time::Duration;

use stage::test_util::{Outcome, Report, conformance};
use stage::{
    Fair, Order, channel, consumer, consumer_supervisor, from_iter, map_async, producer,
    producer_consumer,
};

use crate::fixtures::{Counter, Doubler, Taker};

/// Asserts it, and that at least so many rules were really checked.
fn assert_held(report: &Report, at_least: usize) {
    report.assert();
    let held = |check: &&stage::test_util::Check| check.outcome == Outcome::Held;
    let held = report.checks().iter().filter(held).count();
    assert!(held >= at_least, "only {held} were checked:\n{report}");
}

#[tokio::test(start_paused = true)]
async fn an_iterator() {
    let report = conformance::producer(|| from_iter(0..20))
        .completes_after(20)
        .numbered(|event| *event)
        .broadcast()
        .keyed(|event| *event as u64 % 3)
        .run()
        .await;
    assert_held(&report, 25);
}

#[tokio::test(start_paused = true)]
async fn a_counter_with_and_without_an_end() {
    let report = conformance::producer(|| producer(Counter::endless()).dispatcher(Fair::default()))
        .numbered(|event| *event)
        .broadcast()
        .run()
        .await;
    assert_held(&report, 20);
    let report = conformance::producer(|| producer(Counter::up_to(16)))
        .completes_after(16)
        .run()
        .await;
    assert_held(&report, 20);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_always_full() {
    let report = conformance::producer(|| {
        let (sender, build) = channel();
        tokio::spawn(async move {
            let mut next = 0;
            while sender.send(next).await.is_ok() {
                next += 1;
            }
        });
        build
    })
    .numbered(|event: &usize| *event)
    .run()
    .await;
    assert_held(&report, 19);
}

#[tokio::test(start_paused = true)]
async fn a_taker() {
    let report = conformance::consumer(|| consumer(Taker), |n| n).run().await;
    assert_held(&report, 14);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_of_a_task_for_each_event() {
    let workers = || {
        consumer_supervisor(async |_: usize| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(())
        })
    };
    let report = conformance::consumer(workers, |n| n).run().await;
    assert_held(&report, 14);
}

#[tokio::test(start_paused = true)]
async fn a_doubler() {
    let report = conformance::producer_consumer(|| producer_consumer(Doubler), |n| n)
        .fan_out(2)
        .origin(|event| *event)
        .run()
        .await;
    assert_held(&report, 40);
}

#[tokio::test(start_paused = true)]
async fn a_map_async_ordered_and_not() {
    let n = NonZeroUsize::new(3).unwrap();
    let slow_first = async |event: usize| {
        tokio::time::sleep(Duration::from_millis(5 - event as u64 % 5)).await;
        Ok(event)
    };
    let ordered = move || map_async(n, Order::Ordered, slow_first);
    let report = conformance::producer_consumer(ordered, |n| n)
        .fan_out(1)
        .origin(|event| *event)
        .run()
        .await;
    assert_held(&report, 40);
    let unordered = move || map_async(n, Order::Unordered, slow_first);
    let report = conformance::producer_consumer(unordered, |n| n)
        .fan_out(1)
        .run()
        .await;
    assert_held(&report, 39);
}

#[tokio::test]
async fn the_suite_needs_no_paused_clock() {
    let report = conformance::consumer(|| consumer(Taker), |n| n).run().await;
    assert_held(&report, 14);
}
