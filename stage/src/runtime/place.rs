//! Where a stage runs: in a task of its own, or with others in the task of a group.

use std::sync::Arc;

use super::group::{self, Member};
use crate::id::StageId;
use crate::sync::task::{self, AbortHandle};

/// Whose code runs: that of a task, or of one member in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    task: task::Id,
    member: Option<StageId>,
}

impl Place {
    /// Returns the place of who asks; `None` outside of a task.
    pub(crate) fn current() -> Option<Self> {
        let task = task::try_id()?;
        let member = group::member();
        Some(Self { task, member })
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
