//! Who gets which events: the contract of dispatchers, and those that come with the library.

use std::any::Any;
use std::fmt;

use thiserror::Error;

use super::BufferFull;
use crate::id::SubscriptionId;
use crate::rare::Rare;

mod total;

mod demand;
pub use demand::DemandDispatcher;
mod fair;
pub use fair::Fair;
mod broadcast;
pub use broadcast::{Broadcast, Selector};
mod partition;
pub use partition::{Partition, PartitionsError};

mod lists;
pub(crate) use lists::Lists;

/// Batches to send, in order; the caller sends them, a dispatcher never does.
pub type Deliveries<T> = Vec<(SubscriptionId, Vec<T>)>;

/// What a dispatcher decided. The caller acts on it, empties it, as by `std::mem::take`, and lends it again.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dispatched<T> {
    /// Batches to send, in this order.
    pub deliveries: Deliveries<T>,
    /// Events dropped by a full queue of the dispatcher, or by the buffer.
    pub discarded: usize,
    /// Events that nobody wants, by the selectors' or the hash's own word.
    pub unwanted: usize,
    /// Marks that have been passed, in their order.
    pub passed: usize,
    /// Made for a first trouble and taken with all of them.
    trouble: Rare<Trouble<T>>,
    /// Emptied lists that consumers gave back, for batches to come.
    pub(crate) lists: Lists<T>,
}

/// What went wrong, and mostly does not.
#[derive(Debug)]
pub(crate) struct Trouble<T> {
    pub(crate) rejected: Vec<T>,
    pub(crate) failed: Vec<(SubscriptionId, Refused)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) overflow: Option<BufferFull>,
}

impl<T> Default for Trouble<T> {
    fn default() -> Self {
        Self {
            rejected: Vec::new(),
            failed: Vec::new(),
            warnings: Vec::new(),
            overflow: None,
        }
    }
}

impl<T> Default for Dispatched<T> {
    fn default() -> Self {
        Self {
            deliveries: Vec::new(),
            discarded: 0,
            unwanted: 0,
            passed: 0,
            trouble: Rare::default(),
            lists: Lists::default(),
        }
    }
}

impl<T> Dispatched<T> {
    /// Returns whether there is nothing to act on.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        // All in one, as it is asked several times a batch and mostly true.
        let counted = self.discarded | self.unwanted | self.passed;
        (counted | self.deliveries.len()) == 0 && !self.trouble.is_made()
    }

    /// Gives up an event that has no way to go because the code that should tell it failed; [`Dispatched::warn`] says why.
    #[cold]
    pub fn reject(&mut self, event: T) {
        self.trouble.make().rejected.push(event);
    }

    /// Has a subscription ended that harms itself; the dispatcher hears of it by `cancel`.
    #[cold]
    pub fn fail(&mut self, id: SubscriptionId, refused: Refused) {
        self.trouble.make().failed.push((id, refused));
    }

    /// Says what somebody should read.
    #[cold]
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.trouble.make().warnings.push(warning.into());
    }

    /// Has the stage end, as a queue that must not overflow did, or the buffer; the first one counts.
    #[cold]
    pub(crate) fn overflow(&mut self, full: BufferFull) {
        self.trouble.make().overflow.get_or_insert(full);
    }

    /// The events that were rejected.
    #[must_use]
    pub fn rejected(&self) -> &[T] {
        self.trouble.get().map_or(&[], |trouble| &trouble.rejected)
    }

    /// The subscriptions that are to be ended.
    #[must_use]
    pub fn failed(&self) -> &[(SubscriptionId, Refused)] {
        self.trouble.get().map_or(&[], |trouble| &trouble.failed)
    }

    /// What somebody should read.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.trouble.get().map_or(&[], |trouble| &trouble.warnings)
    }

    /// The queue that must not overflow and did.
    #[must_use]
    pub fn overflowed(&self) -> Option<BufferFull> {
        self.trouble.get()?.overflow
    }

    /// Takes all that went wrong.
    pub(crate) const fn take_trouble(&mut self) -> Option<Box<Trouble<T>>> {
        self.trouble.take()
    }
}

