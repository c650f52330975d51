//! Fused stages through the conformance suite: whatever its halves are, a pair is a stage like any other.

use std::num::NonZeroUsize;
use std::time::Duration;

use stage::test_util::{Outcome, Report, conformance};
use stage::{
    Begins, Build, Directive, Emits, Never, Order, Takes, channel, consumer, consumer_with,
    from_iter, from_stream, map_async, producer, producer_consumer, producer_consumer_with,
    producer_with,
};

use crate::halves::{Counter, Fails, Map, Taker, silence_panics_on_purpose};

/// Asserts it, and that at least so many rules were really checked.
fn assert_held(report: &Report, at_least: usize) {
    report.assert();
    let held = |check: &&stage::test_util::Check| check.outcome == Outcome::Held;
    let held = report.checks().iter().filter(held).count();
    assert!(held >= at_least, "only {held} were checked:\n{report}");
}

async fn produces<R: Begins<Out = usize>>(make: impl Fn() -> Build<R> + 'static) {
    silence_panics_on_purpose();
    let report = conformance::producer(make).run().await;
    assert_held(&report, 16);
}

async fn goes_through<R: Takes<In = usize> + Emits<Out = usize>>(
    make: impl Fn() -> Build<R> + 'static,
) {
    silence_panics_on_purpose();
    let report = conformance::producer_consumer(make, |n| n).run().await;
    assert_held(&report, 34);
}

async fn takes<R: Takes<In = usize, Out = Never>>(make: impl Fn() -> Build<R> + 'static) {
    silence_panics_on_purpose();
    let report = conformance::consumer(make, |n| n).run().await;
    assert_held(&report, 14);
}

/// The rules that want each event handled, which one that fails on some of them can't keep.
const ALL_HANDLED: [&str; 3] = ["law: conservation", "RS 2.8", "law: excess"];

