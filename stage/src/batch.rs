//! Events lent to a callback: what it does not take stays with the runtime.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec::Drain;

use crate::id::SubscriptionId;

/// The events of one call of `handle_events`, taken from the front.
///
/// On `Ok` all of it counts as handled. On an error or a panic what was not taken is handed to the next call, unless the
/// stage stops. `front` and then `pop` keeps an event in the batch until it is done; one taken by `next` alone is in the
/// callback's hands until that returns, and lost when it is aborted.
#[derive(Debug)]
pub struct Batch<'a, T> {
    events: Drain<'a, T>,
    subscription: SubscriptionId,
    /// Told, when the batch is dropped, how many events of the message were not handled.
    unhandled: &'a AtomicUsize,
    /// Events of the same message behind this batch.
    behind: usize,
    /// Events taken before they were known to be done.
    taken: usize,
    /// Whether the front is at work.
    is_front_at_work: bool,
    is_touched: bool,
}

impl<'a, T> Batch<'a, T> {
    pub(crate) const fn new(
        events: Drain<'a, T>,
        subscription: SubscriptionId,
        unhandled: &'a AtomicUsize,
        behind: usize,
    ) -> Self {
        Self {
            events,
            subscription,
            unhandled,
            behind,
            taken: 0,
            is_front_at_work: false,
            is_touched: false,
        }
    }

    /// The subscription the events came on.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// The next event, left in the batch.
    pub fn front(&mut self) -> Option<&T> {
        self.is_touched = true;
        self.is_front_at_work = self.events.len() > 0;
        self.events.as_slice().first()
    }

    /// Takes the next event; after `front` it counts as done.
    pub fn pop(&mut self) -> Option<T> {
        self.next()
    }

    /// The events not taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.events.as_slice()
    }

    /// Skips the event that failed, so that a retry gets further: the front when it was at work or nothing was touched.
    /// One that was taken is gone already.
    pub(crate) fn skip_failed(&mut self) {
        if self.is_front_at_work || !self.is_touched {
            self.events.next();
        }
        self.taken = 0;
        self.is_front_at_work = false;
        self.is_touched = false;
    }

    /// Notes that the callback succeeded: what it left counts as handled.
    pub(crate) fn succeeded(&mut self) {
        self.events.by_ref().for_each(drop);
        self.taken = 0;
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let event = self.events.next();
        if event.is_some() && !self.is_front_at_work {
            self.taken += 1;
        }
        self.is_front_at_work = false;
        self.is_touched = true;
        event
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        let unhandled = self.taken + self.events.len() + self.behind;
        self.unhandled.store(unhandled, Ordering::Relaxed);
    }
}
