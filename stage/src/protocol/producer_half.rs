//! The producing half of a stage: dispatcher, buffer and the debt to its consumers.

use super::{Buffer, Deliveries, Dispatcher};
use crate::id::SubscriptionId;

/// What became of a batch of emitted events; the deliveries are in the caller's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Emitted {
    /// Events dropped because the buffer was full.
    pub discarded: usize,
}

/// Dispatches emitted events against asks, and says what to demand next.
///
/// `owed` is what the stage was told and has not emitted. What it is told is `wanted − owed`, so demand left by a
/// leaver is used again and buffered events are served before the callback hears anything.
#[derive(Debug)]
pub struct ProducerHalf<T> {
    dispatcher: Box<dyn Dispatcher<T>>,
    buffer: Buffer<T>,
    owed: usize,
}

impl<T: 'static> ProducerHalf<T> {
    /// Joins a dispatcher and a buffer.
    #[must_use]
    pub fn new(dispatcher: Box<dyn Dispatcher<T>>, buffer: Buffer<T>) -> Self {
        Self {
            dispatcher,
            buffer,
            owed: 0,
        }
    }

    /// Told to the stage and not yet emitted.
    #[must_use]
    pub const fn owed(&self) -> usize {
        self.owed
    }

    /// Events in the buffer.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Demand that the stage owes and no consumer waits for any more.
    #[must_use]
    pub fn orphaned(&self) -> usize {
        self.owed.saturating_sub(self.dispatcher.wanted())
    }

    /// Returns whether new input has to wait for the buffer.
    #[must_use]
    pub fn is_holding_back(&self) -> bool {
        self.buffer.is_holding_back()
    }

    /// Opens a subscription.
    pub fn on_subscribe(&mut self, subscription: SubscriptionId) {
        self.dispatcher.subscribe(subscription);
    }

    /// Closes a subscription.
    pub fn on_cancel(&mut self, subscription: SubscriptionId) {
        self.dispatcher.cancel(subscription);
    }

    /// Adds an ask and serves it from the buffer.
    pub fn on_ask(
        &mut self,
        subscription: SubscriptionId,
        n: usize,
        deliveries: &mut Deliveries<T>,
    ) {
        if n > 0 {
            self.dispatcher.ask(subscription, n);
            self.serve_buffer(deliveries);
        }
    }

    /// Dispatches emitted events; what nobody asked for is buffered. `events` is left empty.
    pub fn on_emit(&mut self, events: &mut Vec<T>, deliveries: &mut Deliveries<T>) -> Emitted {
        self.owed = self.owed.saturating_sub(events.len());
        if self.buffer.is_empty() {
            self.dispatcher.dispatch(events, deliveries);
            if events.is_empty() {
                return Emitted::default();
            }
        }
        let discarded = self.buffer.store(events);
        self.serve_buffer(deliveries);
        Emitted { discarded }
    }

    /// Returns the demand to tell the stage now, which it then owes.
    #[must_use]
    pub fn take_demand(&mut self) -> usize {
        let demand = self.dispatcher.wanted().saturating_sub(self.owed);
        self.owed += demand;
        demand
    }

    /// Drops what is buffered and returns its count.
    pub fn discard(&mut self) -> usize {
        self.buffer.clear()
    }

    fn serve_buffer(&mut self, deliveries: &mut Deliveries<T>) {
        let most = self.dispatcher.wanted();
        if most > 0 && !self.buffer.is_empty() {
            let mut events = self.buffer.take(most);
            self.dispatcher.dispatch(&mut events, deliveries);
            debug_assert!(events.is_empty(), "a dispatcher takes what it wanted");
        }
    }
}
