//! The producing half of a stage: dispatcher, buffer and the debt to its consumers.

use std::collections::VecDeque;

use super::dispatcher::{AnyDispatcher, AnyKey, Standing, deal};
use super::{Buffer, ContractBroken, Dispatched, Dispatcher, Refused, WhenFull, drop_all};
use crate::id::SubscriptionId;
use crate::rare::Rare;

/// Dispatches emitted events against asks, and says what to demand next.
///
/// `owed` is what the stage was told and has not emitted. What it is told is `wanted − owed`, so demand left by a
/// leaver is used again and buffered events are served before the callback hears anything.
#[derive(Debug)]
pub struct ProducerHalf<T> {
    dispatcher: Box<dyn AnyDispatcher<T>>,
    /// Whether the dispatcher joins asks, and whether they are joined in this mode.
    may_join_asks: bool,
    joins_asks: bool,
    /// Whether how many events could be taken is said from outside, as the dispatcher can't know.
    is_led: bool,
    /// Whether the stage owes what it is asked without being told.
    owes_as_asked: bool,
    /// The only consumer, where it gets whatever comes; else `NONE`. What it has asked is all that is wanted, and the
    /// dispatcher hears of that no sooner than it matters.
    sole: SubscriptionId,
    /// What the dispatcher answered when it was told something last.
    standing: Standing,
    buffer: Buffer<T>,
    owed: usize,
    mode: DemandMode,
    /// What was put off while the mode accumulates, in order and not summed.
    log: Rare<VecDeque<Logged<T>>>,
    logged: usize,
    /// How many of the logged events paid demand: their consumers wait for them, and need no others.
    promised: usize,
    broken: Option<Box<ContractBroken>>,
}

/// Whether demand and events pass at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DemandMode {
    /// They do.
    #[default]
    Forward,
    /// They are put off, so that all consumers can subscribe before anything flows.
    Accumulate,
}

#[derive(Debug)]
enum Logged<T> {
    Demand(usize),
    Batch {
        events: Vec<T>,
        /// How many of them paid demand.
        paid: usize,
    },
}

