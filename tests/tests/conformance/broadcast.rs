//! The Broadcast dispatcher: alone by its unit cases, and on running stages.

use stage::protocol::{Buffer, Dispatched, Dispatcher, ProducerHalf};
use stage::{
    Broadcast, Cancel, End, SubscriptionId, WhenFull, consumer, producer, producer_consumer,
};

use crate::fixtures::*;

/// The dispatcher and the demand told to its producer. As in GenStage's unit cases, what is delivered pays it.
struct Alone {
    dispatcher: Broadcast<char>,
    out: Dispatched<char>,
    requested: usize,
}

impl Alone {
    fn new() -> Self {
        Self {
            dispatcher: Broadcast::new(),
            out: Dispatched::default(),
            requested: 0,
        }
    }

    fn subscribe(&mut self) -> SubscriptionId {
        let id = SubscriptionId::next();
        self.dispatcher.subscribe(id, None).unwrap();
        id
    }

    /// Returns the demand that goes upstream now.
    fn upstream(&mut self) -> usize {
        let more = self.dispatcher.wanted().saturating_sub(self.requested);
        self.requested += more;
        more
    }

    fn ask(&mut self, id: SubscriptionId, n: usize) -> usize {
        self.dispatcher.ask(id, n, &mut self.out);
        self.upstream()
    }

    fn cancel(&mut self, id: SubscriptionId) -> usize {
        self.dispatcher.cancel(id, &mut self.out);
        self.upstream()
    }

    /// GenStage's `waiting` and `requested`.
    fn state(&self) -> (usize, usize) {
        (self.dispatcher.wanted(), self.requested)
    }

    /// Dispatches, checks that each consumer gets `expected`, and returns the leftover.
    fn dispatch(&mut self, events: &str, consumers: &[SubscriptionId], expected: &str) -> String {
        let mut events = events.chars().collect();
        self.dispatcher.dispatch(&mut events, &mut self.out);
        let mut delivered: Vec<_> = self.out.deliveries.drain(..).collect();
        delivered.sort_by_key(|(id, _)| *id);
        let expected: Vec<_> = consumers
            .iter()
            .filter(|_| !expected.is_empty())
            .map(|id| (*id, expected.chars().collect::<Vec<_>>()))
            .collect();
        assert_eq!(delivered, expected);
        self.requested -= expected.first().map_or(0, |(_, batch)| batch.len());
        events.into_iter().collect()
    }
}

#[test]
fn gs_134_subscribing_and_leaving_ask_for_nothing() {
    let mut alone = Alone::new();
    let a = alone.subscribe();
    assert_eq!((alone.upstream(), alone.state()), (0, (0, 0)));
    assert_eq!((alone.cancel(a), alone.state()), (0, (0, 0)));
}

/// Departure: GenStage keeps `requested` at 10 here; a leftover pays it, see `gsx_01`.
#[test]
fn gs_135_without_consumers_all_is_left_over() {
    let mut half = ProducerHalf::new(Broadcast::new(), Buffer::new(100, WhenFull::DropOldest));
    let (mut out, a) = (Dispatched::default(), SubscriptionId::next());
    half.on_subscribe(a, None::<()>).unwrap();
    half.on_ask(a, 10, &mut out);
    assert_eq!(half.take_demand(), 10);
    half.on_cancel(a, &mut out);
    assert_eq!((half.take_demand(), half.owed()), (0, 10));
    half.on_emit(&mut vec!['a', 'b', 'c'], &mut out);
    assert_eq!((half.owed(), half.buffered(), out.is_empty()), (7, 3, true));
}

#[test]
fn gs_136_a_newcomer_uses_what_a_leaver_had_requested() {
    let mut alone = Alone::new();
    let a = alone.subscribe();
    assert_eq!((alone.ask(a, 10), alone.state()), (10, (10, 10)));
    let b = alone.subscribe();
    assert_eq!((alone.upstream(), alone.state()), (0, (0, 10)));
    assert_eq!((alone.cancel(a), alone.state()), (0, (0, 10)));
    assert_eq!((alone.ask(b, 10), alone.state()), (0, (10, 10)));
}

