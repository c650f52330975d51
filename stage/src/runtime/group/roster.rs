//! Who of a group was woken from outside, and who joins it, behind one lock.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Waker};

use super::Member;
use crate::id::StageId;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, MutexGuard};

/// A member that the task has yet to take in.
pub(super) struct Joining {
    pub(super) member: Arc<Member>,
    pub(super) life: Life,
}

/// A whole stage as a future.
pub(super) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What has come from outside.
#[derive(Default)]
pub(super) struct News {
    /// Seats of those that were woken, each with who had it then.
    pub(super) ready: Vec<(usize, StageId)>,
    pub(super) joining: Vec<Joining>,
}

impl News {
    const fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.joining.is_empty()
    }
}

/// What the task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is news.
    GoesOn,
    /// Nothing to do: what comes next wakes the task.
    Parked,
    /// Nobody is left: the task ends.
    Over,
}

#[derive(Default)]
pub(super) struct Roster {
    state: Mutex<State>,
    /// Whether there is news, for a look without the lock; written under it.
    has_news: AtomicBool,
}

#[derive(Default)]
struct State {
    news: News,
    /// Whether there is a task.
    is_driven: bool,
    /// The waker of a task that waits.
    parked: Option<Waker>,
}

impl Roster {
    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the group for as long as anybody holds the roster.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn ready(&self, seat: usize, id: StageId) {
        let mut state = self.lock();
        state.news.ready.push((seat, id));
        self.tell(state);
    }

    /// Returns whether a task must be started.
    pub(super) fn join(&self, joining: Joining) -> bool {
        let mut state = self.lock();
        state.news.joining.push(joining);
        let is_driven = std::mem::replace(&mut state.is_driven, true);
        self.tell(state);
        !is_driven
    }

    /// Wakes a task that waits, outside the lock.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        self.has_news.store(true, Ordering::Release);
        let parked = state.parked.take();
        drop(state);
        if let Some(task) = parked {
            task.wake();
        }
    }

    /// Exchanges the empty `news` for what there is of it; returns whether there may be some.
    #[inline]
    pub(super) fn look(&self, news: &mut News) -> bool {
        let has_news = self.has_news.load(Ordering::Acquire);
        if has_news {
            self.take(&mut self.lock(), news);
        }
        has_news
    }

    /// As [`Roster::look`], and parks the task where there is none. One that has no members left is over.
    pub(super) fn wait(&self, task: &Task<'_>, has_members: bool, news: &mut News) -> Next {
        let mut state = self.lock();
        state.parked = None;
        self.take(&mut state, news);
        if !news.is_empty() {
            return Next::GoesOn;
        }
        if has_members {
            state.parked = Some(task.waker().clone());
            return Next::Parked;
        }
        state.is_driven = false;
        Next::Over
    }

    fn take(&self, state: &mut State, news: &mut News) {
        self.has_news.store(false, Ordering::Relaxed);
        std::mem::swap(&mut state.news, news);
    }

    /// Takes leave of a task that is dropped; returns those that were about to join it.
    pub(super) fn leave(&self) -> Vec<Joining> {
        let mut state = self.lock();
        state.is_driven = false;
        state.parked = None;
        self.has_news.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.news).joining
    }
}
