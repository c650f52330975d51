//! The children of a supervisor, in the order they were started, and which of them are up, wait, or are overdue.
//!
//! A supervisor of ten thousand children hears from one of them at a time, so what it asks of all of them is kept as it
//! changes: no question here looks at each child.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use super::{Effect, Restart};
use crate::id::StageId;

/// Where a child is; the diagram is over [`super`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Running {
        since: Instant,
    },
    /// Told to go down.
    Suspending(Patience),
    /// Waits to be started, or finished; `at` is set where it waits for itself alone.
    Down {
        at: Option<Instant>,
    },
    Starting,
    /// Told to end.
    Stopping(Patience),
}

/// How long an order may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Until(Instant),
    /// It is over, and what the order said was done by force.
    Over,
    WithoutEnd,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) restart: Restart,
    shutdown: Duration,
    /// Changed by [`Children::set`] alone.
    state: State,
    /// Failed starts and short runs in a row.
    pub(super) attempts: u32,
    pub(super) restarts: u64,
}

/// All children by id, which is the order they were started in.
///
/// Invariant: each of the four sets holds exactly the children whose state says so.
#[derive(Debug, Default)]
pub(super) struct Children {
    by_id: BTreeMap<StageId, Child>,
    /// Those that are not down.
    up: BTreeSet<StageId>,
    /// Those that do not run.
    idle: BTreeSet<StageId>,
    /// When the patience with those that were told something is over.
    orders: BTreeSet<(Instant, StageId)>,
    /// When those that wait for themselves alone are started.
    waits: BTreeSet<(Instant, StageId)>,
    /// Those that began or ceased to run, or are gone, since the last look.
    changed: Vec<StageId>,
}

impl Child {
    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// A deadline that no clock can tell is none.
    fn patience(&self, now: Instant) -> Patience {
        now.checked_add(self.shutdown)
            .map_or(Patience::WithoutEnd, Patience::Until)
    }
}

impl State {
    const fn is_down(self) -> bool {
        matches!(self, Self::Down { .. })
    }

    const fn order_ends(self) -> Option<Instant> {
        match self {
            Self::Suspending(Patience::Until(at)) | Self::Stopping(Patience::Until(at)) => Some(at),
            _ => None,
        }
    }

    const fn wait_ends(self) -> Option<Instant> {
        match self {
            Self::Down { at } => at,
            _ => None,
        }
    }
}

impl Children {
    /// Adds one that runs.
    pub(super) fn insert(
        &mut self,
        id: StageId,
        restart: Restart,
        shutdown: Duration,
        now: Instant,
    ) {
        let child = Child {
            restart,
            shutdown,
            state: State::Running { since: now },
            attempts: 0,
            restarts: 0,
        };
        self.by_id.insert(id, child);
        self.up.insert(id);
    }

    pub(super) fn remove(&mut self, id: StageId) {
        if let Some(child) = self.by_id.remove(&id) {
            self.up.remove(&id);
            self.idle.remove(&id);
            keep_due(&mut self.orders, id, child.state.order_ends(), None);
            keep_due(&mut self.waits, id, child.state.wait_ends(), None);
            self.changed.push(id);
        }
    }

