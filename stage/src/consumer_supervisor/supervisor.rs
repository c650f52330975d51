//! The consumer itself: starts a child for each event, asks for each free slot, and shuts its children down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context as Task, Poll};

use super::child::{Child, Children};
use super::ends::Restarts;
use super::slots::FreeSlots;
use super::{ChildId, ChildShutdown, StartChild, StartChildError, Stopping};
use crate::batch::Batch;
use crate::behaviour::Consumer;
use crate::context::{Context, Never};
use crate::exit::{End, Exit, Result};
use crate::id::SubscriptionId;
use crate::protocol::Asking;
use crate::registry::{ChildName, Registry};
use crate::tasks::{ENDS_MAX, Success};

/// Subscriptions for each of which it is looked when it asks next; with more, every end is heard at once.
const SUBSCRIPTIONS_MAX: usize = 8;

pub(super) type NameOf<E> = Box<dyn Fn(&E) -> String + Send>;

/// A consumer that runs a task for each event; made by [`consumer_supervisor`](crate::consumer_supervisor) and
/// [`consumer_supervisor_with`](crate::consumer_supervisor_with).
///
/// ```
/// use std::future::Ready;
///
/// use stage::{ConsumerHandle, ConsumerSupervisor, Result, consumer_supervisor};
///
/// /// A function pointer, or a boxed one, makes a handle whose type has a name.
/// struct Workers {
///     supervisor: ConsumerHandle<ConsumerSupervisor<u32, fn(u32) -> Ready<Result>>>,
/// }
///
/// fn work(job: u32) -> Ready<Result> {
///     println!("job {job}");
///     std::future::ready(Ok(()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let start: fn(u32) -> _ = work;
/// let workers = Workers { supervisor: consumer_supervisor(start).spawn()? };
/// workers.supervisor.start_child(7).await?;
/// # Ok(())
/// # }
/// ```
///
/// Invariant: on each subscription, what is asked for and has not arrived, the children with a slot and the free slots
/// that are not asked for are `max` together.
pub struct ConsumerSupervisor<E, S> {
    pub(super) start: S,
    pub(super) name_of: Option<NameOf<E>>,
    pub(super) restarts: Option<Restarts<E>>,
    pub(super) shutdown: ChildShutdown,
    pub(super) slots: FreeSlots,
    pub(super) children: Children<E>,
}

impl<E, S> std::fmt::Debug for ConsumerSupervisor<E, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerSupervisor")
            .field("children", &self.children.len())
            .finish_non_exhaustive()
    }
}

impl<E, S> ConsumerSupervisor<E, S> {
    pub(super) fn new(start: S) -> Self {
        Self {
            start,
            name_of: None,
            restarts: None,
            shutdown: ChildShutdown::default(),
            slots: FreeSlots::default(),
            children: Children::default(),
        }
    }

    /// Asks for the next events, if it is time to: a child's slot is free.
    pub(super) fn slot_is_free(&mut self, subscription: Option<SubscriptionId>, cx: &mut Context) {
        let Some(id) = subscription else {
            return;
        };
        match cx.upstreams.get(id).map(|up| up.window.demand()) {
            Some(demand) => cx.ask(id, self.slots.on_end(id, demand)),
            None => self.slots.forget(id),
        }
    }
}

