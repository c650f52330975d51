//! Whose turn it is, as the thread knows that polls the group: what members send each other takes no lock to wake them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::id::StageId;
use crate::sync::thread_local;

/// The roster of no group.
pub(super) const NOBODY: usize = 0;

/// Seats that the thread notes, each a bit of a word; who sits behind them is noted in the roster, as if woken from outside.
pub(super) const NOTED: usize = 64;

thread_local! {
    /// The group whose task this thread polls.
    static INSIDE: Inside = const {
        Inside {
            roster: Cell::new(NOBODY),
            due: Cell::new(0),
            member: Cell::new(None),
        }
    };
}

/// The member whose code runs on this thread, while the task of its group does.
pub(in crate::runtime) fn member() -> Option<StageId> {
    INSIDE.with(|inside| inside.member.get())
}

struct Inside {
    /// Which group it is: the address of its roster, which its task holds.
    roster: Cell<usize>,
    /// A bit for each seat whose turn has come.
    due: Cell<u64>,
    /// Who of the group had the last turn.
    member: Cell<Option<StageId>>,
}

type Noted = (usize, u64, Option<StageId>);

impl Inside {
    fn replace(&self, (roster, due, member): Noted) -> Noted {
        let (roster, due) = (self.roster.replace(roster), self.due.replace(due));
        (roster, due, self.member.replace(member))
    }
}

/// The thread, for as long as it polls the task of the group, or drops it.
pub(super) struct Lent<'a> {
    /// Whose turn it is while the task is not polled.
    due: &'a mut u64,
    /// A callback may drive a runtime of its own on this thread, and with it another group.
    outer: Noted,
}

impl<'a> Lent<'a> {
    pub(super) fn new(roster: usize, due: &'a mut u64) -> Self {
        let outer = INSIDE.with(|inside| inside.replace((roster, *due, None)));
        Self { due, outer }
    }

    /// Runs code of that member, whose panic harms no other; returns `None` when it panicked, which the panic hook has told.
    #[expect(clippy::unused_self, reason = "only while it is lent")]
    #[inline]
    pub(super) fn run_as<T>(&self, member: StageId, code: impl FnOnce() -> T) -> Option<T> {
        INSIDE.with(|inside| inside.member.set(Some(member)));
        catch_unwind(AssertUnwindSafe(code)).ok()
    }

    /// Returns the first of these seats whose turn has come, which then is over.
    #[expect(clippy::unused_self, reason = "only while it is lent")]
    #[inline]
    pub(super) fn take_due(&self, seats: u64) -> Option<usize> {
        INSIDE.with(|inside| {
            let due = inside.due.get();
            let among = due & seats;
            if among == 0 {
                return None;
            }
            let first = among & among.wrapping_neg();
            inside.due.set(due ^ first);
            Some(among.trailing_zeros() as usize)
        })
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        (_, *self.due, _) = INSIDE.with(|inside| inside.replace(self.outer));
    }
}

/// Notes that it is the turn of a member, in a seat that has a bit; returns `false` where the thread does not poll its group.
#[inline]
pub(super) fn note(roster: usize, seat: usize) -> bool {
    INSIDE.with(|inside| {
        let is_noted = inside.roster.get() == roster;
        if is_noted {
            debug_assert!(seat < NOTED, "it has a bit");
            inside.due.set(inside.due.get() | 1 << seat);
        }
        is_noted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_member_of_the_group_that_is_polled_is_noted() {
        let (mut outer, mut inner) = (0, 0);
        assert!(!note(1, 0));
        let lent = Lent::new(1, &mut outer);
        {
            let lent = Lent::new(2, &mut inner);
            assert!(note(2, 5) && note(2, 5) && !note(1, 6));
            note(2, 3);
            let all = u64::MAX;
            assert_eq!(lent.take_due(all << 4), Some(5));
            assert_eq!((lent.take_due(all), lent.take_due(all)), (Some(3), None));
            note(2, 7);
        }
        assert!(note(1, 8) && !note(2, 9));
        assert_eq!(lent.take_due(1 << 8), Some(8));
        drop(lent);
        assert_eq!((outer, inner), (0, 1 << 7));
    }
}
