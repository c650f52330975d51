//! One stage of a group, as those see it that wake or abort it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Wake;

use super::Roster;
use super::inside::{self, NOTED};
use crate::id::StageId;
use crate::sync::atomic::{AtomicBool, AtomicUsize};

/// The roster of who has no seat, or one that no thread notes.
const NOWHERE: usize = usize::MAX;

/// A member. Who wakes it from within the group notes its seat for the thread; all others note it in the roster,
/// once at most: from such a wake until the task hears of it the member is ready.
pub(crate) struct Member {
    pub(super) id: StageId,
    roster: Arc<Roster>,
    /// Where the task keeps it.
    seat: AtomicUsize,
    /// The group whose thread notes that seat: its own, or [`NOWHERE`].
    noted_in: AtomicUsize,
    is_ready: AtomicBool,
    is_aborted: AtomicBool,
}

impl Member {
    /// Makes one that is ready, since it has yet to be polled for the first time.
    pub(super) const fn new(id: StageId, roster: Arc<Roster>) -> Self {
        Self {
            id,
            roster,
            seat: AtomicUsize::new(0),
            noted_in: AtomicUsize::new(NOWHERE),
            is_ready: AtomicBool::new(true),
            is_aborted: AtomicBool::new(false),
        }
    }

    /// Notes where the task keeps it, which is to poll it soon.
    pub(super) fn sit(&self, seat: usize) {
        // Before it is not ready any more, so that who wakes it sees its seat.
        self.seat.store(seat, Ordering::Relaxed);
        if seat < NOTED {
            let noted_in = self.roster.address();
            self.noted_in.store(noted_in, Ordering::Relaxed);
        }
        self.begin_turn();
    }

    /// Takes it out of the roster: what wakes it from now on notes it there again. It is polled soon.
    pub(super) fn begin_turn(&self) {
        // A swap, so that what was written before the last wake is seen.
        self.is_ready.swap(false, Ordering::AcqRel);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }

    /// Has it dropped in its next turn, which is soon.
    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
        self.ready();
    }

    /// Has nobody wake it any more.
    pub(super) fn retire(&self) {
        self.noted_in.store(NOWHERE, Ordering::Relaxed);
        self.is_ready.store(true, Ordering::Release);
    }

    #[inline]
    fn ready(&self) {
        let seat = self.seat.load(Ordering::Relaxed);
        if !inside::note(self.noted_in.load(Ordering::Relaxed), seat) {
            self.ready_from_outside();
        }
    }

    /// Apart, so that a wake from within needs none of the registers that this one takes.
    #[inline(never)]
    fn ready_from_outside(&self) {
        if !self.is_ready.swap(true, Ordering::AcqRel) {
            let seat = self.seat.load(Ordering::Relaxed);
            self.roster.ready(seat, self.id);
        }
    }
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.ready();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::group::News;
    use crate::runtime::group::inside::Lent;

    #[test]
    fn a_seat_without_a_bit_is_noted_in_the_roster() {
        let roster = Arc::<Roster>::default();
        let mut due = 0;
        let thread = Lent::new(roster.address(), &mut due);
        let woken = |seat| {
            let member = Member::new(StageId::next(), Arc::clone(&roster));
            member.sit(seat);
            member.ready();
            let mut news = News::default();
            roster.look(&mut news);
            let in_roster: Vec<_> = news.ready.iter().map(|(seat, _)| *seat).collect();
            (thread.take_due(u64::MAX), in_roster)
        };
        assert_eq!(woken(NOTED - 1), (Some(NOTED - 1), vec![]));
        assert_eq!(woken(NOTED), (None, vec![NOTED]));
    }
}
