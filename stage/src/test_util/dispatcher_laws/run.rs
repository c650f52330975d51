//! One program run on one dispatcher, with an account of what each subscription asked and got.
//!
//! The harness lends and acts as a stage does: what is left over comes again before newer events, and a subscription
//! that the dispatcher gives up is cancelled.

use std::collections::{BTreeMap, HashMap};

use super::law::{Broken, Law};
use super::program::Step;
use super::{Audience, DispatcherLaws};
use crate::id::SubscriptionId;
use crate::protocol::{Dispatched, Dispatcher};

/// More than a program dispatches, and so little that a hundred of them are no overflow.
const MORE_THAN_ALL: usize = usize::MAX / 128;

/// A run at work.
pub(super) struct Run<'a, T, D: Dispatcher<T>> {
    laws: &'a DispatcherLaws<T, D>,
    dispatcher: D,
    out: Dispatched<T>,
    live: Vec<Live>,
    has_left: bool,
    /// Left over, the oldest first.
    backlog: Vec<T>,
    made: usize,
    /// Events that the dispatcher took, by number: in which step, and how often they were delivered.
    taken: BTreeMap<usize, Taken>,
    delivered: usize,
    nowhere: usize,
    marks: usize,
    passed: usize,
    homes: HashMap<u64, SubscriptionId>,
    /// The step in which a subscription came or went last.
    moved: usize,
    step: usize,
    /// Whether events may move between subscriptions in this step.
    is_moving: bool,
}

struct Live {
    id: SubscriptionId,
    credit: usize,
    /// Its credit when the last step was over.
    credit_before: usize,
    /// The number of its last event, by key.
    last: HashMap<u64, usize>,
}

struct Taken {
    step: usize,
    deliveries: usize,
}

type Held = Result<(), Broken>;

impl<'a, T, D: Dispatcher<T>> Run<'a, T, D> {
    pub(super) fn new(laws: &'a DispatcherLaws<T, D>) -> Self {
        Self {
            laws,
            dispatcher: (laws.make)(),
            out: Dispatched::default(),
            live: Vec::new(),
            has_left: false,
            backlog: Vec::new(),
            made: 0,
            taken: BTreeMap::new(),
            delivered: 0,
            nowhere: 0,
            marks: 0,
            passed: 0,
            homes: HashMap::new(),
            moved: 0,
            step: 0,
            is_moving: false,
        }
    }

    /// Runs the program, and then lets everybody ask for all there is.
    pub(super) fn run(mut self, program: &[Step]) -> Held {
        for step in program {
            self.is_moving = matches!(step, Step::Subscribe(_) | Step::Cancel(_));
            self.take_step(*step)?;
            self.end_step()?;
        }
        self.ask_for_all()
    }

    fn take_step(&mut self, step: Step) -> Held {
        match step {
            Step::Subscribe(key) => self.subscribe(key),
            Step::Ask(at, n) => self.ask(at, n),
            Step::AskAll(at) => self.ask(at, MORE_THAN_ALL),
            Step::AskUnknown(n) => self.ignored(Law::Strangers, |dispatcher, out| {
                dispatcher.ask(SubscriptionId::next(), n, out);
            }),
            Step::CancelUnknown => self.ignored(Law::Strangers, |dispatcher, out| {
                dispatcher.cancel(SubscriptionId::next(), out);
            }),
            Step::Dispatch(n) => self.emit(n),
            Step::Mark => self.mark(),
            Step::Cancel(at) => self.cancel(at),
        }
    }

    fn subscribe(&mut self, key: usize) -> Held {
        let id = SubscriptionId::next();
        let before = (self.dispatcher.wanted(), self.dispatcher.queued());
        if self.dispatcher.subscribe(id, (self.laws.key)(key)).is_err() {
            let after = (self.dispatcher.wanted(), self.dispatcher.queued());
            return Law::Refusal.expect(before == after, || {
                format!("wanted and queued went from {before:?} to {after:?}")
            });
        }
        self.live.push(Live {
            id,
            credit: 0,
            credit_before: 0,
            last: HashMap::new(),
        });
        self.forget_homes();
        Ok(())
    }

    fn ask(&mut self, at: usize, n: usize) -> Held {
        let len = self.live.len();
        let Some(live) = self.live.get_mut(at % len.max(1)) else {
            return Ok(());
        };
        live.credit += n;
        self.dispatcher.ask(live.id, n, &mut self.out);
        self.settle()?;
        self.serve()
    }

    fn cancel(&mut self, at: usize) -> Held {
        if self.live.is_empty() {
            return Ok(());
        }
        let leaver = self.live.remove(at % self.live.len());
        self.has_left = true;
        self.forget_homes();
        self.dispatcher.cancel(leaver.id, &mut self.out);
        self.settle()?;
        self.serve()
    }

