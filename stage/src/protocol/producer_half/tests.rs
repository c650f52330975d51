//! The log of what is put off, what is told again, and what marks wait for. The laws of dispatch are property tests.

use std::ops::{Range, RangeInclusive};

use super::*;
use crate::protocol::{BufferFull, DemandDispatcher, Partition};

/// A half with one consumer, and what was dispatched since the last look.
struct Tested {
    half: ProducerHalf<u32>,
    out: Dispatched<u32>,
    id: SubscriptionId,
}

impl Tested {
    fn new(capacity: usize, when_full: WhenFull) -> Self {
        let buffer = Buffer::new(capacity, when_full);
        let mut half = ProducerHalf::new(DemandDispatcher::default(), buffer);
        let (id, out) = (SubscriptionId::next(), Dispatched::default());
        half.on_subscribe(id, None::<()>).expect("all are served");
        Self { half, out, id }
    }

    fn accumulating(capacity: usize, when_full: WhenFull) -> Self {
        let mut tested = Self::new(capacity, when_full);
        tested.half.set_mode(DemandMode::Accumulate);
        tested
    }

    fn ask(&mut self, n: usize) {
        self.half.on_ask(self.id, n, &mut self.out);
    }

    fn emit(&mut self, events: impl IntoIterator<Item = u32>) {
        let mut events = events.into_iter().collect();
        self.half.on_emit(&mut events, &mut self.out);
        assert!(events.is_empty());
    }

    fn delivered(&mut self) -> Vec<u32> {
        let deliveries = self.out.deliveries.drain(..);
        deliveries.flat_map(|(_, events)| events).collect()
    }

    /// Replays all that was put off: each demand, and what is delivered before and behind it.
    fn replayed(&mut self) -> Vec<(Vec<u32>, Option<usize>)> {
        self.half.set_mode(DemandMode::Forward);
        let mut parts = Vec::new();
        loop {
            let demand = self.half.replay(&mut self.out);
            parts.push((self.delivered(), demand));
            if demand.is_none() {
                return parts;
            }
        }
    }
}

#[test]
fn what_is_put_off_is_replayed_in_its_order() {
    let mut tested = Tested::accumulating(9, WhenFull::DropOldest);
    tested.ask(2);
    assert_eq!((tested.half.take_demand(), tested.half.owed()), (0, 2));
    tested.emit([1, 2]);
    assert_eq!((tested.half.buffered(), tested.half.owed()), (2, 0));
    assert_eq!(tested.half.replay(&mut tested.out), None);
    tested.ask(3);
    assert_eq!(
        (tested.half.take_demand(), tested.half.take_demand()),
        (0, 0)
    );
    let parts = [(vec![], Some(2)), (vec![1, 2], Some(3)), (vec![], None)];
    assert_eq!(tested.replayed(), parts);
    assert_eq!(tested.half.buffered(), 0);
    tested.emit([3]);
    assert_eq!(tested.delivered(), [3], "nothing is put off any more");
}

#[test]
fn the_log_is_as_full_as_the_buffer_and_goes_by_its_policy() {
    // 1 and 2, then 3, then 4 to 6 are put off, where 4 have room.
    let check = |when_full, kept: RangeInclusive<u32>, discarded, overflow| {
        let mut tested = Tested::accumulating(4, when_full);
        tested.ask(9);
        tested.emit([1, 2]);
        tested.emit([3]);
        tested.emit([4, 5, 6]);
        assert_eq!(tested.out.discarded, discarded);
        assert_eq!(tested.out.overflowed(), overflow);
        let holds_back = when_full == WhenFull::HoldBack;
        assert_eq!(tested.half.is_holding_back(), holds_back);
        assert_eq!(tested.half.buffered(), kept.clone().count());
        assert_eq!(tested.replayed(), [(kept.collect(), None)]);
        assert_eq!(tested.half.buffered(), 0);
    };
    let overflow = Some(BufferFull::of_buffer(4, 2));
    check(WhenFull::HoldBack, 1..=6, 0, None);
    check(WhenFull::DropOldest, 3..=6, 2, None);
    check(WhenFull::DropNewest, 1..=4, 2, None);
    check(WhenFull::Fail, 1..=4, 2, overflow);
}

#[test]
fn the_oldest_that_is_put_off_goes_first_and_then_the_newcomers() {
    let check = |first: Range<u32>, then: Range<u32>, kept: &[u32]| {
        let mut tested = Tested::accumulating(3, WhenFull::DropOldest);
        tested.ask(9);
        tested.emit(first.clone());
        tested.emit(then.clone());
        assert_eq!(tested.out.discarded, first.len() + then.len() - 3);
        assert_eq!(tested.half.buffered(), 3);
        assert_eq!(tested.replayed(), [(kept.to_vec(), None)]);
    };
    check(0..3, 3..4, &[1, 2, 3]);
    check(0..3, 3..5, &[2, 3, 4]);
    check(0..1, 1..5, &[2, 3, 4]);
    check(0..1, 1..7, &[4, 5, 6]);
}