impl<T: 'static> ProducerHalf<T> {
    /// Joins a dispatcher and a buffer.
    #[must_use]
    pub fn new(dispatcher: impl Dispatcher<T>, buffer: Buffer<T>) -> Self {
        Self {
            may_join_asks: dispatcher.joins_asks(),
            joins_asks: dispatcher.joins_asks(),
            is_led: false,
            owes_as_asked: false,
            sole: SubscriptionId::NONE,
            standing: Standing::of(&dispatcher),
            dispatcher: Box::new(dispatcher),
            buffer,
            owed: 0,
            mode: DemandMode::Forward,
            log: Rare::default(),
            logged: 0,
            promised: 0,
            broken: None,
        }
    }

    /// Told to the stage and not yet emitted.
    #[must_use]
    pub const fn owed(&self) -> usize {
        self.owed
    }

    /// Events in the buffer, put off, and in the dispatcher's own queues.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len() + self.logged + self.standing.queued
    }

    /// Demand that the stage owes and no consumer waits for any more.
    #[must_use]
    pub fn orphaned(&self) -> usize {
        self.owed.saturating_sub(self.standing.wanted)
    }

    /// Returns whether new input has to wait for the buffer.
    #[must_use]
    pub fn is_holding_back(&self) -> bool {
        self.buffer.is_holding_back(self.logged)
    }

    /// How the dispatcher broke its contract, if it did: it may want and leave events for ever.
    #[must_use]
    pub fn broken(&self) -> Option<&ContractBroken> {
        self.broken.as_deref()
    }

    /// Whether demand and events pass at once.
    #[must_use]
    pub const fn mode(&self) -> DemandMode {
        self.mode
    }

    /// Sets the mode; after [`DemandMode::Forward`] the caller replays what was put off.
    pub fn set_mode(&mut self, mode: DemandMode) {
        self.mode = mode;
        self.joins_asks = self.may_join_asks && mode == DemandMode::Forward;
    }

    /// Replays what was put off up to the next demand, and returns that one; `None` when all is replayed.
    pub fn replay(&mut self, out: &mut Dispatched<T>) -> Option<usize> {
        while self.mode == DemandMode::Forward {
            match self.log.get_mut()?.pop_front()? {
                Logged::Demand(n) => return Some(n),
                Logged::Batch { mut events, paid } => {
                    self.logged -= events.len();
                    self.promised -= paid;
                    self.dispatch(&mut events, out);
                }
            }
        }
        None
    }

    /// Opens a subscription.
    ///
    /// # Errors
    ///
    /// [`Refused`] by the dispatcher; nothing has changed.
    pub fn on_subscribe<K: Send + 'static>(
        &mut self,
        id: SubscriptionId,
        key: Option<K>,
    ) -> Result<(), Refused> {
        let key = key.map(|key| Box::new(key) as AnyKey);
        self.on_subscribe_any(id, key)
    }

    pub(crate) fn on_subscribe_any(
        &mut self,
        id: SubscriptionId,
        key: Option<AnyKey>,
    ) -> Result<(), Refused> {
        self.tell_of_sole();
        let standing = self.dispatcher.subscribe(id, key)?;
        self.look_for_sole(standing);
        self.owe_what_is_wanted();
        Ok(())
    }

    /// Closes a subscription; where the others waited for it, they are served.
    pub fn on_cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>) {
        self.tell_of_sole();
        let standing = self.dispatcher.cancel(id, out);
        self.look_for_sole(standing);
        self.serve_buffer(out);
        self.owe_what_is_wanted();
    }

    /// Lets the dispatcher know what it was spared.
    fn tell_of_sole(&mut self) {
        let sole = std::mem::replace(&mut self.sole, SubscriptionId::NONE);
        if sole != SubscriptionId::NONE && self.standing.wanted > 0 {
            let (wanted, out) = (self.standing.wanted, &mut Dispatched::default());
            self.standing = self.dispatcher.ask(sole, wanted, out);
        }
    }

    /// Sees whether one consumer gets whatever comes, now that they have changed.
    fn look_for_sole(&mut self, standing: Standing) {
        self.standing = standing;
        if let Some(sole) = self.dispatcher.take_sole() {
            self.sole = sole;
        }
    }

    /// Returns whether asks that came together are told together. What is put off is not summed.
    #[must_use]
    pub const fn joins_asks(&self) -> bool {
        self.joins_asks
    }

    /// How many consumers have to ask, at least, before anything can be told or sent.
    #[inline]
    pub(crate) fn asks_needed(&self) -> usize {
        if !self.joins_asks || self.is_led || self.standing.wanted > 0 {
            return 1;
        }
        self.dispatcher.asks_needed()
    }

    /// The only consumer, where it gets whatever comes.
    #[inline]
    pub(crate) fn sole_consumer(&self) -> Option<SubscriptionId> {
        (self.sole != SubscriptionId::NONE).then_some(self.sole)
    }

    /// Adds an ask and serves it from the buffer.
    pub fn on_ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        if id == self.sole {
            self.standing.wanted = self.standing.wanted.saturating_add(n);
        } else if n > 0 && self.sole == SubscriptionId::NONE {
            self.standing = self.dispatcher.ask(id, n, out);
        }
        self.serve_buffer(out);
        self.owe_what_is_wanted();
    }

    /// Dispatches emitted events; what nobody asked for is buffered. `events` is left empty.
    #[inline]
    pub fn on_emit(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let paid = events.len().min(self.owed);
        self.owed -= paid;
        if self.mode == DemandMode::Accumulate {
            self.put_off(std::mem::take(events), paid, out);
        } else {
            self.dispatch(events, out);
            self.owe_what_is_wanted();
        }
    }

    /// As `on_emit` of `n` events, where one consumer gets them all: returns that one, which the caller sends them.
    #[inline]
    pub(crate) fn pass(&mut self, n: usize) -> Option<SubscriptionId> {
        if self.mode == DemandMode::Accumulate || !self.buffer.is_empty() {
            return None;
        }
        let taker = if self.sole == SubscriptionId::NONE {
            self.dispatcher.take_up(n, &mut self.standing)?
        } else {
            self.standing.wanted = self.standing.wanted.checked_sub(n)?;
            self.sole
        };
        self.owed = self.owed.saturating_sub(n);
        Some(taker)
    }

    #[inline]
    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        if self.buffer.is_empty() {
            self.hand_over(events, out);
            if events.is_empty() {
                return;
            }
        }
        let over = self.buffer.store(events);
        out.discarded += over;
        if let Some(full) = self.buffer.failure(over) {
            out.overflow(full);
        }
        self.serve_buffer(out);
    }

    /// Lets the dispatcher take what it wants, and sees that it does.
    #[inline]
    fn hand_over(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        if self.sole != SubscriptionId::NONE {
            let (sole, wanted) = (self.sole, &mut self.standing.wanted);
            return deal(events, out, |coming| {
                let given = coming.min(*wanted);
                *wanted -= given;
                (given > 0).then_some((sole, given))
            });
        }
        let (wanted, n) = (self.standing.wanted, events.len());
        self.standing = self.dispatcher.dispatch(events, out);
        if self.is_led {
            self.standing.wanted = wanted.saturating_sub(n);
        }
        let (left, wanted) = (events.len(), self.standing.wanted);
        if left > 0 && wanted > 0 {
            let dispatcher = self.dispatcher.type_name();
            let broken = ContractBroken {
                dispatcher,
                left,
                wanted,
            };
            self.broken.get_or_insert_with(|| Box::new(broken));
        }
    }

    /// Keeps a batch in the log, which counts against the buffer's capacity and follows its policy.
    fn put_off(&mut self, mut events: Vec<T>, paid: usize, out: &mut Dispatched<T>) {
        let room = self.buffer.room(self.logged);
        let over = events.len().saturating_sub(room);
        match self.buffer.when_full() {
            WhenFull::HoldBack => {}
            WhenFull::DropNewest | WhenFull::Fail => {
                drop_all(events.drain(events.len() - over..));
            }
            WhenFull::DropOldest => {
                let mut left = over;
                let log = self.log.make();
                for logged in &mut *log {
                    if let Logged::Batch { events, paid } = logged {
                        let n = left.min(events.len());
                        drop_all(events.drain(..n));
                        self.logged -= n;
                        left -= n;
                        let unpaid = paid.saturating_sub(events.len());
                        *paid -= unpaid;
                        self.promised -= unpaid;
                    }
                }
                drop_all(events.drain(..left));
                log.retain(
                    |logged| !matches!(logged, Logged::Batch { events, .. } if events.is_empty()),
                );
            }
        }
        if self.buffer.when_full() != WhenFull::HoldBack {
            out.discarded += over;
            if let Some(full) = self.buffer.failure(over) {
                out.overflow(full);
            }
        }
        if !events.is_empty() {
            let paid = paid.min(events.len());
            self.logged += events.len();
            self.promised += paid;
            self.log.make().push_back(Logged::Batch { events, paid });
        }
    }

    /// The demand that the stage was not told yet. What it owes and has promised was wanted once, so that it is no larger than
    /// a `usize`.
    #[inline]
    pub(crate) const fn untold(&self) -> usize {
        self.standing
            .wanted
            .saturating_sub(self.owed + self.promised)
    }

    /// Returns the demand to tell the stage now, which it then owes.
    #[must_use]
    #[inline]
    pub fn take_demand(&mut self) -> usize {
        self.owe(self.untold())
    }

    /// Has the stage owe demand that it was not told yet, and returns what of it to tell now.
    #[inline]
    pub(crate) fn owe(&mut self, untold: usize) -> usize {
        self.owed += untold;
        self.tell(untold)
    }

    /// Has the stage owe whatever it is asked from now on, for one that is told of nothing.
    pub(crate) const fn owe_as_asked(&mut self) {
        self.owes_as_asked = true;
    }

    #[inline]
    fn owe_what_is_wanted(&mut self) {
        if self.owes_as_asked {
            self.owed += self.untold();
        }
    }

    /// Says how many events could be taken now, for a half whose dispatcher can't know.
    pub(crate) const fn set_wanted(&mut self, wanted: usize) {
        self.is_led = true;
        self.standing.wanted = wanted;
    }

    /// Notes that `n` events were emitted that need no dispatcher.
    pub(crate) const fn pay(&mut self, n: usize) {
        self.owed = self.owed.saturating_sub(n);
    }

    /// Returns all that the stage owes, to be told again after a failure; what was put off of it is told with it.
    #[must_use]
    pub fn retell_demand(&mut self) -> usize {
        if let Some(log) = self.log.get_mut() {
            log.retain(|logged| matches!(logged, Logged::Batch { .. }));
        }
        self.tell(self.owed)
    }

    /// Tells demand now, or puts it off.
    #[inline]
    fn tell(&mut self, demand: usize) -> usize {
        match self.mode {
            DemandMode::Forward => demand,
            DemandMode::Accumulate => {
                if demand > 0 {
                    self.log.make().push_back(Logged::Demand(demand));
                }
                0
            }
        }
    }

    /// Marks the end of what is buffered and queued now; `false`, and no mark, when that is nothing. It is reported as
    /// `passed` when all of that was sent or dropped. What is put off is not waited for.
    #[must_use]
    pub fn mark(&mut self) -> bool {
        self.buffer.mark() || self.dispatcher.mark()
    }

    /// Hands the marks that the buffer has passed on to the dispatcher's queues.
    fn pass_marks(&mut self, out: &mut Dispatched<T>) {
        for _ in 0..self.buffer.take_passed() {
            if !self.dispatcher.mark() {
                out.passed += 1;
            }
        }
    }

    /// Drops what is buffered and returns its count.
    pub fn discard(&mut self) -> usize {
        for logged in self.log.get_mut().into_iter().flat_map(|log| log.drain(..)) {
            if let Logged::Batch { events, .. } = logged {
                drop_all(events);
            }
        }
        self.promised = 0;
        std::mem::take(&mut self.logged) + self.buffer.clear() + self.standing.queued
    }

    /// An empty buffer has no mark that waits: those of what left it were passed on then.
    #[inline]
    fn serve_buffer(&mut self, out: &mut Dispatched<T>) {
        if !self.buffer.is_empty() {
            self.serve_buffered(out);
        }
    }

    fn serve_buffered(&mut self, out: &mut Dispatched<T>) {
        while !self.buffer.is_empty() {
            let most = self.standing.wanted;
            if most == 0 {
                break;
            }
            let mut events = self.buffer.take(most);
            self.hand_over(&mut events, out);
            if !events.is_empty() {
                // It wants no more after all, such as when one of its own queues is full now.
                self.buffer.put_back(events);
                break;
            }
        }
        self.pass_marks(out);
    }
}

#[cfg(test)]
mod tests;
