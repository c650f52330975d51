//! Who of a group is ready and who joins it, behind one lock that other threads take too.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Waker};

use super::Member;
use crate::id::StageId;
use crate::sync::{Mutex, MutexGuard};

/// A member that the task has yet to take in.
pub(super) struct Joining {
    pub(super) member: Arc<Member>,
    pub(super) life: Life,
}

/// A whole stage as a future.
pub(super) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Begins,
    /// Nothing to do: the next that is ready wakes the task.
    Parked,
    /// Nobody is left: the task ends.
    Over,
}

#[derive(Default)]
pub(super) struct Roster(Mutex<State>);

#[derive(Default)]
struct State {
    /// In the order in which they became ready.
    ready: VecDeque<StageId>,
    joining: Vec<Joining>,
    /// Whether there is a task.
    is_driven: bool,
    /// The waker of a task that waits.
    parked: Option<Waker>,
}

impl Roster {
    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ready(&self, id: StageId) {
        let mut state = self.lock();
        state.ready.push_back(id);
        wake(state);
    }

    /// Returns whether a task must be started.
    pub(super) fn join(&self, joining: Joining) -> bool {
        let mut state = self.lock();
        state.ready.push_back(joining.member.id);
        state.joining.push(joining);
        let is_driven = std::mem::replace(&mut state.is_driven, true);
        wake(state);
        !is_driven
    }

    /// Moves those that are ready into the empty `round`, or parks the task. One that has no members left is over.
    pub(super) fn next_round(
        &self,
        task: &Task<'_>,
        has_members: bool,
        round: &mut VecDeque<StageId>,
    ) -> (Round, Vec<Joining>) {
        let mut state = self.lock();
        state.parked = None;
        let joining = std::mem::take(&mut state.joining);
        if !state.ready.is_empty() {
            std::mem::swap(&mut state.ready, round);
            return (Round::Begins, joining);
        }
        if has_members {
            state.parked = Some(task.waker().clone());
            return (Round::Parked, joining);
        }
        state.is_driven = false;
        (Round::Over, joining)
    }

    /// Takes leave of a task that is dropped; returns those that were about to join it.
    pub(super) fn leave(&self) -> Vec<Joining> {
        let mut state = self.lock();
        state.is_driven = false;
        state.parked = None;
        state.ready.clear();
        std::mem::take(&mut state.joining)
    }
}

/// Wakes a task that waits, outside the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let parked = state.parked.take();
    drop(state);
    if let Some(task) = parked {
        task.wake();
    }
}