#[test]
fn a_demand_stays_in_the_log_when_events_are_dropped_from_it() {
    let mut tested = Tested::accumulating(2, WhenFull::DropOldest);
    tested.emit([1]);
    tested.ask(5);
    assert_eq!(tested.half.take_demand(), 0);
    tested.emit([2, 3]);
    assert_eq!(tested.replayed(), [(vec![], Some(5)), (vec![2, 3], None)]);
}

#[test]
fn what_is_owed_is_told_again_once() {
    let mut tested = Tested::new(9, WhenFull::DropOldest);
    tested.ask(5);
    assert_eq!(tested.half.take_demand(), 5);
    tested.emit([1, 2]);
    assert_eq!(tested.half.retell_demand(), 3);
    tested.half.set_mode(DemandMode::Accumulate);
    tested.ask(1);
    assert_eq!(
        (tested.half.take_demand(), tested.half.retell_demand()),
        (0, 0)
    );
    assert_eq!(tested.delivered(), [1, 2]);
    assert_eq!(tested.replayed(), [(vec![], Some(4)), (vec![], None)]);
}

#[test]
fn demand_is_orphaned_when_nobody_waits_for_it() {
    let mut tested = Tested::new(9, WhenFull::DropOldest);
    tested.ask(5);
    assert_eq!((tested.half.take_demand(), tested.half.orphaned()), (5, 0));
    tested.half.on_cancel(tested.id, &mut tested.out);
    assert_eq!(tested.half.orphaned(), 5);
}

#[test]
fn a_mark_is_passed_when_the_buffer_before_it_was_served() {
    let mut tested = Tested::new(9, WhenFull::DropOldest);
    assert!(!tested.half.mark());
    tested.emit([1, 2]);
    assert!(tested.half.mark());
    tested.emit([3]);
    for passed in [0, 1, 1] {
        tested.ask(1);
        assert_eq!(tested.out.passed, passed);
    }
    assert!(!tested.half.mark());
}

/// Partition 1 has no consumer, and 2 events in its queue; 3 wait in the buffer, 4 are put off.
fn holding_everywhere() -> (ProducerHalf<u32>, Dispatched<u32>, SubscriptionId) {
    let parity = Partition::new([0, 1], |event: &u32| Some(*event % 2));
    let parity = parity.expect("both have names");
    let buffer = Buffer::new(9, WhenFull::DropOldest);
    let mut half = ProducerHalf::new(parity, buffer);
    let (id, mut out) = (SubscriptionId::next(), Dispatched::default());
    half.on_subscribe(id, Some(0_u32)).expect("it is free");
    half.on_ask(id, 1, &mut out);
    half.on_emit(&mut vec![1, 3, 2], &mut out);
    half.on_emit(&mut vec![5, 4, 6], &mut out);
    half.set_mode(DemandMode::Accumulate);
    half.on_emit(&mut vec![8, 10, 12, 14], &mut out);
    assert_eq!(out.deliveries, [(id, vec![2])]);
    (half, out, id)
}

#[test]
fn all_that_is_held_is_counted_and_discarded() {
    let (mut half, _, _) = holding_everywhere();
    assert_eq!((half.buffered(), half.discard()), (9, 9));
}

#[test]
fn a_mark_waits_for_the_buffer_and_then_for_the_queues() {
    let (mut half, mut out, even) = holding_everywhere();
    assert!(half.mark());
    let odd = SubscriptionId::next();
    half.on_subscribe(odd, Some(1_u32)).expect("it is free");
    for (id, n, passed) in [(odd, 2, 0), (even, 2, 0), (odd, 1, 1)] {
        half.on_ask(id, n, &mut out);
        assert_eq!(out.passed, passed);
    }
}

#[test]
fn a_mark_waits_for_the_queues_alone_when_the_buffer_is_empty() {
    let (mut half, mut out, even) = holding_everywhere();
    half.on_ask(even, 9, &mut out);
    assert!(half.mark(), "an odd one is queued still");
    let odd = SubscriptionId::next();
    half.on_subscribe(odd, Some(1_u32)).expect("it is free");
    for (n, passed) in [(2, 0), (1, 1)] {
        half.on_ask(odd, n, &mut out);
        assert_eq!(out.passed, passed);
    }
    assert!(!half.mark());
}

/// Keeps to the contract that it is asked for one event at least.
#[derive(Debug)]
struct Strict;

impl Dispatcher<u32> for Strict {
    type Key = ();

    fn subscribe(&mut self, _: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        Ok(())
    }

