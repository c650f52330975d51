//! Where a stage runs: in a task of its own, or with others in the task of a group.

use std::sync::Arc;

use super::group::{self, Member};
use crate::id::StageId;
use crate::sync::task::{self, AbortHandle};

/// Where a stage runs, and what drives it there.
#[derive(Default)]
pub(crate) struct Place {
    /// Known from the stage's first step on.
    task: Option<task::Id>,
    /// Whether others have that task in common with it.
    is_member: bool,
    /// Known when `spawn` returns.
    pub(super) driver: Option<Driver>,
}

impl Place {
    /// Notes that the stage runs here.
    pub(super) fn note(&mut self, stage: StageId) {
        self.task = task::try_id();
        self.is_member = group::member() == Some(stage);
    }

    /// Whether the code that runs here is that of the stage. A member's callback may drive a runtime with other stages, each in
    /// a task of its own, while the member is still the one whose code runs on the thread.
    pub(super) fn is_here(&self, stage: StageId) -> bool {
        let is_task = self.task.is_some() && self.task == task::try_id();
        is_task && (!self.is_member || group::member() == Some(stage))
    }
}

/// What drives a stage, and drops it when it is told to.
#[derive(Clone)]
pub(crate) enum Driver {
    Task(AbortHandle),
    Group(Arc<Member>),
}

impl Driver {
    pub(crate) fn abort(&self) {
        match self {
            Self::Task(task) => task.abort(),
            Self::Group(member) => member.abort(),
        }
    }
}
