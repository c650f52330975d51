//! Events lent to a callback: what it does not take stays with the runtime.

use std::vec::IntoIter;

use crate::id::SubscriptionId;
use crate::protocol::drop_all;

/// The events of one call of `handle_events`, taken from the front.
///
/// It is iterated as a collection is, and then the events are taken: `for event in events`, or `events.drain()` with the
/// methods of an iterator. `pop` takes one.
///
/// On `Ok` all of it counts as handled, also what a loop that broke off has not come to: that is dropped. On an error or a
/// panic one event counts as failed, and what is left is handed to the next call, unless the stage stops:
///
/// | the callback had | failed | handed over again |
/// |---|---|---|
/// | seen the next event with `front` and not popped it | that one | those behind it |
/// | taken events with `pop`, `drain` or a loop | the one taken last, unless `front` had shown it | those not taken |
/// | taken nothing, or only read `as_slice` | the first | those behind it |
/// | been in `cx.emit_changed` | the one that was being changed | those behind it |
///
/// An adapter that looks ahead, as `peekable` does, has taken what it looks at.
///
/// So a callback that can fail keeps the event at work in the batch until it is done:
///
/// ```
/// # use stage::{Batch, Consumer, Context, Result};
/// # struct Store;
/// # async fn store(_: &str) -> Result { Ok(()) }
/// # impl Consumer for Store {
/// #     type In = String;
/// async fn handle_events(&mut self, events: &mut Batch<'_, String>, _: &mut Context) -> Result {
///     while let Some(event) = events.front() {
///         store(event).await?;
///         events.pop();
///     }
///     Ok(())
/// }
/// # }
/// ```
///
/// When the callback is aborted, what was taken without `front` is lost with what is left.
#[derive(Debug)]
pub struct Batch<'a, T>(&'a mut Loan<T>);

impl<T> Batch<'_, T> {
    /// The subscription the events came on.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.0.subscription
    }

    /// How many events are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether all events were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The next event, left in the batch.
    pub fn front(&mut self) -> Option<&T> {
        self.0.left_at_front = self.len();
        self.as_slice().first()
    }

    /// Takes the next event; after `front` it counts as done.
    pub fn pop(&mut self) -> Option<T> {
        let event = self.0.events.next();
        if event.is_some() && self.0.left_at_front == self.len() + 1 {
            self.0.done += 1;
        }
        event
    }

    /// Takes the events one by one. Those that it has not come to when it is dropped stay in the batch until the callback
    /// returns.
    ///
    /// ```
    /// # use stage::{Batch, Consumer, Context, Result};
    /// # struct Sum(u64);
    /// # impl Consumer for Sum {
    /// #     type In = u64;
    /// async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
    ///     self.0 += events.drain().filter(|event| event % 2 == 0).sum::<u64>();
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn drain(&mut self) -> Events<'_, T> {
        let home = &mut self.0.events;
        Events {
            events: std::mem::take(home),
            home,
        }
    }

    /// As [`Iterator::map`] of [`Batch::drain`]. What it returns is known to be as long as it says, so that
    /// `cx.emit_all(events.map(…))` makes room once. Where events stay of their type, [`Context::emit_changed`] makes none.
    ///
    /// [`Context::emit_changed`]: crate::Context::emit_changed
    pub fn map<U, F: FnMut(T) -> U>(
        &mut self,
        f: F,
    ) -> impl ExactSizeIterator<Item = U> + use<'_, T, U, F> {
        Iterator::map(self.0.events.by_ref(), f)
    }

    /// The events not taken yet.
    #[must_use]
    #[doc(alias("iter", "to_vec"))]
    pub fn as_slice(&self) -> &[T] {
        self.0.events.as_slice()
    }

    /// Changes those that are left, and moves them to the end of `to`: where that is empty, in the list they are in. Where
    /// `change` panics, those before are moved, and the one it was at is the next.
    #[inline]
    pub(crate) fn change_into(&mut self, to: &mut Vec<T>, mut change: impl FnMut(&mut T)) {
        let mut changed = Changed {
            loan: self.0,
            to,
            n: 0,
        };
        let Changed { loan, n, .. } = &mut changed;
        for event in loan.events.as_mut_slice() {
            change(event);
            *n += 1;
        }
    }
}

