//! For consumers of unequal size: nobody with demand is passed over.

use std::collections::VecDeque;

use super::total::Total;
use super::{Dispatched, Dispatcher, Refused, deal};
use crate::id::{BySubscription, SubscriptionId};

/// Shares each batch in proportion to what is asked, with at least one event for each in its turn.
///
/// Whoever was served goes to the end of the line, so a consumer with demand waits for one round at most. Batches are
/// smaller than those of [`DemandDispatcher`](super::DemandDispatcher), so it costs more messages. Asking, leaving and
/// serving cost about as much next to ten thousand consumers as next to a few.
///
/// ```
/// use stage::protocol::{Dispatched, Dispatcher};
/// use stage::{Fair, SubscriptionId};
///
/// let (mut dispatcher, mut out) = (Fair::default(), Dispatched::default());
/// let [large, small] = [100, 10].map(|n| {
///     let id = SubscriptionId::next();
///     Dispatcher::<u32>::subscribe(&mut dispatcher, id, None).expect("nobody is refused");
///     dispatcher.ask(id, n, &mut out);
///     id
/// });
/// dispatcher.dispatch(&mut (0..22).collect(), &mut out);
/// let given: Vec<_> = out.deliveries.iter().map(|(id, events)| (*id, events.len())).collect();
/// assert_eq!(given, [(large, 20), (small, 2)]);
/// ```
#[derive(Debug, Default)]
pub struct Fair {
    consumers: BySubscription<Waiter>,
    /// Those with demand, in serving order, and some who have left, who are swept out when one more than half of all has.
    line: VecDeque<SubscriptionId>,
    /// How many of them have left.
    left: usize,
    total: Total,
}

#[derive(Debug, Default)]
struct Waiter {
    asked: usize,
    is_in_line: bool,
}

impl<T> Dispatcher<T> for Fair {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        self.consumers.insert(id, Waiter::default());
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        let Some(waiter) = self.consumers.remove(id) else {
            return;
        };
        self.total.forget(waiter.asked);
        self.left += usize::from(waiter.is_in_line);
        if self.left > self.line.len() / 2 {
            self.line.retain(|id| self.consumers.get(*id).is_some());
            self.left = 0;
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
        let Some(waiter) = self.consumers.get_mut(id) else {
            return;
        };
        self.total.ask(&mut waiter.asked, n);
        if !std::mem::replace(&mut waiter.is_in_line, true) {
            self.line.push_back(id);
        }
    }

    fn wanted(&self) -> usize {
        self.total.wanted()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let (total, wanted) = (events.len(), self.total.sum());
        deal(events, out, |coming| {
            loop {
                let id = self.line.pop_front()?;
                let Some(waiter) = self.consumers.get_mut(id) else {
                    self.left -= 1;
                    continue;
                };
                let given = share(total, waiter.asked, wanted).min(coming);
                waiter.asked -= given;
                waiter.is_in_line = waiter.asked > 0;
                if waiter.is_in_line {
                    self.line.push_back(id);
                }
                self.total.forget(given);
                return Some((id, given));
            }
        });
    }
}

/// Returns what of `total` events goes to one who asked `asked` of `wanted`, rounded up, and never more than it asked.
fn share(total: usize, asked: usize, wanted: u128) -> usize {
    let share = (total as u128 * asked as u128).div_ceil(wanted);
    usize::try_from(share).unwrap_or(asked).min(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leavers_stay_in_line_only_while_more_stay_than_have_left() {
        let (mut fair, mut out) = (Fair::default(), Dispatched::<u32>::default());
        let ids = [(); 100].map(|()| SubscriptionId::next());
        for id in ids {
            Dispatcher::<u32>::subscribe(&mut fair, id, None).expect("all are served");
            fair.ask(id, 1, &mut out);
        }
        for id in &ids[..99] {
            fair.cancel(*id, &mut out);
            assert!(2 * fair.left <= fair.line.len(), "at most half have left");
        }
        assert_eq!(Dispatcher::<u32>::wanted(&fair), 1);
        fair.dispatch(&mut vec![7, 8], &mut out);
        assert_eq!(out.deliveries, [(ids[99], vec![7])]);
        assert!(fair.line.is_empty() && fair.left == 0);
    }

    #[test]
    fn a_share_is_in_proportion_rounded_up_and_bounded_by_the_ask() {
        let shares = [
            (20, 100, 110),
            (20, 10, 110),
            (5, 1, 100),
            (100, 7, 10),
            (9, 0, 5),
        ];
        assert_eq!(
            shares.map(|(n, asked, of)| share(n, asked, of)),
            [19, 2, 1, 7, 0]
        );
        let most = usize::MAX;
        assert_eq!(share(most, most, most as u128), most);
        assert_eq!(share(8, most, 2 * most as u128), 4);
    }
}
