//! A task for each event: its concurrency is the demand, and each child's end asks for the next event.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context as Task, Poll};
use std::time::Instant;

use thiserror::Error;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::batch::Batch;
use crate::behaviour::Consumer;
use crate::context::{Context, Never};
use crate::exit::{End, Result};
use crate::id::{ById, SubscriptionId};
use crate::protocol::{Asking, Intensity};
use crate::registry::ChildName;
use crate::runtime::{AsConsumer, Build, consumer};

type NameOf<E> = Box<dyn Fn(&E) -> String + Send>;

struct Child<E> {
    subscription: SubscriptionId,
    name: Option<String>,
    /// Kept where a failed child is started again.
    event: Option<E>,
}

struct Restarts<E> {
    clone: fn(&E) -> E,
    intensity: Intensity,
}

/// A consumer that runs a task for each event; made by [`consumer_supervisor`].
pub struct ConsumerSupervisor<E, F> {
    start: F,
    name_of: Option<NameOf<E>>,
    restarts: Option<Restarts<E>>,
    running: JoinSet<Result>,
    children: ById<Id, Child<E>>,
    /// Children that ended and were not asked for again, by the subscription of their event.
    ended: ById<SubscriptionId, usize>,
}

/// Children failed more often than a [`ConsumerSupervisor`] starts them again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("children fail too often; the last failure: {last}")]
pub struct ChildrenFail {
    /// Why the last one failed.
    pub last: String,
}

impl<E, F> std::fmt::Debug for ConsumerSupervisor<E, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerSupervisor")
            .field("running", &self.children.len())
            .finish_non_exhaustive()
    }
}

/// Builds a consumer that runs `start(event)` as a task for each event.
///
/// `Demand::one_by_one(n)` runs `n` at a time. In general, with `Demand::new(max, min)` at most `max` run, and it asks
/// again when `max − min` have ended: `Demand::up_to(max)` waits for half of them.
///
/// A child that fails or panics, or whose `start` panics, is logged, counted as `failed` and frees its slot; one
/// aborted by name only frees its slot. Children end with the supervisor; a drain and a completion wait for them.
///
/// An async closure cannot hand what it captures to its children: where they share something, clone it for each, as in
/// `move |job| { let client = client.clone(); async move { … } }`.
///
/// ```
/// use stage::{Demand, consumer_supervisor, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let jobs = from_iter(1..=20).spawn()?;
/// let workers = consumer_supervisor(async |job: u32| {
///     println!("job {job}");
///     Ok(())
/// })
/// .name_children(|job| format!("job-{job}"))
/// .subscribe_to(&jobs, Demand::one_by_one(5)?)
/// .spawn()?;
/// workers.join().await;
/// # Ok(())
/// # }
/// ```
pub fn consumer_supervisor<E, F, Fut>(start: F) -> Build<AsConsumer<ConsumerSupervisor<E, F>>>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    consumer(ConsumerSupervisor {
        start,
        name_of: None,
        restarts: None,
        running: JoinSet::new(),
        children: ById::default(),
        ended: ById::default(),
    })
}

impl<E, F, Fut> Build<AsConsumer<ConsumerSupervisor<E, F>>>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    /// Names each child in the registry; a second child under a live name is refused and reported.
    #[must_use]
    pub fn name_children(mut self, name: impl Fn(&E) -> String + Send + 'static) -> Self {
        self.stage.name_of = Some(Box::new(name));
        self
    }

    /// Starts a child that fails or panics again with its event: it keeps its slot, and nothing is asked for it. When
    /// restarts are too many the supervisor ends with [`ChildrenFail`]. GenStage's transient; without it children are
    /// temporary. A child aborted by name ends all the same.
    #[must_use]
    pub fn restart_children(mut self, intensity: Intensity) -> Self
    where
        E: Clone,
    {
        self.stage.restarts = Some(Restarts {
            clone: E::clone,
            intensity,
        });
        self
    }
}

/// Why a child did not start.
#[derive(Debug, Error)]
enum NotStarted {
    #[error("a live stage or child has its name")]
    NameTaken,
    #[error("its start, or what names it, panicked")]
    Panicked,
}

