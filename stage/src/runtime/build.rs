//! From a behaviour to a running stage.

use std::any::type_name;
use std::sync::{Arc, Weak};
use std::time::Duration;

use thiserror::Error;

use super::event_loop::SendLetter;
use super::succession::{Factory, Seat, Succession};
use super::upstream::AtWork;
use super::{
    AsConsumer, AsProducer, AsProducerConsumer, Begins, Cell, Control, Driver, Emits, Fused, Group,
    Handle, Last, Mailbox, Messages, NewChild, NewUpstream, Orders, Outlet, Post, Role, Source,
    StageOrders, Superior, Supervised, Takes, Task, Turn,
};
use crate::behaviour::{Consumer, Producer, ProducerConsumer};
use crate::context::{Context, Emission};
use crate::exit::Exit;
use crate::id::{BySubscription, StageId};
use crate::protocol::{
    Buffer, DemandDispatcher, DemandMode, Dispatcher, Intensity, ProducerHalf, Restart, Subscribe,
    WhenFull,
};
use crate::rare::Rare;
use crate::stages::Stages;
use crate::sync;

/// A producer's buffer by default. Source: GenStage 1.3 `buffer_size`.
const BUFFER_CAPACITY: usize = 10_000;

/// How long an order of its supervisor may take by default. Source: OTP `shutdown` of a worker.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// A stage about to be spawned.
#[must_use = "a stage runs only once it is spawned"]
pub struct Build<R: Role> {
    pub(crate) stage: R::Stage,
    factory: Option<Factory<R::Stage>>,
    name: Option<Arc<str>>,
    stages: Stages,
    intensity: Option<Intensity>,
    buffer: Buffer<R::Out>,
    dispatcher: R::Dispatcher,
    mode: DemandMode,
    pub(crate) send_letter: Option<SendLetter<R::In>>,
    pub(crate) supervision: Option<Supervision>,
    shutdown: Duration,
    group: Option<Group>,
    upstreams: Vec<(Outlet<R::In>, Subscribe)>,
    /// Whether something was fused behind another stage that subscribes to one.
    has_two_upstreams: bool,
}

/// Who supervises the stage, and how.
pub(crate) struct Supervision {
    pub(crate) superior: Arc<dyn Superior>,
    pub(crate) restart: Restart,
}

impl<R: Role> std::fmt::Debug for Build<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Build")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a stage did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// A live stage or child has this name.
    #[error("the name {0:?} is taken by a live stage; stop it or choose another name")]
    NameTaken(String),
    /// There is no tokio runtime here.
    #[error("a stage is spawned inside a tokio runtime, and there is none here")]
    NoRuntime,
    /// A child that is to be restarted can't be made a second time.
    #[error(
        "a permanent or transient child needs a factory: build it with producer_with, producer_consumer_with or consumer_with"
    )]
    NoFactory,
    /// What is fused behind another stage takes the events of that one alone.
    #[error("a stage is fused behind another and subscribes to a producer as well")]
    FusedAndSubscribed,
    /// Its supervisor has ended.
    #[error("its supervisor has ended")]
    SupervisorEnded,
}

fn build<R>(stage: R::Stage, buffer: Buffer<R::Out>) -> Build<R>
where
    R: Role<Dispatcher = DemandDispatcher>,
{
    Build {
        stage,
        factory: None,
        name: None,
        stages: Stages::root(),
        intensity: None,
        buffer,
        dispatcher: DemandDispatcher::default(),
        mode: DemandMode::Forward,
        send_letter: None,
        supervision: None,
        shutdown: SHUTDOWN,
        group: None,
        upstreams: Vec::new(),
        has_two_upstreams: false,
    }
}

/// Builds a producer; its buffer holds 10,000 events and then drops the oldest.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Context, Demand, Producer, Result, producer};
///
/// struct Countdown(u32);
///
/// impl Producer for Countdown {
///     type Out = u32;
///
///     async fn handle_demand(&mut self, demand: usize, cx: &mut Context<u32>) -> Result {
///         cx.emit_all((1..=self.0).rev().take(demand));
///         self.0 = self.0.saturating_sub(demand as u32);
///         if self.0 == 0 {
///             cx.complete();
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let countdown = producer(Countdown(5)).spawn()?;
/// let all: Vec<u32> = countdown.stream(Demand::new(2, 1)?).try_collect().await?;
/// assert_eq!(all, [5, 4, 3, 2, 1]);
/// # Ok(())
/// # }
/// ```
pub fn producer<S: Producer>(stage: S) -> Build<AsProducer<S>> {
    build(stage, Buffer::new(BUFFER_CAPACITY, WhenFull::DropOldest))
}

