//! Events lent to a callback: what it does not take stays with the runtime.

use std::vec::Drain;

use crate::id::SubscriptionId;

/// The events of one call of `handle_events`, taken from the front.
///
/// On `Ok` the rest counts as handled. On an error or a panic the rest is handed to the next call, unless the stage
/// stops. `front` followed by `pop` keeps the event at work in the batch until it is done.
#[derive(Debug)]
pub struct Batch<'a, T> {
    events: Drain<'a, T>,
    subscription: SubscriptionId,
    taken: usize,
    peeked: bool,
}

impl<'a, T> Batch<'a, T> {
    pub(crate) const fn new(events: Drain<'a, T>, subscription: SubscriptionId) -> Self {
        Self {
            events,
            subscription,
            taken: 0,
            peeked: false,
        }
    }

    /// The subscription the events came on.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// The next event, left in the batch.
    pub fn front(&mut self) -> Option<&T> {
        self.peeked = true;
        self.events.as_slice().first()
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<T> {
        self.next()
    }

    /// The events not taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.events.as_slice()
    }

    /// Skips the event that failed: the one looked at, or one when none was taken, so that a retry gets further.
    pub(crate) fn skip_failed(&mut self) {
        if self.peeked || self.taken == 0 {
            self.events.next();
        }
        self.peeked = false;
        self.taken = 0;
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.peeked = false;
        self.taken += 1;
        self.events.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}