#[tokio::test(start_paused = true)]
async fn a_producer_whose_second_passes_on() {
    for turns in [0, 1] {
        let make = move || from_iter(0..20).fuse(producer_consumer(Map::copies(1).slowly(turns)));
        let report = conformance::producer(make)
            .completes_after(20)
            .numbered(|event| *event)
            .run()
            .await;
        assert_held(&report, 22);
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_whose_second_expands_or_filters() {
    produces(|| producer(Counter::default()).fuse(producer_consumer(Map::copies(3)))).await;
    let thirds = || Map::only(|n| n % 3 == 0);
    produces(move || producer(Counter::default()).fuse(producer_consumer(thirds()))).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_whose_first_waits() {
    let slow = || {
        let numbers = futures::stream::iter(0..usize::MAX);
        from_stream(futures::StreamExt::then(numbers, async |n| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            n
        }))
    };
    produces(move || slow().fuse(producer_consumer(Map::copies(1)))).await;
    produces(move || slow().fuse(producer_consumer(Map::copies(2).slowly(2)))).await;
    let full = || {
        let (sender, build) = channel();
        tokio::spawn(async move {
            let mut next = 0;
            while sender.send(next).await.is_ok() {
                next += 1;
            }
        });
        build
    };
    produces(move || full().fuse(producer_consumer(Map::copies(1)))).await;
    produces(move || full().fuse(producer_consumer(Map::copies(1).slowly(1)))).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_whose_second_fails() {
    let fourth = |n: usize| n % 4 == 3;
    for directive in [Directive::Resume, Directive::Restart, Directive::DeadLetter] {
        produces(move || {
            let counter = Counter::default();
            let map = Map::copies(2).failing(fourth, directive);
            producer_with(move || counter.clone())
                .fuse(often(producer_consumer_with(move || map.clone())))
        })
        .await;
    }
    produces(move || {
        let counter = Counter::default();
        let map = Map::copies(1).panicking(fourth).slowly(1);
        producer_with(move || counter.clone())
            .fuse(often(producer_consumer_with(move || map.clone())))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_of_each_kind() {
    let doubled = || producer_consumer(Map::copies(2));
    let same = || producer_consumer(Map::copies(1).slowly(1));
    for report in [
        conformance::producer_consumer(move || doubled().fuse(same()), |n| n),
        conformance::producer_consumer(move || same().fuse(doubled()), |n| n),
    ] {
        let report = report.fan_out(2).origin(|event| *event).run().await;
        assert_held(&report, 40);
    }
    let n = NonZeroUsize::new(3).unwrap();
    let slow = move || {
        map_async(n, Order::Ordered, async |event: usize| {
            tokio::time::sleep(Duration::from_millis(5 - event as u64 % 5)).await;
            Ok(event)
        })
    };
    let report = conformance::producer_consumer(move || slow().fuse(same()), |n| n)
        .fan_out(1)
        .origin(|event| *event)
        .run()
        .await;
    assert_held(&report, 40);
    let odd = || producer_consumer(Map::only(|n| n % 2 == 1));
    goes_through(move || doubled().fuse(odd())).await;
    goes_through(move || odd().fuse(doubled())).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_of_four_behaviours() {
    let doubled = || producer_consumer(Map::copies(2));
    let same = || producer_consumer(Map::copies(1).slowly(1));
    let left = move || doubled().fuse(same()).fuse(doubled()).fuse(same());
    let right = move || doubled().fuse(same().fuse(doubled().fuse(same())));
    let report = conformance::producer_consumer(left, |n| n);
    let report = report.fan_out(4).origin(|event| *event).run().await;
    assert_held(&report, 40);
    let report = conformance::producer_consumer(right, |n| n);
    let report = report.fan_out(4).origin(|event| *event).run().await;
    assert_held(&report, 40);
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_fails_in_either_half() {
    let fifth = |n: usize| n % 5 == 4;
    for directive in [Directive::Resume, Directive::Restart, Directive::DeadLetter] {
        let failing = move || {
            let map = Map::copies(1).failing(fifth, directive);
            often(producer_consumer_with(move || map.clone()))
        };
        let same = || often(producer_consumer_with(|| Map::copies(2)));
        silence_panics_on_purpose();
        let first = conformance::producer_consumer(move || failing().fuse(same()), |n| n);
        assert_eq!(first.run().await.broken(), ALL_HANDLED);
        let second = conformance::producer_consumer(move || same().fuse(failing()), |n| n);
        assert_eq!(second.run().await.broken(), ALL_HANDLED);
        let alone = conformance::producer_consumer(failing, |n| n);
        assert_eq!(
            alone.run().await.broken(),
            ALL_HANDLED,
            "as without a second"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_of_each_kind() {
    takes(|| producer_consumer(Map::copies(1)).fuse(consumer(Taker::default()))).await;
    takes(|| producer_consumer(Map::copies(3).slowly(1)).fuse(consumer(Taker::default()))).await;
    let odd = || Map::only(|n| n % 2 == 1);
    takes(move || producer_consumer(odd()).fuse(consumer(Taker::default()))).await;
    let slow = || Taker {
        turns: 2,
        ..Taker::default()
    };
    takes(move || producer_consumer(Map::copies(1)).fuse(consumer(slow()))).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_whose_second_fails() {
    for (directive, panics) in [
        (Directive::Resume, false),
        (Directive::Restart, false),
        (Directive::Restart, true),
    ] {
        silence_panics_on_purpose();
        let failing = move || {
            let taker = Taker {
                fails: Some(Fails {
                    on: |n| n % 4 == 3,
                    panics,
                    directive,
                }),
                ..Taker::default()
            };
            let first = producer_consumer_with(|| Map::copies(1));
            first.fuse(often(consumer_with(move || taker.clone())))
        };
        let report = conformance::consumer(failing, |n| n).run().await;
        assert_eq!(report.broken(), ALL_HANDLED);
    }
}

fn often<R: stage::Role>(build: Build<R>) -> Build<R> {
    build.intensity(stage::Intensity::new(10_000, Duration::from_secs(1)))
}
