//! Messages that wait behind the events a stage holds: GenStage's infos, `cast_behind` here.

use stage::protocol::{Buffer, Dispatched, ProducerHalf};
use stage::{
    Broadcast, Context, Exit, Handler, Partition, ProducerHandle, Subscribe, SubscriptionId,
    WhenFull, consumer, producer, producer_consumer,
};

use crate::fixtures::*;

/// Logged as a demand, to tell it from batches.
struct Info(usize);

impl Handler<Info, usize> for Silent {
    type Reply = ();

    async fn handle(&mut self, Info(n): Info, _: &mut Context<usize>) {
        let _test_over = self.0.send(Seen::Demand(n));
    }
}

/// The last events that a stage emits.
struct Last(Vec<usize>);

impl Handler<Last, usize> for Silent {
    type Reply = ();

    async fn handle(&mut self, Last(events): Last, cx: &mut Context<usize>) {
        cx.emit_all(events);
        cx.complete();
    }
}

impl Handler<Info, usize> for Identity {
    type Reply = ();

    async fn handle(&mut self, Info(n): Info, _: &mut Context<usize>) {
        let _test_over = self.0.send(Seen::Demand(n));
    }
}

impl Handler<Info, usize> for Doubler {
    type Reply = ();

    async fn handle(&mut self, Info(n): Info, _: &mut Context<usize>) {
        let _test_over = self.0.send(Seen::Demand(n));
    }
}

impl Handler<Info> for Forwarder {
    type Reply = ();

    async fn handle(&mut self, Info(n): Info, _: &mut Context) {
        let _test_over = self.0.send(Seen::Demand(n));
    }
}

/// The infos among what was logged; demands of the protocol are below 1000.
const INFO: usize = 1_000_000;

async fn infos(saw: &mut Saw) -> Vec<usize> {
    let info = |seen| match seen {
        Seen::Demand(n) if n >= INFO => Some(n - INFO),
        _ => None,
    };
    saw.at_rest().await.into_iter().filter_map(info).collect()
}

#[tokio::test(start_paused = true)]
async fn gs_032_a_consumer_handles_an_info_at_once() {
    let (log, mut saw) = log();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    sink.cast_behind(Info(INFO)).unwrap();
    sink.cast_behind(Info(INFO + 1)).unwrap();
    assert_eq!(infos(&mut saw).await, [0, 1]);
    sink.abort();
}

