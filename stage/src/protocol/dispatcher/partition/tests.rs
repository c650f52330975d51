//! Full queues, several consumers of a partition, marks, and events without a way. What goes to whom otherwise is a
//! property test.

use super::lane::weight;
use super::*;
use crate::protocol::BufferFull;

/// The partitions of even and odd numbers; even ones have a consumer that asked for 9.
fn parity(capacity: usize, when_full: WhenFull) -> (Partition<u32, u32>, Dispatched<u32>) {
    let parity = Partition::new([0, 1], |event| Some(event % 2)).expect("both have names");
    let mut parity = parity.queue(capacity, when_full);
    let mut out = Dispatched::default();
    join(&mut parity, 0, 9, &mut out);
    (parity, out)
}

fn join(
    partition: &mut Partition<u32, u32>,
    name: u32,
    n: usize,
    out: &mut Dispatched<u32>,
) -> SubscriptionId {
    let id = SubscriptionId::next();
    partition.subscribe(id, Some(name)).expect("it is free");
    partition.ask(id, n, out);
    id
}

fn delivered(out: &mut Dispatched<u32>) -> Vec<u32> {
    let deliveries = out.deliveries.drain(..);
    deliveries.flat_map(|(_, events)| events).collect()
}

#[test]
fn a_full_queue_drops_by_its_policy() {
    let check = |capacity, when_full, kept: &[u32], overflow| {
        let (mut parity, mut out) = parity(capacity, when_full);
        parity.dispatch(&mut vec![1, 3, 5, 2], &mut out);
        assert_eq!(delivered(&mut out), [2]);
        assert_eq!(out.discarded, 3 - kept.len());
        assert_eq!((parity.queued(), parity.wanted()), (kept.len(), 8));
        assert_eq!(out.overflowed(), overflow);
        join(&mut parity, 1, 5, &mut out);
        assert_eq!(delivered(&mut out), kept);
        assert_eq!((parity.queued(), parity.wanted()), (0, 13 - kept.len()));
    };
    let overflow = |capacity| Some(BufferFull::of_partition(capacity));
    check(2, WhenFull::DropOldest, &[3, 5], None);
    check(2, WhenFull::DropNewest, &[1, 3], None);
    check(2, WhenFull::Fail, &[1, 3], overflow(2));
    check(0, WhenFull::DropNewest, &[1], None);
    check(0, WhenFull::Fail, &[1], overflow(1));
    check(3, WhenFull::Fail, &[1, 3, 5], None);
}

#[test]
fn a_full_queue_that_holds_back_stops_all_partitions_until_it_is_served() {
    let (mut parity, mut out) = parity(2, WhenFull::HoldBack);
    let mut events = vec![1, 3, 5, 2];
    parity.dispatch(&mut events, &mut out);
    assert_eq!((parity.wanted(), parity.queued()), (0, 2));
    assert_eq!((&events[..], out.discarded), (&[5, 2][..], 0));
    let odd = join(&mut parity, 1, 1, &mut out);
    assert_eq!(delivered(&mut out), [1]);
    assert_eq!((parity.wanted(), parity.queued()), (9, 1));
    parity.dispatch(&mut events, &mut out);
    assert_eq!((parity.wanted(), parity.queued()), (0, 2));
    parity.ask(odd, 3, &mut out);
    assert_eq!(delivered(&mut out), [3, 5]);
    assert_eq!((parity.wanted(), parity.queued()), (10, 0));
    parity.dispatch(&mut events, &mut out);
    assert_eq!((delivered(&mut out), parity.wanted()), (vec![2], 9));
}

#[test]
fn a_queue_that_is_served_while_it_is_not_full_frees_nobody() {
    let (mut parity, mut out) = parity(2, WhenFull::HoldBack);
    parity.dispatch(&mut vec![1], &mut out);
    join(&mut parity, 1, 1, &mut out);
    assert_eq!((parity.wanted(), parity.queued()), (9, 0));
}

#[test]
fn what_is_not_wanted_any_more_stays_in_its_order() {
    let (mut parity, mut out) = parity(9, WhenFull::DropOldest);
    let mut events = (0..30).collect();
    parity.dispatch(&mut events, &mut out);
    assert_eq!(delivered(&mut out), (0..18).step_by(2).collect::<Vec<_>>());
    assert_eq!(events, (17..30).collect::<Vec<_>>());
}

