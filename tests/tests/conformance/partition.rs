//! The Partition dispatcher: beneath a producer's half by its unit cases, and on running stages.

use stage::protocol::{Buffer, Dispatched, ProducerHalf};
use stage::{
    Cancel, End, Fair, Partition, PartitionsError, SubscriptionId, WhenFull, consumer, producer,
};

use crate::fixtures::*;
use crate::reports::Reports;

type Parity = fn(&usize) -> Option<usize>;

const PARITY: Parity = |event| Some(event % 2);

struct Half {
    half: ProducerHalf<usize>,
    out: Dispatched<usize>,
}

impl Half {
    fn new(partition: Partition<usize>) -> Self {
        let buffer = Buffer::new(100, WhenFull::DropOldest);
        Self {
            half: ProducerHalf::new(partition, buffer),
            out: Dispatched::default(),
        }
    }

    fn of(partitions: usize, hash: Parity) -> Self {
        Self::new(Partition::new(0..partitions, hash).unwrap())
    }

    fn subscribe(&mut self, partition: usize) -> SubscriptionId {
        let id = SubscriptionId::next();
        self.half.on_subscribe(id, Some(partition)).unwrap();
        id
    }

    fn ask(&mut self, id: SubscriptionId, n: usize) -> usize {
        self.half.on_ask(id, n, &mut self.out);
        self.half.take_demand()
    }

    fn cancel(&mut self, id: SubscriptionId) -> usize {
        self.half.on_cancel(id, &mut self.out);
        self.half.take_demand()
    }

    fn dispatch(&mut self, events: impl IntoIterator<Item = usize>) {
        self.half
            .on_emit(&mut events.into_iter().collect(), &mut self.out);
    }

    /// (owed, orphaned), GenStage's `waiting` and `pending`.
    fn account(&self) -> (usize, usize) {
        (self.half.owed(), self.half.orphaned())
    }

    fn delivered(&mut self) -> Vec<(SubscriptionId, Vec<usize>)> {
        let mut delivered = std::mem::take(&mut self.out.deliveries);
        delivered.sort_by_key(|(id, _)| *id);
        delivered
    }
}

/// Departure: GenStage queues for partitions that nobody serves; here events without any demand wait in the buffer.
#[test]
fn gs_145_orphaned_demand_is_used_again_and_nothing_is_lost() {
    let mut half = Half::of(2, PARITY);
    let a = half.subscribe(0);
    assert_eq!((half.ask(a, 10), half.cancel(a)), (10, 0));
    let b = half.subscribe(1);
    assert_eq!((half.ask(b, 5), half.half.orphaned()), (0, 5));
    assert_eq!((half.cancel(b), half.half.orphaned()), (0, 10));
    half.dispatch(0..4);
    assert_eq!(
        (
            half.half.orphaned(),
            half.half.buffered(),
            half.delivered().len()
        ),
        (6, 4, 0)
    );
}

#[test]
fn gs_146_one_partition_is_served_up_to_its_demand() {
    let mut half = Half::of(1, |_| Some(0));
    let a = half.subscribe(0);
    assert_eq!(half.ask(a, 3), 3);
    half.dispatch([1]);
    assert_eq!(
        (half.delivered(), half.account()),
        (vec![(a, vec![1])], (2, 0))
    );
    assert_eq!((half.ask(a, 3), half.account()), (3, (5, 0)));
    half.dispatch([2, 5, 6, 7, 8, 9, 11]);
    assert_eq!(half.delivered(), [(a, vec![2, 5, 6, 7, 8])]);
    assert_eq!((half.half.buffered(), half.account()), (2, (0, 0)));
}

#[test]
fn gs_147_a_partition_by_parity() {
    let mut half = Half::of(2, PARITY);
    let odd = half.subscribe(1);
    assert_eq!(half.ask(odd, 3), 3);
    half.dispatch([1]);
    assert_eq!(
        (half.delivered(), half.account()),
        (vec![(odd, vec![1])], (2, 0))
    );
    assert_eq!((half.ask(odd, 3), half.account()), (3, (5, 0)));
    half.dispatch([5, 7, 9, 11, 13, 15, 17]);
    assert_eq!(half.delivered(), [(odd, vec![5, 7, 9, 11, 13])]);
    assert_eq!((half.half.buffered(), half.account()), (2, (0, 0)));
}