impl<'b, T> IntoIterator for &'b mut Batch<'_, T> {
    type Item = T;
    type IntoIter = Events<'b, T>;

    #[inline]
    fn into_iter(self) -> Events<'b, T> {
        self.drain()
    }
}

/// Moves what was changed when it is dropped.
struct Changed<'a, T> {
    loan: &'a mut Loan<T>,
    to: &'a mut Vec<T>,
    n: usize,
}

impl<T> Drop for Changed<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Loan { events, done, .. } = &mut *self.loan;
        *done += self.n;
        // To exchange a list writes and reads its words in pieces of other sizes, for which the processor waits longer than
        // for one event.
        let is_sooner_moved = self.n == 1 && self.to.capacity() > 0;
        if self.n < events.len() {
            self.to.extend(events.by_ref().take(self.n));
            self.loan.left_at_front = self.loan.events.len();
        } else if self.to.is_empty() && !is_sooner_moved {
            let list = std::mem::take(events).collect();
            *events = std::mem::replace(self.to, list).into_iter();
        } else {
            self.to.extend(events);
        }
    }
}

/// The events of a [`Batch`], taken one by one.
///
/// It has them to itself, so that a loop over it finds the next one without a look at the batch. One that is forgotten, with
/// [`std::mem::forget`], takes along all that is left, as if it had been taken.
#[derive(Debug)]
pub struct Events<'b, T> {
    events: IntoIter<T>,
    /// Where those go that were not taken.
    home: &'b mut IntoIter<T>,
}

impl<T> Iterator for Events<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.events.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl<T> ExactSizeIterator for Events<'_, T> {}

impl<T> Drop for Events<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.home = std::mem::take(&mut self.events);
    }
}

/// Events that are lent to one callback after the other, until one has handled them, and their account.
#[derive(Debug)]
pub(crate) struct Loan<T> {
    events: IntoIter<T>,
    subscription: SubscriptionId,
    /// Their number when the callback began.
    len: usize,
    /// Those of them that were taken after `front` had shown them: they are done.
    done: usize,
    /// What was left when `front` was called last, or `NEVER`. Nothing is noted for each event that is taken otherwise.
    left_at_front: usize,
}

impl<T> Default for Loan<T> {
    fn default() -> Self {
        Self {
            events: IntoIter::default(),
            subscription: SubscriptionId::NONE,
            len: 0,
            done: 0,
            left_at_front: NEVER,
        }
    }
}

impl<T> Loan<T> {
    /// Begins with other events; none is left of those before.
    #[inline]
    pub(crate) fn begin(&mut self, subscription: SubscriptionId, events: Vec<T>) {
        debug_assert!(self.len() == 0, "its events were handled");
        self.subscription = subscription;
        self.len = events.len();
        self.events = events.into_iter();
        self.done = 0;
        self.left_at_front = NEVER;
    }

    #[inline]
    pub(crate) const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    #[inline]
    pub(crate) const fn lend(&mut self) -> Batch<'_, T> {
        Batch(self)
    }

    /// How many events are left to lend.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// How many events are not handled, until the account is closed.
    #[inline]
    pub(crate) const fn unhandled(&self) -> usize {
        self.len - self.done
    }

    /// Closes the account, and returns how many events are not handled.
    #[inline]
    pub(crate) const fn close(&mut self) -> usize {
        let unhandled = self.unhandled();
        self.done = self.len;
        unhandled
    }

    /// Notes that the callback succeeded: what it left counts as handled.
    #[inline]
    pub(crate) fn succeeded(&mut self) {
        self.done = self.len;
        self.drop_left();
    }

    /// Takes the event that failed out, so that a retry gets further: the front when it was at work or nothing was
    /// touched. One that was taken is gone already.
    pub(crate) fn failed(&mut self) -> Option<T> {
        let left = self.len();
        let is_here = self.left_at_front == left || self.len == left;
        self.left_at_front = NEVER;
        let failed = if is_here { self.events.next() } else { None };
        self.len = self.events.len();
        self.done = 0;
        failed
    }

    /// Drops the events that are left, one by one, since the process ends where two panic that are dropped together.
    #[inline]
    pub(crate) fn drop_left(&mut self) {
        if self.len() > 0 {
            drop_all(self.events.by_ref());
        }
    }

    /// Takes the list of the events, none of which is left.
    #[inline]
    pub(crate) fn take_list(&mut self) -> Vec<T> {
        debug_assert!(self.len() == 0, "its events were handled");
        // In place: what is collected from a list of the same type is in that list.
        std::mem::take(&mut self.events).filter(|_| false).collect()
    }
}

