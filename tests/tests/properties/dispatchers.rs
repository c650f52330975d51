//! Broadcast and Partition against models that move one event at a time.
//!
//! * Each consumer gets exactly what the model gives it, in order, whatever the batches.
//! * Nothing waits that could go (I4), and every event is somewhere: delivered, waiting, unwanted or discarded (I3).
//! * The producer owes at least what could be taken (I7).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;
use stage::protocol::{Buffer, Dispatched, Dispatcher, ProducerHalf, Selector};
use stage::{Broadcast, Partition, SubscriptionId, WhenFull};

/// More than a program emits, so that nothing is dropped.
const AMPLE: usize = 10_000;
const PARTITIONS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// A consumer joins, with a number that chooses its selector or partition.
    Join(usize),
    Ask(usize, usize),
    Emit(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4usize).prop_map(Step::Join),
        5 => (0..6usize, 1..12usize).prop_map(|(at, n)| Step::Ask(at, n)),
        5 => (1..20usize).prop_map(Step::Emit),
        1 => (0..6usize).prop_map(Step::Leave),
    ]
}

/// A half, the events emitted so far, and what each subscription has got.
struct Tested<K> {
    half: ProducerHalf<usize>,
    out: Dispatched<usize>,
    emitted: usize,
    got: BTreeMap<SubscriptionId, Vec<usize>>,
    live: Vec<SubscriptionId>,
    key: std::marker::PhantomData<K>,
}

impl<K: Send + 'static> Tested<K> {
    fn new(dispatcher: impl Dispatcher<usize, Key = K>) -> Self {
        Self {
            half: ProducerHalf::new(dispatcher, Buffer::new(AMPLE, WhenFull::DropOldest)),
            out: Dispatched::default(),
            emitted: 0,
            got: BTreeMap::new(),
            live: Vec::new(),
            key: std::marker::PhantomData,
        }
    }

    fn pick(&self, at: usize) -> Option<SubscriptionId> {
        self.live.get(at % self.live.len().max(1)).copied()
    }

    /// Returns the new subscription, if the dispatcher serves it.
    fn join(&mut self, key: Option<K>) -> Option<SubscriptionId> {
        let id = SubscriptionId::next();
        self.half.on_subscribe(id, key).ok()?;
        self.live.push(id);
        Some(id)
    }

    fn emit(&mut self, n: usize) -> std::ops::Range<usize> {
        let events = self.emitted..self.emitted + n;
        self.emitted = events.end;
        self.half
            .on_emit(&mut events.clone().collect(), &mut self.out);
        events
    }

    fn leave(&mut self, id: SubscriptionId) {
        self.live.retain(|other| *other != id);
        self.half.on_cancel(id, &mut self.out);
    }

    fn settle(&mut self) {
        let _told = self.half.take_demand();
        for (id, events) in self.out.deliveries.drain(..) {
            assert!(!events.is_empty(), "an empty message was sent");
            self.got.entry(id).or_default().extend(events);
        }
        assert_eq!(self.out.discarded, 0);
    }
}

/// What a model gives each subscription.
type Given = BTreeMap<SubscriptionId, Vec<usize>>;