#[test]
fn names_are_told_apart_by_all_of_them() {
    let names = ["partition of the even ones", "partition of the odd ones"];
    let hash = move |event: &usize| Some(names[event % 2]);
    let mut parity = Partition::new(names, hash).expect("both have names");
    let mut out = Dispatched::default();
    let ids = names.map(|name| {
        let id = SubscriptionId::next();
        parity.subscribe(id, Some(name)).expect("it is free");
        parity.ask(id, 2, &mut out);
        id
    });
    parity.dispatch(&mut vec![1, 2, 3, 4], &mut out);
    assert_eq!(out.deliveries, [(ids[1], vec![1, 3]), (ids[0], vec![2, 4])]);
}

#[test]
fn asks_add_up_to_the_largest_number() {
    let (mut parity, mut out) = parity(1, WhenFull::DropOldest);
    let odd = join(&mut parity, 1, usize::MAX, &mut out);
    assert_eq!(parity.wanted(), usize::MAX);
    parity.cancel(odd, &mut out);
    assert_eq!(parity.wanted(), 9);
}

#[test]
fn a_subscription_that_can_not_be_served_is_refused() {
    let (mut parity, _) = parity(1, WhenFull::DropOldest);
    let mut refused = |name| {
        let refused = parity.subscribe(SubscriptionId::next(), name);
        refused.expect_err("it is refused").0
    };
    assert!(refused(None).contains("names no partition"));
    assert_eq!(refused(Some(2)), "there is no partition 2");
    assert_eq!(refused(Some(0)), "the partition 0 is taken");
    assert_eq!(parity.wanted(), 9);
}

#[test]
fn an_event_without_a_way_costs_no_demand() {
    let hash = |event: &u32| {
        assert!(*event != 13, "on purpose");
        Some(*event).filter(|event| *event != 0)
    };
    let mut one = Partition::new([1], hash).expect("it has a name");
    let mut out = Dispatched::default();
    join(&mut one, 1, 9, &mut out);
    one.dispatch(&mut vec![0, 13, 2, 1], &mut out);
    assert_eq!((delivered(&mut out), one.wanted()), (vec![1], 8));
    assert_eq!((out.unwanted, out.rejected()), (1, &[13, 2][..]));
    let warnings = [
        "the hash panicked",
        "the hash names an unknown partition: 2",
    ];
    assert_eq!(out.warnings(), warnings);
}

#[test]
fn names_make_partitions_when_there_are_some_and_each_once() {
    let made = |names: &[u32]| {
        let made = Partition::new(names.to_vec(), |event: &u32| Some(*event));
        made.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(made(&[1, 2]), Ok(()));
    assert_eq!(made(&[]).unwrap_err(), PartitionsError::None.to_string());
    assert_eq!(made(&[1, 1]).unwrap_err(), "partitions: 1 is named twice");
}

#[test]
fn its_counts_can_be_printed() {
    let (mut parity, mut out) = parity(1, WhenFull::DropOldest);
    parity.dispatch(&mut vec![1, 2], &mut out);
    assert_eq!(
        format!("{parity:?}"),
        "Partition { asked: 8, queued: 1, .. }"
    );
}

/// One partition with two consumers, whose keys are the events' tens, beside one that always wants events.
struct Keyed {
    partition: Partition<u32, u32>,
    out: Dispatched<u32>,
    one: SubscriptionId,
    two: SubscriptionId,
}

impl Keyed {
    fn new(capacity: usize, when_full: WhenFull) -> Self {
        let partition = Partition::new([0, 1], |event: &u32| Some(u32::from(*event < 1_000)));
        let partition = partition.expect("both have names");
        let partition = partition.queue(capacity, when_full);
        let mut partition = partition.keyed(|event| u64::from(event / 10));
        let mut out = Dispatched::default();
        join(&mut partition, 0, 9, &mut out);
        let [one, two] = [0; 2].map(|n| join(&mut partition, 1, n, &mut out));
        Self {
            partition,
            out,
            one,
            two,
        }
    }

    fn dispatch(&mut self, mut events: Vec<u32>) {
        self.partition.dispatch(&mut events, &mut self.out);
        assert!(events.is_empty());
    }

    fn ask(&mut self, id: SubscriptionId, n: usize) -> Vec<u32> {
        self.partition.ask(id, n, &mut self.out);
        delivered(&mut self.out)
    }

    /// Returns the first event of the `at`-th key that goes to this consumer.
    fn key_of(&self, id: SubscriptionId, at: usize) -> u32 {
        let other = if id == self.one { self.two } else { self.one };
        let is_its =
            |key: &u32| weight(Some(id), u64::from(*key)) > weight(Some(other), u64::from(*key));
        let key = (0..100).filter(is_its).nth(at);
        key.expect("either has about half of the keys") * 10
    }
}

#[test]
fn equal_keys_go_to_one_consumer_in_order() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    let (first, second) = (keyed.key_of(keyed.one, 0), keyed.key_of(keyed.two, 0));
    keyed.dispatch(vec![first, second, first + 1, second + 1]);
    assert_eq!(keyed.ask(keyed.one, 1), [first]);
    assert_eq!(keyed.ask(keyed.two, 9), [second, second + 1]);
    assert_eq!(keyed.ask(keyed.one, 9), [first + 1]);
    keyed.dispatch(vec![second + 2, first + 2, second + 3]);
    let expected = [
        (keyed.one, vec![first + 2]),
        (keyed.two, vec![second + 2, second + 3]),
    ];
    assert_eq!(keyed.out.deliveries, expected);
}

