//! Where a stage runs: in a task of its own, or with others in the task of a group.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::group::Member;
use crate::id::StageId;
use crate::sync::task::{self, AbortHandle};
use crate::sync::thread_local;

thread_local! {
    /// The member whose code runs on this thread, while the task of its group does.
    static MEMBER: Cell<Option<StageId>> = const { Cell::new(None) };
}

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
        let member = MEMBER.with(Cell::get);
        Some(Self { task, member })
    }
}

/// Runs code of that member, whose panic harms no other; returns `None` when it panicked, which the panic hook has told.
pub(super) fn as_member<T>(id: StageId, code: impl FnOnce() -> T) -> Option<T> {
    // A callback may drive a runtime of its own on this thread, and with it another group.
    let outer = MEMBER.with(|member| member.replace(Some(id)));
    let result = catch_unwind(AssertUnwindSafe(code));
    MEMBER.with(|member| member.set(outer));
    result.ok()
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
