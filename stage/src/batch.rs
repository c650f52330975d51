//! Events lent to a callback: what it does not take stays with the runtime.

use std::vec::Drain;

use crate::id::SubscriptionId;

/// The events of one call of `handle_events`, taken from the front.
///
/// On `Ok` all of it counts as handled. On an error or a panic one event counts as failed, and what is left is handed to
/// the next call, unless the stage stops:
///
/// | the callback had | failed | handed over again |
/// |---|---|---|
/// | seen the next event with `front` and not popped it | that one | those behind it |
/// | taken events with `next` or `pop` | the one taken last, unless `front` had shown it | those not taken |
/// | taken nothing, or only read `as_slice` | the first | those behind it |
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
/// When the callback is aborted, what was taken by `next` alone is lost with what is left.
#[derive(Debug)]
pub struct Batch<'a, T> {
    events: Drain<'a, T>,
    subscription: SubscriptionId,
    /// Told, when the batch is dropped, how many events of the message were not handled.
    unhandled: &'a mut usize,
    /// Events of the same message behind this batch.
    behind: usize,
    /// Its length when the callback began.
    len: usize,
    /// Events of those that were taken after `front` had shown them: they are done.
    done: usize,
    /// What was left when `front` was called last. Nothing is noted for each event that `next` takes.
    left_at_front: Option<usize>,
}

impl<'a, T> Batch<'a, T> {
    pub(crate) fn new(
        events: Drain<'a, T>,
        subscription: SubscriptionId,
        unhandled: &'a mut usize,
        behind: usize,
    ) -> Self {
        Self {
            len: events.len(),
            events,
            subscription,
            unhandled,
            behind,
            done: 0,
            left_at_front: None,
        }
    }

    /// The subscription the events came on.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// The next event, left in the batch.
    pub fn front(&mut self) -> Option<&T> {
        self.left_at_front = Some(self.events.len());
        self.events.as_slice().first()
    }

    /// Takes the next event; after `front` it counts as done.
    pub fn pop(&mut self) -> Option<T> {
        let event = self.events.next();
        if event.is_some() && self.left_at_front == Some(self.events.len() + 1) {
            self.done += 1;
        }
        event
    }

    /// Takes the events one by one, as [`Iterator::map`] does. What it returns is known to be as long as it says, so that
    /// `cx.emit_all(events.map(…))` makes room once.
    pub fn map<U, F: FnMut(T) -> U>(
        &mut self,
        f: F,
    ) -> impl ExactSizeIterator<Item = U> + use<'_, 'a, T, U, F> {
        Iterator::map(&mut self.events, f)
    }

    /// The events not taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.events.as_slice()
    }

    /// Takes the event that failed out, so that a retry gets further: the front when it was at work or nothing was
    /// touched. One that was taken is gone already. Returns it with those to be handed over again.
    pub(crate) fn failed(mut self) -> (Option<T>, Vec<T>) {
        let left = self.events.len();
        let is_here = self.left_at_front == Some(left) || self.len == left;
        let failed = if is_here { self.events.next() } else { None };
        self.len = self.events.len();
        self.done = 0;
        (failed, self.events.by_ref().collect())
    }

    /// Notes that the callback succeeded: what it left counts as handled.
    pub(crate) fn succeeded(mut self) {
        self.events.by_ref().for_each(drop);
        self.done = self.len;
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.events.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        *self.unhandled = self.len - self.done + self.behind;
    }
}
