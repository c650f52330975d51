//! One stage of a group, as those see it that wake or abort it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Wake;

use super::Roster;
use crate::id::StageId;
use crate::sync::atomic::AtomicBool;

/// A member. It is in the roster once at most: between the wake that notes it there and its turn it is ready.
pub(crate) struct Member {
    pub(super) id: StageId,
    roster: Arc<Roster>,
    is_ready: AtomicBool,
    is_aborted: AtomicBool,
}

impl Member {
    /// Makes one that is ready, since it has yet to be polled for the first time.
    pub(super) const fn new(id: StageId, roster: Arc<Roster>) -> Self {
        Self {
            id,
            roster,
            is_ready: AtomicBool::new(true),
            is_aborted: AtomicBool::new(false),
        }
    }

    /// Begins its turn: what wakes it from now on gives it another one.
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
        self.is_ready.store(true, Ordering::Release);
    }

    fn ready(&self) {
        if !self.is_ready.swap(true, Ordering::AcqRel) {
            self.roster.ready(self.id);
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
