//! The default: greedy, in whole batches.

use super::total::Total;
use super::{Dispatched, Dispatcher, Refused, deal};
use crate::id::SubscriptionId;

mod line;
use line::Line;

/// Gives a whole batch to the consumer with the most outstanding demand, then to the next.
///
/// Greedy: next to a consumer with a large window one with a small window may get nothing; [`Fair`](super::Fair) shares,
/// and [`DemandDispatcher::expecting`] tells of such a consumer.
/// Asking, leaving and serving cost about as much next to ten thousand consumers as next to a few; where thousands have each
/// asked for another amount, some microseconds. Source: GenStage 1.3 `DemandDispatcher`.
///
/// ```
/// use stage::protocol::{Dispatched, Dispatcher};
/// use stage::{DemandDispatcher, SubscriptionId};
///
/// let (mut dispatcher, mut out) = (DemandDispatcher::default(), Dispatched::default());
/// let [large, _] = [100, 10].map(|n| {
///     let id = SubscriptionId::next();
///     Dispatcher::<u32>::subscribe(&mut dispatcher, id, None).expect("nobody is refused");
///     dispatcher.ask(id, n, &mut out);
///     id
/// });
/// dispatcher.dispatch(&mut (0..22).collect(), &mut out);
/// let given: Vec<_> = out.deliveries.iter().map(|(id, events)| (*id, events.len())).collect();
/// assert_eq!(given, [(large, 22)]);
/// ```
#[derive(Debug)]
pub struct DemandDispatcher {
    line: Line,
    total: Total,
    /// The most that is expected in an ask, or `ANY`.
    expected: usize,
}

/// However much is asked, it is expected.
const ANY: usize = usize::MAX;

impl Default for DemandDispatcher {
    fn default() -> Self {
        Self::expecting(ANY)
    }
}

impl DemandDispatcher {
    /// Makes one whose consumers should ask for at most `max` at a time. A larger ask is served all the same, and
    /// reported as a warning. Source: GenStage 1.3 `max_demand` of the dispatcher, which by default is the first ask;
    /// here nothing is expected unless it is said.
    ///
    /// ```
    /// use stage::{DemandDispatcher, from_iter};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let numbers = from_iter(0..).dispatcher(DemandDispatcher::expecting(100)).spawn()?;
    /// # numbers.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn expecting(max: usize) -> Self {
        Self {
            line: Line::new(),
            total: Total::new(),
            expected: max,
        }
    }

    /// Returns what each subscription has asked and not been given, in serving order.
    #[must_use]
    pub fn asked(&self) -> Vec<(SubscriptionId, usize)> {
        self.line.in_order()
    }

    /// As `dispatch` of `n` events, at least one, where whoever is first gets them all: returns that one.
    #[inline]
    pub(super) fn take_up(&mut self, n: usize) -> Option<SubscriptionId> {
        let first = self.line.first()?;
        let left = self.line.asked(first).checked_sub(n)?;
        self.total.forget(n);
        self.line.set(first, left);
        Some(self.line.id(first))
    }

    /// Forgets what the only one has asked, where no ask is too large, and returns which that is.
    pub(super) fn take_sole(&mut self) -> Option<SubscriptionId> {
        let only = self.line.only().filter(|_| self.expected == ANY)?;
        self.total.forget(self.line.asked(only));
        self.line.set(only, 0);
        Some(self.line.id(only))
    }
}

impl<T> Dispatcher<T> for DemandDispatcher {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        self.line.join(id);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        if let Some(asked) = self.line.leave(id) {
            self.total.forget(asked);
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        if let Some(number) = self.line.find(id) {
            let mut asked = self.line.asked(number);
            self.total.ask(&mut asked, n);
            self.line.set(number, asked);
            if n > self.expected {
                let max = self.expected;
                out.warn(format!(
                    "{id} asks for {n}, and {max} at most were expected"
                ));
            }
        }
    }

    fn wanted(&self) -> usize {
        self.total.wanted()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        deal(events, out, |coming| {
            let first = self.line.first()?;
            let asked = self.line.asked(first);
            let given = asked.min(coming);
            if given == 0 {
                return None;
            }
            self.total.forget(given);
            self.line.set(first, asked - given);
            Some((self.line.id(first), given))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_demand_is_served_first_and_of_equal_ones_the_earlier() {
        let mut dispatcher = DemandDispatcher::default();
        let mut out: Dispatched<u32> = Dispatched::default();
        let ids = [(); 3].map(|()| SubscriptionId::next());
        for (id, n) in ids.into_iter().zip([3, 5, 3]) {
            Dispatcher::<u32>::subscribe(&mut dispatcher, id, None).expect("all are served");
            dispatcher.ask(id, n, &mut out);
        }
        let [one, two, three] = ids;
        assert_eq!(dispatcher.asked(), [(two, 5), (one, 3), (three, 3)]);
        dispatcher.dispatch(&mut vec![1, 2], &mut out);
        assert_eq!(dispatcher.asked(), [(one, 3), (three, 3), (two, 3)]);
    }
}
