//! A lane as one would tell it to a child: when it is due, and who holds it.

use crawler::frontier::{LEASE, LeaseKey};

/// Losses in a row from which on a lane gives one URL at a time.
const CAREFUL_FROM: u16 = 3;

#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) is_polite: bool,
    pub(crate) delay: i64,
    pub(crate) polite_at: i64,
    pub(crate) lease: Option<Held>,
    pub(crate) lost: u16,
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) key: LeaseKey,
    pub(crate) count: usize,
    pub(crate) until: i64,
}

impl LaneState {
    pub(crate) fn next_at(&self) -> i64 {
        let lease = self
            .lease
            .as_ref()
            .map_or(self.polite_at, |held| held.until);
        lease.max(self.polite_at)
    }

    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.next_at() <= now
    }

    pub(crate) const fn is_single(&self) -> bool {
        self.is_polite || self.lost >= CAREFUL_FROM
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

pub(crate) fn millis_of_lease() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap()
}