#[test]
fn gs_137_a_silent_consumer_that_leaves_frees_the_others() {
    let mut alone = Alone::new();
    let (a, b) = (alone.subscribe(), alone.subscribe());
    assert_eq!((alone.ask(a, 10), alone.state()), (0, (0, 0)));
    assert_eq!((alone.cancel(b), alone.state()), (10, (10, 10)));
    assert_eq!((alone.ask(a, 10), alone.state()), (10, (20, 20)));
}

#[test]
fn gs_138_the_slowest_sets_the_pace() {
    let mut alone = Alone::new();
    let (a, b) = (alone.subscribe(), alone.subscribe());
    assert_eq!((alone.ask(a, 3), alone.ask(b, 2)), (0, 2));
    assert_eq!(alone.state(), (2, 2));
    assert_eq!(alone.dispatch("ab", &[a, b], "ab"), "");
    assert_eq!(alone.state(), (0, 0));
    assert_eq!(alone.ask(b, 2), 1);
    assert_eq!(alone.dispatch("cd", &[a, b], "c"), "d");
    assert_eq!(alone.state(), (0, 0));
    assert_eq!(alone.dispatch("d", &[a, b], ""), "d");
    assert_eq!(alone.ask(a, 1), 1);
    let c = alone.subscribe();
    assert_eq!(alone.dispatch("de", &[a, b], ""), "de");
    assert_eq!(alone.state(), (0, 1));
    assert_eq!(
        (alone.ask(a, 2), alone.ask(b, 2), alone.ask(c, 3)),
        (0, 0, 2)
    );
    assert_eq!(alone.dispatch("def", &[a, b, c], "def"), "");
    assert_eq!(alone.state(), (0, 0));
}

#[test]
fn gs_140_orphaned_requests_pay_the_newcomer() {
    let mut alone = Alone::new();
    let a = alone.subscribe();
    assert_eq!((alone.ask(a, 10), alone.cancel(a)), (10, 0));
    assert_eq!(alone.state(), (0, 10));
    let b = alone.subscribe();
    assert_eq!((alone.ask(b, 5), alone.state()), (0, (5, 10)));
    assert_eq!(alone.dispatch("abc", &[b], "abc"), "");
    assert_eq!(alone.state(), (2, 7));
}

#[test]
fn gs_141_what_was_asked_beside_a_silent_one_flows_when_it_leaves() {
    let mut alone = Alone::new();
    let a = alone.subscribe();
    assert_eq!(alone.ask(a, 10), 10);
    let b = alone.subscribe();
    assert_eq!((alone.ask(a, 5), alone.state()), (0, (0, 10)));
    assert_eq!((alone.cancel(b), alone.state()), (5, (15, 15)));
}

/// Departure: GenStage refuses the second subscription of one consumer; here each is an edge of its own.
#[tokio::test(start_paused = true)]
async fn gs_144_two_subscriptions_of_one_consumer_both_get_each_event() {
    let ((log, mut saw), (producer_log, mut producer_saw)) = (log(), log());
    let silent = producer(Silent(producer_log))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let [first, second] = [10, 4].map(|max| sink.subscribe_to(&silent, window(max, 0)).unwrap());
    assert_ne!(first, second);
    rest().await;
    silent.call(Queue(numbers(0..4))).await.unwrap();
    assert_eq!(saw.batches_at_rest().await, [numbers(0..4), numbers(0..4)]);
    let asked: Vec<_> = sink.edges().iter().map(|edge| edge.asked).collect();
    assert_eq!(asked, [10, 4 + 4]);
    assert_eq!(producer_saw.demand().await, 10);
    silent.abort();
}

