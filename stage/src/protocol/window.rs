//! A consumer's account of one subscription: how to split what arrives, and what to ask after each part.

use super::Demand;

/// The outstanding demand of one automatic subscription.
///
/// Invariant: `outstanding ≤ max`, but for what a narrowed window still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    demand: Demand,
    outstanding: usize,
    /// What of the demand before the message at work is not yet used by it.
    covered: usize,
}

/// One part of a message: handle `len` events, then ask `ask` (0 is no ask).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[must_use]
pub struct Split {
    /// Events for one callback.
    pub len: usize,
    /// What to ask when they are handled.
    pub ask: usize,
    /// How many of them were never asked for.
    pub excess: usize,
}

impl Window {
    /// Opens the account with `max` outstanding: the first ask.
    #[must_use]
    pub const fn new(demand: Demand) -> Self {
        Self {
            demand,
            outstanding: demand.max(),
            covered: 0,
        }
    }

    /// Asked and not yet handled.
    #[must_use]
    pub const fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The numbers it was opened with.
    #[must_use]
    pub const fn demand(&self) -> Demand {
        self.demand
    }

    /// Changes the numbers and returns what to ask now.
    #[must_use]
    pub const fn resize(&mut self, demand: Demand) -> usize {
        let is_wider = demand.max() > self.demand.max();
        self.demand = demand;
        if self.outstanding >= demand.max() || !(is_wider || self.outstanding <= demand.min()) {
            return 0;
        }
        let ask = demand.max() - self.outstanding;
        self.outstanding += ask;
        ask
    }

    /// Notes that a message arrived; [`Window::split`] then cuts it.
    pub const fn arrive(&mut self) {
        self.covered = self.outstanding;
    }

    /// Cuts the next part off a message that holds `rest > 0` more events.
    ///
    /// Source: GenStage 1.3 `split_batches/7`.
    pub fn split(&mut self, rest: usize) -> Split {
        let len = rest.min(self.demand.batch_max());
        let counted = len.min(self.covered);
        self.covered -= counted;
        let left = self.outstanding.saturating_sub(counted);
        let ask = if left <= self.demand.min() {
            self.demand.max() - left
        } else {
            0
        };
        self.outstanding = left + ask;
        debug_assert!(ask == 0 || self.outstanding == self.demand.max());
        Split {
            len,
            ask,
            excess: len - counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(max: usize, min: usize) -> Demand {
        Demand::new(max, min).expect("min is below max")
    }

    #[test]
    fn a_resized_window_asks_when_it_is_wider_or_at_its_minimum() {
        // Of 10 outstanding 3 are handled.
        let check = |max, min, ask| {
            let mut window = Window::new(demand(10, 5));
            window.arrive();
            assert_eq!(window.split(3).ask, 0);
            assert_eq!(window.resize(demand(max, min)), ask);
            assert_eq!(window.outstanding(), 7 + ask);
            assert_eq!(window.demand(), demand(max, min));
        };
        check(11, 0, 4);
        check(10, 0, 0);
        check(10, 6, 0);
        check(10, 7, 3);
        check(10, 8, 3);
        check(9, 0, 0);
        check(9, 7, 2);
        check(7, 6, 0);
        check(3, 2, 0);
    }

    #[test]
    fn what_was_not_asked_for_is_told_as_excess() {
        let mut window = Window::new(demand(10, 5));
        window.arrive();
        let excess = [12, 7, 2].map(|rest| window.split(rest).excess);
        assert_eq!(excess, [0, 0, 2]);
    }
}
