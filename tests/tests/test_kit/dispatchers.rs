//! Our four dispatchers through the dispatcher laws.

use std::sync::Arc;

use stage::protocol::{Dispatcher, Selector};
use stage::test_util::{Audience, DispatcherLaws, dispatcher_laws};
use stage::{Broadcast, DemandDispatcher, Fair, Partition, WhenFull};

const PROGRAMS: usize = 1_000;

fn laws<D: Dispatcher<usize>>(make: impl Fn() -> D + 'static) -> DispatcherLaws<usize, D> {
    dispatcher_laws(make, |n| n, |event| *event).programs(PROGRAMS)
}

/// Three partitions by remainder; the last remainder is of no partition.
fn partition() -> Partition<usize> {
    let hash = |event: &usize| Some(event % 4).filter(|part| *part < 3);
    Partition::new(0..3, hash).unwrap()
}

#[test]
fn demand_keeps_them() {
    laws(DemandDispatcher::default).check().assert();
}

#[test]
fn fair_keeps_them() {
    laws(Fair::default).check().assert();
}

#[test]
fn broadcast_keeps_them_with_and_without_selectors() {
    let all = laws(Broadcast::new).audience(Audience::Every);
    all.check().assert();
    let selector = |divisor: usize| -> Selector<usize> {
        Arc::new(move |event| event.is_multiple_of(divisor + 1))
    };
    let some = laws(Broadcast::new).audience(Audience::Every);
    let some = some.keys(3, move |key| (key > 0).then(|| selector(key)));
    some.check().assert();
}

#[test]
fn broadcast_keeps_them_when_a_selector_panics() {
    let fails_late: Selector<usize> = Arc::new(|event| {
        assert!(*event < 20, "on purpose");
        true
    });
    let laws = laws(Broadcast::new).audience(Audience::Every);
    let laws = laws.keys(3, move |key| (key > 0).then(|| Arc::clone(&fails_late)));
    laws.programs(100).check().assert();
}

#[test]
fn partition_keeps_them_whatever_a_full_queue_does() {
    laws(partition)
        .audience(Audience::Chosen)
        .keys(3, Some)
        .check()
        .assert();
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::Fail] {
        laws(move || partition().queue(5, when_full))
            .audience(Audience::Chosen)
            .keys(3, Some)
            .check()
            .assert();
    }
    laws(|| partition().queue(5, WhenFull::HoldBack))
        .audience(Audience::Chosen)
        .keys(3, Some)
        .may_hold_back()
        .check()
        .assert();
}

#[test]
fn partition_keeps_them_by_key_with_several_consumers_for_a_partition() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        let partition = move || {
            partition()
                .keyed(|event| *event as u64 % 5)
                .queue(7, when_full)
        };
        laws(partition)
            .audience(Audience::Chosen)
            .keys(3, Some)
            .keyed(|event| *event as u64 % 20)
            .check()
            .assert();
    }
}
