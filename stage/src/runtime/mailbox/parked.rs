//! Whether a stage is woken by what comes to its mailbox, and by what of it.
//!
//! Where events flow once all consumers have asked, a stage that each ask woke would run in vain for all but the last. And a
//! producer-consumer needs both an event and an ask: the first of the two alone would wake it in vain.

use std::sync::atomic::Ordering;

use crate::sync::atomic::AtomicUsize;

/// Until when a stage that waits sleeps. It takes what has come when it runs again, whatever woke it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Through asks, until so many consumers have asked: two or more. Asks of one in a row are one.
    Asked(usize),
    /// Through asks.
    Events,
    /// Through events.
    Ask,
    /// Through events, until there is an ask as well, and the other way round.
    Both,
}

/// One of the states below, or as many more than `UNTIL_EVENTS` as consumers have to ask. Written under the mailbox's lock,
/// but for `sleep`: whoever sends in between wakes the stage, which then takes all that has come.
///
/// ```text
///             ┌─ an ask ──▶ UNTIL_EVENTS ─ events ─┐
/// UNTIL_BOTH ─┤                                    ├─▶ AWAKE, as for all else that comes
///             └─ events ──▶ UNTIL_ASK ──── an ask ─┘
/// ```
#[derive(Debug)]
pub(super) struct Parked(AtomicUsize);

/// What comes next wakes nobody.
const AWAKE: usize = 0;

/// What comes next wakes the stage, and nothing has come.
const PARKED: usize = 1;

const UNTIL_ASK: usize = 2;
const UNTIL_BOTH: usize = 3;
const UNTIL_EVENTS: usize = 4;

impl Parked {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(AWAKE))
    }

    #[inline]
    fn state(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn note(&self, state: usize) {
        self.0.store(state, Ordering::Relaxed);
    }

    /// Whether nothing has come since the stage was parked, and whatever comes wakes it.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.state() == PARKED
    }

    #[inline]
    pub(super) fn set(&self, is_parked: bool) {
        self.note(if is_parked { PARKED } else { AWAKE });
    }

    /// Lets a stage that is parked sleep.
    #[inline]
    pub(super) fn sleep(&self, until: Until) {
        self.note(match until {
            Until::Asked(asks) => {
                debug_assert!(asks > 1, "to wait for one is no sleep");
                UNTIL_EVENTS.saturating_add(asks)
            }
            Until::Events => UNTIL_EVENTS,
            Until::Ask => UNTIL_ASK,
            Until::Both => UNTIL_BOTH,
        });
    }

    /// Whether there is something that the stage sleeps through.
    #[inline]
    pub(super) fn sleeps(&self) -> bool {
        self.state() > PARKED
    }

    /// Whether it sleeps until there are events, through whatever is asked.
    pub(super) fn sleeps_until_events(&self) -> bool {
        self.state() == UNTIL_EVENTS
    }

    /// Notes an ask; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_ask(&self) -> bool {
        match self.state() {
            UNTIL_EVENTS => {}
            UNTIL_BOTH => self.note(UNTIL_EVENTS),
            asks if asks > UNTIL_EVENTS + 1 => self.note(asks - 1),
            _ => return false,
        }
        true
    }

    /// Notes events; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_events(&self) -> bool {
        match self.state() {
            UNTIL_ASK => {}
            UNTIL_BOTH => self.note(UNTIL_ASK),
            _ => return false,
        }
        true
    }

    /// Ends it; returns whether the stage is to be woken.
    #[inline]
    pub(super) fn end(&self) -> bool {
        let was_awake = self.state() == AWAKE;
        if !was_awake {
            self.note(AWAKE);
        }
        !was_awake
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Comes {
        Ask,
        Events,
    }
    use Comes::{Ask, Events};

    impl Parked {
        fn sleeps_through(&self, comes: Comes) -> bool {
            match comes {
                Ask => self.sleeps_through_ask(),
                Events => self.sleeps_through_events(),
            }
        }
    }

    /// What comes while a stage sleeps, and then what wakes it.
    fn check(until: Until, slept_through: &[Comes], woken_by: Comes) {
        let parked = Parked::new();
        parked.set(true);
        assert!(parked.is_set() && !parked.sleeps());
        parked.sleep(until);
        for comes in slept_through {
            assert!(parked.sleeps() && !parked.is_set());
            assert!(parked.sleeps_through(*comes), "{comes:?} {until:?}");
        }
        assert!(!parked.sleeps_through(woken_by), "{woken_by:?} {until:?}");
        assert!(parked.end() && !parked.end());
    }

    #[test]
    fn a_stage_sleeps_until_what_it_waits_for_has_come() {
        check(Until::Asked(3), &[Ask, Ask], Ask);
        check(Until::Asked(3), &[Ask], Events);
        check(Until::Events, &[Ask, Ask], Events);
        check(Until::Ask, &[Events, Events], Ask);
        check(Until::Both, &[Ask, Ask], Events);
        check(Until::Both, &[Events, Events], Ask);
    }

    #[test]
    fn who_does_not_sleep_is_woken_by_whatever_comes() {
        for is_parked in [false, true] {
            for comes in [Ask, Events] {
                let parked = Parked::new();
                parked.set(is_parked);
                assert!(!parked.sleeps_through(comes));
                assert_eq!(parked.end(), is_parked);
            }
        }
    }
}
