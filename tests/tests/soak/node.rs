//! Handles of all kinds of stage under three traits, so that the graph holds them side by side.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use stage::protocol::Dispatcher;
use stage::{
    ConsumerHandle, EdgeStats, Exit, Handle, Outlet, ProducerConsumerHandle, ProducerHandle, Role,
    Source, StageStats, Subscribe, SubscriptionId, Takes, Unreachable,
};

use super::stages::{Counts, Event, Passes, Ping, Sinks};

pub(super) trait Node: Send + Sync {
    fn stats(&self) -> StageStats;
    fn edges(&self) -> Vec<EdgeStats>;
    fn exit(&self) -> Option<Exit>;
    fn abort(&self);
    fn stop(&self) -> BoxFuture<'_, Exit>;
    fn join(&self) -> BoxFuture<'_, Exit>;
}

impl<R: Role> Node for Handle<R>
where
    Self: Send + Sync,
{
    fn stats(&self) -> StageStats {
        Self::stats(self)
    }

    fn edges(&self) -> Vec<EdgeStats> {
        Self::edges(self)
    }

    fn exit(&self) -> Option<Exit> {
        Self::exit(self)
    }

    fn abort(&self) {
        Self::abort(self);
    }

    fn stop(&self) -> BoxFuture<'_, Exit> {
        Self::stop(self).boxed()
    }

    fn join(&self) -> BoxFuture<'_, Exit> {
        Self::join(self).boxed()
    }
}

pub(super) trait Emits: Node {
    fn outlet(&self) -> Outlet<Event>;
    /// Waits until it has done all that it was told so far, by its handle or by a consumer that has ended.
    fn settle(&self) -> BoxFuture<'_, ()>;
}

impl<D: Dispatcher<Event>> Emits for ProducerHandle<Counts, D> {
    fn outlet(&self) -> Outlet<Event> {
        Source::outlet(self)
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        async move {
            if self.call(Ping).await.is_err() {
                Self::join(self).await;
            }
        }
        .boxed()
    }
}

impl<D: Dispatcher<Event>> Emits for ProducerConsumerHandle<Passes, D> {
    fn outlet(&self) -> Outlet<Event> {
        Source::outlet(self)
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        async move {
            if self.call(Ping).await.is_err() {
                Self::join(self).await;
            }
        }
        .boxed()
    }
}

pub(super) trait Taking: Node {
    fn subscribe_to(
        &self,
        outlet: &Outlet<Event>,
        options: Subscribe,
    ) -> Result<SubscriptionId, Unreachable>;
    fn replace(
        &self,
        old: SubscriptionId,
        outlet: &Outlet<Event>,
        options: Subscribe,
    ) -> Result<SubscriptionId, Unreachable>;
    fn cancel(&self, subscription: SubscriptionId);
}

impl<R: Takes + Role<In = Event>> Taking for Handle<R>
where
    Self: Node,
{
    fn subscribe_to(
        &self,
        outlet: &Outlet<Event>,
        options: Subscribe,
    ) -> Result<SubscriptionId, Unreachable> {
        Self::subscribe_to(self, outlet, options)
    }

    fn replace(
        &self,
        old: SubscriptionId,
        outlet: &Outlet<Event>,
        options: Subscribe,
    ) -> Result<SubscriptionId, Unreachable> {
        self.resubscribe(old, stage::Cancel::Normal, outlet, options)
    }

    fn cancel(&self, subscription: SubscriptionId) {
        Self::cancel(self, subscription, stage::Cancel::Normal);
    }
}

/// One stage by what it can do.
pub(super) struct Parts {
    pub(super) node: Arc<dyn Node>,
    pub(super) emits: Option<Arc<dyn Emits>>,
    pub(super) takes: Option<Arc<dyn Taking>>,
}

pub(super) fn source<D: Dispatcher<Event>>(handle: ProducerHandle<Counts, D>) -> Parts {
    let handle = Arc::new(handle);
    Parts {
        node: handle.clone(),
        emits: Some(handle),
        takes: None,
    }
}

pub(super) fn middle<D: Dispatcher<Event>>(handle: ProducerConsumerHandle<Passes, D>) -> Parts {
    let handle = Arc::new(handle);
    Parts {
        node: handle.clone(),
        emits: Some(handle.clone()),
        takes: Some(handle),
    }
}

pub(super) fn sink(handle: ConsumerHandle<Sinks>) -> Parts {
    let handle = Arc::new(handle);
    Parts {
        node: handle.clone(),
        emits: None,
        takes: Some(handle),
    }
}
