//! The Demand dispatcher beneath a producer's half. GenStage's `pending` is `orphaned` here: what the producer owes and
//! nobody waits for.

use std::sync::{Arc, Mutex};

use stage::protocol::{Buffer, DemandDispatcher, Dispatched, Dispatcher, ProducerHalf, Refused};
use stage::{Broadcast, Exit, Fair, Subscribe, SubscriptionId, WhenFull, consumer, producer};

use crate::fixtures::*;
use crate::reports::Reports;

/// The dispatcher, which a case looks into while a half uses it.
#[derive(Debug, Default, Clone)]
struct Open(Arc<Mutex<DemandDispatcher>>);

impl Dispatcher<char> for Open {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        Dispatcher::<char>::subscribe(&mut *self.0.lock().unwrap(), id, None)
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<char>) {
        self.0.lock().unwrap().cancel(id, out);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<char>) {
        self.0.lock().unwrap().ask(id, n, out);
    }

    fn wanted(&self) -> usize {
        Dispatcher::<char>::wanted(&*self.0.lock().unwrap())
    }

    fn dispatch(&mut self, events: &mut Vec<char>, out: &mut Dispatched<char>) {
        self.0.lock().unwrap().dispatch(events, out);
    }
}

/// A half with room for every leftover of a case, and what it decided.
struct Half {
    half: ProducerHalf<char>,
    dispatcher: Open,
    out: Dispatched<char>,
}

impl Half {
    fn new() -> Self {
        let (buffer, dispatcher) = (Buffer::new(100, WhenFull::DropOldest), Open::default());
        Self {
            half: ProducerHalf::new(dispatcher.clone(), buffer),
            dispatcher,
            out: Dispatched::default(),
        }
    }

    fn subscribe(&mut self) -> SubscriptionId {
        let id = SubscriptionId::next();
        self.half.on_subscribe(id, None::<()>).unwrap();
        assert_eq!(self.half.take_demand(), 0);
        id
    }

    /// Asks and returns the demand that the producer then hears.
    fn ask(&mut self, id: SubscriptionId, n: usize) -> usize {
        self.half.on_ask(id, n, &mut self.out);
        self.half.take_demand()
    }

    fn cancel(&mut self, id: SubscriptionId) -> usize {
        self.half.on_cancel(id, &mut self.out);
        self.half.take_demand()
    }

    fn dispatch(&mut self, events: &str) {
        self.half
            .on_emit(&mut events.chars().collect(), &mut self.out);
        assert_eq!(self.out.discarded, 0);
    }

    fn delivered(&mut self) -> Vec<(SubscriptionId, String)> {
        let text = |(id, events): (_, Vec<char>)| (id, events.into_iter().collect());
        self.out.deliveries.drain(..).map(text).collect()
    }

    /// (orphaned, leftover)
    fn account(&self) -> (usize, usize) {
        (self.half.orphaned(), self.half.buffered())
    }

    /// What each consumer has asked for, in serving order.
    fn asked(&self) -> Vec<(SubscriptionId, usize)> {
        self.dispatcher.0.lock().unwrap().asked().to_vec()
    }
}

#[test]
fn gs_125_subscribing_and_leaving_ask_for_nothing() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!((half.asked(), half.account()), (vec![(a, 0)], (0, 0)));
    assert_eq!((half.cancel(a), half.account()), (0, (0, 0)));
    assert!(half.asked().is_empty());
}

#[test]
fn gs_126_orphaned_demand_is_used_again() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!((half.ask(a, 10), half.asked()), (10, vec![(a, 10)]));
    assert_eq!((half.cancel(a), half.account()), (0, (10, 0)));
    let a = half.subscribe();
    assert_eq!((half.ask(a, 5), half.account()), (0, (5, 0)));
    assert_eq!(half.asked(), [(a, 5)]);
    assert_eq!((half.cancel(a), half.account()), (0, (10, 0)));
    half.dispatch("abc");
    assert_eq!((half.account(), half.delivered().len()), ((7, 3), 0));
    half.dispatch("0123456789");
    assert_eq!((half.account(), half.delivered().len()), ((0, 13), 0));
}

