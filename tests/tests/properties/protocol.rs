//! Laws of the pure protocol, against a naive model, over any order of subscribe, ask, emit, cancel and demand.
//!
//! * L0 liveness (I4): never a buffered event while a subscription has credit.
//! * I1: a subscription never gets more than it asked for.
//! * I2, I7: the demand told is what subscriptions could take less what is already owed.
//! * I3: every event is exactly one of delivered, buffered, discarded; deliveries keep the order of emission.
//! * I5, I6: a part of a message is at most `max − min`; a buffer never stands above its capacity.
//! * A window always has credit left after a message, so that a consumer is never silent for ever.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stage::protocol::{
    Buffer, Deliveries, DemandDispatcher, Dispatched, Dispatcher, ProducerHalf, Window,
};
use stage::{Demand, Fair, SubscriptionId, WhenFull};

#[derive(Debug, Clone)]
enum Step {
    Subscribe,
    Ask(usize, usize),
    Emit(usize),
    Cancel(usize),
    TellDemand,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Subscribe),
        5 => (0..6usize, 1..12usize).prop_map(|(at, n)| Step::Ask(at, n)),
        5 => (1..20usize).prop_map(Step::Emit),
        2 => (0..6usize).prop_map(Step::Cancel),
        5 => Just(Step::TellDemand),
    ]
}

/// What each subscription has asked and got, told the slow way.
#[derive(Default)]
struct Model {
    live: BTreeMap<SubscriptionId, usize>,
    delivered: Vec<u32>,
    last: BTreeMap<SubscriptionId, u32>,
    owed: usize,
}

impl Model {
    fn credit(&self) -> usize {
        self.live.values().sum()
    }

    fn pick(&self, at: usize) -> Option<SubscriptionId> {
        self.live.keys().nth(at % self.live.len().max(1)).copied()
    }

    fn receive(&mut self, deliveries: &mut Deliveries<u32>) {
        for (subscription, events) in deliveries.drain(..) {
            assert!(!events.is_empty(), "an empty message was sent");
            let credit = self.live.get_mut(&subscription).expect("sent to a leaver");
            assert!(events.len() <= *credit, "I1: more than was asked");
            *credit -= events.len();
            for event in events {
                let before = self.last.insert(subscription, event);
                assert!(before.is_none_or(|before| before < event), "order");
                self.delivered.push(event);
            }
        }
    }
}

fn run(
    steps: Vec<Step>,
    dispatcher: impl Dispatcher<u32, Key = ()>,
    buffer: Buffer<u32>,
    capacity: usize,
) {
    let mut half = ProducerHalf::new(dispatcher, buffer);
    let (mut model, mut out) = (Model::default(), Dispatched::default());
    let mut emitted = 0;
    for step in steps {
        match step {
            Step::Subscribe => {
                let id = SubscriptionId::next();
                half.on_subscribe(id, None::<()>).expect("all are served");
                model.live.insert(id, 0);
            }
            Step::Ask(at, n) => {
                let Some(id) = model.pick(at) else { continue };
                *model.live.get_mut(&id).expect("it was picked") += n;
                half.on_ask(id, n, &mut out);
            }
            Step::Emit(n) => {
                let n = u32::try_from(n).expect("it is small");
                let mut events = (emitted..emitted + n).collect();
                emitted += n;
                half.on_emit(&mut events, &mut out);
                assert!(events.is_empty());
                model.owed = model.owed.saturating_sub(n as usize);
            }
            Step::Cancel(at) => {
                let Some(id) = model.pick(at) else { continue };
                half.on_cancel(id, &mut out);
                model.live.remove(&id);
            }
            Step::TellDemand => {
                let told = half.take_demand();
                assert_eq!(told, model.credit().saturating_sub(model.owed), "I2");
                model.owed += told;
                assert!(half.owed() >= model.credit(), "I7: credit that nobody owes");
            }
        }
        model.receive(&mut out.deliveries);
        assert!(
            half.buffered() == 0 || model.credit() == 0,
            "L0: {} events wait while {} are asked for",
            half.buffered(),
            model.credit()
        );
        assert!(half.buffered() <= capacity, "I6");
        let kept = model.delivered.len() + half.buffered() + out.discarded;
        assert_eq!(kept, emitted as usize, "I3");
    }
    let distinct = model
        .delivered
        .iter()
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), model.delivered.len(), "I3: delivered twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn demand_is_accounted_for(
        steps in prop::collection::vec(step(), 1..80),
        capacity in 1..30usize,
        oldest in any::<bool>(),
        fair in any::<bool>(),
    ) {
        let when_full = if oldest { WhenFull::DropOldest } else { WhenFull::DropNewest };
        let buffer = Buffer::new(capacity, when_full);
        if fair {
            run(steps, Fair::default(), buffer, capacity);
        } else {
            run(steps, DemandDispatcher::default(), buffer, capacity);
        }
    }

    #[test]
    fn a_window_splits_by_its_rule_and_is_never_silent(
        max in 1..40usize,
        low in 0..40usize,
        fills in prop::collection::vec(1..=100usize, 1..40),
    ) {
        let demand = Demand::new(max, low % max).expect("min is below max");
        let mut window = Window::new(demand);
        let (mut asked, mut handled) = (max, 0);
        for fill in fills {
            let mut rest = (window.outstanding() * fill).div_ceil(100);
            window.arrive();
            while rest > 0 {
                let split = window.split(rest);
                prop_assert!(split.len >= 1 && split.len <= demand.batch_max(), "I5");
                prop_assert_eq!(split.excess, 0);
                rest -= split.len;
                handled += split.len;
                asked += split.ask;
                prop_assert_eq!(window.outstanding(), asked - handled);
            }
            prop_assert!(window.outstanding() > demand.min() && window.outstanding() <= max);
        }
    }
}