/// Builds a producer whose behaviour is made anew after a failure.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Context, Demand, Producer, Result, producer_with};
///
/// /// Which life it lives; the first one ends at the first demand.
/// struct Cat(u32);
///
/// impl Producer for Cat {
///     type Out = u32;
///
///     async fn handle_demand(&mut self, _: usize, cx: &mut Context<u32>) -> Result {
///         if self.0 == 1 {
///             return Err("curiosity".into());
///         }
///         cx.emit(self.0);
///         cx.complete();
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let mut lives = 0;
/// let cat = producer_with(move || {
///     lives += 1;
///     Cat(lives)
/// })
/// .spawn()?;
/// // Its consumer hears nothing of the failure: the stage goes on with a new behaviour.
/// let all: Vec<u32> = cat.stream(Demand::default()).try_collect().await?;
/// assert_eq!((all, cat.stats().failed), (vec![2], 1));
/// # Ok(())
/// # }
/// ```
pub fn producer_with<S: Producer>(
    mut factory: impl FnMut() -> S + Send + 'static,
) -> Build<AsProducer<S>> {
    let mut build = producer(factory());
    build.factory = Some(Box::new(factory));
    build
}

/// Builds a producer-consumer; its buffer holds input back.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Batch, Context, Demand, ProducerConsumer, Result, from_iter, producer_consumer};
///
/// struct Words;
///
/// impl ProducerConsumer for Words {
///     type In = &'static str;
///     type Out = &'static str;
///
///     async fn handle_events(
///         &mut self,
///         lines: &mut Batch<'_, &'static str>,
///         cx: &mut Context<&'static str>,
///     ) -> Result {
///         cx.emit_all(lines.drain().flat_map(str::split_whitespace));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let lines = from_iter(["ask and", "ye shall receive"]).spawn()?;
/// let words = producer_consumer(Words).subscribe_to(&lines, Demand::default()).spawn()?;
/// let all: Vec<&str> = words.stream(Demand::default()).try_collect().await?;
/// assert_eq!(all, ["ask", "and", "ye", "shall", "receive"]);
/// # Ok(())
/// # }
/// ```
pub fn producer_consumer<S: ProducerConsumer>(stage: S) -> Build<AsProducerConsumer<S>> {
    build(stage, Buffer::new(1, WhenFull::HoldBack))
}

/// Builds a producer-consumer whose behaviour is made anew after a failure.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Batch, Context, Demand, ProducerConsumer, Result, from_iter, producer_consumer_with};
///
/// struct Parse;
///
/// impl ProducerConsumer for Parse {
///     type In = &'static str;
///     type Out = u32;
///
///     async fn handle_events(&mut self, words: &mut Batch<'_, &'static str>, cx: &mut Context<u32>) -> Result {
///         while let Some(word) = words.front() {
///             cx.emit(word.parse()?);
///             words.pop();
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let words = from_iter(["1", "two", "3"]).spawn()?;
/// let parse = producer_consumer_with(|| Parse).subscribe_to(&words, Demand::default()).spawn()?;
/// // The event that failed is skipped; those behind it go to the new behaviour.
/// let all: Vec<u32> = parse.stream(Demand::default()).try_collect().await?;
/// assert_eq!((all, parse.stats().failed), (vec![1, 3], 1));
/// # Ok(())
/// # }
/// ```
pub fn producer_consumer_with<S: ProducerConsumer>(
    mut factory: impl FnMut() -> S + Send + 'static,
) -> Build<AsProducerConsumer<S>> {
    let mut build = producer_consumer(factory());
    build.factory = Some(Box::new(factory));
    build
}

/// Builds a consumer.
///
/// ```
/// use stage::{Batch, Consumer, Context, Demand, Exit, Result, consumer, from_iter};
///
/// struct Print;
///
/// impl Consumer for Print {
///     type In = u32;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, _: &mut Context) -> Result {
///         println!("{:?}", events.as_slice());
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(0..10).spawn()?;
/// let print = consumer(Print).subscribe_to(&numbers, Demand::new(4, 2)?).spawn()?;
/// assert!(matches!(print.join().await, Exit::Completed));
/// assert_eq!(print.edges()[0].delivered, 10);
/// # Ok(())
/// # }
/// ```
pub fn consumer<S: Consumer>(stage: S) -> Build<AsConsumer<S>> {
    build(stage, Buffer::new(1, WhenFull::HoldBack))
}

