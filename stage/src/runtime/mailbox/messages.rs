//! A queue of messages, each made in the place where it waits.

use std::mem::ManuallyDrop;

/// Room for a queue that may never hold more: what a consumer brings, its subscription and its ask.
const FEW: usize = 2;

/// A first-in, first-out queue.
///
/// What might be dropped while it is pushed, if that panicked, is made elsewhere and copied from there right after, in
/// larger pieces than it was written in: the processor waits for that, a third of the time that a push and a pop take. So
/// what is queued is dropped by the queue alone, and is made in its place.
///
/// A list rather than a ring: it is mostly taken to its end before another is pushed, and a ring finds each place by a
/// comparison more.
#[derive(Debug)]
pub(crate) struct Messages<T> {
    /// Those that were taken, and behind them those that wait, none of which is missing.
    places: Vec<Option<ManuallyDrop<T>>>,
    /// How many were taken: fewer than there are places, or none.
    taken: usize,
}

impl<T> Default for Messages<T> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl<T> Messages<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            places: Vec::with_capacity(capacity),
            taken: 0,
        }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let waiting = self.places.iter().skip(self.taken).flatten();
        waiting.map(|message| &**message)
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&T> {
        self.places.get(self.taken)?.as_deref()
    }

    #[inline]
    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        self.places.get_mut(self.taken)?.as_deref_mut()
    }

    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut T> {
        self.places.last_mut()?.as_deref_mut()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, message: T) {
        self.places.push(Some(ManuallyDrop::new(message)));
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let first = self.places.get_mut(self.taken)?.take();
        self.forget_front();
        first.map(ManuallyDrop::into_inner)
    }

    /// As `push_back`, in a queue that may never hold more than a few.
    pub(super) fn push_back_of_few(&mut self, message: T) {
        if self.places.capacity() == 0 {
            self.places.reserve_exact(FEW);
        }
        self.push_back(message);
    }

    /// Forgets the first, which was read where it lies and has nothing left to drop.
    #[inline]
    pub(crate) fn forget_front(&mut self) {
        self.taken += 1;
        if self.taken >= self.places.len() {
            self.forget();
        }
    }

    /// Moves all to the end of another queue.
    #[inline]
    pub(super) fn move_to(&mut self, to: &mut Self) {
        if self.is_empty() {
            return;
        }
        if to.is_empty() {
            std::mem::swap(self, to);
        } else {
            to.append(self);
        }
    }

    fn append(&mut self, from: &mut Self) {
        // Not each time, so that none is moved often; nor never, as those that were taken would be ever more.
        if self.taken > self.places.len() / 2 {
            self.places.drain(..self.taken);
            self.taken = 0;
        }
        self.places.extend(from.places.drain(from.taken..));
        from.forget();
    }

    /// Forgets all of them.
    fn forget(&mut self) {
        self.places.clear();
        self.taken = 0;
    }

    pub(crate) fn clear(&mut self) {
        let waiting = self.places.drain(self.taken..).flatten();
        // As a list: one that panics does not keep the others.
        let waiting: Vec<T> = waiting.map(ManuallyDrop::into_inner).collect();
        self.forget();
        drop(waiting);
    }
}

impl<T> Drop for Messages<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    use super::*;

    fn queue<T>(messages: impl IntoIterator<Item = T>) -> Messages<T> {
        let mut queue = Messages::default();
        messages.into_iter().for_each(|m| queue.push_back(m));
        queue
    }

    #[test]
    fn messages_come_in_the_order_in_which_they_went_also_from_queue_to_queue() {
        let check = |from: &[u32], to: &[u32], expected: &[u32]| {
            let (mut from, mut to) = (queue(from.to_vec()), queue(to.to_vec()));
            from.move_to(&mut to);
            assert!(from.is_empty());
            assert!(to.iter().eq(expected));
            assert_eq!(to.front(), expected.first());
            let popped: Vec<_> = std::iter::from_fn(|| to.pop_front()).collect();
            assert_eq!(popped, expected);
        };
        check(&[], &[], &[]);
        check(&[1, 2], &[], &[1, 2]);
        check(&[], &[3], &[3]);
        check(&[1, 2], &[3, 4], &[3, 4, 1, 2]);
    }

    #[test]
    fn a_queue_that_is_never_empty_keeps_no_places_of_those_that_were_taken() {
        let mut to = queue([0, 1]);
        for next in 2..1_000 {
            queue([next]).move_to(&mut to);
            assert_eq!(to.pop_front(), Some(next - 2));
            assert!(to.iter().eq(&[next - 1, next]));
        }
        assert!(to.places.capacity() < 10);
    }

    #[test]
    fn what_is_queued_is_dropped_with_the_queue_and_what_was_popped_with_whoever_has_it() {
        let message = Rc::new(());
        let mut messages = queue([(); 3].map(|()| Rc::clone(&message)));
        let popped = messages.pop_front();
        drop(messages);
        assert_eq!(Rc::strong_count(&message), 2);
        drop(popped);
        assert_eq!(Rc::strong_count(&message), 1);
    }

    #[test]
    fn one_that_panics_when_it_is_dropped_keeps_no_other() {
        struct Bomb {
            is_live: bool,
            _message: Rc<()>,
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                assert!(!self.is_live, "it goes off");
            }
        }
        let message = Rc::new(());
        let bomb = |is_live| Bomb {
            is_live,
            _message: Rc::clone(&message),
        };
        let mut messages = queue([true, false].map(bomb));
        assert!(catch_unwind(AssertUnwindSafe(|| messages.clear())).is_err());
        assert!(messages.is_empty());
        assert_eq!(Rc::strong_count(&message), 1);
    }
}
