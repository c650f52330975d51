//! Which event goes next: those that failed, and then new ones, each up to its attempts. Pure: no task, no clock.
//!
//! ```text
//!  taken ──▶ waiting ── room ──▶ out ── acknowledged ──▶ settled
//!                                ▲ │
//!           again ── first ──────┘ └─── failed ──┬─ its last attempt ──▶ given up
//!             ▲                                  │
//!             └───────── due ───── later ◀───────┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::id::SubscriptionId;
use crate::protocol::Backoff;

/// The events taken and not settled. Times are counted from any one moment.
///
/// Invariant: those in flight, which are the ones out, due again or later, are at most `in_flight_max`.
#[derive(Debug)]
pub(super) struct Deliveries<T> {
    in_flight_max: NonZeroUsize,
    attempts: NonZeroU32,
    pub(super) backoff: Backoff,
    in_flight: usize,
    taken: u64,
    waiting: VecDeque<(SubscriptionId, T)>,
    /// Failed and due, by number.
    again: BTreeMap<u64, Delivery<T>>,
    /// Failed and not due, by their time and number.
    later: BTreeMap<(Duration, u64), Delivery<T>>,
}

/// An event that is in flight.
#[derive(Debug)]
pub(super) struct Delivery<T> {
    event: T,
    /// Counted in the order of first deliveries.
    number: u64,
    /// How often it was delivered.
    attempt: u32,
}

/// An event that goes out, and what is kept of it.
pub(super) struct Out<T> {
    pub(super) event: T,
    pub(super) kept: Delivery<T>,
    /// The subscription that it came on, when it goes out for the first time.
    pub(super) came_on: Option<SubscriptionId>,
}

impl<T: Clone> Deliveries<T> {
    /// Takes out the event that goes next, if there is one that may.
    pub(super) fn next(&mut self) -> Option<Out<T>> {
        // Each is cloned before it is moved: a clone that panics loses nothing.
        if let Some(first) = self.again.first_entry() {
            let event = first.get().event.clone();
            let mut kept = first.remove();
            kept.attempt += 1;
            return Some(Out {
                event,
                kept,
                came_on: None,
            });
        }
        if self.in_flight == self.in_flight_max.get() {
            return None;
        }
        let event = self.waiting.front()?.1.clone();
        let (came_on, kept) = self.waiting.pop_front()?;
        self.in_flight += 1;
        self.taken += 1;
        let kept = Delivery {
            event: kept,
            number: self.taken,
            attempt: 1,
        };
        Some(Out {
            event,
            kept,
            came_on: Some(came_on),
        })
    }
}

impl<T> Deliveries<T> {
    pub(super) const fn new(in_flight_max: NonZeroUsize, attempts: NonZeroU32) -> Self {
        Self {
            in_flight_max,
            attempts,
            backoff: Backoff::AT_ONCE,
            in_flight: 0,
            taken: 0,
            waiting: VecDeque::new(),
            again: BTreeMap::new(),
            later: BTreeMap::new(),
        }
    }

    /// Events taken and not settled.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    pub(super) fn on_taken(&mut self, came_on: SubscriptionId, event: T) {
        self.waiting.push_back((came_on, event));
    }

    pub(super) fn on_acknowledged(&mut self, _: Delivery<T>) {
        self.leave();
    }

    /// Keeps the event for its next attempt, or gives it up and back. `jitter` is between 0 and 1.
    #[must_use]
    pub(super) fn on_failed(
        &mut self,
        failed: Delivery<T>,
        now: Duration,
        jitter: f64,
    ) -> Option<T> {
        if failed.attempt >= self.attempts.get() {
            self.leave();
            return Some(failed.event);
        }
        match self.backoff.delay(failed.attempt - 1, jitter) {
            Duration::ZERO => self.again.insert(failed.number, failed),
            delay => {
                let due = now.saturating_add(delay);
                self.later.insert((due, failed.number), failed)
            }
        };
        None
    }

    /// Makes those due whose time has come; returns when the next one is.
    pub(super) fn on_time(&mut self, now: Duration) -> Option<Duration> {
        while let Some(first) = self.later.first_entry() {
            let (due, number) = *first.key();
            if due > now {
                return Some(due);
            }
            self.again.insert(number, first.remove());
        }
        None
    }

    fn leave(&mut self) {
        self.in_flight -= 1;
        debug_assert!(
            self.again.len() + self.later.len() <= self.in_flight,
            "what comes again is in flight"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn deliveries(in_flight_max: usize, attempts: u32, events: &str) -> Deliveries<char> {
        let mut deliveries = Deliveries::new(
            NonZeroUsize::new(in_flight_max).unwrap(),
            NonZeroU32::new(attempts).unwrap(),
        );
        let came_on = SubscriptionId::next();
        for event in events.chars() {
            deliveries.on_taken(came_on, event);
        }
        deliveries
    }

    /// Takes out all that may go.
    fn go(deliveries: &mut Deliveries<char>) -> (String, Vec<Delivery<char>>) {
        let out = std::iter::from_fn(|| deliveries.next());
        out.map(|out| (out.event, out.kept)).unzip()
    }

    #[test]
    fn no_new_event_goes_while_as_many_as_may_are_in_flight() {
        let mut deliveries = deliveries(2, 3, "abc");
        let (events, mut kept) = go(&mut deliveries);
        assert_eq!((&*events, deliveries.len()), ("ab", 3));
        assert_eq!(deliveries.on_failed(kept.remove(0), SECOND, 1.0), None);
        assert_eq!(go(&mut deliveries).0, "a");
        deliveries.on_acknowledged(kept.remove(0));
        assert_eq!((&*go(&mut deliveries).0, deliveries.len()), ("c", 2));
    }

    #[test]
    fn what_failed_goes_again_in_its_order_before_what_is_new() {
        let mut deliveries = deliveries(4, 2, "abcde");
        let (_, kept) = go(&mut deliveries);
        for failed in kept.into_iter().rev() {
            assert_eq!(deliveries.on_failed(failed, SECOND, 1.0), None);
        }
        let (events, kept) = go(&mut deliveries);
        assert_eq!(events, "abcd");
        let given_up = kept
            .into_iter()
            .filter_map(|kept| deliveries.on_failed(kept, SECOND, 1.0));
        assert_eq!(given_up.collect::<String>(), "abcd");
        assert_eq!((&*go(&mut deliveries).0, deliveries.len()), ("e", 1));
    }

    #[test]
    fn each_failure_doubles_the_delay_up_to_the_longest() {
        let mut deliveries = deliveries(1, 9, "a");
        deliveries.backoff = Backoff::new(SECOND, 5 * SECOND);
        let mut now = Duration::ZERO;
        for seconds in [1, 2, 4, 5, 5] {
            let (_, mut kept) = go(&mut deliveries);
            assert_eq!(deliveries.on_failed(kept.remove(0), now, 1.0), None);
            let due = now + seconds * SECOND;
            assert_eq!(deliveries.on_time(due - SECOND / 2), Some(due));
            assert_eq!(go(&mut deliveries).0, "");
            assert_eq!(deliveries.on_time(due), None);
            now = due;
        }
        assert_eq!(go(&mut deliveries).0, "a");
    }
}