/// Why a dispatcher does not serve a subscription. Only that subscription ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    /// Refuses for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A dispatcher that breaks its contract: it leaves events while it wants some. The stage ends, as it would make events
/// for ever that go nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the dispatcher {dispatcher} leaves {left} events while it wants {wanted}")]
#[non_exhaustive]
pub struct ContractBroken {
    /// Its type.
    pub dispatcher: &'static str,
    /// How many events it left of a dispatch.
    pub left: usize,
    /// How many it said, thereafter, that it could take.
    pub wanted: usize,
}

/// Decides which subscription gets which event.
///
/// A dispatcher keeps each subscription's unpaid asks. It is told everything in order and answers two questions: how
/// many events could be taken now (`wanted`), and where these go (`dispatch`). It is a value: no clock, no sending.
///
/// One that panics ends its stage with the panic. The [guide](crate::guide::dispatchers) writes one step by step, and
/// the example `priority_dispatcher` one with keys; `test_util::dispatcher_laws` checks this contract.
///
/// ```
/// use stage::protocol::{Dispatched, Dispatcher};
/// use stage::{Refused, SubscriptionId};
///
/// /// Serves one consumer, and refuses all others.
/// #[derive(Debug, Default)]
/// struct Single(Option<(SubscriptionId, usize)>);
///
/// impl<T> Dispatcher<T> for Single {
///     type Key = ();
///
///     fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
///         match self.0 {
///             Some((other, _)) => Err(Refused::new(format!("{other} is served"))),
///             None => Ok(self.0 = Some((id, 0))),
///         }
///     }
///
///     fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
///         self.0 = self.0.filter(|(served, _)| *served != id);
///     }
///
///     fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
///         if let Some((_, asked)) = self.0.as_mut().filter(|(served, _)| *served == id) {
///             *asked = asked.saturating_add(n);
///         }
///     }
///
///     fn wanted(&self) -> usize {
///         self.0.map_or(0, |(_, asked)| asked)
///     }
///
///     fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
///         if let Some((id, asked)) = self.0.as_mut().filter(|(_, asked)| *asked > 0) {
///             let taken = events.len().min(*asked);
///             *asked -= taken;
///             out.deliveries.push((*id, events.drain(..taken).collect()));
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let single = stage::from_iter(1..=3).dispatcher(Single::default()).spawn()?;
/// let _first = single.subscribe();
/// let refused = single.subscribe().next().await.unwrap_err();
/// assert!(refused.to_string().ends_with("is served"));
/// # Ok(())
/// # }
/// ```
pub trait Dispatcher<T>: fmt::Debug + Send + 'static {
    /// What a subscription may say of the events it wants, such as a selector or a partition; `()` for nothing.
    ///
    /// [`Handle::with_key`](crate::Handle::with_key) says it, as [`Handle::select`](crate::Handle::select) and
    /// [`Handle::partition`](crate::Handle::partition) do for the library's own; a plain subscription says `None`.
    type Key: Send + 'static;

    /// Hears of a new subscription; it has asked nothing yet.
    ///
    /// # Errors
    ///
    /// [`Refused`] when it can't be served; then nothing has changed.
    fn subscribe(&mut self, id: SubscriptionId, key: Option<Self::Key>) -> Result<(), Refused>;

    /// Forgets a subscription and its unpaid asks. Unknown ids are ignored. What was queued for it and others may take
    /// goes out at once.
    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>);

    /// Adds `n ≥ 1` to what a subscription has asked; asks may come to more than a `usize` holds, so saturate. Unknown
    /// ids are ignored. What the dispatcher itself keeps queued for it goes out at once.
    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>);

    /// Returns how many more events could be taken now; saturated where the asks come to more.
    fn wanted(&self) -> usize;

    /// Returns whether asks that came together are told to the stage together; by default each is told by itself.
    ///
    /// `true` where an event does not go to whoever asked for it: what is made for one ask goes to other askers too, and
    /// falls apart into small batches unless it is made together.
    fn joins_asks(&self) -> bool {
        false
    }

    /// Returns how many events it keeps in queues of its own.
    fn queued(&self) -> usize {
        0
    }

    /// Marks the end of what is in its own queues now; `false`, and no mark, when that is nothing. A mark is reported as
    /// `passed` when all that was queued before it has gone.
    fn mark(&mut self) -> bool {
        false
    }

    /// Moves events from the front of `events` to where they go; what it leaves is the leftover.
    ///
    /// While `wanted` is above 0 it must leave none, or its stage ends with [`ContractBroken`]. And it must not
    /// overtake: what it leaves comes again before newer events.
    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>);
}