#[test]
fn gs_127_a_leaver_leaves_its_demand_behind() {
    let mut half = Half::new();
    let (a, b) = (half.subscribe(), half.subscribe());
    assert_eq!((half.ask(a, 3), half.ask(b, 3)), (3, 3));
    assert_eq!(half.asked(), [(a, 3), (b, 3)]);
    assert_eq!((half.cancel(a), half.account()), (0, (3, 0)));
    assert_eq!(half.asked(), [(b, 3)]);
    half.dispatch("abcde");
    assert_eq!(half.delivered(), [(b, "abc".to_owned())]);
    assert_eq!((half.asked(), half.account()), (vec![(b, 0)], (1, 2)));
}

#[test]
fn gs_128_what_was_not_asked_for_is_left_over() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!(half.ask(a, 3), 3);
    half.dispatch("a");
    assert_eq!(half.asked(), [(a, 2)]);
    assert_eq!((half.ask(a, 3), half.asked()), (3, vec![(a, 5)]));
    half.dispatch("bcdefgh");
    assert_eq!((half.asked(), half.account()), (vec![(a, 0)], (0, 2)));
    half.dispatch("ij");
    assert_eq!(
        half.delivered(),
        [(a, "a".to_owned()), (a, "bcdef".to_owned())]
    );
    assert_eq!(half.account(), (0, 4));
}

#[test]
fn gs_129_the_largest_demand_comes_first() {
    let mut half = Half::new();
    let [a, b, c] = std::array::from_fn(|_| half.subscribe());
    for (id, n) in [(a, 4), (b, 2), (c, 3)] {
        assert_eq!(half.ask(id, n), n);
    }
    assert_eq!(half.asked(), [(a, 4), (c, 3), (b, 2)]);
    assert_eq!(half.ask(c, 2), 2);
    assert_eq!(half.asked(), [(c, 5), (a, 4), (b, 2)]);
    assert_eq!(half.ask(b, 4), 4);
    assert_eq!(half.asked(), [(b, 6), (c, 5), (a, 4)]);
    assert_eq!(half.account(), (0, 0));
}