    /// From now on the keys may have other homes; what was taken before may still go to the old ones.
    fn forget_homes(&mut self) {
        self.homes.clear();
        self.moved = self.step;
    }

    /// Does what must have no effect.
    fn ignored(&mut self, law: Law, act: impl FnOnce(&mut D, &mut Dispatched<T>)) -> Held {
        let before = (self.dispatcher.wanted(), self.dispatcher.queued());
        act(&mut self.dispatcher, &mut self.out);
        let after = (self.dispatcher.wanted(), self.dispatcher.queued());
        let is_ignored = before == after && self.out.is_empty();
        law.expect(is_ignored, || {
            format!("wanted and queued went from {before:?} to {after:?}, or something went out")
        })
    }

    fn emit(&mut self, n: usize) -> Held {
        let made = self.made..self.made + n;
        self.made = made.end;
        let mut events: Vec<T> = made.map(&self.laws.sample).collect();
        if self.backlog.is_empty() {
            self.dispatch(&mut events)?;
        }
        self.backlog.append(&mut events);
        self.serve()
    }

    fn mark(&mut self) -> Held {
        let queued = self.dispatcher.queued();
        let is_marked = self.dispatcher.mark();
        self.marks += usize::from(is_marked);
        Law::Marks.expect(is_marked == (queued > 0), || {
            format!("with {queued} queued, mark() returned {is_marked}")
        })
    }