/// A [`Dispatcher`] whose key type is erased, so that a stage's context has no type parameter for it. What changes it
/// returns how it stands, so that it is asked once.
pub(crate) trait AnyDispatcher<T>: fmt::Debug + Send {
    fn type_name(&self) -> &'static str;
    fn subscribe(&mut self, id: SubscriptionId, key: Option<AnyKey>) -> Result<Standing, Refused>;
    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>) -> Standing;
    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) -> Standing;
    fn mark(&mut self) -> bool;
    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) -> Standing;
    /// How many consumers have to ask, at least, before it wants or sends anything.
    fn asks_needed(&self) -> usize;
    /// Takes up what one consumer has asked where it gets all of the next `n` events, at least one; returns which, and notes
    /// how it stands then.
    fn take_up(&mut self, n: usize, standing: &mut Standing) -> Option<SubscriptionId>;
    /// Forgets what the only consumer has asked, where it gets whatever comes, and returns which that is. It is told of that
    /// again before anything else.
    fn take_sole(&mut self) -> Option<SubscriptionId>;
}

/// What a dispatcher answers between two changes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) wanted: usize,
    pub(crate) queued: usize,
}

impl Standing {
    pub(crate) fn of<T>(dispatcher: &impl Dispatcher<T>) -> Self {
        Self {
            wanted: dispatcher.wanted(),
            queued: dispatcher.queued(),
        }
    }
}

pub(crate) type AnyKey = Box<dyn Any + Send>;

impl<T: 'static, D: Dispatcher<T>> AnyDispatcher<T> for D {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<D>()
    }

    fn subscribe(&mut self, id: SubscriptionId, key: Option<AnyKey>) -> Result<Standing, Refused> {
        let key = key.map(|key| key.downcast().map(|key| *key)).transpose();
        let key = key.map_err(|_| Refused::new("its key is of another dispatcher's type"))?;
        Dispatcher::subscribe(self, id, key)?;
        Ok(Standing::of(self))
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>) -> Standing {
        Dispatcher::cancel(self, id, out);
        Standing::of(self)
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) -> Standing {
        Dispatcher::ask(self, id, n, out);
        Standing::of(self)
    }

    fn mark(&mut self) -> bool {
        Dispatcher::mark(self)
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) -> Standing {
        Dispatcher::dispatch(self, events, out);
        Standing::of(self)
    }

    /// All but one do with one.
    fn asks_needed(&self) -> usize {
        let broadcast = (self as &dyn Any).downcast_ref::<Broadcast<T>>();
        broadcast.map_or(1, Broadcast::asks_needed)
    }

    /// Only the default dispatcher has a short way; which one this is, is known when it is compiled.
    #[inline]
    fn take_up(&mut self, n: usize, standing: &mut Standing) -> Option<SubscriptionId> {
        let by_demand = (self as &mut dyn Any).downcast_mut::<DemandDispatcher>()?;
        let id = by_demand.take_up(n)?;
        *standing = Standing::of::<T>(by_demand);
        Some(id)
    }

    fn take_sole(&mut self) -> Option<SubscriptionId> {
        let by_demand = (self as &mut dyn Any).downcast_mut::<DemandDispatcher>()?;
        by_demand.take_sole()
    }
}