#[tokio::test]
async fn gs_033_a_flowing_producer_consumer_handles_an_info_promptly() {
    let ((middle_log, mut middle), (log, mut saw)) = (log(), log());
    let counter = producer(Counter::new()).spawn().unwrap();
    let doubler = producer_consumer(Doubler(middle_log))
        .subscribe_to(&counter, window(10, 5))
        .spawn()
        .unwrap();
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&doubler, window(10, 5))
        .spawn()
        .unwrap();
    saw.batch().await;
    for info in [INFO, INFO + 1] {
        doubler.cast_behind(Info(info)).unwrap();
        assert_eq!(middle.demand().await, info);
        saw.batch().await;
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_034_an_info_waits_behind_what_a_producer_consumer_has_not_processed() {
    let (log, mut saw) = log();
    let silent = producer(Silent(no_log())).spawn().unwrap();
    let identity = producer_consumer(Identity(log))
        .subscribe_to(&silent, window(20, 0))
        .spawn()
        .unwrap();
    rest().await;
    silent.call(Queue(numbers(0..10))).await.unwrap();
    rest().await;
    identity.cast_behind(Info(INFO)).unwrap();
    identity.cast_behind(Info(INFO + 1)).unwrap();
    assert!(infos(&mut saw).await.is_empty());
    let _sink = consumer(Forwarder(no_log()))
        .subscribe_to(&identity, window(20, 0))
        .spawn()
        .unwrap();
    assert_eq!(infos(&mut saw).await, [0, 1]);
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_035_an_empty_buffer_delays_nothing() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    silent.cast_behind(Info(INFO)).unwrap();
    silent.cast_behind(Info(INFO + 1)).unwrap();
    assert_eq!(infos(&mut saw).await, [0, 1]);
    silent.abort();
}

async fn buffered(capacity: usize, events: usize) -> (ProducerHandle<Silent>, Saw) {
    let (log, saw) = log();
    let silent = producer(Silent(log))
        .buffer(capacity, WhenFull::DropOldest)
        .spawn()
        .unwrap();
    silent.call(Queue(numbers(0..events))).await.unwrap();
    (silent, saw)
}

/// GS-036 to GS-039: the buffers differ, the rule does not.
#[tokio::test(start_paused = true)]
async fn gs_036_037_038_039_an_info_comes_after_what_was_buffered_before_it() {
    for (capacity, events) in [(100, 3), (3, 1), (3, 2), (3, 3)] {
        let ((silent, mut saw), (log, mut sink_saw)) = (buffered(capacity, events).await, log());
        silent.cast_behind(Info(INFO)).unwrap();
        assert!(infos(&mut saw).await.is_empty());
        let _sink = consumer(Forwarder(log))
            .subscribe_to(&silent, Subscribe::default())
            .spawn()
            .unwrap();
        assert_eq!(sink_saw.batch().await, numbers(0..events));
        assert_eq!(infos(&mut saw).await, [0]);
        silent.abort();

        // Taken one by one, the info comes with the last of them and no sooner.
        let (silent, mut saw) = buffered(capacity, events).await;
        silent.cast_behind(Info(INFO)).unwrap();
        let mut edge = silent.subscribe();
        for event in 0..events {
            assert!(infos(&mut saw).await.is_empty());
            edge.request(1.try_into().unwrap());
            assert_eq!(edge.next().await.unwrap(), Some(vec![event]));
        }
        assert_eq!(infos(&mut saw).await, [0]);
        silent.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn gs_041_an_info_comes_when_what_was_before_it_is_displaced() {
    let (silent, mut saw) = buffered(3, 2).await;
    silent.cast_behind(Info(INFO)).unwrap();
    assert!(infos(&mut saw).await.is_empty());
    let _edge = silent.subscribe();
    silent.call(Queue(numbers(2..4))).await.unwrap();
    assert!(infos(&mut saw).await.is_empty(), "one of the two is left");
    silent.call(Queue(numbers(4..5))).await.unwrap();
    assert_eq!(infos(&mut saw).await, [0]);
    silent.abort();
}

fn filled(capacity: usize, events: std::ops::Range<usize>) -> Buffer<usize> {
    let mut buffer = Buffer::new(capacity, WhenFull::DropOldest);
    assert_eq!(buffer.store(&mut events.collect()), 0);
    buffer
}

/// GS-159 and GSX-30: what is counted is events alone.
#[test]
fn gs_159_gsx_30_marks_are_not_counted() {
    for when_full in [
        WhenFull::HoldBack,
        WhenFull::DropOldest,
        WhenFull::DropNewest,
        WhenFull::Fail,
    ] {
        let mut buffer = Buffer::new(10, when_full);
        assert_eq!(buffer.store(&mut numbers(0..2)), 0);
        assert!(buffer.mark() && buffer.mark());
        assert_eq!((buffer.len(), buffer.room(0)), (2, 8));
        let partition = Partition::new([0], |_: &usize| Some(0)).unwrap();
        let mut half = ProducerHalf::new(partition.queue(10, when_full), buffer);
        assert_eq!(half.buffered(), 2);
        let id = SubscriptionId::next();
        half.on_subscribe(id, Some(0)).unwrap();
        assert!(half.mark());
        assert_eq!(half.buffered(), 2);
    }
}

#[test]
fn gs_163_displaced_events_pass_their_marks() {
    let mut buffer = filled(3, 0..2);
    assert!(buffer.mark() && buffer.mark());
    assert_eq!(buffer.store(&mut vec![2, 3, 4]), 2);
    assert_eq!(buffer.take_passed(), 2);
}

#[test]
fn gs_164_an_empty_buffer_takes_no_mark() {
    assert!(!filled(3, 0..0).mark());
}

#[test]
fn gs_165_nothing_comes_from_an_empty_buffer() {
    assert!(filled(3, 0..0).take(5).is_empty());
}

#[test]
fn gs_166_what_is_behind_a_mark_is_not_taken_over_it() {
    let mut buffer = filled(10, 0..2);
    assert!(buffer.mark());
    assert_eq!(buffer.store(&mut vec![2]), 0);
    let taken = buffer.take(5);
    assert_eq!((taken.as_slice(), buffer.take_passed()), (&[0, 1][..], 1));
    assert_eq!(buffer.take(5 - taken.len()), [2]);
    assert_eq!(buffer.take_passed(), 0);
}

/// What stands behind an info in the buffer is a batch of its own, and is not lost.
#[tokio::test(start_paused = true)]
async fn an_info_parts_two_batches() {
    let (silent, mut saw) = buffered(10, 2).await;
    silent.cast_behind(Info(INFO)).unwrap();
    rest().await;
    silent.call(Queue(vec![2])).await.unwrap();
    let mut edge = silent.subscribe();
    edge.request(5.try_into().unwrap());
    assert_eq!(edge.next().await.unwrap(), Some(vec![0, 1]));
    assert_eq!(edge.next().await.unwrap(), Some(vec![2]));
    assert_eq!(infos(&mut saw).await, [0]);
    silent.abort();
}

/// The events before the info leave in the turn in which the stage completes, while it waits for those whose demand was paid
/// in part to ask anew.
#[tokio::test(start_paused = true)]
async fn an_info_comes_before_the_end_of_its_stage() {
    let (log, mut saw) = log();
    let partition = Partition::new([0, 1], |n: &usize| (*n < 2).then_some(*n)).unwrap();
    let silent = producer(Silent(log)).dispatcher(partition).spawn().unwrap();
    let [mut zeros, mut ones] = [0, 1].map(|name| silent.partition(name).subscribe());
    zeros.request(2.try_into().unwrap());
    silent.call(Queue(vec![1, 1])).await.unwrap();
    silent.cast_behind(Info(INFO)).unwrap();
    assert!(infos(&mut saw).await.is_empty());

    zeros.request(7.try_into().unwrap());
    silent.cast(Last(vec![0, 0, 0, 9, 9])).unwrap();
    ones.request(2.try_into().unwrap());
    assert_eq!(infos(&mut saw).await, [0]);
    assert!(matches!(silent.join().await, Exit::Completed));
}

#[test]
fn gs_167_marks_at_one_place_are_passed_together() {
    let mut buffer = filled(10, 0..2);
    assert!(buffer.mark() && buffer.mark() && buffer.mark());
    assert_eq!((buffer.take(5), buffer.take_passed()), (vec![0, 1], 3));
}

/// GS-132 and GS-143: Demand and Broadcast keep no queue, so nothing is before an info, and nothing changes.
#[test]
fn gs_132_143_dispatchers_without_queues_take_no_mark() {
    let buffer = || Buffer::<usize>::new(9, WhenFull::DropOldest);
    for mut half in [
        ProducerHalf::new(stage::DemandDispatcher::default(), buffer()),
        ProducerHalf::new(Broadcast::new(), buffer()),
    ] {
        let (id, mut out) = (SubscriptionId::next(), Dispatched::default());
        half.on_subscribe(id, None::<()>).unwrap();
        half.on_ask(id, 3, &mut out);
        assert!(!half.mark());
        assert_eq!((half.take_demand(), half.orphaned()), (3, 0));
        half.on_emit(&mut vec![0], &mut out);
        assert!(!half.mark());
        assert_eq!((half.owed(), half.buffered(), out.passed), (2, 0, 0));
        assert_eq!(out.deliveries, [(id, vec![0])]);
    }
}

/// What the backlog of a partition used of another's demand is told again at once, so the figure of GS-154's ask is
/// lower by as much, and the sum is the same.
#[test]
fn gs_152_153_154_a_partitions_queue_is_waited_for() {
    let partition = Partition::new(0..2, |event: &usize| Some(event % 2)).unwrap();
    let mut half = ProducerHalf::new(partition, Buffer::new(9, WhenFull::DropOldest));
    let mut out = Dispatched::default();
    assert!(!half.mark(), "no consumers and no queue");
    let [even, odd] = [0, 1].map(|partition: usize| {
        let id = SubscriptionId::next();
        half.on_subscribe(id, Some(partition)).unwrap();
        id
    });
    half.on_ask(odd, 3, &mut out);
    assert_eq!(half.take_demand(), 3);
    assert!(!half.mark(), "no queue");
    assert_eq!((half.owed(), half.buffered()), (3, 0));
    half.on_emit(&mut vec![0, 2, 4], &mut out);
    assert_eq!((half.take_demand(), half.buffered()), (3, 3));
    assert!(half.mark());
    half.on_ask(even, 2, &mut out);
    assert_eq!(out.passed, 0, "one is left");
    half.on_ask(even, 3, &mut out);
    assert_eq!((out.passed, half.take_demand()), (1, 2));
    assert_eq!(
        out.deliveries,
        [(even, vec![0, 2]), (even, vec![4])],
        "and nothing for the other"
    );
}
