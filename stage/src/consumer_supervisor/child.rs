//! The children: who runs, who waits to be started again, and what a caller can learn of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ChildShutdown;
use super::shutdown::Unasked;
use crate::id::SubscriptionId;
use crate::tasks::{Place, Spawned, Tasks};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Identifies one child for the life of the process; it keeps it when it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(u64);

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child-{}", self.0)
    }
}

/// What a child does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// Its task runs.
    Running,
    /// It was terminated, and its task has not ended yet.
    Ending,
    /// It failed, and the last try to start it again did not start it; the next one comes at once.
    Restarting,
}

/// What is known of a task of a [`ConsumerSupervisor`](crate::ConsumerSupervisor) now, as its `children` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildTaskStatus {
    /// Its id.
    pub id: ChildId,
    /// Its name, where children are named.
    pub name: Option<String>,
    /// What it does now.
    pub state: ChildState,
    /// How often it was started again, tries that did not start it included.
    pub restarts: usize,
}

/// How many children a [`ConsumerSupervisor`](crate::ConsumerSupervisor) has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildCounts {
    /// Those whose task runs.
    pub active: usize,
    /// All of them: those that wait to be started again too.
    pub workers: usize,
}

/// A child, whatever it does now.
pub(super) struct Child<E> {
    pub(super) id: ChildId,
    /// Whose slot it has; none where it was started by a call.
    pub(super) subscription: Option<SubscriptionId>,
    pub(super) name: Option<String>,
    /// Kept where a failed child is started again.
    pub(super) event: Option<E>,
    pub(super) restarts: usize,
}

impl<E> Child<E> {
    pub(super) fn new(
        subscription: Option<SubscriptionId>,
        name: Option<String>,
        event: Option<E>,
    ) -> Self {
        Self {
            id: ChildId(NEXT.fetch_add(1, Ordering::Relaxed)),
            subscription,
            name,
            event,
            restarts: 0,
        }
    }

    fn status(&self, state: ChildState) -> ChildTaskStatus {
        ChildTaskStatus {
            id: self.id,
            name: self.name.clone(),
            state,
            restarts: self.restarts,
        }
    }
}

/// A child whose task runs.
pub(super) struct Running<E> {
    pub(super) child: Child<E>,
    /// Dropped to ask the child to end.
    pub(super) unasked: Option<Unasked>,
    pub(super) is_ending: bool,
    /// Dropped with the child, which tells those who terminated it.
    pub(super) terminated: Vec<oneshot::Sender<()>>,
}

impl<E> Running<E> {
    fn shut_down(&mut self, task: &JoinHandle<()>, shutdown: ChildShutdown) {
        self.is_ending = true;
        match shutdown {
            ChildShutdown::Abort => task.abort(),
            ChildShutdown::Within(_) | ChildShutdown::Wait => self.unasked = None,
        }
    }
}

/// A failed child that the last try did not start.
pub(super) struct Restarting<E> {
    pub(super) child: Child<E>,
    /// When it failed. All the tries count as that moment, so that a start which always fails ends the supervisor
    /// however short the period of its intensity.
    pub(super) since: Instant,
    /// Why the last try did not start it.
    pub(super) last: String,
}

/// All children of a supervisor. Invariant: each task is of one running child.
pub(super) struct Children<E> {
    pub(super) tasks: Tasks<Running<E>, ()>,
    pub(super) restarting: VecDeque<Restarting<E>>,
    /// Running children that were terminated.
    pub(super) ending: usize,
}

impl<E> Default for Children<E> {
    fn default() -> Self {
        Self {
            tasks: Tasks::default(),
            restarting: VecDeque::new(),
            ending: 0,
        }
    }
}

impl<E> Children<E> {
    pub(super) fn insert(&mut self, child: Child<E>, spawned: Spawned, unasked: Option<Unasked>) {
        let running = Running {
            child,
            unasked,
            is_ending: false,
            terminated: Vec::new(),
        };
        self.tasks.insert(spawned, running);
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Running<E>> {
        let running = self.tasks.remove(place)?;
        self.ending -= usize::from(running.is_ending);
        Some(running)
    }

    /// Ends a running child before its time, and drops `ended` with it. Returns whether that is begun only now, and
    /// nothing where no such child runs. Children are looked at one by one, since it is rare.
    pub(super) fn terminate(
        &mut self,
        id: ChildId,
        ended: oneshot::Sender<()>,
        shutdown: ChildShutdown,
    ) -> Option<bool> {
        let mut running = self.tasks.iter_mut();
        let (task, running) = running.find(|(_, running)| running.child.id == id)?;
        running.terminated.push(ended);
        let is_new = !running.is_ending;
        if is_new {
            self.ending += 1;
            running.shut_down(task, shutdown);
        }
        Some(is_new)
    }

    /// Ends all that run.
    pub(super) fn shut_down(&mut self, shutdown: ChildShutdown) {
        for (task, running) in self.tasks.iter_mut() {
            self.ending += usize::from(!running.is_ending);
            running.shut_down(task, shutdown);
        }
    }

    pub(super) fn abort(&mut self, id: ChildId) {
        let mut running = self.tasks.iter_mut();
        if let Some((task, _)) = running.find(|(_, running)| running.child.id == id) {
            task.abort();
        }
    }

    /// Takes out a child that waits to be started again.
    pub(super) fn take_restarting(&mut self, id: ChildId) -> Option<Child<E>> {
        let place = self.restarting.iter().position(|it| it.child.id == id)?;
        self.restarting.remove(place).map(|it| it.child)
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len() + self.restarting.len()
    }

    pub(super) fn counts(&self) -> ChildCounts {
        ChildCounts {
            active: self.tasks.len(),
            workers: self.len(),
        }
    }

    /// Lists them in the order of their first start.
    pub(super) fn list(&self) -> Vec<ChildTaskStatus> {
        let running = self.tasks.iter().map(|running| {
            let is_ending = running.is_ending;
            running.child.status(if is_ending {
                ChildState::Ending
            } else {
                ChildState::Running
            })
        });
        let restarting = self.restarting.iter();
        let restarting = restarting.map(|it| it.child.status(ChildState::Restarting));
        let mut all: Vec<_> = running.chain(restarting).collect();
        all.sort_unstable_by_key(|child| child.id);
        all
    }
}