#[tokio::test]
async fn gs_006_both_see_the_same_batches() {
    let counter = producer(Counter::new())
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let mut saws = Vec::new();
    for max in [10, 20] {
        let (log, saw) = log();
        let sink = consumer(Forwarder(log)).spawn().unwrap();
        sink.subscribe_to(&counter, window(max, 0)).unwrap();
        saws.push(saw);
    }
    for saw in &mut saws {
        saw.until(&numbers(1000..1010)).await;
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_008_what_the_slowest_has_not_taken_is_not_asked_for() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    for (max, heard) in [(10, Some(10)), (20, None)] {
        let sink = consumer(Forwarder(no_log())).spawn().unwrap();
        sink.subscribe_to(&silent, window(max, 0)).unwrap();
        let demands = saw.at_rest().await.into_iter().map(|seen| match seen {
            Seen::Demand(n) => n,
            other => panic!("{other:?}"),
        });
        assert_eq!(demands.collect::<Vec<_>>(), Vec::from_iter(heard));
    }
    silent.abort();
}

#[tokio::test]
async fn gs_015_a_producer_consumer_broadcasts_what_it_makes() {
    let counter = producer(Counter::new()).spawn().unwrap();
    let doubler = producer_consumer(Doubler(no_log()))
        .dispatcher(Broadcast::new())
        .subscribe_to(&counter, window(10, 5))
        .spawn()
        .unwrap();
    let mut saws = Vec::new();
    for max in [10, 20] {
        let (log, saw) = log();
        let sink = consumer(Forwarder(log)).spawn().unwrap();
        sink.subscribe_to(&doubler, window(max, 0)).unwrap();
        saws.push(saw);
    }
    for saw in &mut saws {
        saw.until(&doubled(200..205)).await;
    }
    counter.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_01_a_newcomer_gets_the_buffered_events_first_and_in_order() {
    let silent = producer(Silent(no_log()))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let mut first = silent.subscribe();
    first.request(10.try_into().unwrap());
    rest().await;
    drop(first);
    silent.call(Queue(numbers(1..11))).await.unwrap();
    let mut second = silent.subscribe();
    second.request(10.try_into().unwrap());
    assert_eq!(second.next().await.unwrap().unwrap(), numbers(1..11));
    silent.call(Queue(numbers(11..13))).await.unwrap();
    second.request(10.try_into().unwrap());
    assert_eq!(second.next().await.unwrap().unwrap(), numbers(11..13));
    silent.call(Queue(numbers(13..21))).await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), numbers(13..21));
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_costs_no_demand() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let mut even = silent.select(|event| event % 2 == 0).subscribe();
    even.request(10.try_into().unwrap());
    assert_eq!(saw.demand().await, 10);
    silent.call(Queue(numbers(1..11))).await.unwrap();
    assert_eq!(even.next().await.unwrap().unwrap(), [2, 4, 6, 8, 10]);
    assert_eq!(saw.demand().await, 5);
    silent.call(Queue(vec![11, 13, 15])).await.unwrap();
    assert_eq!(saw.demand().await, 3);
    assert_eq!(silent.stats().unwanted, 8);
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_07_a_selector_that_panics_ends_its_own_subscription_alone() {
    let ((bad_log, mut bad_saw), (log, mut saw)) = (log(), log());
    let silent = producer(Silent(no_log()))
        .dispatcher(Broadcast::new())
        .spawn()
        .unwrap();
    let bad_outlet = silent.select(|event| {
        assert!(*event != 3, "no threes");
        true
    });
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&silent, window(100, 0))
        .spawn()
        .unwrap();
    let _bad = consumer(Forwarder(bad_log))
        .subscribe_to(&bad_outlet, temporary())
        .spawn()
        .unwrap();
    rest().await;
    silent.call(Queue(vec![1, 2])).await.unwrap();
    silent.call(Queue(vec![3, 4])).await.unwrap();
    silent.call(Queue(vec![5])).await.unwrap();
    assert_eq!(
        saw.batches_at_rest().await,
        [vec![1, 2], vec![3, 4], vec![5]]
    );
    assert_eq!(bad_saw.batch().await, [1, 2]);
    let (_, end) = bad_saw.cancelled().await;
    assert!(
        matches!(&end, End::Cancelled(Cancel::Failed(error)) if error.to_string() == "its selector panicked"),
        "{end:?}"
    );
    assert!(silent.exit().is_none());
    silent.abort();
}