    fn cancel(&mut self, _: SubscriptionId, _: &mut Dispatched<u32>) {}

    fn ask(&mut self, _: SubscriptionId, n: usize, _: &mut Dispatched<u32>) {
        assert!(n > 0);
    }

    fn wanted(&self) -> usize {
        0
    }

    fn dispatch(&mut self, _: &mut Vec<u32>, _: &mut Dispatched<u32>) {}
}

#[test]
fn an_ask_for_nothing_reaches_no_dispatcher() {
    let mut half = ProducerHalf::new(Strict, Buffer::new(1, WhenFull::DropOldest));
    half.on_ask(SubscriptionId::next(), 0, &mut Dispatched::default());
}

/// The default dispatcher as any other: it is told everything.
#[derive(Debug, Default)]
struct Told(DemandDispatcher);

impl Dispatcher<u32> for Told {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, key: Option<()>) -> Result<(), Refused> {
        Dispatcher::<u32>::subscribe(&mut self.0, id, key)
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<u32>) {
        Dispatcher::cancel(&mut self.0, id, out);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<u32>) {
        Dispatcher::ask(&mut self.0, id, n, out);
    }

    fn wanted(&self) -> usize {
        Dispatcher::<u32>::wanted(&self.0)
    }

    fn dispatch(&mut self, events: &mut Vec<u32>, out: &mut Dispatched<u32>) {
        Dispatcher::dispatch(&mut self.0, events, out);
    }
}

/// One of the consumers that come and go, asks, or is served with what was emitted.
fn step(random: &mut fastrand::Rng, ids: &mut Vec<SubscriptionId>, halves: &mut [Tested; 2]) {
    let chosen = random.choice(&*ids).copied();
    let (dice, n) = (random.u8(..10), random.u32(..8));
    let joins = (dice == 0 && ids.len() < 3).then(SubscriptionId::next);
    ids.retain(|id| dice != 1 || Some(*id) != chosen);
    ids.extend(joins);
    for Tested { half, out, .. } in halves {
        match (dice, joins, chosen) {
            (0, Some(id), _) => half.on_subscribe(id, None::<()>).expect("all are served"),
            (1, _, Some(id)) => half.on_cancel(id, out),
            (2..6, _, Some(id)) => half.on_ask(id, n as usize, out),
            (6, ..) => half.on_ask(SubscriptionId::next(), 1, out),
            _ => {
                let _told = half.take_demand();
                let mut events: Vec<u32> = (0..=n).collect();
                match half.pass(events.len()) {
                    Some(taker) => out.deliveries.push((taker, events)),
                    None => half.on_emit(&mut events, out),
                }
            }
        }
    }
}

#[test]
fn a_dispatcher_that_is_spared_its_only_consumer_serves_as_one_that_is_told_all() {
    for seed in 0..256 {
        let mut random = fastrand::Rng::with_seed(seed);
        let spared = Tested::new(5, WhenFull::DropOldest);
        let buffer = Buffer::new(5, WhenFull::DropOldest);
        let mut told = Tested {
            half: ProducerHalf::new(Told::default(), buffer),
            out: Dispatched::default(),
            id: spared.id,
        };
        told.half
            .on_subscribe(told.id, None::<()>)
            .expect("all are served");
        let mut ids = vec![spared.id];
        let mut halves = [spared, told];
        for _ in 0..100 {
            step(&mut random, &mut ids, &mut halves);
            let [spared, told] = halves.each_ref().map(|tested| {
                let Tested { half, out, .. } = tested;
                let seen = (out.deliveries.clone(), out.discarded, half.buffered());
                (seen, half.owed(), half.untold(), half.orphaned())
            });
            assert_eq!(spared, told, "seed {seed}");
        }
    }
}

#[test]
fn a_stage_that_owes_as_it_is_asked_owes_what_one_is_told() {
    for seed in 0..256 {
        let mut random = fastrand::Rng::with_seed(seed);
        let [mut owing, mut told] = [(); 2].map(|()| Tested::new(5, WhenFull::DropOldest));
        owing.half.owe_as_asked();
        told.half.on_cancel(told.id, &mut told.out);
        told.half
            .on_subscribe(owing.id, None::<()>)
            .expect("all are served");
        let mut ids = vec![owing.id];
        let mut halves = [owing, told];
        for _ in 0..100 {
            step(&mut random, &mut ids, &mut halves);
            let _told = halves[1].half.take_demand();
            let [owing, told] = halves.each_ref().map(|tested| {
                let Tested { half, out, .. } = tested;
                let seen = (out.deliveries.clone(), out.discarded, half.buffered());
                (seen, half.owed(), half.untold(), half.orphaned())
            });
            assert_eq!(owing, told, "seed {seed}");
        }
    }
}
