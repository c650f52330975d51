//! What the end of a child's task means: a free slot, another start, or the end of the supervisor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use thiserror::Error;

use super::child::{Child, Restarting};
use super::{ConsumerSupervisor, StartChild, StartChildError};
use crate::context::Context;
use crate::exit::Result;
use crate::protocol::Intensity;
use crate::runtime::Failure;
use crate::tasks::{Place, TaskEnd};

/// Children failed more often than a [`ConsumerSupervisor`] starts them again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("children fail too often; the last failure: {last}")]
#[non_exhaustive]
pub struct ChildrenFail {
    /// Why the last one failed, or did not start.
    pub last: String,
}

/// How children are started again.
pub(super) struct Restarts<E> {
    pub(super) clone: fn(&E) -> E,
    pub(super) intensity: Intensity,
}

impl<E: Send + 'static, S: StartChild<E>> ConsumerSupervisor<E, S> {
    /// Frees the slot of a child that ended for good, and starts one again that failed.
    pub(super) fn on_task_end(
        &mut self,
        task: Place,
        end: TaskEnd<()>,
        cx: &mut Context,
    ) -> Result {
        let Some(running) = self.children.remove(task) else {
            return Ok(());
        };
        match end {
            TaskEnd::Failed(_) | TaskEnd::Panicked(_) => {
                let last = failure(end);
                report(&running.child, &last, cx);
                if !running.is_ending {
                    let since = Instant::now();
                    let child = running.child;
                    return self.restart(Restarting { child, since, last }, cx);
                }
            }
            TaskEnd::Aborted => {
                let child = running.child.name.as_deref();
                tracing::info!(supervisor = cx.name(), child, "a child was aborted");
            }
            TaskEnd::Done(()) => {}
        }
        // Before those who terminated it hear of it, which is when `running` is dropped.
        self.slot_is_free(running.child.subscription, cx);
        Ok(())
    }

    /// Tries once to start a failed child again; one that does not start waits for its next try. Where none is started
    /// again its slot is free. An error when restarts are too many.
    fn restart(&mut self, failed: Restarting<E>, cx: &mut Context) -> Result {
        let Restarting {
            mut child,
            since,
            last,
        } = failed;
        let (Some(restarts), Some(event)) = (&mut self.restarts, &child.event) else {
            self.slot_is_free(child.subscription, cx);
            return Ok(());
        };
        if !restarts.intensity.allows(since) {
            return Err(ChildrenFail { last }.into());
        }
        child.restarts += 1;
        let started = match catch_unwind(AssertUnwindSafe(|| (restarts.clone)(event))) {
            Ok(event) => self.spawn(child, event, cx.registry()),
            Err(_) => Err((child, StartChildError::Panicked)),
        };
        if let Err((child, reason)) = started {
            let last = reason.to_string();
            report(&child, &last, cx);
            let again = Restarting { child, since, last };
            self.children.restarting.push_back(again);
        }
        Ok(())
    }

    /// Tries each child that did not start; returns whether there was any.
    pub(super) fn try_again(&mut self, cx: &mut Context) -> Result<bool> {
        let waiting = self.children.restarting.len();
        for _ in 0..waiting {
            if let Some(failed) = self.children.restarting.pop_front() {
                self.restart(failed, cx)?;
            }
        }
        Ok(waiting > 0)
    }

    /// Waits for all children in the supervisor's last moments: none is started again, and those that are aborted stay
    /// in hand, to be counted as lost.
    pub(super) async fn all_ended(&mut self, cx: &mut Context) {
        while let Some((task, end)) = self.children.tasks.join_next().await {
            if matches!(end, TaskEnd::Aborted) {
                continue;
            }
            let Some(running) = self.children.remove(task) else {
                continue;
            };
            if !matches!(end, TaskEnd::Done(())) {
                report(&running.child, &failure(end), cx);
            }
        }
    }
}

fn report<E>(child: &Child<E>, failure: &str, cx: &Context) {
    tracing::warn!(
        supervisor = cx.name(),
        child = child.name,
        failure,
        "a child failed"
    );
    cx.cell.failed();
}

/// How a task failed that did.
fn failure(end: TaskEnd<()>) -> String {
    match end {
        TaskEnd::Failed(error) => error.to_string(),
        TaskEnd::Panicked(payload) => Failure::panic(&*payload).to_string(),
        TaskEnd::Done(()) | TaskEnd::Aborted => String::new(),
    }
}