#[test]
fn gs_148_an_event_of_no_partition_costs_no_demand() {
    let mut half = Half::of(2, |event| (event % 3 != 0).then_some(event % 2));
    let (even, odd) = (half.subscribe(0), half.subscribe(1));
    assert_eq!((half.ask(even, 4), half.ask(odd, 4)), (4, 4));
    half.dispatch(1..=12);
    let expected = vec![(even, vec![2, 4, 8, 10]), (odd, vec![1, 5, 7, 11])];
    assert_eq!((half.delivered(), half.out.unwanted), (expected, 3));
    assert_eq!((half.half.buffered(), half.account()), (1, (0, 0)));
}

/// Departure: the events of a partition without a consumer do not use the demand of the others.
#[test]
fn gs_149_events_of_another_partition_wait_and_the_demand_is_told_again() {
    let mut half = Half::of(2, PARITY);
    let odd = half.subscribe(1);
    assert_eq!(half.ask(odd, 5), 5);
    half.dispatch([0, 2, 4, 6, 8]);
    assert_eq!((half.delivered().len(), half.half.take_demand()), (0, 5));
    half.dispatch([10, 12]);
    let even = half.subscribe(0);
    assert_eq!(
        half.ask(even, 5),
        2,
        "all but what the odd one still waits for is served"
    );
    assert_eq!(half.delivered(), [(even, vec![0, 2, 4, 6, 8])]);
    assert_eq!(half.half.buffered(), 2);
}

#[test]
fn gs_157_bad_partitions_are_refused_by_name() {
    let none = Partition::<usize>::new([], PARITY).unwrap_err();
    assert_eq!(none, PartitionsError::None);
    let twice = Partition::<usize>::new([1, 2, 1], PARITY).unwrap_err();
    assert_eq!(twice.to_string(), "partitions: 1 is named twice");
}

#[test]
fn gs_158_bad_subscriptions_are_refused_with_the_reason() {
    let mut half = Half::of(2, PARITY);
    half.subscribe(0);
    let mut refused = |key: Option<usize>| {
        half.half
            .on_subscribe(SubscriptionId::next(), key)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(None),
        "it names no partition; subscribe with `.partition(name)`"
    );
    assert_eq!(refused(Some(0)), "the partition 0 is taken");
    assert_eq!(refused(Some(2)), "there is no partition 2");
}

#[test]
fn a_full_queue_drops_or_holds_back_by_its_policy() {
    let partition =
        |when_full| Half::new(Partition::new(0..2, PARITY).unwrap().queue(2, when_full));
    for (when_full, kept) in [
        (WhenFull::DropOldest, vec![4, 6]),
        (WhenFull::DropNewest, vec![0, 2]),
    ] {
        let mut half = partition(when_full);
        let odd = half.subscribe(1);
        half.ask(odd, 3);
        half.dispatch([0, 2, 4, 6, 1]);
        assert_eq!(
            (half.delivered(), half.out.discarded),
            (vec![(odd, vec![1])], 2)
        );
        let even = half.subscribe(0);
        half.ask(even, 9);
        assert_eq!(half.delivered(), [(even, kept)]);
    }
    let mut half = partition(WhenFull::HoldBack);
    let odd = half.subscribe(1);
    assert_eq!(half.ask(odd, 3), 3);
    half.dispatch([0, 2, 4, 1]);
    assert_eq!(
        (
            half.delivered().len(),
            half.half.buffered(),
            half.half.take_demand()
        ),
        (0, 4, 0)
    );
    let even = half.subscribe(0);
    half.ask(even, 9);
    let served = half.delivered();
    let of = |id| {
        served
            .iter()
            .filter(move |(to, _)| *to == id)
            .flat_map(|(_, batch)| batch.clone())
    };
    assert_eq!(
        (of(even).collect::<Vec<_>>(), of(odd).collect::<Vec<_>>()),
        (vec![0, 2, 4], vec![1])
    );
    assert_eq!(half.half.buffered(), 0);
}