    /// Dispatches what is left over, as far as it is wanted.
    fn serve(&mut self) -> Held {
        while !self.backlog.is_empty() {
            let wanted = self.dispatcher.wanted().min(self.backlog.len());
            if wanted == 0 {
                break;
            }
            let mut events: Vec<T> = self.backlog.drain(..wanted).collect();
            self.dispatch(&mut events)?;
            if !events.is_empty() {
                self.backlog.splice(..0, events);
                break;
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<T>) -> Held {
        let given: Vec<usize> = events.iter().map(&self.laws.number).collect();
        let wanted = self.dispatcher.wanted();
        self.dispatcher.dispatch(events, &mut self.out);
        let left: Vec<usize> = events.iter().map(&self.laws.number).collect();
        let (given_len, left_len) = (given.len(), left.len());
        Law::Overtaking.expect(given.ends_with(&left), || {
            format!("of {given:?} it left {left:?}")
        })?;
        let took = given_len - left_len;
        for number in &given[..took] {
            let step = self.step;
            let taken = Taken {
                step,
                deliveries: 0,
            };
            self.taken.insert(*number, taken);
        }
        let now = self.dispatcher.wanted();
        // Who wanted it may be found to harm itself, and is given up.
        let holds_back = (self.laws.holds_back || !self.out.failed().is_empty()) && now == 0;
        let is_truthful = if wanted == 0 {
            took == 0 && self.out.is_empty()
        } else {
            (took >= wanted.min(given_len) || holds_back) && (left_len == 0 || now == 0)
        };
        Law::Wanted.expect(is_truthful, || {
            format!("it wanted {wanted}, took {took} of {given_len}, and now wants {now}")
        })?;
        self.settle()?;
        self.went_to_all(&given[..took])
    }

    /// Where all want the same, each event that is not queued has gone to all.
    fn went_to_all(&self, numbers: &[usize]) -> Held {
        let is_for_all = self.laws.audience == Audience::Every && !self.laws.is_choosy;
        if !is_for_all || self.dispatcher.queued() > 0 {
            return Ok(());
        }
        let all = self.live.len();
        let taken = numbers.iter().filter_map(|number| self.taken.get(number));
        let fewest = taken.map(|taken| taken.deliveries).min();
        let fewest = fewest.unwrap_or(all);
        Law::Broadcast.expect(fewest == all, || {
            format!("an event went to {fewest} of {all}")
        })
    }

    /// Enters into the account what went out, as a stage sends it.
    fn settle(&mut self) -> Held {
        while !self.out.is_empty() {
            for (id, events) in std::mem::take(&mut self.out.deliveries) {
                self.deliver(id, &events)?;
            }
            let out = &mut self.out;
            let trouble = out.take_trouble().unwrap_or_default();
            self.nowhere += std::mem::take(&mut out.unwanted);
            self.nowhere += std::mem::take(&mut out.discarded);
            self.nowhere += trouble.rejected.len();
            self.passed += std::mem::take(&mut out.passed);
            let (passed, marks) = (self.passed, self.marks);
            Law::Marks.expect(passed <= marks, || {
                format!("{passed} of {marks} marks were passed")
            })?;
            for (id, _) in trouble.failed {
                self.live.retain(|live| live.id != id);
                self.has_left = true;
                self.forget_homes();
                self.dispatcher.cancel(id, &mut self.out);
            }
        }
        self.is_conserved()
    }

    fn deliver(&mut self, id: SubscriptionId, events: &[T]) -> Held {
        Law::Empty.expect(!events.is_empty(), || format!("an empty batch for {id}"))?;
        let Some(at) = self.live.iter().position(|live| live.id == id) else {
            return Law::Leaver.expect(false, || {
                format!("{} events for {id}, which is not subscribed", events.len())
            });
        };
        let credit = self.live[at].credit;
        Law::Credit.expect(events.len() <= credit, || {
            format!("{} events for an unpaid ask of {credit}", events.len())
        })?;
        self.live[at].credit -= events.len();
        events
            .iter()
            .try_for_each(|event| self.deliver_one(at, event))
    }

    fn deliver_one(&mut self, at: usize, event: &T) -> Held {
        let number = (self.laws.number)(event);
        let key = self.laws.key_of.as_ref().map(|key_of| key_of(event));
        let live = &mut self.live[at];
        let before = live.last.insert(key.unwrap_or_default(), number);
        Law::Order.expect(before.is_none_or(|before| before < number), || {
            format!("event {number} after {before:?}")
        })?;
        let Some(taken) = self.taken.get_mut(&number) else {
            return Law::Conservation.expect(false, || {
                format!("event {number} was delivered and never taken")
            });
        };
        taken.deliveries += 1;
        self.delivered += usize::from(taken.deliveries == 1);
        let is_once = taken.deliveries == 1 || self.laws.audience == Audience::Every;
        Law::Conservation.expect(is_once, || format!("event {number} was delivered twice"))?;
        let was_held = taken.step < self.step && live.credit_before > 0 && !self.is_moving;
        Law::Queue.expect(!was_held, || {
            format!("event {number} was kept from a subscription that had asked for it")
        })?;
        let Some(key) = key.filter(|_| taken.step > self.moved) else {
            return Ok(());
        };
        let home = *self.homes.entry(key).or_insert(live.id);
        Law::Key.expect(home == live.id, || {
            format!("events of key {key} went to {home} and to {}", live.id)
        })
    }

    fn is_conserved(&self) -> Held {
        let (taken, delivered) = (self.taken.len(), self.delivered);
        let (queued, nowhere) = (self.dispatcher.queued(), self.nowhere);
        let is_balanced = match self.laws.audience {
            // One event may be queued for several.
            Audience::Every if queued > 0 => delivered + nowhere <= taken,
            _ => delivered + queued + nowhere == taken,
        };
        Law::Conservation.expect(is_balanced, || {
            format!(
                "of {taken} events {delivered} were delivered, {queued} are queued, and {nowhere} \
                 were unwanted, rejected or discarded"
            )
        })
    }

    /// What must hold between any two steps.
    fn end_step(&mut self) -> Held {
        let wanted = self.dispatcher.wanted();
        if self.laws.audience == Audience::Every {
            self.is_at_the_slowest(wanted)?;
        } else {
            let credit: usize = self.live.iter().map(|live| live.credit).sum();
            let law = if self.has_left {
                Law::Leaver
            } else {
                Law::Wanted
            };
            law.expect(wanted <= credit, || {
                format!("{wanted} are wanted, and {credit} are asked and not paid")
            })?;
            let is_alive = wanted > 0 || credit == 0 || self.laws.holds_back;
            Law::Liveness.expect(is_alive, || {
                format!("{credit} are asked and not paid, and none is wanted")
            })?;
            let queued = self.dispatcher.queued();
            let is_free = self.laws.audience == Audience::Chosen || queued == 0 || credit == 0;
            Law::Queue.expect(is_free, || {
                format!("{queued} are queued while {credit} are asked and not paid")
            })?;
        }
        for live in &mut self.live {
            live.credit_before = live.credit;
        }
        self.step += 1;
        Ok(())
    }

    fn is_at_the_slowest(&self, wanted: usize) -> Held {
        let least = self.live.iter().map(|live| live.credit).min();
        let least = least.unwrap_or_default();
        Law::Broadcast.expect(wanted == least, || {
            format!("{wanted} are wanted, and the least unpaid ask is {least}")
        })
    }

    /// At the end, with a consumer for every key that asks for all, nothing is left anywhere.
    fn ask_for_all(&mut self) -> Held {
        self.is_moving = true;
        for key in 0..self.laws.keys {
            self.subscribe(key)?;
        }
        self.end_step()?;
        self.is_moving = false;
        for at in 0..self.live.len() {
            self.ask(at, MORE_THAN_ALL)?;
        }
        if self.live.is_empty() {
            return Ok(());
        }
        let (queued, left) = (self.dispatcher.queued(), self.backlog.len());
        Law::Queue.expect(queued + left == 0, || {
            format!("when all ask for all, {queued} are queued and {left} left over")
        })?;
        let (passed, marks) = (self.passed, self.marks);
        Law::Marks.expect(passed == marks, || {
            format!("nothing is queued, and {passed} of {marks} marks were passed")
        })
    }
}