/// Builds a consumer whose behaviour is made anew after a failure.
///
/// ```
/// use stage::{Batch, Consumer, Context, Demand, Exit, Result, consumer_with, from_iter};
///
/// struct Superstitious;
///
/// impl Consumer for Superstitious {
///     type In = u32;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, _: &mut Context) -> Result {
///         for event in events {
///             assert!(event != 13, "bad luck");
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(1..=20).spawn()?;
/// let superstitious = consumer_with(|| Superstitious)
///     .subscribe_to(&numbers, Demand::one_by_one(4)?)
///     .spawn()?;
/// assert!(matches!(superstitious.join().await, Exit::Completed));
/// assert_eq!(superstitious.stats().failed, 1);
/// # Ok(())
/// # }
/// ```
pub fn consumer_with<S: Consumer>(
    mut factory: impl FnMut() -> S + Send + 'static,
) -> Build<AsConsumer<S>> {
    let mut build = consumer(factory());
    build.factory = Some(Box::new(factory));
    build
}

impl<R: Emits> Build<R> {
    /// Sets the buffer, which holds what nobody has asked for, and what happens when it is full. The queues of a
    /// [`Partition`](crate::Partition) are not in it: they hold what another partition's consumer has asked for, and are
    /// set by [`Partition::queue`](crate::Partition::queue).
    ///
    /// A capacity of 0 keeps nothing: what nobody has asked for is dropped and counted, or a failure, at once; with
    /// [`WhenFull::HoldBack`], which drops nothing, it counts as 1.
    pub fn buffer(mut self, capacity: usize, when_full: WhenFull) -> Self {
        self.buffer = Buffer::new(capacity, when_full);
        self
    }
}

impl<S: Producer, D: Dispatcher<S::Out>> Build<AsProducer<S, D>> {
    /// Sets who gets which event: [`DemandDispatcher`] by default.
    pub fn dispatcher<E: Dispatcher<S::Out>>(self, dispatcher: E) -> Build<AsProducer<S, E>> {
        self.dispatched_by(dispatcher)
    }
}

impl<R: Begins> Build<R> {
    /// Starts with demand and events put off, so that all consumers can subscribe before anything flows; then
    /// `handle.set_demand_mode(DemandMode::Forward)`.
    pub const fn accumulate(mut self) -> Self {
        self.mode = DemandMode::Accumulate;
        self
    }
}

impl<S: ProducerConsumer, D: Dispatcher<S::Out>> Build<AsProducerConsumer<S, D>> {
    /// Sets who gets which event: [`DemandDispatcher`] by default.
    pub fn dispatcher<E: Dispatcher<S::Out>>(
        self,
        dispatcher: E,
    ) -> Build<AsProducerConsumer<S, E>> {
        self.dispatched_by(dispatcher)
    }
}

impl<R: Role> Build<R> {
    fn dispatched_by<Q>(self, dispatcher: Q::Dispatcher) -> Build<Q>
    where
        Q: Role<Stage = R::Stage, In = R::In, Out = R::Out>,
    {
        Build {
            stage: self.stage,
            factory: self.factory,
            name: self.name,
            stages: self.stages,
            intensity: self.intensity,
            buffer: self.buffer,
            dispatcher,
            mode: self.mode,
            send_letter: self.send_letter,
            supervision: self.supervision,
            shutdown: self.shutdown,
            group: self.group,
            upstreams: self.upstreams,
            has_two_upstreams: self.has_two_upstreams,
        }
    }
}