#[test]
fn several_consumers_share_a_partition_and_a_key_stays_with_one() {
    let keyed = Partition::new([0], |_: &usize| Some(0))
        .unwrap()
        .keyed(|event| (event % 10) as u64);
    let mut half = Half::new(keyed);
    let consumers = [half.subscribe(0), half.subscribe(0), half.subscribe(0)];
    for id in consumers {
        half.ask(id, 100);
    }
    half.dispatch(0..100);
    let mut owner = std::collections::HashMap::new();
    let mut seen = 0;
    for (id, batch) in half.delivered() {
        assert!(batch.windows(2).all(|two| two[0] < two[1]));
        for event in batch {
            seen += 1;
            assert_eq!(*owner.entry(event % 10).or_insert(id), id, "a key moved");
        }
    }
    assert_eq!(seen, 100);
    // What waits for one that leaves goes to the others.
    let queued = half.half.buffered();
    half.dispatch(100..400);
    half.cancel(consumers[0]);
    for id in &consumers[1..] {
        half.ask(*id, 1000);
    }
    let served: usize = half.delivered().iter().map(|(_, batch)| batch.len()).sum();
    assert_eq!((served, half.half.buffered(), queued), (300, 0, 0));
}

/// Ten keys in one partition, by the last digit, and demand for another one, so that all is dispatched.
fn by_digit() -> Half {
    let all_in_one = Partition::new(0..2, |_: &usize| Some(0)).unwrap();
    let mut half = Half::new(all_in_one.keyed(|event| (event % 10) as u64));
    let elsewhere = half.subscribe(1);
    half.ask(elsewhere, 1000);
    half
}

#[test]
fn what_waits_of_a_key_moves_with_it_so_its_order_holds_whoever_comes_and_goes() {
    let mut half = by_digit();
    let silent = half.subscribe(0);
    half.dispatch(0..20);
    let [one, other] = [half.subscribe(0), half.subscribe(0)];
    half.ask(one, 5);
    half.dispatch(20..40);
    half.ask(other, 100);
    half.dispatch(40..60);
    half.cancel(silent);
    half.ask(one, 100);
    half.cancel(other);
    let mut seen = std::collections::HashMap::<_, Vec<usize>>::new();
    for (id, batch) in half.delivered() {
        for event in batch {
            seen.entry((id, event % 10)).or_default().push(event);
        }
    }
    let is_ordered = |events: &Vec<usize>| events.windows(2).all(|two| two[0] < two[1]);
    assert!(seen.values().all(is_ordered), "{seen:?}");
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 60);
}

#[test]
fn a_mark_waits_for_what_has_moved_to_another_lane() {
    let mut half = by_digit();
    let [leaver, silent] = [half.subscribe(0), half.subscribe(0)];
    half.dispatch(0..40);
    assert!(half.half.mark());
    half.cancel(leaver);
    assert_eq!((half.half.buffered(), half.out.passed), (40, 0));
    half.ask(silent, 39);
    assert_eq!((half.half.buffered(), half.out.passed), (1, 0));
    half.ask(silent, 1);
    assert_eq!((half.half.buffered(), half.out.passed), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn gs_155_156_gsx_07_a_bad_hash_rejects_its_event_and_the_producer_lives() {
    let hash = |event: &usize| {
        assert!(*event != 3, "no threes");
        Some(event % 5)
    };
    let reports = Reports::gather();
    let silent = producer(Silent(no_log()))
        .dispatcher(Partition::new(0..2, hash).unwrap())
        .spawn()
        .unwrap();
    let mut edge = silent.partition(0).subscribe();
    edge.request(9.try_into().unwrap());
    rest().await;
    silent.call(Queue(vec![0, 3, 2, 5])).await.unwrap();
    let reported = reports.take(&["the dispatcher reports"]);
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(reported[0].contains("the hash panicked"));
    assert!(reported[1].contains("the hash names an unknown partition: 2"));
    assert_eq!(edge.next().await.unwrap().unwrap(), [0, 5]);
    assert_eq!(
        (silent.stats().rejected, silent.exit().is_none()),
        (2, true)
    );
    silent.abort();
}

#[tokio::test]
async fn asks_that_came_together_are_told_together_so_that_batches_stay_whole() {
    let partition = Partition::new(0..2, PARITY).unwrap();
    let counter = producer(Counter::new()).dispatcher(partition).spawn();
    let counter = counter.unwrap();
    let mut edges = [0, 1].map(|name| counter.partition(name).subscribe());
    for edge in &mut edges {
        edge.request(4.try_into().unwrap());
    }
    let [mut even, mut odd] = edges;
    assert_eq!(even.next().await.unwrap().unwrap(), [0, 2, 4, 6]);
    assert_eq!(odd.next().await.unwrap().unwrap(), [1, 3, 5, 7]);
    counter.abort();
}

#[tokio::test]
async fn gsx_07_a_refused_subscription_hears_why_and_harms_nobody() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new())
        .dispatcher(Partition::new(0..1, |_: &usize| Some(0)).unwrap())
        .spawn()
        .unwrap();
    let mut edge = counter.partition(0).subscribe();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&counter.partition(0), temporary())
        .spawn()
        .unwrap();
    let (_, end) = saw.cancelled().await;
    assert!(
        matches!(&end, End::Cancelled(Cancel::Failed(error)) if error.to_string() == "the partition 0 is taken"),
        "{end:?}"
    );
    edge.request(2.try_into().unwrap());
    assert_eq!(edge.next().await.unwrap().unwrap(), [0, 1]);
    assert!(sink.exit().is_none());
    counter.abort();
    sink.abort();
}