impl<E: Send + 'static, S: StartChild<E>> ConsumerSupervisor<E, S> {
    /// Starts a child outside of any demand.
    pub(super) fn start_by_call(
        &mut self,
        event: E,
        cx: &Context,
    ) -> std::result::Result<ChildId, StartChildError> {
        let child = self.prepare(None, &event)?;
        let id = child.id;
        let spawned = self.spawn(child, event, cx.registry());
        spawned.map_err(|(_, reason)| reason)?;
        Ok(id)
    }

    /// Starts a child; one that does not start is reported, and its slot is free.
    fn start_for(&mut self, subscription: SubscriptionId, event: E, cx: &mut Context) {
        let (name, reason) = match self.prepare(Some(subscription), &event) {
            Ok(child) => match self.spawn(child, event, cx.registry()) {
                Ok(()) => return,
                Err((child, reason)) => (child.name, reason),
            },
            Err(reason) => (None, reason),
        };
        tracing::error!(supervisor = cx.name(), child = name, %reason, "a child did not start");
        cx.cell.failed();
        self.slot_is_free(Some(subscription), cx);
    }

    fn prepare(
        &self,
        subscription: Option<SubscriptionId>,
        event: &E,
    ) -> std::result::Result<Child<E>, StartChildError> {
        let prepared = AssertUnwindSafe(|| {
            let name = self.name_of.as_ref().map(|name_of| name_of(event));
            let restarts = self.restarts.as_ref();
            let kept = restarts.map(|restarts| (restarts.clone)(event));
            Child::new(subscription, name, kept)
        });
        catch_unwind(prepared).map_err(|_| StartChildError::Panicked)
    }

    /// Gives the child back when it does not start.
    pub(super) fn spawn(
        &mut self,
        child: Child<E>,
        event: E,
        registry: &Registry,
    ) -> std::result::Result<(), (Child<E>, StartChildError)> {
        let mut unasked = None;
        let stopping = || {
            let (ours, theirs) = Stopping::new();
            unasked = Some(ours);
            theirs
        };
        let future = match catch_unwind(AssertUnwindSafe(|| self.start.start(event, stopping))) {
            Ok(Ok(future)) => future,
            Ok(Err(error)) => return Err((child, StartChildError::Failed(error))),
            Err(_) => return Err((child, StartChildError::Panicked)),
        };
        // What it has here is kept until its end is heard: where that is the user's, it is heard at once.
        let success = if unasked.is_some() || child.event.is_some() {
            Success::Wakes
        } else {
            Success::IsQuiet
        };
        let tasks = &mut self.children.tasks;
        let spawned = match &child.name {
            None => tasks.spawn(success, future),
            Some(name) => {
                let mut spawned = None;
                let named = |name: ChildName| {
                    let task = tasks.spawn(success, async move {
                        let _until_it_ends = name;
                        future.await
                    });
                    spawned.insert(task).abort_handle()
                };
                registry.insert_child(name, named);
                let Some(spawned) = spawned else {
                    let taken = StartChildError::NameTaken(name.clone());
                    return Err((child, taken));
                };
                spawned
            }
        };
        self.children.insert(child, spawned, unasked);
        Ok(())
    }

    /// How many ends are worth a turn: as many as a subscription needs to ask again, or all.
    fn due_at(&self, cx: &Context) -> usize {
        let mut upstreams = cx.upstreams.iter();
        if self.children.ending > 0 {
            return 1;
        }
        let all = self.children.tasks.len();
        let first = upstreams.by_ref().take(SUBSCRIPTIONS_MAX);
        let missing = first.map(|(id, up)| self.slots.missing(id, up.window.demand()));
        let least = missing.fold(all, usize::min);
        if upstreams.next().is_some() {
            1
        } else {
            least.max(1)
        }
    }

    /// Hears of the children that have succeeded, whether or not it was time to.
    pub(super) fn hear_successes(&mut self, cx: &mut Context) {
        for (task, ()) in self.children.tasks.take_done() {
            if let Some(ended) = self.children.remove(task) {
                self.slot_is_free(ended.child.subscription, cx);
            }
        }
    }

    /// What is asked for when a subscription begins: an event for each child that may run.
    fn first_ask(id: SubscriptionId, cx: &Context) -> usize {
        cx.upstreams.get(id).map_or(0, |up| {
            up.window.demand().max().saturating_sub(cx.outstanding(id))
        })
    }
}

impl<E: Send + 'static, S: StartChild<E>> Consumer for ConsumerSupervisor<E, S> {
    type In = E;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        _: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        cx.ask(id, Self::first_ask(id, cx));
        Ok(Asking::Manual)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, E>, cx: &mut Context) -> Result {
        let subscription = events.subscription();
        for event in events {
            self.start_for(subscription, event, cx);
        }
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Never>) -> Poll<Result> {
        let mut any = self.try_again(cx)?;
        if self.children.tasks.poll(task, self.due_at(cx)).is_ready() {
            any = true;
            for _ in 0..ENDS_MAX {
                let Some((task, end)) = self.children.tasks.next() else {
                    break;
                };
                self.on_task_end(task, end, cx)?;
            }
        }
        // A child that is to be tried again is tried at the next turn, after the messages.
        if any {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    async fn handle_cancel(&mut self, id: SubscriptionId, _: &End, _: &mut Context) -> Result {
        self.slots.forget(id);
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.children.len() - self.children.tasks.done()
    }

    async fn stopping(&mut self, _: &Exit, cx: &mut Context) {
        self.children.shut_down(self.shutdown);
        if let ChildShutdown::Within(grace) = self.shutdown {
            let _late = tokio::time::timeout(grace, self.all_ended(cx)).await;
            self.children.tasks.abort_all();
        }
        self.all_ended(cx).await;
    }
}
