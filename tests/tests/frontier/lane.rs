//! A lane as one would tell it to a child: when it is due, and who holds it.

use crawler::frontier::{ABORT_AFTER, LEASE, LeaseKey};
use crawler::policy::welcome::Welcome;

/// Losses in a row from which on a lane gives one URL at a time.
pub(crate) const CAREFUL_FROM: u16 = 3;

/// How many lanes that were lost so often are at work together.
pub(crate) const SUSPECTS_TOGETHER: usize = 16;

#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) is_polite: bool,
    pub(crate) delay: i64,
    pub(crate) polite_at: i64,
    /// How long the rest was to be that ends then.
    pub(crate) rest: i64,
    pub(crate) lease: Option<Held>,
    pub(crate) lost: u16,
    pub(crate) is_aside: bool,
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) key: LeaseKey,
    pub(crate) count: usize,
    pub(crate) until: i64,
}

impl LaneState {
    pub(crate) fn next_at(&self) -> i64 {
        let free_at = if self.is_aside { 0 } else { self.polite_at };
        let lease = self.lease.as_ref().map_or(free_at, |held| held.until);
        lease.max(free_at)
    }

    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.next_at() <= now
    }

    fn holds(&self, now: i64) -> bool {
        let lease = self.lease.as_ref();
        // A site of one lane is not claimed before it has rested from its holder's last request.
        let end = |held: &Held| {
            if self.is_polite {
                self.next_at()
            } else {
                held.until
            }
        };
        lease.is_some_and(|held| end(held) > now)
    }

    /// Returns whether it is not on lease and was lost thrice, with a lease that ran out.
    pub(crate) fn is_suspect_at(&self, now: i64) -> bool {
        !self.holds(now) && self.lost_at(now) >= CAREFUL_FROM
    }

    /// Returns how often it was lost in a row, with a lease that ran out.
    pub(crate) fn lost_at(&self, now: i64) -> u16 {
        let ran_out = self.lease.is_some() && !self.holds(now);
        self.lost + u16::from(ran_out)
    }

    /// Returns whether it is on lease, and was lost thrice before.
    pub(crate) fn is_suspect_at_work(&self, now: i64) -> bool {
        self.holds(now) && self.lost >= CAREFUL_FROM
    }

    pub(crate) const fn is_single(&self) -> bool {
        self.is_polite && !self.is_aside || self.lost >= CAREFUL_FROM
    }

    /// Notes what a settle says of its site; one that is asked for several URLs at once is never set aside.
    pub(crate) fn welcome(&mut self, welcome: Welcome) {
        self.is_aside = self.is_polite && welcome.is_set_aside();
    }

    /// Leaves it alone for so long from then on, if it would not be left alone for longer.
    pub(crate) fn rest_from(&mut self, from: i64, rest: i64) {
        if from + rest >= self.polite_at {
            (self.polite_at, self.rest) = (from + rest, rest);
        }
    }

    /// Ends a lease of which nobody knows whether its site is still being asked.
    pub(crate) fn lose(&mut self, now: i64) {
        if self.lease.take().is_none() {
            return;
        }
        self.lost += 1;
        let again = self.rest_again();
        self.polite_at = self.polite_at.max(now + again);
        self.rest = self.rest.max(again);
    }

    /// How long it rests when nobody knows whether it is being asked.
    fn rest_again(&self) -> i64 {
        if self.is_polite && !self.is_aside {
            self.rest.max(self.delay)
        } else {
            0
        }
    }

    /// How long a lease of it lasts: as any other, or until it has rested from its holder's last request.
    pub(crate) fn millis_of_lease(&self) -> i64 {
        let [lease, abort] =
            [LEASE, ABORT_AFTER].map(|span| i64::try_from(span.as_millis()).unwrap());
        lease.max(abort + self.rest_again())
    }

    pub(crate) fn give_back(&mut self) {
        if let Some(held) = &mut self.lease {
            held.count -= 1;
            if held.count == 0 {
                self.lease = None;
            }
        }
    }
}