/// Departure: the order is not shuffled. Whoever asked first is served first, and with `Fair` each gets its share of a
/// batch that is too small for all, so that nobody is always the last.
#[test]
fn gs_131_a_fair_order_stands_in_for_a_shuffled_one() {
    let mut half = Half::new();
    let (a, b) = (half.subscribe(), half.subscribe());
    assert_eq!((half.ask(a, 3), half.ask(b, 2)), (3, 2));
    half.dispatch("abcde");
    assert_eq!(
        half.delivered(),
        [(a, "abc".to_owned()), (b, "de".to_owned())]
    );

    let buffer = Buffer::new(100, WhenFull::DropOldest);
    let mut fair = ProducerHalf::<char>::new(Fair::default(), buffer);
    let (mut out, [a, b]) = (
        Dispatched::default(),
        [(); 2].map(|()| SubscriptionId::next()),
    );
    for (id, n) in [(a, 30), (b, 20)] {
        fair.on_subscribe(id, None::<()>).unwrap();
        fair.on_ask(id, n, &mut out);
    }
    for _ in 0..2 {
        fair.on_emit(&mut "abcde".chars().collect(), &mut out);
    }
    let shares: Vec<_> = out
        .deliveries
        .drain(..)
        .map(|(id, events)| (id, events.into_iter().collect::<String>()))
        .collect();
    let expected = [(a, "abc"), (b, "de"), (a, "abc"), (b, "de")];
    assert_eq!(shares, expected.map(|(id, events)| (id, events.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn gs_133_a_larger_ask_than_expected_is_served_and_reported() {
    let (reports, (log, mut saw)) = (Reports::gather(), log());
    let silent = producer(Silent(log))
        .dispatcher(DemandDispatcher::expecting(3))
        .spawn()
        .unwrap();
    let mut edge = silent.subscribe();
    edge.request(3.try_into().unwrap());
    assert!(matches!(saw.at_rest().await[..], [Seen::Demand(3)]));
    assert!(reports.take(&[]).is_empty());
    edge.request(4.try_into().unwrap());
    assert!(matches!(saw.at_rest().await[..], [Seen::Demand(4)]));
    let expected = "asks for 4, and 3 at most were expected";
    assert_eq!(reports.take(&["the dispatcher reports", expected]).len(), 1);
    silent.abort();
}

async fn first_batch<D: Dispatcher<usize> + Default>(trial: usize) {
    let (log, mut saw) = log();
    let silent = producer(Silent(no_log()))
        .dispatcher(D::default())
        .spawn()
        .unwrap();
    let asks = || consumer(Forwarder(log)).subscribe_to(&silent, window(10, 5));
    let never_asks =
        || consumer(Forwarder(no_log())).subscribe_to(&silent, Subscribe::default().manual());
    let pair = if trial.is_multiple_of(2) {
        (asks().spawn().unwrap(), never_asks().spawn().unwrap())
    } else {
        let first = never_asks().spawn().unwrap();
        (asks().spawn().unwrap(), first)
    };
    rest().await;
    let events = numbers(0..1 + trial % 10);
    silent.call(Queue(events.clone())).await.unwrap();
    let received = saw.batches_at_rest().await.concat();
    assert_eq!((received, silent.stats().buffered), (events, 0));
    silent.stop().await;
    tokio::join!(pair.0.join(), pair.1.join());
}

/// One that has asked, beside one that never does: whichever came first, the first batch goes to the asker at once.
#[tokio::test(start_paused = true)]
async fn gsx_05_a_peer_without_demand_never_stalls_the_first_batch() {
    for trial in 0..500 {
        first_batch::<DemandDispatcher>(trial).await;
        first_batch::<Fair>(trial).await;
    }
}

#[test]
fn the_worked_examples_of_whole_batches() {
    let mut half = Half::new();
    let (a, b) = (half.subscribe(), half.subscribe());
    half.ask(a, 3);
    half.ask(b, 3);
    half.dispatch("ab");
    half.dispatch("cd");
    half.dispatch("efg");
    let expected =
        [(a, "ab"), (b, "cd"), (a, "e"), (b, "f")].map(|(id, text)| (id, text.to_owned()));
    assert_eq!(half.delivered(), expected);
    assert_eq!(half.account(), (0, 1));
}

/// Says that it wants events and takes none.
#[derive(Debug)]
struct Stuck;

impl Dispatcher<usize> for Stuck {
    type Key = ();

    fn subscribe(&mut self, _: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        Ok(())
    }

    fn cancel(&mut self, _: SubscriptionId, _: &mut Dispatched<usize>) {}

    fn ask(&mut self, _: SubscriptionId, _: usize, _: &mut Dispatched<usize>) {}

    fn wanted(&self) -> usize {
        3
    }

    fn dispatch(&mut self, _: &mut Vec<usize>, _: &mut Dispatched<usize>) {}
}

#[test]
fn a_dispatcher_that_wants_and_does_not_take_ends_its_stage() {
    let exit = ends_beside_a_held_thread(async {
        let stuck = producer(Counter::new()).dispatcher(Stuck);
        let stuck = stuck.spawn().unwrap();
        let mut edge = stuck.subscribe();
        edge.request(1.try_into().unwrap());
        (stuck.join().await, stuck.stats().discarded)
    });
    let (exit, discarded) = exit.expect("it ends in time");
    let exit = exit.to_string();
    assert!(
        exit.contains("dispatcher::Stuck leaves 3 events while it wants 3"),
        "{exit}"
    );
    assert_eq!(discarded, 3);
}

#[test]
fn a_producer_whose_events_nobody_wants_lets_others_run_and_can_be_stopped() {
    let exit = ends_beside_a_held_thread(async {
        let nobody = |_: &usize| -> bool { false };
        let refused = producer(Counter::new()).dispatcher(Broadcast::new());
        let refused = refused.spawn().unwrap();
        let sink =
            consumer(Forwarder(no_log())).subscribe_to(&refused.select(nobody), window(2, 0));
        let sink = sink.spawn().unwrap();
        while refused.stats().unwanted < 10_000 {
            tokio::task::yield_now().await;
        }
        (refused.stop().await, sink.join().await)
    });
    let (exit, _) = exit.expect("it ends in time");
    assert!(matches!(exit, Exit::Stopped), "{exit}");
}

/// Runs a case on threads of their own and real time, so that a stage that holds its thread does not hold the test.
fn ends_beside_a_held_thread<T: Send + 'static>(
    case: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = threads.worker_threads(2).enable_time().build().unwrap();
    let case = runtime.spawn(case);
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, case).await });
    runtime.shutdown_background();
    ended.ok().map(|ended| ended.unwrap())
}
