//! What a handle of the supervisor can do with its children: start, terminate, list and count them.

use thiserror::Error;
use tokio::sync::oneshot;

use super::{
    ChildCounts, ChildId, ChildShutdown, ChildTaskStatus, ConsumerSupervisor, StartChild,
    StartChildError,
};
use crate::behaviour::Handler;
use crate::context::Context;
use crate::runtime::{AsConsumer, CallError, Handle};

/// Why a child was not terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TerminateChildError {
    /// The supervisor has no such child: it has ended, or it is another's.
    #[error("{0} is no child of this supervisor, or has ended")]
    NotFound(ChildId),
    /// The supervisor has ended, and its children with it.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl<E, S> Handle<AsConsumer<ConsumerSupervisor<E, S>>>
where
    E: Send + 'static,
    S: StartChild<E>,
{
    /// Starts a child beside those of the events: it has no slot, nothing is asked for at its end, and no window bounds
    /// how many such children run. In all else it is a child like the others.
    ///
    /// ```
    /// use stage::{ChildState, consumer_supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let workers = consumer_supervisor(async |_: u32| std::future::pending().await)
    ///     .name_children(|job| format!("job-{job}"))
    ///     .spawn()?;
    /// let child = workers.start_child(7).await?;
    ///
    /// let children = workers.children().await?;
    /// assert_eq!((children[0].id, children[0].state), (child, ChildState::Running));
    /// assert_eq!(children[0].name.as_deref(), Some("job-7"));
    ///
    /// workers.terminate_child(child).await?;
    /// assert_eq!(workers.count_children().await?.workers, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartChildError`]; nothing is counted as failed then.
    ///
    /// # Cancel safety
    ///
    /// As [`Handle::call`]: the child may start all the same.
    pub async fn start_child(&self, event: E) -> Result<ChildId, StartChildError> {
        self.call(Start(event)).await?
    }

    /// Ends a child as [`ChildShutdown`] says, and waits until it has ended; the supervisor goes on meanwhile. Its slot
    /// is then free, and it is not started again. A child that waits to be started again ends at once.
    ///
    /// ```
    /// use stage::{TerminateChildError, consumer_supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let workers = consumer_supervisor(async |_: u32| std::future::pending().await).spawn()?;
    /// let child = workers.start_child(7).await?;
    /// workers.terminate_child(child).await?;
    /// let again = workers.terminate_child(child).await;
    /// assert_eq!(again, Err(TerminateChildError::NotFound(child)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TerminateChildError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Handle::call`]: the child may end all the same.
    pub async fn terminate_child(&self, id: ChildId) -> Result<(), TerminateChildError> {
        let (sender, ended) = oneshot::channel();
        if !self.call(Terminate(id, sender)).await? {
            return Err(TerminateChildError::NotFound(id));
        }
        // Nothing is ever sent: the sender is dropped with the child.
        let _ended = ended.await;
        Ok(())
    }

    /// Lists the children in the order of their first start; an example is with [`Handle::start_child`].
    ///
    /// # Errors
    ///
    /// [`CallError::Ended`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn children(&self) -> Result<Vec<ChildTaskStatus>, CallError> {
        self.call(List).await
    }

    /// Counts the children; an example is with [`Handle::start_child`].
    ///
    /// # Errors
    ///
    /// [`CallError::Ended`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn count_children(&self) -> Result<ChildCounts, CallError> {
        self.call(Count).await
    }
}

struct Start<E>(E);

impl<E: Send + 'static, S: StartChild<E>> Handler<Start<E>> for ConsumerSupervisor<E, S> {
    type Reply = Result<ChildId, StartChildError>;

    async fn handle(&mut self, Start(event): Start<E>, cx: &mut Context) -> Self::Reply {
        self.start_by_call(event, cx)
    }
}

/// The sender is dropped when the child has ended.
struct Terminate(ChildId, oneshot::Sender<()>);

impl<E: Send + 'static, S: StartChild<E>> Handler<Terminate> for ConsumerSupervisor<E, S> {
    /// Whether there is such a child.
    type Reply = bool;

    async fn handle(&mut self, Terminate(id, ended): Terminate, cx: &mut Context) -> bool {
        if let Some(child) = self.children.take_restarting(id) {
            self.slot_is_free(child.subscription, cx);
            return true;
        }
        self.hear_successes(cx);
        let Some(is_new) = self.children.terminate(id, ended, self.shutdown) else {
            return false;
        };
        if is_new && let ChildShutdown::Within(grace) = self.shutdown {
            cx.cast_after::<Self, _>(grace, GraceIsOver(id));
        }
        true
    }
}

struct GraceIsOver(ChildId);

impl<E: Send + 'static, S: StartChild<E>> Handler<GraceIsOver> for ConsumerSupervisor<E, S> {
    type Reply = ();

    async fn handle(&mut self, GraceIsOver(id): GraceIsOver, _: &mut Context) {
        self.children.abort(id);
    }
}

struct List;

impl<E: Send + 'static, S: StartChild<E>> Handler<List> for ConsumerSupervisor<E, S> {
    type Reply = Vec<ChildTaskStatus>;

    async fn handle(&mut self, _: List, cx: &mut Context) -> Vec<ChildTaskStatus> {
        self.hear_successes(cx);
        self.children.list()
    }
}

struct Count;

impl<E: Send + 'static, S: StartChild<E>> Handler<Count> for ConsumerSupervisor<E, S> {
    type Reply = ChildCounts;

    async fn handle(&mut self, _: Count, cx: &mut Context) -> ChildCounts {
        self.hear_successes(cx);
        self.children.counts()
    }
}
