//! Whether a stage is woken by what comes to its mailbox, and by what of it.
//!
//! Where events flow once all consumers have asked, a stage that each ask woke would run in vain for all but the last; and a
//! producer-consumer needs both an event and an ask, so that the first of the two alone would wake it in vain.

use std::sync::atomic::Ordering;

use crate::sync::atomic::AtomicUsize;

/// What a stage that waits sleeps through. It takes what has come when it runs again, whatever woke it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Asks, until as many consumers have asked; those of one consumer in a row count as one.
    UntilAsked(usize),
    /// Asks: it waits for events.
    Asks,
    /// Events: it waits for an ask.
    Events,
    /// Either of them, until the other comes too.
    Either,
}

/// One of the states below, or as many more than `ASKS` as have to ask. Written under the mailbox's lock, but for `sleep`:
/// whoever sends in between wakes the stage, which then takes all that has come.
#[derive(Debug)]
pub(super) struct Parked(AtomicUsize);

/// What comes next wakes nobody.
const AWAKE: usize = 0;

/// What comes next wakes the stage, and nothing has come.
const PARKED: usize = 1;

/// All but events wakes it.
const EVENTS: usize = 2;

/// All but events and asks wakes it, and so do these once the other has come.
const EITHER: usize = 3;

/// All but asks wakes it.
const ASKS: usize = 4;

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
    pub(super) fn sleep(&self, through: Sleep) {
        self.note(match through {
            Sleep::UntilAsked(asks) => ASKS.saturating_add(asks.max(1)),
            Sleep::Asks => ASKS,
            Sleep::Events => EVENTS,
            Sleep::Either => EITHER,
        });
    }

    /// Whether there is something that the stage sleeps through.
    #[inline]
    pub(super) fn sleeps(&self) -> bool {
        self.state() > PARKED
    }

    /// Whether it sleeps through asks until there are events.
    pub(super) fn sleeps_for_events(&self) -> bool {
        matches!(self.state(), EITHER | ASKS)
    }

    /// Notes an ask, perhaps by the one who asked last; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_ask(&self, is_again: bool) -> bool {
        match self.state() {
            ASKS => true,
            EITHER => {
                self.note(ASKS);
                true
            }
            // One who asks again is none of those that are waited for.
            waiting if waiting > ASKS && is_again => true,
            waiting if waiting > ASKS + 1 => {
                self.note(waiting - 1);
                true
            }
            _ => false,
        }
    }

    /// Notes events; returns whether the stage sleeps on.
    #[inline]
    pub(super) fn sleeps_through_events(&self) -> bool {
        let state = self.state();
        if state == EITHER {
            self.note(EVENTS);
        }
        matches!(state, EVENTS | EITHER)
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

    /// What comes to a stage that sleeps, an ask (and whether by the one who asked last) or events, and whether it sleeps on.
    enum Comes {
        Ask(bool),
        Events,
    }
    use Comes::{Ask, Events};

    #[test]
    fn a_stage_sleeps_until_what_it_waits_for_has_come() {
        let check = |through: Sleep, come: &[(Comes, bool)]| {
            let parked = Parked::new();
            parked.set(true);
            assert!(parked.is_set() && !parked.sleeps());
            parked.sleep(through);
            for (comes, sleeps_on) in come {
                assert!(parked.sleeps() && !parked.is_set());
                let sleeps = match comes {
                    Ask(is_again) => parked.sleeps_through_ask(*is_again),
                    Events => parked.sleeps_through_events(),
                };
                assert_eq!(sleeps, *sleeps_on, "{through:?}");
            }
            assert!(parked.end() && !parked.end());
        };
        let (new, again) = (|| Ask(false), || Ask(true));
        check(
            Sleep::UntilAsked(3),
            &[
                (new(), true),
                (new(), true),
                (again(), true),
                (new(), false),
            ],
        );
        check(Sleep::UntilAsked(3), &[(new(), true), (Events, false)]);
        check(
            Sleep::Asks,
            &[
                (new(), true),
                (again(), true),
                (new(), true),
                (Events, false),
            ],
        );
        check(
            Sleep::Events,
            &[(Events, true), (Events, true), (new(), false)],
        );
        check(Sleep::Events, &[(again(), false)]);
        check(
            Sleep::Either,
            &[(new(), true), (again(), true), (Events, false)],
        );
        check(
            Sleep::Either,
            &[(Events, true), (Events, true), (new(), false)],
        );
    }

    #[test]
    fn who_does_not_sleep_is_woken_by_whatever_comes() {
        for is_parked in [false, true] {
            let parked = Parked::new();
            parked.set(is_parked);
            assert!(!parked.sleeps_through_ask(false) && !parked.sleeps_through_events());
            assert_eq!(parked.end(), is_parked);
        }
    }
}
