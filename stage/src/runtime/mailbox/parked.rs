//! Whether a stage is woken by what comes to its mailbox, and by what of it.
//!
//! Where events flow once all consumers have asked, a stage that each ask woke would run in vain for all but the last. And a
//! producer-consumer needs both an event and an ask: the first of the two alone would wake it in vain.

use std::sync::atomic::Ordering;

use crate::id::SubscriptionId;
use crate::sync::atomic::AtomicU64;

/// Until when a stage that waits sleeps. It takes what has come when it runs again, whatever woke it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Through asks, until so many consumers have asked: two or more. Asks of one in a row are one.
    Asked(u32),
    /// Through asks of this one.
    Events(SubscriptionId),
    /// Through events.
    Ask,
    /// Through events, until there is an ask as well, and through asks of this one, until there are events.
    Both(SubscriptionId),
}

/// One of the states below, and above it, how many consumers have yet to ask, or the one whose asks are slept through.
/// Written under the mailbox's lock, but for `sleep`: whoever sends in between wakes the stage, which then takes all that
/// has come.
///
/// ```text
///             ┌─ an ask ──▶ UNTIL_EVENTS ─ events ─┐
/// UNTIL_BOTH ─┤                                    ├─▶ AWAKE, as for all else that comes
///             └─ events ──▶ UNTIL_ASK ──── an ask ─┘
/// ```
#[derive(Debug)]
pub(super) struct Parked(AtomicU64);

/// What comes next wakes nobody.
const AWAKE: u64 = 0;

/// What comes next wakes the stage, and nothing has come.
const PARKED: u64 = 1;

const UNTIL_ASK: u64 = 2;
const UNTIL_BOTH: u64 = 3;
const UNTIL_EVENTS: u64 = 4;
const UNTIL_ASKED: u64 = 5;

/// One more in what is above the state.
const ONE: u64 = 8;

impl Parked {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(AWAKE))
    }

    #[inline]
    fn state(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn note(&self, state: u64) {
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
                UNTIL_ASKED + u64::from(asks) * ONE
            }
            Until::Events(sole) => UNTIL_EVENTS + above(sole),
            Until::Ask => UNTIL_ASK,
            Until::Both(sole) => UNTIL_BOTH + above(sole),
        });
    }

    /// Whether there is something that the stage sleeps through.
    #[inline]
    pub(super) fn sleeps(&self) -> bool {
        self.state() > PARKED
    }

    /// Whether it sleeps until there are events, through whatever its only consumer asks.
    pub(super) fn sleeps_until_events(&self) -> bool {
        self.state() % ONE == UNTIL_EVENTS
    }

    /// Notes an ask; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_ask(&self, by: SubscriptionId) -> bool {
        let state = self.state();
        match state % ONE {
            UNTIL_EVENTS => return state - UNTIL_EVENTS == above(by),
            UNTIL_BOTH if state - UNTIL_BOTH == above(by) => self.note(UNTIL_EVENTS + above(by)),
            UNTIL_ASKED if state >= UNTIL_ASKED + 2 * ONE => self.note(state - ONE),
            _ => return false,
        }
        true
    }

    /// Notes events; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_events(&self) -> bool {
        match self.state() % ONE {
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

/// A consumer's place in a state. Ids are counted up, and no process comes that far.
#[inline]
const fn above(id: SubscriptionId) -> u64 {
    id.number().wrapping_mul(ONE)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Comes {
        Ask,
        /// By one who is not the only consumer.
        Other,
        Events,
    }
    use Comes::{Ask, Events, Other};

    const SOLE: SubscriptionId = SubscriptionId::of(1 << 40);

    impl Parked {
        fn sleeps_through(&self, comes: Comes) -> bool {
            match comes {
                Ask => self.sleeps_through_ask(SOLE),
                Other => self.sleeps_through_ask(SubscriptionId::of(1)),
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
        check(Until::Asked(3), &[Ask, Other], Ask);
        check(Until::Asked(3), &[Ask], Events);
        check(Until::Events(SOLE), &[Ask, Ask], Events);
        check(Until::Ask, &[Events, Events], Ask);
        check(Until::Both(SOLE), &[Ask, Ask], Events);
        check(Until::Both(SOLE), &[Events, Events], Ask);
    }

    #[test]
    fn an_ask_that_is_not_by_the_only_consumer_wakes_it() {
        check(Until::Events(SOLE), &[Ask], Other);
        check(Until::Both(SOLE), &[], Other);
        check(Until::Both(SOLE), &[Ask], Other);
        check(Until::Both(SOLE), &[Events], Other);
    }

    #[test]
    fn who_does_not_sleep_is_woken_by_whatever_comes() {
        for is_parked in [false, true] {
            for comes in [Ask, Other, Events] {
                let parked = Parked::new();
                parked.set(is_parked);
                assert!(!parked.sleeps_through(comes));
                assert_eq!(parked.end(), is_parked);
            }
        }
    }
}
