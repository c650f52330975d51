//! Which marks have been passed, wherever the events before them wait.

use std::collections::VecDeque;

/// Counts what is queued between each two marks, so that an event may move from queue to queue with its mark.
#[derive(Debug)]
pub(super) struct Marks {
    /// How many events wait before each mark and behind the one before it.
    waiting: VecDeque<usize>,
    /// How many wait behind all marks.
    behind: usize,
    /// The number of the oldest mark that has not been passed.
    oldest: u64,
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            behind: 0,
            oldest: 0,
        }
    }

    /// Notes that an event is queued, and returns the number of the mark that will wait for it.
    #[must_use]
    pub(super) fn on_queued(&mut self) -> u64 {
        self.behind += 1;
        self.oldest + self.waiting.len() as u64
    }

    /// Notes that `n` events have left, whose mark this is.
    pub(super) fn on_left(&mut self, mark: u64, n: usize) {
        let at = usize::try_from(mark - self.oldest);
        let waiting = at.ok().and_then(|at| self.waiting.get_mut(at));
        *waiting.unwrap_or(&mut self.behind) -= n;
    }

    /// Marks the end of what is queued now.
    pub(super) fn mark(&mut self) {
        self.waiting.push_back(std::mem::take(&mut self.behind));
    }

    /// Returns how many marks have been passed since the last call.
    #[must_use]
    pub(super) fn take_passed(&mut self) -> usize {
        let mut passed = 0;
        while self.waiting.front() == Some(&0) {
            self.waiting.pop_front();
            passed += 1;
        }
        self.oldest += passed as u64;
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_passed_when_all_before_it_have_left_in_whatever_order() {
        let mut marks = Marks::new();
        let one = marks.on_queued();
        let two = marks.on_queued();
        marks.mark();
        let three = marks.on_queued();
        marks.mark();
        marks.mark();
        marks.on_left(three, 1);
        marks.on_left(two, 1);
        assert_eq!(marks.take_passed(), 0);
        marks.on_left(one, 1);
        assert_eq!(marks.take_passed(), 3);
        let four = marks.on_queued();
        marks.mark();
        marks.on_left(four, 1);
        assert_eq!(marks.take_passed(), 1);
        assert_eq!(marks.take_passed(), 0);
    }
}
