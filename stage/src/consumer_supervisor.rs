//! A task for each event: its concurrency is the demand, and each child's end asks for the next event.

use std::collections::HashMap;
use std::future::Future;
use std::task::{Context as Task, Poll};

use tokio::task::{Id, JoinSet};

use crate::batch::Batch;
use crate::behaviour::Consumer;
use crate::context::{Context, Never};
use crate::exit::{End, Result};
use crate::id::SubscriptionId;
use crate::protocol::Asking;
use crate::runtime::{AsConsumer, Build, consumer};

type Name<E> = Box<dyn Fn(&E) -> String + Send>;

struct Child {
    subscription: SubscriptionId,
    name: Option<String>,
}

/// A consumer that runs a task for each event; made by [`consumer_supervisor`].
pub struct ConsumerSupervisor<E, F> {
    start: F,
    name: Option<Name<E>>,
    running: JoinSet<Result>,
    children: HashMap<Id, Child>,
    ended: HashMap<SubscriptionId, usize>,
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
/// With `Demand::new(max, min)` at most `max` children run, and when `max − min` have ended it asks for as many: `min`
/// of `max − 1` asks as each one ends. A child that fails or panics is reported and frees its slot. Children end with
/// the supervisor.
pub fn consumer_supervisor<E, F, Fut>(start: F) -> Build<AsConsumer<ConsumerSupervisor<E, F>>>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    consumer(ConsumerSupervisor {
        start,
        name: None,
        running: JoinSet::new(),
        children: HashMap::new(),
        ended: HashMap::new(),
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
        self.stage.name = Some(Box::new(name));
        self
    }
}

impl<E: Send + 'static, F> ConsumerSupervisor<E, F> {
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
            let name = self.name.as_ref().map(|name| name(&event));
            if name
                .as_deref()
                .is_some_and(|name| cx.registry().contains(name))
            {
                tracing::error!(
                    supervisor = cx.name(),
                    ?name,
                    "a child of this name is alive; refused"
                );
                cx.cell.failed();
                self.child_ended(subscription, cx);
                continue;
            }
            let task = self.running.spawn((self.start)(event));
            self.children.insert(
                task.id(),
                Child {
                    subscription,
                    name: name.clone(),
                },
            );
            if let Some(name) = name {
                cx.registry().insert_child(&name, task);
            }
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
                Err(error) => (error.id(), Some(error.to_string())),
            };
            let Some(child) = self.children.remove(&id) else {
                continue;
            };
            if let Some(name) = &child.name {
                cx.registry().remove(name);
            }
            if let Some(failure) = failure {
                tracing::warn!(supervisor = cx.name(), child = ?child.name, failure, "a child failed");
                cx.cell.failed();
            }
            self.child_ended(child.subscription, cx);
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
