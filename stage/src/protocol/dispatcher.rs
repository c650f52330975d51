//! Who gets which events: the contract of dispatchers, and the greedy default.

use std::fmt;

use crate::id::SubscriptionId;

/// Batches to send, in order; the caller sends them, a dispatcher never does.
pub type Deliveries<T> = Vec<(SubscriptionId, Vec<T>)>;

/// Decides which subscription gets which event.
///
/// A dispatcher keeps each subscription's unpaid asks. It is told everything in order and answers two questions: how
/// many events could be taken now (`wanted`), and where these go (`dispatch`).
pub trait Dispatcher<T>: fmt::Debug + Send + 'static {
    /// Hears of a new subscription; it has asked nothing yet.
    fn subscribe(&mut self, subscription: SubscriptionId);
    /// Forgets a subscription and its unpaid asks. Unknown ids are ignored.
    fn cancel(&mut self, subscription: SubscriptionId);
    /// Adds `n ≥ 1` to what a subscription has asked. Unknown ids are ignored.
    fn ask(&mut self, subscription: SubscriptionId, n: usize);
    /// Returns how many events could be delivered now.
    fn wanted(&self) -> usize;
    /// Moves events from the front of `events` into deliveries; what it leaves is the leftover.
    ///
    /// It must not leave an event that a subscription has asked for.
    fn dispatch(&mut self, events: &mut Vec<T>, deliveries: &mut Deliveries<T>);
}

/// Gives a whole batch to the consumer with the most outstanding demand, then to the next.
///
/// Greedy: next to a consumer with a large window one with a small window may get little. Subscribing, asking and
/// leaving cost a scan of the subscriptions. Source: GenStage 1.3 `DemandDispatcher`.
#[derive(Debug, Default)]
pub struct DemandDispatcher {
    /// By demand, largest first; equal ones in the order of their asks.
    asked: Vec<(SubscriptionId, usize)>,
    wanted: usize,
}

impl DemandDispatcher {
    /// Returns what each subscription has asked and not been given, in serving order.
    #[must_use]
    pub fn asked(&self) -> &[(SubscriptionId, usize)] {
        &self.asked
    }

    /// Sets the demand of the entry at `at` and moves it behind all that have as much or more.
    fn set(&mut self, at: usize, n: usize) {
        self.asked[at].1 = n;
        if self.asked.len() > 1 {
            let entry = self.asked.remove(at);
            let behind = self.asked.iter().position(|(_, other)| *other < n);
            self.asked.insert(behind.unwrap_or(self.asked.len()), entry);
        }
    }
}

impl<T> Dispatcher<T> for DemandDispatcher {
    fn subscribe(&mut self, subscription: SubscriptionId) {
        self.asked.push((subscription, 0));
    }

    fn cancel(&mut self, subscription: SubscriptionId) {
        if let Some(at) = self.asked.iter().position(|(id, _)| *id == subscription) {
            self.wanted -= self.asked.remove(at).1;
        }
    }

    fn ask(&mut self, subscription: SubscriptionId, n: usize) {
        if let Some(at) = self.asked.iter().position(|(id, _)| *id == subscription) {
            let asked = self.asked[at].1;
            let total = asked.saturating_add(n);
            self.wanted = self.wanted.saturating_add(total - asked);
            self.set(at, total);
        }
    }

    fn wanted(&self) -> usize {
        self.wanted
    }

    fn dispatch(&mut self, events: &mut Vec<T>, deliveries: &mut Deliveries<T>) {
        while !events.is_empty() {
            let Some(&(subscription, asked)) = self.asked.first().filter(|(_, n)| *n > 0) else {
                return;
            };
            let n = asked.min(events.len());
            let batch = if n == events.len() {
                std::mem::take(events)
            } else {
                let rest = events.split_off(n);
                std::mem::replace(events, rest)
            };
            self.set(0, asked - n);
            self.wanted -= n;
            deliveries.push((subscription, batch));
        }
    }
}
