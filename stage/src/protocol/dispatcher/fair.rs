//! For consumers of unequal size: nobody with demand is passed over.

use std::collections::VecDeque;

use super::total::Total;
use super::{Dispatched, Dispatcher, Refused, deal};
use crate::id::SubscriptionId;

/// Shares each batch in proportion to what is asked, with at least one event for each in its turn.
///
/// Whoever was served goes to the end of the line, so a consumer with demand waits for one round at most. Batches are
/// smaller than those of [`DemandDispatcher`](super::DemandDispatcher), so it costs more messages.
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
    /// In serving order.
    line: VecDeque<(SubscriptionId, usize)>,
    total: Total,
}

impl<T> Dispatcher<T> for Fair {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        self.line.push_back((id, 0));
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        if let Some(at) = self.line.iter().position(|(other, _)| *other == id)
            && let Some((_, asked)) = self.line.remove(at)
        {
            self.total.forget(asked);
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
        if let Some((_, asked)) = self.line.iter_mut().find(|(other, _)| *other == id) {
            self.total.ask(asked, n);
        }
    }

    fn wanted(&self) -> usize {
        self.total.wanted()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let (total, wanted) = (events.len(), self.total.sum());
        deal(events, out, |coming| {
            while self.total.sum() > 0 {
                let (id, asked) = self.line.pop_front()?;
                let given = share(total, asked, wanted).min(coming);
                self.line.push_back((id, asked - given));
                if given > 0 {
                    self.total.forget(given);
                    return Some((id, given));
                }
            }
            None
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