/// Deals events from the front: `next` hears how many there are, and says how many of them go to whom, until nobody wants
/// more. Where one gets all, they are not moved.
pub(super) fn deal<T>(
    events: &mut Vec<T>,
    out: &mut Dispatched<T>,
    mut next: impl FnMut(usize) -> Option<(SubscriptionId, usize)>,
) {
    let mut next = |len| if len == 0 { None } else { next(len) };
    let mut turn = next(events.len());
    match turn {
        None => return,
        Some((id, given)) if given == events.len() => {
            out.deliveries.push((id, std::mem::take(events)));
            return;
        }
        Some(_) => {}
    }
    let mut coming = events.drain(..);
    while let Some((id, given)) = turn {
        let mut batch = out.lists.take();
        batch.extend(coming.by_ref().take(given));
        out.deliveries.push((id, batch));
        turn = next(coming.len());
    }
    // All at once, as each event that is taken from the front of a list moves those behind it.
    let left: Vec<T> = coming.collect();
    events.extend(left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_nothing_to_act_on_only_when_all_of_it_is_empty() {
        let is_empty = |set: fn(&mut Dispatched<u32>)| {
            let mut out = Dispatched::default();
            set(&mut out);
            out.is_empty()
        };
        assert!(is_empty(|_| {}));
        let each: [fn(&mut Dispatched<u32>); 8] = [
            |out| out.deliveries.push((SubscriptionId::next(), vec![1])),
            |out| out.reject(1),
            |out| out.discarded = 1,
            |out| out.unwanted = 1,
            |out| {
                let refused = Refused::new("it failed");
                out.fail(SubscriptionId::next(), refused);
            },
            |out| out.warn(String::new()),
            |out| out.passed = 1,
            |out| out.overflow(BufferFull::of_buffer(1, 1)),
        ];
        assert_eq!(each.map(is_empty), [false; 8]);
    }

    /// Two ask for all there is: what the first leaves behind is not what the second asked.
    fn the_greedy_do_not_starve_each_other<D: Dispatcher<u32>>(
        mut dispatcher: D,
        key: impl Fn() -> Option<D::Key>,
    ) {
        let mut out = Dispatched::default();
        let [first, second] = [(); 2].map(|()| SubscriptionId::next());
        for id in [first, second] {
            dispatcher.subscribe(id, key()).expect("both are served");
            dispatcher.ask(id, usize::MAX, &mut out);
            dispatcher.ask(id, usize::MAX, &mut out);
        }
        assert_eq!(dispatcher.wanted(), usize::MAX);
        let mut events = (0..10).collect();
        dispatcher.dispatch(&mut events, &mut out);
        assert!(events.is_empty());
        dispatcher.cancel(first, &mut out);
        out.deliveries.clear();
        assert!(dispatcher.wanted() >= usize::MAX - 10);
        dispatcher.dispatch(&mut vec![1, 2], &mut out);
        assert_eq!(out.deliveries, [(second, vec![1, 2])]);
        dispatcher.cancel(second, &mut out);
        assert_eq!(dispatcher.wanted(), 0);
    }

    #[test]
    fn no_dispatcher_forgets_an_ask_next_to_a_greedy_one() {
        the_greedy_do_not_starve_each_other(DemandDispatcher::default(), || None);
        the_greedy_do_not_starve_each_other(Fair::default(), || None);
        the_greedy_do_not_starve_each_other(Broadcast::new(), || None);
        let one = Partition::new([0], |_| Some(0)).expect("there is one");
        let keyed = one.keyed(|event| u64::from(*event));
        the_greedy_do_not_starve_each_other(keyed, || Some(0));
    }

    #[test]
    fn a_dispatcher_without_queues_has_nothing_to_mark() {
        assert!(!Dispatcher::<u32>::mark(&mut Fair::default()));
        assert!(!Dispatcher::<u32>::mark(&mut DemandDispatcher::default()));
    }
}