#[tokio::test]
async fn gsx_03_events_of_no_partition_never_starve_a_consumer() {
    let (log, mut saw) = log();
    let hash = |event: &usize| event.is_multiple_of(2).then_some(0);
    let counter = producer(Counter::new())
        .dispatcher(Partition::new([0], hash).unwrap())
        .spawn()
        .unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter.partition(0), window(10, 5))
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    while all.len() < 5_000 {
        all.extend(saw.batch().await);
    }
    assert!(all.iter().enumerate().all(|(at, event)| *event == 2 * at));
    counter.abort();
}

#[tokio::test]
async fn gsx_04_a_partition_without_a_consumer_stops_nobody() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new())
        .dispatcher(
            Partition::new(0..2, PARITY)
                .unwrap()
                .queue(10, WhenFull::DropOldest),
        )
        .spawn()
        .unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter.partition(0), window(10, 5))
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    while all.len() < 5_000 {
        all.extend(saw.batch().await);
    }
    assert!(all.iter().enumerate().all(|(at, event)| *event == 2 * at));
    assert!(counter.stats().buffered <= 10 + 1);
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_06_a_leavers_queue_waits_for_the_next_of_its_partition() {
    let silent = producer(Silent(no_log()))
        .dispatcher(Partition::new(0..2, PARITY).unwrap())
        .spawn()
        .unwrap();
    let mut even = silent.partition(0).subscribe();
    let mut odd = silent.partition(1).subscribe();
    even.request(10.try_into().unwrap());
    odd.request(10.try_into().unwrap());
    rest().await;
    silent
        .call(Queue((0..20).map(|event| 2 * event).collect()))
        .await
        .unwrap();
    assert_eq!(even.next().await.unwrap().unwrap().len(), 10);
    drop(even);
    rest().await;
    let mut next = silent.partition(0).subscribe();
    next.request(10.try_into().unwrap());
    let expected: Vec<usize> = (10..20).map(|event| 2 * event).collect();
    assert_eq!(next.next().await.unwrap().unwrap(), expected);
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_08_a_small_consumer_beside_a_greedy_one_is_served() {
    let silent = producer(Silent(no_log()))
        .dispatcher(Fair::default())
        .spawn()
        .unwrap();
    let (mut large, mut small) = (silent.subscribe(), silent.subscribe());
    large.request(100.try_into().unwrap());
    small.request(10.try_into().unwrap());
    rest().await;
    let mut received = [0; 2];
    for _ in 0..5 {
        silent.call(Queue(numbers(0..20))).await.unwrap();
    }
    rest().await;
    for (edge, received) in [&mut large, &mut small].into_iter().zip(&mut received) {
        while let Some(Ok(Some(events))) = futures::FutureExt::now_or_never(edge.next()) {
            *received += events.len();
        }
    }
    assert_eq!(received[0] + received[1], 100);
    assert!(received[1] >= 5, "{received:?}");
    silent.abort();
}