impl<A: Emits> Build<A> {
    /// Makes one stage of this behaviour and `second`: what this one emits is lent to the other in the same turn.
    ///
    /// A producer and a producer-consumer are a producer, two producer-consumers are one, a producer-consumer and a
    /// consumer are a consumer, and a producer with a consumer behind it is a whole pipeline, which ends when its events
    /// do. What was fused can be fused again.
    ///
    /// ```
    /// use futures::TryStreamExt;
    /// use stage::{Batch, Context, Demand, ProducerConsumer, Result, from_iter, producer_consumer};
    ///
    /// struct Words;
    ///
    /// impl ProducerConsumer for Words {
    ///     type In = &'static str;
    ///     type Out = &'static str;
    ///
    ///     async fn handle_events(
    ///         &mut self,
    ///         lines: &mut Batch<'_, &'static str>,
    ///         cx: &mut Context<&'static str>,
    ///     ) -> Result {
    ///         cx.emit_all(lines.drain().flat_map(str::split_whitespace));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let lines = from_iter(["ask and", "ye shall receive"]);
    /// let words = lines.fuse(producer_consumer(Words)).named("words").spawn()?;
    /// let all: Vec<&str> = words.stream(Demand::default()).try_collect().await?;
    /// assert_eq!(all, ["ask", "and", "ye", "shall", "receive"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **One stage**: one task and mailbox, one name, one set of counts, one supervisor. All that a [`Build`] says of a
    /// stage is said of the pair, before or after: of `second` its dispatcher, buffer, owner, intensity and shutdown, and its
    /// name, group and supervisor where it has them; of this one its subscriptions, and the name, group and supervisor else.
    /// Each half keeps its own dead letters.
    ///
    /// **Demand**: the first is told what the stage's consumers wait for and it has not been told yet, at most 500 events
    /// at a time, and again while the second leaves events out. So the second, and a consumer that is fused, has batches of
    /// up to 500 whatever their windows. What the second makes too much waits in the stage's buffer, which holds back, and
    /// what is behind it waits between the two: one expansion of each.
    ///
    /// **Failure**: the one that failed decides. What it failed on is skipped, and what is behind it goes on. A restart
    /// makes both anew, where both have a factory; where one has none, `Restart`, the default, ends the stage, and
    /// `handle_failure` says `Resume` where it is to go on. Events between the two are kept. What the stage still has between
    /// them when it ends counts as lost, also what one of three has emitted in the batch in which it failed, if that ends the
    /// stage.
    ///
    /// **Completion**: the second hears of it when all that the first emitted was handled.
    ///
    /// **Messages**: calls and casts go to the second. `cx.me` and `cx.cast_after` work in both.
    ///
    /// When to do which, by what a producer-consumer costs a batch, its own work included: in a stage of its own some 1,600
    /// instructions, and it may run on another processor; as a member of the same [`Group`] 1,300, and it fails by itself;
    /// fused 900. At batches of hundreds all three cost little beside the work on the events. So fuse what is always ready
    /// and works on small batches; colocate what has to fail, stop or be counted by itself; and leave alone what computes
    /// for long or waits, since the two of a pair take turns.
    ///
    /// The second can neither ask nor cancel on the edge between the two, which has no window: a behaviour that asks for
    /// itself, as [`map_async`](crate::map_async), can be the first of a pair and not the second, which fails at its start.
    /// What a first emits without being told, as by a timer, is lent on as well; while the buffer holds back it waits between
    /// the two, where nothing bounds it.
    ///
    /// # Errors
    ///
    /// [`Build::spawn`] fails with [`SpawnError::FusedAndSubscribed`] where `second` subscribes to a producer itself.
    pub fn fuse<B: Takes<In = A::Out>>(self, second: Build<B>) -> Build<Fused<A, B>> {
        let factory: Option<Factory<Fused<A, B>>> = match (self.factory, second.factory) {
            (Some(mut first), Some(mut second)) => {
                Some(Box::new(move || Fused::join(first(), second(), None)))
            }
            _ => None,
        };
        // Who has a supervisor lives with it.
        let (stages, supervision) = match (second.supervision, self.supervision) {
            (None, Some(of_first)) => (self.stages, Some(of_first)),
            (of_second, _) => (second.stages, of_second),
        };
        Build {
            stage: Fused::join(self.stage, second.stage, second.send_letter),
            factory,
            name: second.name.or(self.name),
            stages,
            intensity: second.intensity,
            buffer: second.buffer,
            dispatcher: second.dispatcher,
            mode: self.mode,
            send_letter: self.send_letter,
            supervision,
            shutdown: second.shutdown,
            group: second.group.or(self.group),
            upstreams: self.upstreams,
            has_two_upstreams: self.has_two_upstreams || !second.upstreams.is_empty(),
        }
    }
}

impl<R: Takes> Build<R> {
    /// Subscribes to a producer at start.
    pub fn subscribe_to(
        mut self,
        source: &impl Source<Out = R::In>,
        options: impl Into<Subscribe>,
    ) -> Self {
        self.upstreams.push((source.outlet(), options.into()));
        self
    }
}

impl<R: Role> Build<R> {
    /// Names the stage, uniquely within its [`Stages`].
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives the stage to this owner rather than to the root.
    pub fn within(mut self, stages: &Stages) -> Self {
        self.stages = stages.clone();
        self
    }

    /// Sets how long the stage may take to stop, or to go down for a restart, at its supervisor's order; then it is aborted,
    /// or its running callback is dropped. 5 s by default. Source: OTP `shutdown`.
    pub const fn shutdown(mut self, patience: Duration) -> Self {
        self.shutdown = patience;
        self
    }