    pub(super) fn get(&self, id: StageId) -> Option<&Child> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: StageId) -> Option<&mut Child> {
        self.by_id.get_mut(&id)
    }

    /// Moves a child to a state.
    pub(super) fn set(&mut self, id: StageId, state: State) {
        let Some(child) = self.by_id.get_mut(&id) else {
            return;
        };
        let was_running = child.is_running();
        let old = std::mem::replace(&mut child.state, state);
        if was_running != child.is_running() {
            self.changed.push(id);
        }
        keep(&mut self.up, id, !state.is_down());
        keep(&mut self.idle, id, !child.is_running());
        keep_due(&mut self.orders, id, old.order_ends(), state.order_ends());
        keep_due(&mut self.waits, id, old.wait_ends(), state.wait_ends());
    }

    pub(super) fn last(&self) -> Option<StageId> {
        self.by_id.last_key_value().map(|(id, _)| *id)
    }

    /// The last of those from `from` on that is not down.
    pub(super) fn last_up(&self, from: Option<StageId>) -> Option<StageId> {
        self.up.range(group(from)).next_back().copied()
    }

    /// The first of those from `from` on that does not run.
    pub(super) fn first_idle(&self, from: Option<StageId>) -> Option<StageId> {
        self.idle.range(group(from)).next().copied()
    }

    /// When the first order is overdue.
    pub(super) fn next_order(&self) -> Option<Instant> {
        self.orders.first().map(|(at, _)| *at)
    }

    /// When the first wait is over.
    pub(super) fn next_wait(&self) -> Option<Instant> {
        self.waits.first().map(|(at, _)| *at)
    }

    /// Takes the ids of those whose status has changed.
    pub(super) fn take_changed(&mut self) -> Vec<StageId> {
        std::mem::take(&mut self.changed)
    }

    /// Tells a child to go down, unless it was told; one that is never restarted ends.
    pub(super) fn go_down(&mut self, id: StageId, now: Instant) -> Option<Effect> {
        let child = self.by_id.get(&id)?;
        match child.state {
            State::Running { .. } | State::Starting if child.restart == Restart::Temporary => {
                self.end(id, now)
            }
            State::Running { .. } | State::Starting => {
                self.set(id, State::Suspending(child.patience(now)));
                Some(Effect::Suspend(id))
            }
            _ => None,
        }
    }

    /// Tells a child to end, unless it was told.
    pub(super) fn end(&mut self, id: StageId, now: Instant) -> Option<Effect> {
        let child = self.by_id.get(&id)?;
        if matches!(child.state, State::Stopping(_)) {
            return None;
        }
        self.set(id, State::Stopping(child.patience(now)));
        Some(Effect::Stop(id))
    }

    /// Lets a child that is down end with what brought it down, unless it was told to end.
    pub(super) fn finish(&mut self, id: StageId, now: Instant) -> Option<Effect> {
        let down = self.by_id.get(&id).filter(|child| child.state.is_down());
        self.set(id, State::Stopping(down?.patience(now)));
        Some(Effect::Finish(id))
    }

    /// Starts one that is down and does not wait for a time of its own.
    pub(super) fn rise(&mut self, id: StageId, now: Instant) -> Option<Effect> {
        match self.by_id.get(&id)?.state {
            State::Down { at } if at.is_none_or(|at| at <= now) => {
                self.set(id, State::Starting);
                Some(Effect::Start(id))
            }
            _ => None,
        }
    }

    /// Starts the next of those whose wait is over.
    pub(super) fn rise_next(&mut self, now: Instant) -> Option<Effect> {
        let (_, id) = self.waits.first().filter(|(at, _)| *at <= now).copied()?;
        self.rise(id, now)
    }

    /// Does by force what the next of those that are overdue were told.
    pub(super) fn force_next(&mut self, now: Instant) -> Option<Effect> {
        let (_, id) = self.orders.first().filter(|(at, _)| *at <= now).copied()?;
        let (forced, effect) = match self.by_id.get(&id)?.state {
            State::Suspending(_) => (State::Suspending(Patience::Over), Effect::Interrupt(id)),
            _ => (State::Stopping(Patience::Over), Effect::Abort(id)),
        };
        self.set(id, forced);
        Some(effect)
    }
}

/// The children from one on, or all.
fn group(from: Option<StageId>) -> (Bound<StageId>, Bound<StageId>) {
    (
        from.map_or(Bound::Unbounded, Bound::Included),
        Bound::Unbounded,
    )
}

fn keep(set: &mut BTreeSet<StageId>, id: StageId, is_in: bool) {
    if is_in {
        set.insert(id);
    } else {
        set.remove(&id);
    }
}

fn keep_due(
    due: &mut BTreeSet<(Instant, StageId)>,
    id: StageId,
    old: Option<Instant>,
    new: Option<Instant>,
) {
    if let Some(at) = old {
        due.remove(&(at, id));
    }
    if let Some(at) = new {
        due.insert((at, id));
    }
}
