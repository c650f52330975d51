//! Which marks have been passed, wherever the events before them wait.

use std::collections::VecDeque;

/// Counts the queues that have something before a mark, so that events may move from queue to queue with their marks.
#[derive(Debug)]
pub(super) struct Marks {
    /// In how many queues each mark waits.
    waiting: VecDeque<usize>,
    /// The number of the oldest mark that has not been passed.
    oldest: u64,
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            oldest: 0,
        }
    }

    /// Makes a mark, which waits nowhere yet, and returns its number.
    pub(super) fn mark(&mut self) -> u64 {
        self.waiting.push_back(0);
        self.oldest + self.waiting.len() as u64 - 1
    }

    /// Notes that a mark waits in one more queue.
    pub(super) fn on_wait(&mut self, mark: u64) {
        if let Some(waiting) = self.waiting_for(mark) {
            *waiting += 1;
        }
    }

    /// Notes that a queue has passed a mark.
    pub(super) fn on_passed(&mut self, mark: u64) {
        if let Some(waiting) = self.waiting_for(mark) {
            *waiting -= 1;
        }
    }

    fn waiting_for(&mut self, mark: u64) -> Option<&mut usize> {
        let at = usize::try_from(mark - self.oldest).ok()?;
        self.waiting.get_mut(at)
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
    use super::super::queue::Queue;
    use super::*;

    #[test]
    fn a_mark_is_passed_when_all_before_it_have_left_in_whatever_order() {
        let mut marks = Marks::new();
        let mut queues = [(); 3].map(|()| Queue::new());
        let put = |queue: &mut Queue<u32>| queue.push(0, None);
        let mark = |queues: &mut [Queue<u32>], marks: &mut Marks| {
            let mark = marks.mark();
            queues.iter_mut().for_each(|queue| queue.mark(mark, marks));
        };
        put(&mut queues[0]);
        put(&mut queues[1]);
        mark(&mut queues, &mut marks);
        put(&mut queues[2]);
        mark(&mut queues, &mut marks);
        mark(&mut queues, &mut marks);
        queues[2].pop(&mut marks);
        queues[1].pop(&mut marks);
        assert_eq!(marks.take_passed(), 0);
        queues[0].pop(&mut marks);
        assert_eq!(marks.take_passed(), 3);
        put(&mut queues[0]);
        mark(&mut queues, &mut marks);
        queues[0].pop(&mut marks);
        assert_eq!(marks.take_passed(), 1);
        assert_eq!(marks.take_passed(), 0);
    }
}
