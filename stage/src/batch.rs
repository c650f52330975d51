//! Events lent to a callback: what it does not take stays with the runtime.

use std::vec::Drain;

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
pub struct Batch<'a, T> {
    /// `None` while they are drained.
    events: Option<Drain<'a, T>>,
    subscription: SubscriptionId,
    /// Told, when the batch is dropped, how many of its events were not handled.
    unhandled: &'a mut usize,
    /// Its length when the callback began.
    len: usize,
    /// Events of those that were taken after `front` had shown them: they are done.
    done: usize,
    /// What was left when `front` was called last. Nothing is noted for each event that is taken otherwise.
    left_at_front: Option<usize>,
}

impl<'a, T> Batch<'a, T> {
    pub(crate) fn new(
        events: Drain<'a, T>,
        subscription: SubscriptionId,
        unhandled: &'a mut usize,
    ) -> Self {
        Self {
            len: events.len(),
            events: Some(events),
            subscription,
            unhandled,
            done: 0,
            left_at_front: None,
        }
    }

    /// The subscription the events came on.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
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
        self.left_at_front = Some(self.len());
        self.as_slice().first()
    }

    /// Takes the next event; after `front` it counts as done.
    pub fn pop(&mut self) -> Option<T> {
        let event = self.events.as_mut()?.next();
        if event.is_some() && self.left_at_front == Some(self.len() + 1) {
            self.done += 1;
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
    pub const fn drain(&mut self) -> Events<'_, 'a, T> {
        Events {
            events: self.events.take(),
            home: &mut self.events,
        }
    }

    /// As [`Iterator::map`] of [`Batch::drain`]. What it returns is known to be as long as it says, so that
    /// `cx.emit_all(events.map(…))` makes room once.
    ///
    /// # Panics
    ///
    /// When one of these [`Events`] was forgotten with [`std::mem::forget`], and the events with it.
    pub fn map<U, F: FnMut(T) -> U>(
        &mut self,
        f: F,
    ) -> impl ExactSizeIterator<Item = U> + use<'_, 'a, T, U, F> {
        let events = self.events.as_mut().expect("no `Events` was forgotten");
        Iterator::map(events, f)
    }

    /// The events not taken yet.
    #[must_use]
    #[doc(alias("iter", "to_vec"))]
    pub fn as_slice(&self) -> &[T] {
        self.events.as_ref().map_or(&[], Drain::as_slice)
    }

    /// Takes the event that failed out, so that a retry gets further: the front when it was at work or nothing was
    /// touched. One that was taken is gone already. Returns it with those to be handed over again.
    pub(crate) fn failed(mut self) -> (Option<T>, Vec<T>) {
        let left = self.len();
        let is_here = self.left_at_front == Some(left) || self.len == left;
        let mut events = self.drain();
        let failed = if is_here { events.next() } else { None };
        let again: Vec<T> = events.collect();
        self.len = again.len();
        self.done = 0;
        (failed, again)
    }

    /// Notes that the callback succeeded: what it left counts as handled.
    #[inline]
    pub(crate) fn succeeded(mut self) {
        self.done = self.len;
    }
}

impl<'b, 'a, T> IntoIterator for &'b mut Batch<'a, T> {
    type Item = T;
    type IntoIter = Events<'b, 'a, T>;

    #[inline]
    fn into_iter(self) -> Events<'b, 'a, T> {
        self.drain()
    }
}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        *self.unhandled = self.len - self.done;
        // One by one, since the process ends where two panic that are dropped together.
        if let Some(left) = self.events.take()
            && left.len() > 0
        {
            drop_all(left);
        }
    }
}

/// The events of a [`Batch`], taken one by one.
///
/// It has them to itself, so that a loop over it finds the next one without a look at the batch. One that is forgotten, with
/// [`std::mem::forget`], takes along all that is left of its message, which is counted nowhere.
#[derive(Debug)]
pub struct Events<'b, 'a, T> {
    events: Option<Drain<'a, T>>,
    /// Where those go that were not taken.
    home: &'b mut Option<Drain<'a, T>>,
}

impl<T> Iterator for Events<'_, '_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.events.as_mut()?.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.events.as_ref().map_or(0, Drain::len);
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Events<'_, '_, T> {}

impl<T> Drop for Events<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.home = self.events.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loop_has_not_come_to_stays() {
        let (mut list, mut unhandled) = ((0..6).collect(), 0);
        let events: &mut Vec<usize> = &mut list;
        let mut batch = Batch::new(events.drain(..5), SubscriptionId::next(), &mut unhandled);
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
        assert_eq!(batch.failed(), (Some(3), vec![4]));
        assert_eq!((list, unhandled), (vec![5], 1));
    }

    #[test]
    fn events_that_were_forgotten_are_gone() {
        let (mut list, mut unhandled) = (vec![1, 2], 0);
        let mut batch = Batch::new(list.drain(..), SubscriptionId::next(), &mut unhandled);
        std::mem::forget(batch.drain());
        assert_eq!(
            (batch.len(), batch.pop(), batch.drain().next()),
            (0, None, None)
        );
        batch.succeeded();
        assert_eq!((list, unhandled), (vec![], 0));
    }
}
