//! The places of the events at work, and the order in which their results leave. Pure: no task, no clock.

use std::collections::VecDeque;

use crate::id::{ById, SubscriptionId};

/// The order in which the results of concurrent work leave a stage.
///
/// | order | a result leaves | a slow event |
/// |---|---|---|
/// | `Ordered` | after those of all earlier events of its subscription | holds back at most `n − 1` results behind it, whose places stay taken |
/// | `Unordered` | when it is there | costs its own place alone |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In the order of the events, on each subscription.
    Ordered,
    /// As they complete.
    Unordered,
}

/// The events at work, each in a place of its own, in one lane for each subscription.
///
/// Invariant: a lane is not empty, and its first event is at work.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    order: Order,
    /// Empty when unordered.
    lanes: ById<SubscriptionId, Lane<T>>,
    len: usize,
}

/// A taken place, given back when its event is done.
#[derive(Debug)]
#[must_use]
pub(super) struct Place {
    pub(super) subscription: SubscriptionId,
    number: usize,
}

#[derive(Debug)]
struct Lane<T> {
    /// The number of its first place.
    first: usize,
    events: VecDeque<Event<T>>,
}

#[derive(Debug)]
enum Event<T> {
    AtWork,
    /// With its result, unless it failed.
    Done(Option<T>),
}

impl<T> Lanes<T> {
    pub(super) fn new(order: Order) -> Self {
        Self {
            order,
            lanes: ById::default(),
            len: 0,
        }
    }

    /// Taken places: events at work, and results held behind them.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Takes the place behind all others of its subscription.
    pub(super) fn take(&mut self, subscription: SubscriptionId) -> Place {
        self.len += 1;
        let number = match self.order {
            Order::Unordered => 0,
            Order::Ordered => {
                let lane = self.lanes.entry(subscription).or_insert_with(|| Lane {
                    first: 0,
                    events: VecDeque::new(),
                });
                lane.events.push_back(Event::AtWork);
                lane.first + lane.events.len() - 1
            }
        };
        Place {
            subscription,
            number,
        }
    }

    /// Notes that an event is done, with its result unless it failed. Appends the results that leave now to `left`, and
    /// returns how many places of the subscription are free again.
    #[must_use]
    pub(super) fn done(&mut self, place: &Place, result: Option<T>, left: &mut Vec<T>) -> usize {
        let freed = match self.lanes.get_mut(&place.subscription) {
            None => {
                debug_assert_eq!(self.order, Order::Unordered);
                left.extend(result);
                1
            }
            Some(lane) => {
                lane.events[place.number - lane.first] = Event::Done(result);
                let freed = lane.leave(left);
                if lane.events.is_empty() {
                    self.lanes.remove(&place.subscription);
                }
                freed
            }
        };
        self.len -= freed;
        freed
    }

    /// Gives up the place of an event whose failure ends the stage: nothing behind it leaves any more.
    pub(super) const fn give_up(&mut self, _: &Place) {
        self.len -= 1;
    }
}

impl<T> Lane<T> {
    /// Takes off what is done at its front.
    fn leave(&mut self, left: &mut Vec<T>) -> usize {
        let at_work = |event: &Event<T>| matches!(event, Event::AtWork);
        let first_at_work = self.events.iter().position(at_work);
        let freed = first_at_work.unwrap_or(self.events.len());
        for event in self.events.drain(..freed) {
            if let Event::Done(Some(result)) = event {
                left.push(result);
            }
        }
        self.first += freed;
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_leave_behind_the_slow_one_in_their_order() {
        let (mut lanes, mut left) = (Lanes::new(Order::Ordered), Vec::new());
        let edge = SubscriptionId::next();
        let [slow, failed, quick, last] = std::array::from_fn(|_| lanes.take(edge));
        assert_eq!(lanes.done(&quick, Some("quick"), &mut left), 0);
        assert_eq!(lanes.done(&failed, None, &mut left), 0);
        assert_eq!((lanes.len(), left.len()), (4, 0));
        assert_eq!(lanes.done(&slow, Some("slow"), &mut left), 3);
        let late = lanes.take(edge);
        assert_eq!(lanes.done(&late, Some("late"), &mut left), 0);
        assert_eq!(lanes.done(&last, Some("last"), &mut left), 2);
        assert_eq!(left, ["slow", "quick", "last", "late"]);
        assert_eq!(lanes.len(), 0);
    }

    #[test]
    fn a_slow_event_holds_back_its_own_subscription_alone() {
        let (mut lanes, mut left) = (Lanes::new(Order::Ordered), Vec::new());
        let (one, other) = (SubscriptionId::next(), SubscriptionId::next());
        let _slow = lanes.take(one);
        let quick = lanes.take(other);
        assert_eq!(lanes.done(&quick, Some("quick"), &mut left), 1);
        assert_eq!((lanes.len(), &*left), (1, &["quick"][..]));
    }

    #[test]
    fn unordered_results_leave_as_they_come() {
        let (mut lanes, mut left) = (Lanes::new(Order::Unordered), Vec::new());
        let edge = SubscriptionId::next();
        let (slow, quick) = (lanes.take(edge), lanes.take(edge));
        assert_eq!(lanes.done(&quick, Some("quick"), &mut left), 1);
        assert_eq!(lanes.done(&slow, Some("slow"), &mut left), 1);
        assert_eq!(left, ["quick", "slow"]);
    }
}