#[test]
fn what_waits_for_a_leaver_goes_to_those_who_stay() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    let (first, second) = (keyed.key_of(keyed.one, 0), keyed.key_of(keyed.two, 0));
    keyed.dispatch(vec![first, second, first + 1]);
    assert_eq!(keyed.ask(keyed.two, 2), [second]);
    assert_eq!(keyed.partition.queued(), 2);
    keyed.partition.cancel(keyed.one, &mut keyed.out);
    assert_eq!(delivered(&mut keyed.out), [first]);
    assert_eq!((keyed.partition.queued(), keyed.partition.wanted()), (1, 9));
    keyed.dispatch(vec![second + 1]);
    assert_eq!(keyed.ask(keyed.two, 9), [first + 1, second + 1]);
    assert_eq!(
        (keyed.partition.queued(), keyed.partition.wanted()),
        (0, 16)
    );
}

#[test]
fn a_leavers_demand_leaves_with_it() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    assert_eq!(keyed.ask(keyed.one, 5), []);
    assert_eq!(keyed.ask(keyed.two, 3), []);
    assert_eq!(keyed.partition.wanted(), 17);
    keyed.partition.cancel(keyed.one, &mut keyed.out);
    assert_eq!(keyed.partition.wanted(), 12);
    keyed.partition.cancel(keyed.two, &mut keyed.out);
    assert_eq!(keyed.partition.wanted(), 9);
    join(&mut keyed.partition, 1, 2, &mut keyed.out);
    assert_eq!(keyed.partition.wanted(), 11);
}

#[test]
fn a_full_partition_drops_from_the_newcomers_lane_or_else_from_the_longest() {
    let mut keyed = Keyed::new(3, WhenFull::DropOldest);
    let (first, second) = (keyed.key_of(keyed.one, 0), keyed.key_of(keyed.two, 0));
    keyed.dispatch(vec![first, first + 1, first + 2, second]);
    assert_eq!((keyed.out.discarded, keyed.partition.queued()), (1, 3));
    keyed.dispatch(vec![second + 1]);
    assert_eq!((keyed.out.discarded, keyed.partition.queued()), (2, 3));
    assert_eq!(keyed.ask(keyed.one, 9), [first + 1, first + 2]);
    assert_eq!(keyed.ask(keyed.two, 9), [second + 1]);
}

#[test]
fn an_ask_that_is_served_nothing_does_not_free_a_full_partition() {
    let mut keyed = Keyed::new(2, WhenFull::HoldBack);
    let first = keyed.key_of(keyed.one, 0);
    keyed.dispatch(vec![first, first + 1]);
    assert_eq!(keyed.ask(keyed.two, 1), []);
    assert_eq!(keyed.partition.wanted(), 0);
    assert_eq!(keyed.ask(keyed.one, 1), [first]);
    assert_eq!(keyed.partition.wanted(), 10);
}