/// More than any list holds.
const NEVER: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn loan<T>(events: impl IntoIterator<Item = T>) -> Loan<T> {
        let mut loan = Loan::default();
        loan.begin(SubscriptionId::next(), events.into_iter().collect());
        loan
    }

    #[test]
    fn what_a_loop_has_not_come_to_stays() {
        let mut loan = loan(0..5);
        let mut batch = loan.lend();
        for event in &mut batch {
            if event == 1 {
                break;
            }
        }
        assert_eq!((batch.as_slice(), batch.len()), (&[2, 3, 4][..], 3));
        let mut left = batch.drain();
        assert_eq!((left.len(), left.next()), (3, Some(2)));
        drop(left);
        assert_eq!(batch.front(), Some(&3));
        assert_eq!(loan.failed(), Some(3));
        assert_eq!((loan.events.as_slice(), loan.unhandled()), (&[4][..], 1));
    }

    #[test]
    fn events_that_were_forgotten_are_gone() {
        let mut loan = loan([1, 2]);
        let mut batch = loan.lend();
        std::mem::forget(batch.drain());
        assert_eq!(
            (batch.len(), batch.pop(), batch.drain().next()),
            (0, None, None)
        );
        loan.succeeded();
        assert_eq!((loan.len(), loan.unhandled()), (0, 0));
    }

    #[test]
    fn the_list_of_a_batch_comes_back_with_its_room() {
        let mut events = Vec::with_capacity(16);
        events.extend(0..5);
        let mut loan = Loan::default();
        loan.begin(SubscriptionId::next(), events);
        assert_eq!(loan.lend().drain().nth(2), Some(2));
        loan.succeeded();
        let list = loan.take_list();
        assert_eq!((list.len(), list.capacity()), (0, 16));
    }

    #[test]
    fn what_is_changed_stays_in_its_list() {
        let mut loan = loan(0..5);
        let list = loan.events.as_slice().as_ptr();
        let mut emitted = Vec::with_capacity(16);
        loan.lend().change_into(&mut emitted, |event| *event += 1);
        assert_eq!((&*emitted, emitted.as_ptr()), (&[1, 2, 3, 4, 5][..], list));
        assert_eq!((loan.len(), loan.unhandled()), (0, 0));
        assert_eq!(loan.take_list().capacity(), 16);
    }

    #[test]
    fn one_that_is_changed_is_moved_where_there_is_room() {
        for (room, is_moved) in [(0, false), (1, true)] {
            let mut loan = loan([7]);
            let list = loan.events.as_slice().as_ptr();
            let mut emitted = Vec::with_capacity(room);
            loan.lend().change_into(&mut emitted, |event| *event += 1);
            assert_eq!((&*emitted, emitted.as_ptr() != list), (&[8][..], is_moved));
            assert_eq!((loan.len(), loan.unhandled()), (0, 0));
        }
    }

    #[test]
    fn what_is_changed_comes_behind_what_was_emitted_before() {
        let (mut loan, mut emitted) = (loan(0..3), vec![7]);
        loan.lend().pop();
        loan.lend().change_into(&mut emitted, |event| *event += 1);
        assert_eq!(emitted, [7, 2, 3]);
    }

    #[test]
    fn an_event_whose_change_panics_has_failed_and_those_behind_it_are_left() {
        for before in [vec![], vec![7]] {
            let (mut loan, mut emitted) = (loan(0..5), before.clone());
            let mut batch = loan.lend();
            let change = |event: &mut usize| {
                assert!(*event != 2, "on purpose");
                *event += 1;
            };
            let changes = AssertUnwindSafe(|| batch.change_into(&mut emitted, change));
            assert!(catch_unwind(changes).is_err());
            assert_eq!(emitted, [&*before, &[1, 2]].concat());
            assert_eq!(loan.unhandled(), 3);
            assert_eq!(loan.failed(), Some(2));
            assert_eq!(loan.events.as_slice(), [3, 4]);
        }
    }
}
