//! What goes to one consumer, in its order, and what is known of it: keys, and the marks that wait for it.

use std::collections::VecDeque;

use super::super::Lists;
use super::marks::Marks;

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
    /// Marks that wait, and how many events each has behind the one before it, at least one.
    marks: VecDeque<(u64, usize)>,
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

    /// Lets a mark wait for all that is here, if anything has come since the last one.
    pub(super) fn mark(&mut self, mark: u64, marks: &mut Marks) {
        let notes = self.notes.as_deref();
        let marked: usize = notes.map_or(0, |notes| notes.marks.iter().map(|(_, n)| n).sum());
        let unmarked = self.events.len() - marked;
        if unmarked == 0 {
            return;
        }
        let notes = self.notes.get_or_insert_default();
        match notes.marks.back_mut() {
            // Events that come here one by one with the mark that they had elsewhere.
            Some((last, n)) if *last == mark => *n += unmarked,
            _ => {
                notes.marks.push_back((mark, unmarked));
                marks.on_wait(mark);
            }
        }
    }

    /// Takes all events, each with its key and the mark that waits for it, to where they wait from now on.
    pub(super) fn take_all(
        &mut self,
        marks: &mut Marks,
    ) -> impl Iterator<Item = (T, u64, Option<u64>)> + use<T> {
        let Self { events, notes } = std::mem::replace(self, Self::new());
        let Notes {
            keys,
            marks: waiting,
        } = notes.map_or_else(Notes::default, |notes| *notes);
        waiting.iter().for_each(|(mark, _)| marks.on_passed(*mark));
        let waiting = waiting.into_iter();
        let waiting = waiting.flat_map(|(mark, n)| std::iter::repeat_n(Some(mark), n));
        let noted = keys.into_iter().zip(waiting.chain(std::iter::repeat(None)));
        let events = events.into_iter().zip(noted);
        events.map(|(event, (key, mark))| (event, key, mark))
    }
}

impl Notes {
    fn forget(&mut self, mut n: usize, marks: &mut Marks) {
        self.keys.drain(..n.min(self.keys.len()));
        while n > 0
            && let Some((mark, left)) = self.marks.front_mut()
        {
            let gone = n.min(*left);
            *left -= gone;
            n -= gone;
            if *left == 0 {
                marks.on_passed(*mark);
                self.marks.pop_front();
            }
        }
    }
}