impl<E, F, Fut> ConsumerSupervisor<E, F>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    /// Starts a child; one that does not start is reported and counts as ended.
    fn start(&mut self, subscription: SubscriptionId, event: E, cx: &mut Context) {
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            let name = self.name_of.as_ref().map(|name_of| name_of(&event));
            let restarts = self.restarts.as_ref();
            (name, restarts.map(|restarts| (restarts.clone)(&event)))
        }));
        let Ok((name, kept)) = prepared else {
            return self.did_not_start(subscription, None, &NotStarted::Panicked, cx);
        };
        match self.spawn(name.as_deref(), event, cx) {
            Ok(task) => {
                let child = Child {
                    subscription,
                    name,
                    event: kept,
                };
                self.children.insert(task.id(), child);
            }
            Err(reason) => self.did_not_start(subscription, name.as_deref(), &reason, cx),
        }
    }

    fn did_not_start(
        &mut self,
        subscription: SubscriptionId,
        name: Option<&str>,
        reason: &NotStarted,
        cx: &mut Context,
    ) {
        tracing::error!(supervisor = cx.name(), child = name, %reason, "a child did not start");
        cx.cell.failed();
        self.child_ended(subscription, cx);
    }

    fn spawn(
        &mut self,
        name: Option<&str>,
        event: E,
        cx: &Context,
    ) -> std::result::Result<AbortHandle, NotStarted> {
        let started = catch_unwind(AssertUnwindSafe(|| (self.start)(event)));
        let child = started.map_err(|_| NotStarted::Panicked)?;
        let Some(name) = name else {
            return Ok(self.running.spawn(child));
        };
        let running = &mut self.running;
        let named = |name: ChildName| {
            running.spawn(async move {
                let _until_it_ends = name;
                child.await
            })
        };
        let task = cx.registry().insert_child(name, named);
        task.ok_or(NotStarted::NameTaken)
    }

    fn child_ended(&mut self, subscription: SubscriptionId, cx: &mut Context) {
        let Some(window) = cx.upstreams.get(&subscription).map(|up| up.window.demand()) else {
            self.ended.remove(&subscription);
            return;
        };
        let ended = self.ended.entry(subscription).or_default();
        *ended += 1;
        if *ended >= window.batch_max() {
            cx.ask(subscription, std::mem::take(ended));
        }
    }

    /// Starts a failed child again, or lets it end; an error when restarts are too many.
    fn child_failed(&mut self, child: Child<E>, failure: String, cx: &mut Context) -> Result {
        tracing::warn!(supervisor = cx.name(), child = ?child.name, failure, "a child failed");
        cx.cell.failed();
        let (Some(restarts), Some(event)) = (&mut self.restarts, child.event) else {
            self.child_ended(child.subscription, cx);
            return Ok(());
        };
        if !restarts.intensity.allows(Instant::now()) {
            return Err(ChildrenFail { last: failure }.into());
        }
        self.start(child.subscription, event, cx);
        Ok(())
    }
}

impl<E, F, Fut> Consumer for ConsumerSupervisor<E, F>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    type In = E;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        _: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        if let Some(max) = cx.upstreams.get(&id).map(|up| up.window.demand().max()) {
            cx.ask(id, max);
        }
        Ok(Asking::Manual)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, E>, cx: &mut Context) -> Result {
        let subscription = events.subscription();
        for event in events {
            self.start(subscription, event, cx);
        }
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Never>) -> Poll<Result> {
        let mut any = false;
        while let Poll::Ready(Some(joined)) = self.running.poll_join_next_with_id(task) {
            any = true;
            let (id, failure) = match joined {
                Ok((id, Ok(()))) => (id, None),
                Ok((id, Err(error))) => (id, Some(error.to_string())),
                Err(aborted) if aborted.is_cancelled() => {
                    tracing::info!(supervisor = cx.name(), "a child was aborted");
                    (aborted.id(), None)
                }
                Err(panicked) => (panicked.id(), Some(panicked.to_string())),
            };
            let Some(child) = self.children.remove(&id) else {
                continue;
            };
            match failure {
                None => self.child_ended(child.subscription, cx),
                Some(failure) => {
                    if let Err(error) = self.child_failed(child, failure, cx) {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
        if any {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    async fn handle_cancel(&mut self, id: SubscriptionId, _: &End, _: &mut Context) -> Result {
        self.ended.remove(&id);
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.children.len()
    }
}
