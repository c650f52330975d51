//! Whether a stage is woken by what comes to its mailbox, and by how much of it.
//!
//! Where events flow once all consumers have asked, a stage that each ask woke would run in vain for all but the last.

use std::sync::atomic::Ordering;

use crate::sync::atomic::AtomicUsize;

/// `AWAKE`, `PARKED`, or so many more asks than `PARKED` wake the stage, as all else does. Written under the mailbox's lock,
/// but for `sleep_through`: whoever sends in between wakes the stage, which then takes all that has come.
#[derive(Debug)]
pub(super) struct Parked(AtomicUsize);

/// What comes next wakes nobody.
const AWAKE: usize = 0;

/// What comes next wakes the stage, and nothing has come.
const PARKED: usize = 1;

impl Parked {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(AWAKE))
    }

    /// Whether nothing has come since the stage was parked, and whatever comes wakes it.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }

    #[inline]
    pub(super) fn set(&self, is_parked: bool) {
        let parked = if is_parked { PARKED } else { AWAKE };
        self.0.store(parked, Ordering::Relaxed);
    }

    /// Lets a stage that is parked sleep until as many consumers have asked.
    pub(super) fn sleep_through(&self, asks: usize) {
        let parked = PARKED.saturating_add(asks);
        self.0.store(parked, Ordering::Relaxed);
    }

    /// Whether the stage sleeps through asks.
    #[inline]
    pub(super) fn sleeps(&self) -> bool {
        self.0.load(Ordering::Relaxed) > PARKED
    }

    /// Notes an ask, and returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_ask(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed).saturating_sub(1);
        let sleeps_on = left > PARKED;
        if sleeps_on {
            self.0.store(left, Ordering::Relaxed);
        }
        sleeps_on
    }

    /// Ends it; returns whether the stage is to be woken.
    #[inline]
    pub(super) fn end(&self) -> bool {
        let was_awake = self.0.load(Ordering::Relaxed) == AWAKE;
        if !was_awake {
            self.0.store(AWAKE, Ordering::Relaxed);
        }
        !was_awake
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_through_asks_is_woken_when_as_many_consumers_have_asked() {
        let parked = Parked::new();
        parked.set(true);
        assert!(parked.is_set() && !parked.sleeps_through_ask());
        parked.sleep_through(3);
        assert!(parked.sleeps() && !parked.is_set());
        let sleeps_on = [(); 3].map(|()| parked.sleeps_through_ask());
        assert_eq!(sleeps_on, [true, true, false]);
        assert!(parked.end() && !parked.end());
    }
}
