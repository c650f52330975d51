//! The Demand dispatcher beneath a producer's half. GenStage's `pending` is `orphaned` here: what the producer owes and
//! nobody waits for.

use stage::protocol::{Buffer, DemandDispatcher, Dispatched, Dispatcher, ProducerHalf};
use stage::{SubscriptionId, WhenFull};

/// A half with room for every leftover of a case, and what it decided.
struct Half {
    half: ProducerHalf<char>,
    out: Dispatched<char>,
}

impl Half {
    fn new() -> Self {
        let buffer = Buffer::new(100, WhenFull::DropOldest);
        Self {
            half: ProducerHalf::new(DemandDispatcher::default(), buffer),
            out: Dispatched::default(),
        }
    }

    fn subscribe(&mut self) -> SubscriptionId {
        let id = SubscriptionId::next();
        self.half.on_subscribe(id, None::<()>).unwrap();
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
}

#[test]
fn gs_125_subscribing_and_leaving_ask_for_nothing() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!((half.cancel(a), half.account()), (0, (0, 0)));
}

#[test]
fn gs_126_orphaned_demand_is_used_again() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!(half.ask(a, 10), 10);
    assert_eq!((half.cancel(a), half.account()), (0, (10, 0)));
    let a = half.subscribe();
    assert_eq!((half.ask(a, 5), half.account()), (0, (5, 0)));
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
    assert_eq!((half.cancel(a), half.account()), (0, (3, 0)));
    half.dispatch("abcde");
    assert_eq!(half.delivered(), [(b, "abc".to_owned())]);
    assert_eq!(half.account(), (1, 2));
}

#[test]
fn gs_128_what_was_not_asked_for_is_left_over() {
    let mut half = Half::new();
    let a = half.subscribe();
    assert_eq!(half.ask(a, 3), 3);
    half.dispatch("a");
    assert_eq!(half.ask(a, 3), 3);
    half.dispatch("bcdefgh");
    half.dispatch("ij");
    assert_eq!(
        half.delivered(),
        [(a, "a".to_owned()), (a, "bcdef".to_owned())]
    );
    assert_eq!(half.account(), (0, 4));
}

#[test]
fn gs_129_the_largest_demand_comes_first() {
    let mut dispatcher = DemandDispatcher::default();
    let [a, b, c] = std::array::from_fn(|_| SubscriptionId::next());
    for id in [a, b, c] {
        Dispatcher::<char>::subscribe(&mut dispatcher, id, None).unwrap();
    }
    let mut ask = |id, n, order: [(SubscriptionId, usize); 3]| {
        Dispatcher::<char>::ask(&mut dispatcher, id, n, &mut Dispatched::default());
        let asked: Vec<_> = dispatcher
            .asked()
            .iter()
            .copied()
            .filter(|(_, n)| *n > 0)
            .collect();
        let order: Vec<_> = order.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(asked, order);
    };
    ask(a, 4, [(a, 4), (b, 0), (c, 0)]);
    ask(b, 2, [(a, 4), (b, 2), (c, 0)]);
    ask(c, 3, [(a, 4), (c, 3), (b, 2)]);
    ask(c, 2, [(c, 5), (a, 4), (b, 2)]);
    ask(b, 4, [(b, 6), (c, 5), (a, 4)]);
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
