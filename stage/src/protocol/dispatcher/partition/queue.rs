//! What goes to one consumer, in its order, and what is known of it: keys, and the marks that wait for it.

use std::collections::VecDeque;

use super::super::Lists;
use super::marks::Marks;
use crate::protocol::drop_all;

/// Events, those to go first at the front.
pub(super) struct Queue<T> {
    events: VecDeque<T>,
    /// Apart, so that an event without a key costs no look here.
    notes: Option<Box<Notes>>,
}

#[derive(Default)]
struct Notes {
    /// One for each event, where events have keys.
    keys: VecDeque<u64>,
    /// From the front on, which mark waits for how many events in a row, at least one; `None` where none waits yet, as
    /// none does for what is behind them.
    runs: VecDeque<(Option<u64>, usize)>,
    /// How many events are in the runs.
    in_runs: usize,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self {
            events: VecDeque::new(),
            notes: None,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Gives an empty queue a list to begin with, where it has none.
    pub(super) fn begin(&mut self, lists: &mut Lists<T>) {
        if self.events.capacity() == 0 {
            self.events = lists.take().into();
        }
    }

    /// Adds an event; all have a key, or none.
    #[inline]
    pub(super) fn push(&mut self, event: T, key: Option<u64>) {
        if let Some(key) = key {
            self.notes.get_or_insert_default().keys.push_back(key);
        }
        self.events.push_back(event);
    }

    /// Takes the first `n` events: where that is all, in the list that they are in.
    pub(super) fn take(&mut self, n: usize, lists: &mut Lists<T>, marks: &mut Marks) -> Vec<T> {
        self.forget(n, marks);
        if n == self.events.len() {
            return std::mem::take(&mut self.events).into();
        }
        let mut batch = lists.take();
        batch.extend(self.events.drain(..n));
        batch
    }

    /// Takes the oldest event, if there is one.
    pub(super) fn pop(&mut self, marks: &mut Marks) -> Option<T> {
        let oldest = self.events.pop_front()?;
        self.forget(1, marks);
        Some(oldest)
    }

    /// Forgets what is noted of the first `n` events, which have left.
    #[inline]
    fn forget(&mut self, n: usize, marks: &mut Marks) {
        if let Some(notes) = &mut self.notes {
            notes.forget(n, marks);
        }
    }

    /// Lets a mark wait for all that is here and has none yet.
    pub(super) fn mark(&mut self, mark: u64, marks: &mut Marks) {
        if self.events.is_empty() {
            return;
        }
        let notes = self.notes.get_or_insert_default();
        notes.extend_runs_to(self.events.len());
        let unmarked = notes.runs.iter_mut().filter(|(mark, _)| mark.is_none());
        for (run, _) in unmarked {
            *run = Some(mark);
            marks.on_wait(mark);
        }
    }

    /// Adds an event that waited elsewhere, with the mark that it had there.
    pub(super) fn push_moved(&mut self, event: T, key: u64, mark: Option<u64>, marks: &mut Marks) {
        let before = self.events.len();
        self.push(event, Some(key));
        let Some(mark) = mark else {
            return;
        };
        let notes = self.notes.get_or_insert_default();
        // Those before it may have come after the mark.
        notes.extend_runs_to(before);
        notes.in_runs += 1;
        match notes.runs.back_mut() {
            Some((last, n)) if *last == Some(mark) => *n += 1,
            _ => {
                notes.runs.push_back((Some(mark), 1));
                marks.on_wait(mark);
            }
        }
    }

    /// Takes all events, each with its key and the mark that waits for it, to where they wait from now on.
    pub(super) fn take_all(
        &mut self,
        marks: &mut Marks,
    ) -> impl Iterator<Item = (T, u64, Option<u64>)> + use<T> {
        let events = std::mem::take(&mut self.events);
        let notes = self.notes.take().map(|notes| *notes);
        let Notes { keys, runs, .. } = notes.unwrap_or_default();
        let waiting = runs.iter().filter_map(|(mark, _)| *mark);
        waiting.for_each(|mark| marks.on_passed(mark));
        let runs = runs.into_iter();
        let runs = runs.flat_map(|(mark, n)| std::iter::repeat_n(mark, n));
        let noted = keys.into_iter().zip(runs.chain(std::iter::repeat(None)));
        let events = events.into_iter().zip(noted);
        events.map(|(event, (key, mark))| (event, key, mark))
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        drop_all(self.events.drain(..));
    }
}

impl Notes {
    /// Notes that no mark waits yet for the last of the first `n` events.
    fn extend_runs_to(&mut self, n: usize) {
        if self.in_runs < n {
            self.runs.push_back((None, n - self.in_runs));
            self.in_runs = n;
        }
    }

    fn forget(&mut self, mut n: usize, marks: &mut Marks) {
        self.keys.drain(..n.min(self.keys.len()));
        self.in_runs = self.in_runs.saturating_sub(n);
        while n > 0
            && let Some((mark, left)) = self.runs.front_mut()
        {
            let gone = n.min(*left);
            *left -= gone;
            n -= gone;
            if *left == 0 {
                mark.iter().for_each(|mark| marks.on_passed(*mark));
                self.runs.pop_front();
            }
        }
    }
}