#[test]
fn a_mark_is_passed_when_each_lane_has_passed_it() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    assert!(!keyed.partition.mark(), "nothing is queued");
    let (first, second) = (keyed.key_of(keyed.one, 0), keyed.key_of(keyed.two, 0));
    keyed.dispatch(vec![first, first + 1]);
    assert!(keyed.partition.mark());
    keyed.dispatch(vec![second]);
    assert!(keyed.partition.mark());
    keyed.dispatch(vec![second + 1, first + 2]);
    for (id, passed) in [(keyed.two, 0), (keyed.one, 0), (keyed.one, 2)] {
        keyed.ask(id, 1);
        assert_eq!(keyed.out.passed, passed);
    }
    assert!(keyed.partition.mark());
    for (id, passed) in [(keyed.one, 2), (keyed.two, 3)] {
        keyed.ask(id, 1);
        assert_eq!(keyed.out.passed, passed);
    }
    assert!(!keyed.partition.mark(), "all is passed");
}

#[test]
fn marks_are_passed_one_after_the_other() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    let first = keyed.key_of(keyed.one, 0);
    for event in [first, first + 1, first + 2] {
        keyed.dispatch(vec![event]);
        assert!(keyed.partition.mark());
    }
    for passed in 1..=3 {
        keyed.ask(keyed.one, 1);
        assert_eq!(keyed.out.passed, passed);
    }
}

#[test]
fn a_mark_is_passed_by_what_is_dropped_and_not_by_who_leaves() {
    let mut keyed = Keyed::new(2, WhenFull::DropOldest);
    let (first, second) = (keyed.key_of(keyed.one, 0), keyed.key_of(keyed.two, 0));
    keyed.dispatch(vec![first, second]);
    assert!(keyed.partition.mark());
    keyed.dispatch(vec![first + 1]);
    assert_eq!((keyed.out.discarded, keyed.out.passed), (1, 0));
    keyed.partition.cancel(keyed.two, &mut keyed.out);
    assert_eq!(keyed.out.passed, 0, "what it left still waits");
    assert_eq!(keyed.ask(keyed.one, 9), [first + 1, second]);
    assert_eq!(keyed.out.passed, 1);
}

#[test]
fn a_mark_waits_for_what_came_before_it_alone_wherever_that_goes() {
    let mut keyed = Keyed::new(99, WhenFull::DropOldest);
    let (one, two, three) = (keyed.one, keyed.two, SubscriptionId::next());
    let key_of = |ids: [SubscriptionId; 3]| {
        let weight_of = |id, key| weight(Some(id), key);
        let falls = |key: &u64| ids.is_sorted_by(|a, b| weight_of(*a, *key) > weight_of(*b, *key));
        let key = (0..100).find(falls).expect("one of six keys does");
        u32::try_from(key).expect("it is small") * 10
    };
    let (marked, after) = (key_of([three, two, one]), key_of([one, two, three]));
    keyed.dispatch(vec![marked]);
    assert!(keyed.partition.mark());
    keyed.dispatch(vec![after]);
    keyed.partition.cancel(two, &mut keyed.out);
    assert!(keyed.partition.mark());
    let joined = keyed.partition.subscribe(three, Some(1));
    joined.expect("there are keys");
    assert_eq!((keyed.ask(three, 1), keyed.out.passed), (vec![marked], 1));
    assert_eq!((keyed.ask(one, 1), keyed.out.passed), (vec![after], 2));
}

/// A name whose own code panics.
#[derive(Clone, PartialEq, Eq)]
enum Name {
    Known,
    NoHash,
    NoDebug,
}

impl Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        assert!(*self != Self::NoHash, "on purpose");
        hasher.write_u8(1);
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(*self != Self::NoDebug, "on purpose");
        f.write_str("a name")
    }
}

#[test]
fn a_name_that_panics_costs_its_own_event_alone() {
    let name = |event: &u32| {
        Some(match event {
            3 => Name::NoHash,
            5 => Name::NoDebug,
            _ => Name::Known,
        })
    };
    let mut named = Partition::new([Name::Known], name).expect("it is one");
    let (mut out, id) = (Dispatched::default(), SubscriptionId::next());
    let key = Some(Name::Known);
    named.subscribe(id, key).expect("it is free");
    named.ask(id, 9, &mut out);
    named.dispatch(&mut (1..=6).collect(), &mut out);
    assert_eq!(delivered(&mut out), [1, 2, 4, 6]);
    assert_eq!((out.rejected(), out.warnings().len()), (&[3, 5][..], 2));
}
