//! Where consumers subscribe: what a stage emits, apart from the stage.

use std::hash::Hash;
use std::sync::Arc;

use super::{
    AskPort, Cell, ConsumerPort, Edge, Emits, Handle, Mailbox, NewConsumer, Opened, ProducerPort,
    Role,
};
use crate::adapter::{EventStream, Subscription, stream};
use crate::id::SubscriptionId;
use crate::protocol::{AnyKey, Broadcast, Dispatcher, Partition, Selector, Subscribe};
use crate::registry::Registry;

/// Where a consumer of `T` subscribes.
///
/// One made by [`Handle::select`] or [`Handle::partition`] also says which events it wants.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, Outlet, Source, from_iter, from_stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// // Where the events come from is not part of its type.
/// let sources: [Outlet<u32>; 2] = [
///     from_iter(1..3).spawn()?.outlet(),
///     from_stream(tokio_stream::iter([3, 4])).spawn()?.outlet(),
/// ];
/// let mut all = Vec::new();
/// for source in &sources {
///     all.extend(source.stream(Demand::default()).try_collect::<Vec<_>>().await?);
/// }
/// assert_eq!(all, [1, 2, 3, 4]);
/// # Ok(())
/// # }
/// ```
pub struct Outlet<T> {
    port: Arc<dyn ProducerPort<T>>,
    name: Arc<str>,
    key: Option<MakeKey>,
    /// Where the producer is found again by its name, if it has one.
    registry: Option<Registry>,
}

/// Makes what a subscription tells the dispatcher, anew for each.
type MakeKey = Arc<dyn Fn() -> AnyKey + Send + Sync>;

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self {
            port: Arc::clone(&self.port),
            name: Arc::clone(&self.name),
            key: self.key.clone(),
            registry: self.registry.clone(),
        }
    }
}

impl<T> std::fmt::Debug for Outlet<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Outlet<T> {
    /// Subscribes the caller itself, who asks by hand.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription::new(self)
    }

    /// Subscribes the caller itself and returns the events as a stream; of several producers, [`stream`] makes one.
    #[must_use]
    pub fn stream(&self, options: impl Into<Subscribe>) -> EventStream<T> {
        stream([(self, options)])
    }
}

impl<T: 'static> Outlet<T> {
    pub(crate) fn new(
        port: Arc<dyn ProducerPort<T>>,
        name: Arc<str>,
        registry: Option<Registry>,
    ) -> Self {
        Self {
            port,
            name,
            key: None,
            registry,
        }
    }

    /// Returns whether a producer that has ended may come back under its name.
    pub(super) const fn is_named(&self) -> bool {
        self.registry.is_some()
    }

    /// The outlet of what has the producer's name now, with the same key.
    pub(super) fn found_again(&self) -> Self
    where
        T: Send,
    {
        let registry = self.registry.as_ref();
        let found = registry.and_then(|registry| registry.outlet::<T>(&self.name).ok());
        Self {
            port: found.map_or_else(|| Arc::clone(&self.port), |found| found.port),
            ..self.clone()
        }
    }

    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn ask_port(&self) -> Arc<dyn AskPort> {
        Arc::clone(&self.port) as Arc<dyn AskPort>
    }

    /// Returns whether this is the outlet of the stage with this mailbox.
    pub(crate) fn is_of<M>(&self, mailbox: &Arc<M>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.port), Arc::as_ptr(mailbox))
    }

    pub(crate) fn open(
        &self,
        id: SubscriptionId,
        port: Arc<dyn ConsumerPort<T>>,
        edge: Arc<Edge>,
    ) -> bool {
        self.port.subscribe(NewConsumer {
            id,
            port,
            edge,
            key: self.key.as_ref().map(|make| make()),
        })
    }

    /// Tells the producer of a consumer, a stage with this mailbox and this cell.
    pub(super) fn open_for<S, Out>(
        &self,
        id: SubscriptionId,
        mailbox: &Arc<Mailbox<S, T, Out>>,
        cell: &Cell,
    ) -> Opened
    where
        S: Send + 'static,
        T: Send,
        Out: Send + 'static,
    {
        let edge = Edge::new(Arc::clone(&self.name), Arc::clone(&cell.name));
        cell.add_edge(Arc::clone(&edge));
        let port: Arc<dyn ConsumerPort<T>> = mailbox.clone();
        let is_open = self.open(id, port, Arc::clone(&edge));
        Opened { edge, is_open }
    }

    fn with_key<K: Send + 'static>(mut self, make: impl Fn() -> K + Send + Sync + 'static) -> Self {
        self.key = Some(Arc::new(move || Box::new(make()) as AnyKey));
        self
    }
}

/// What can be subscribed to: a handle that emits, or an outlet.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, Source, UpstreamFailed, from_iter};
///
/// async fn sum(source: &impl Source<Out = u32>) -> Result<u32, UpstreamFailed> {
///     let numbers = source.outlet().stream(Demand::default());
///     numbers.try_fold(0, async |sum, n| Ok(sum + n)).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// assert_eq!(sum(&from_iter(1..=4).spawn()?).await?, 10);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be subscribed to",
    label = "a handle or an outlet is needed here",
    note = "a stage is subscribed to when it is spawned: `let source = build.spawn()?`"
)]
pub trait Source {
    /// What it emits.
    type Out: Send + 'static;
    /// Returns its outlet.
    fn outlet(&self) -> Outlet<Self::Out>;
}

impl<R: Emits> Source for Handle<R> {
    type Out = R::Out;
    fn outlet(&self) -> Outlet<R::Out> {
        self.any_outlet()
    }
}

impl<T: Send + 'static> Source for Outlet<T> {
    type Out = T;
    fn outlet(&self) -> Self {
        self.clone()
    }
}

impl<S: Source> Source for &S {
    type Out = S::Out;
    fn outlet(&self) -> Outlet<S::Out> {
        (*self).outlet()
    }
}

impl<R: Emits> Handle<R> {
    /// Returns an outlet whose subscriptions tell this to the dispatcher: for dispatchers of one's own, whose
    /// [`Key`](crate::protocol::Dispatcher::Key) it is. `select` and `partition` are this for those of the library.
    #[must_use]
    pub fn with_key<K>(&self, key: K) -> Outlet<R::Out>
    where
        K: Clone + Send + Sync + 'static,
        R::Dispatcher: Dispatcher<R::Out, Key = K>,
    {
        self.any_outlet().with_key(move || key.clone())
    }

    /// Returns an outlet of the events that `selector` takes; what it refuses costs no demand.
    #[must_use]
    pub fn select(
        &self,
        selector: impl Fn(&R::Out) -> bool + Send + Sync + 'static,
    ) -> Outlet<R::Out>
    where
        R: Emits<Dispatcher = Broadcast<<R as Role>::Out>>,
        R::Out: Clone,
    {
        let selector: Selector<R::Out> = Arc::new(selector);
        self.any_outlet().with_key(move || Arc::clone(&selector))
    }

    /// Returns the outlet of one partition. A name that is unknown, or a partition that is taken, ends the subscription
    /// with the reason.
    #[must_use]
    pub fn partition<P>(&self, name: P) -> Outlet<R::Out>
    where
        R: Emits<Dispatcher = Partition<<R as Role>::Out, P>>,
        P: Eq + Hash + Clone + std::fmt::Debug + Send + Sync + 'static,
    {
        self.any_outlet().with_key(move || name.clone())
    }
}