    /// Sets how many restarts are too many; under a supervisor, its own intensity counts.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = Some(intensity);
        self
    }

    /// Has the stage driven from the task that it has in common with the others of this group.
    pub fn colocate(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// Starts the stage, in a task of its own or in that of its [`Group`].
    ///
    /// # Errors
    ///
    /// [`SpawnError`]: a name that is taken, no runtime, or a supervisor that can't have the stage.
    pub fn spawn(self) -> Result<Handle<R>, SpawnError> {
        let runtime = sync::runtime::Handle::try_current().map_err(|_| SpawnError::NoRuntime)?;
        if let Some(supervision) = &self.supervision
            && supervision.restart != Restart::Temporary
            && self.factory.is_none()
        {
            return Err(SpawnError::NoFactory);
        }
        if self.has_two_upstreams {
            return Err(SpawnError::FusedAndSubscribed);
        }
        let id = StageId::next();
        let is_named = self.name.is_some();
        let cell = match self.name {
            Some(name) => Cell::new(id, name, self.stages).named(),
            None => Cell::new(id, default_name::<R>(id), self.stages),
        };
        let mailbox = Arc::new_cyclic(|me: &Weak<Mailbox<R::Stage, R::In, R::Out>>| {
            Mailbox::new(Arc::new(cell.of_stage::<R>(me.clone())))
        });
        let cell = Arc::clone(mailbox.cell());
        let handle = Handle {
            mailbox: Arc::clone(&mailbox),
            cell: Arc::clone(&cell),
        };
        cell.stages
            .started(&cell, is_named.then(|| handle.clone()))?;
        let out = if R::EMITS {
            let mut half = ProducerHalf::new(self.dispatcher, self.buffer);
            half.set_mode(self.mode);
            if !R::IS_SOURCE && !R::IS_FUSED {
                half.owe_as_asked();
            }
            Some(Emission::of(half))
        } else {
            None
        };
        cell.set_mode(self.mode);
        let supervised = self.supervision.map(|supervision| {
            let orders = Arc::new(Orders::new(supervision.restart));
            let child = NewChild {
                id,
                name: Arc::clone(&cell.name),
                restart: supervision.restart,
                shutdown: self.shutdown,
                subordinate: Arc::new(StageOrders {
                    cell: Arc::clone(&cell),
                    orders: Arc::clone(&orders),
                }),
            };
            let supervised = Supervised {
                child: id,
                superior: supervision.superior,
                orders,
            };
            (supervised, child)
        });
        if let Some((supervised, child)) = &supervised
            && !supervised.superior.enlist(child.clone())
        {
            cell.stages.ended(&cell, &Exit::Stopped);
            return Err(SpawnError::SupervisorEnded);
        }
        let supervised = supervised.map(|(supervised, _)| Box::new(supervised));
        // Not collected, which would keep the room of the builder's own list.
        let mut control = Messages::with_capacity(self.upstreams.len());
        for (outlet, options) in self.upstreams {
            let mut upstream = NewUpstream::new(outlet, options);
            upstream.is_initial = true;
            // The producers know of it when it is spawned, whenever it runs: what is told them next comes later.
            upstream.opened = Some(upstream.outlet.open_for(upstream.id, &mailbox, &cell));
            control.push_back(Control::SubscribeTo(Box::new(upstream)));
        }
        let task = Task {
            role: Seat::new(R::new(self.stage)),
            succession: Succession::new(self.factory, self.send_letter, self.intensity),
            cx: Context {
                cell: Arc::clone(&cell),
                emitted: Vec::new(),
                out,
                upstreams: BySubscription::default(),
                seldom: Rare::default(),
                ending: None,
                stop: None,
            },
            mailbox,
            post: Box::new(Post {
                control,
                ..Post::default()
            }),
            at_work: AtWork::default(),
            aside: Rare::default(),
            owes_anew: false,
            has_more: false,
            draining: false,
            is_paused: false,
            turn: Turn::default(),
            is_complete: false,
            last: Last {
                cell: Arc::clone(&cell),
                supervised,
                exit: None,
            },
        };
        cell.driven_by(match self.group {
            None => Driver::Task(runtime.spawn(task.run()).abort_handle()),
            Some(group) => Driver::Group(group.join(&runtime, id, task.run())),
        });
        Ok(handle)
    }
}

fn default_name<R: Role>(id: StageId) -> Arc<str> {
    let full = type_name::<R::Stage>();
    let short = full
        .split('<')
        .next()
        .and_then(|path| path.rsplit("::").next());
    format!("{}-{id}", short.unwrap_or(full)).into()
}
