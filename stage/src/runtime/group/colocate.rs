//! What a user names a group by.

use std::sync::Arc;

use super::{GroupTask, Joining, Member, Roster};
use crate::id::StageId;
use crate::sync::runtime;

/// Stages that are driven from one task, by [`colocate`](crate::Build::colocate); clones are the same group.
///
/// Each is still a stage of its own, with its mailbox, its subscriptions and its counts, which fails, is restarted and is
/// aborted by itself; who owns it is another matter, for [`Stages`](crate::Stages) and supervisors. Only what they send each
/// other no longer goes through the scheduler of the runtime: the one that sends wakes the other by a note to their
/// common task, which then runs it, on the same processor, where the events still are in its cache.
///
/// Good for stages that do little for each batch and have small windows; and where processors are scarce.
///
/// Bad at: work that computes for long or blocks, which holds up all members, while separate stages run at the same time on as
/// many processors as there are. A member that waits for a timer, a socket or a channel holds up nobody. Between windows
/// of a thousand the scheduler costs next to nothing, and there is little to gain.
///
/// The first 64 of a group wake each other for next to nothing; those behind them by way of a lock.
///
/// Members come at any time. The task runs in the runtime that the first of them is spawned in, and ends with the last one;
/// whoever comes after that starts it anew. Each gets its turn: one that is never idle spends the budget that tokio
/// gives to a task, and then waits until the others and the other tasks of the runtime had theirs.
///
/// ```
/// use stage::{Batch, Consumer, Context, Demand, Group, Result, consumer, from_iter};
///
/// struct Sum(u64);
/// impl Consumer for Sum {
///     type In = u64;
///     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
///         self.0 += events.drain().sum::<u64>();
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let group = Group::new();
/// let numbers = from_iter(0..1000).colocate(&group).spawn()?;
/// let sum = consumer(Sum(0))
///     .subscribe_to(&numbers, Demand::one_by_one(1)?)
///     .colocate(&group)
///     .spawn()?;
/// sum.join().await;
/// assert_eq!(sum.edges()[0].delivered, 1000);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Group(Arc<Roster>);

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").finish_non_exhaustive()
    }
}

impl Group {
    /// Makes a group without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a stage in, and starts the task where there is none.
    pub(crate) fn join(
        &self,
        runtime: &runtime::Handle,
        id: StageId,
        life: impl Future<Output = ()> + Send + 'static,
    ) -> Arc<Member> {
        let member = Arc::new(Member::new(id, Arc::clone(&self.0)));
        let joining = Joining {
            member: Arc::clone(&member),
            life: Box::pin(life),
        };
        if self.0.join(joining) {
            // Not under the lock: a runtime that shuts down drops it at once.
            runtime.spawn(GroupTask::new(Arc::clone(&self.0)));
        }
        member
    }
}