fn broadcast(steps: Vec<Step>) {
    let mut tested = Tested::new(Broadcast::new());
    let mut waiting = VecDeque::new();
    let mut consumers: BTreeMap<SubscriptionId, (usize, usize)> = BTreeMap::new();
    let (mut given, mut unwanted) = (Given::new(), 0);
    for step in steps {
        match step {
            Step::Join(divisor) => {
                let selector: Selector<usize> =
                    Arc::new(move |event| divisor == 0 || event % (divisor + 1) == 0);
                let id = tested
                    .join((divisor > 0).then_some(selector))
                    .expect("all are served");
                consumers.insert(id, (divisor, 0));
            }
            Step::Ask(at, n) => {
                let Some(id) = tested.pick(at) else { continue };
                consumers.get_mut(&id).expect("it lives").1 += n;
                tested.half.on_ask(id, n, &mut tested.out);
            }
            Step::Emit(n) => waiting.extend(tested.emit(n)),
            Step::Leave(at) => {
                let Some(id) = tested.pick(at) else { continue };
                consumers.remove(&id);
                tested.leave(id);
            }
        }
        let least = |consumers: &BTreeMap<_, (usize, usize)>| {
            consumers.values().map(|(_, asked)| *asked).min()
        };
        while least(&consumers).is_some_and(|asked| asked > 0)
            && let Some(event) = waiting.pop_front()
        {
            let mut is_wanted = false;
            for (id, (divisor, asked)) in &mut consumers {
                if *divisor == 0 || event % (*divisor + 1) == 0 {
                    *asked -= 1;
                    is_wanted = true;
                    given.entry(*id).or_default().push(event);
                }
            }
            unwanted += usize::from(!is_wanted);
        }
        tested.settle();
        assert_eq!(
            (&tested.got, tested.half.buffered()),
            (&given, waiting.len())
        );
        assert_eq!(tested.out.unwanted, unwanted);
        assert!(tested.half.owed() >= least(&consumers).unwrap_or(0), "I7");
    }
}

fn partition(steps: Vec<Step>) {
    // The last residue belongs to no partition.
    let hash = |event: &usize| Some(event % (PARTITIONS + 1)).filter(|part| *part < PARTITIONS);
    let mut tested = Tested::new(Partition::new(0..PARTITIONS, hash).expect("they have names"));
    let mut waiting = VecDeque::new();
    let mut queues: [VecDeque<usize>; PARTITIONS] = Default::default();
    let mut served: [Option<(SubscriptionId, usize)>; PARTITIONS] = [None; PARTITIONS];
    let (mut given, mut unwanted) = (Given::new(), 0);
    for step in steps {
        match step {
            Step::Join(part) => {
                let is_free = served.get(part).is_some_and(Option::is_none);
                let joined = tested.join(Some(part));
                assert_eq!(
                    joined.is_some(),
                    is_free,
                    "a taken or unknown partition is refused"
                );
                if let Some(id) = joined {
                    served[part] = Some((id, 0));
                }
            }
            Step::Ask(at, n) => {
                let Some(id) = tested.pick(at) else { continue };
                let owner = served.iter_mut().flatten().find(|(owner, _)| *owner == id);
                owner.expect("it lives").1 += n;
                tested.half.on_ask(id, n, &mut tested.out);
            }
            Step::Emit(n) => waiting.extend(tested.emit(n)),
            Step::Leave(at) => {
                let Some(id) = tested.pick(at) else { continue };
                let owner = served
                    .iter_mut()
                    .find(|owner| owner.is_some_and(|(owner, _)| owner == id));
                *owner.expect("it lives") = None;
                tested.leave(id);
            }
        }
        loop {
            for (queue, owner) in queues.iter_mut().zip(&mut served) {
                while let Some((id, asked)) = owner
                    && *asked > 0
                    && let Some(event) = queue.pop_front()
                {
                    *asked -= 1;
                    given.entry(*id).or_default().push(event);
                }
            }
            if served.iter().flatten().all(|(_, asked)| *asked == 0) {
                break;
            }
            let Some(event) = waiting.pop_front() else {
                break;
            };
            match hash(&event) {
                Some(part) => queues[part].push_back(event),
                None => unwanted += 1,
            }
        }
        tested.settle();
        let queued: usize = queues.iter().map(VecDeque::len).sum();
        assert_eq!(
            (&tested.got, tested.half.buffered()),
            (&given, waiting.len() + queued)
        );
        assert_eq!(tested.out.unwanted, unwanted);
        let credit: usize = served.iter().flatten().map(|(_, asked)| asked).sum();
        assert!(tested.half.owed() >= credit, "I7");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broadcast_gives_what_its_model_gives(steps in prop::collection::vec(step(), 1..60)) {
        broadcast(steps);
    }

    #[test]
    fn partition_gives_what_its_model_gives(steps in prop::collection::vec(step(), 1..60)) {
        partition(steps);
    }
}
