//! What a callback can do to its own stage: emit, ask, cancel, complete, stop, and send to itself later.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::batch::Batch;
use crate::behaviour::Handler;
use crate::exit::{Cancel, End, Exit};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::{Asking, DemandMode, ProducerHalf, Split, UpstreamEnds, Window, drop_all};
use crate::rare::Rare;
use crate::registry::Registry;
use crate::runtime::{AskPort, CallPort, Cell, Edge, Message, WeakHandle};

mod emission;
pub(crate) use emission::{Downstream, Emission};

/// The type of events a stage does not have.
#[derive(Debug, Clone, Copy)]
pub enum Never {}

pub(crate) struct Upstream {
    pub(crate) port: Arc<dyn AskPort>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) window: Window,
    /// What the subscriber chose.
    pub(crate) wished: Asking,
    /// What the behaviour made of it, once it has said so.
    pub(crate) asking: Option<Asking>,
    pub(crate) ends: Rare<UpstreamEnds>,
    /// Whether messages that wait are handed over together.
    pub(crate) coalesces: bool,
    /// Asked for and not taken by the behaviour.
    pub(crate) outstanding: usize,
    /// Whether anything has come.
    pub(crate) has_brought: bool,
    /// Whether the present behaviour has heard of it.
    pub(crate) is_heard: bool,
}

impl Upstream {
    /// Whether the runtime asks.
    pub(crate) fn is_automatic(&self) -> bool {
        matches!(self.asking, Some(Asking::Automatic))
    }

    /// Cuts the next part off a message that holds `rest` more events.
    #[inline]
    pub(crate) fn split(&mut self, rest: usize) -> Split {
        if self.is_automatic() {
            return self.window.split(rest);
        }
        Split {
            len: rest,
            ..Split::default()
        }
    }

    #[inline]
    fn ask(&mut self, id: SubscriptionId, n: usize) {
        if n > 0 {
            self.outstanding = self.outstanding.saturating_add(n);
            self.edge.asked(n);
            self.port.ask(id, n);
        }
    }
}

/// The stage, as its callbacks see it. `Out` is what it emits.
///
/// ```
/// use std::time::Duration;
///
/// use futures::TryStreamExt;
/// use stage::{Context, Demand, Handler, Producer, Result, producer};
///
/// /// Emits the number of each tick that somebody waits for.
/// struct Clock(u32);
/// struct Tick;
///
/// impl Producer for Clock {
///     type Out = u32;
///
///     async fn started(&mut self, cx: &mut Context<u32>) -> Result {
///         cx.cast_after::<Self, _>(Duration::from_millis(1), Tick);
///         Ok(())
///     }
///
///     async fn handle_demand(&mut self, _: usize, _: &mut Context<u32>) -> Result {
///         Ok(())
///     }
/// }
///
/// impl Handler<Tick, u32> for Clock {
///     type Reply = ();
///
///     async fn handle(&mut self, _: Tick, cx: &mut Context<u32>) {
///         if cx.demand() > 0 {
///             self.0 += 1;
///             cx.emit(self.0);
///         }
///         if self.0 == 3 {
///             cx.complete();
///         } else {
///             cx.cast_after::<Self, _>(Duration::from_millis(1), Tick);
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let clock = producer(Clock(0)).spawn()?;
/// let ticks: Vec<u32> = clock.stream(Demand::new(1, 0)?).try_collect().await?;
/// assert_eq!(ticks, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
pub struct Context<Out: Send + 'static = Never> {
    pub(crate) cell: Arc<Cell>,
    pub(crate) emitted: Vec<Out>,
    /// `None` in a consumer.
    pub(crate) out: Option<Box<Emission<Out>>>,
    pub(crate) upstreams: BySubscription<Upstream>,
    pub(crate) seldom: Rare<Seldom>,
    pub(crate) ending: Option<Box<Exit>>,
    pub(crate) stop: Option<Box<Exit>>,
}

/// What few behaviours need of their stage.
#[derive(Default)]
pub(crate) struct Seldom {
    timers: Option<JoinSet<()>>,
    /// Where messages to one of a fused pair go, a `Weak<dyn CallPort<S, Out>>` of its own type.
    pub(crate) door: Option<Box<dyn Any + Send + Sync>>,
}

impl<Out: Send + 'static> std::fmt::Debug for Context<Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.cell.name)
            .finish_non_exhaustive()
    }
}

impl<Out: Send + 'static> Context<Out> {
    /// The stage's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cell.name
    }

    /// The names known where this stage lives.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.cell.stages.registry()
    }

    /// Emits one event; it is dispatched when the callback returns, or at `flush`.
    pub fn emit(&mut self, event: Out) {
        self.emitted.push(event);
    }

    /// Emits events in their order.
    pub fn emit_all(&mut self, events: impl IntoIterator<Item = Out>) {
        self.emitted.extend(events);
    }

    /// Emits the events of a batch, each changed in its place: in the list they came in, which goes on to the next stage; one
    /// alone is moved to another, where there is room.
    ///
    /// It does what `emit_all(events.map(…))` does where events stay of their type, and writes no second list. An event whose
    /// change panics has failed: those before it are emitted, and those behind it are handed over again.
    ///
    /// ```
    /// # use stage::{Batch, Context, ProducerConsumer, Result};
    /// # struct Double;
    /// # impl ProducerConsumer for Double {
    /// #     type In = u64;
    /// #     type Out = u64;
    /// async fn handle_events(&mut self, events: &mut Batch<'_, u64>, cx: &mut Context<u64>) -> Result {
    ///     cx.emit_changed(events, |event| *event *= 2);
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn emit_changed(&mut self, events: &mut Batch<'_, Out>, change: impl FnMut(&mut Out)) {
        events.change_into(&mut self.emitted, change);
    }

    /// The demand this stage was told and has not paid.
    #[must_use]
    pub fn demand(&self) -> usize {
        self.half()
            .map_or(0, ProducerHalf::owed)
            .saturating_sub(self.emitted.len())
    }

    /// The part of it that a consumer still waits for: an asker may have left since. Nothing while demand is put off.
    pub(crate) fn waited_for(&self) -> usize {
        match self.half() {
            Some(half) if half.mode() == DemandMode::Forward => {
                let paid = half.orphaned() + self.emitted.len();
                half.owed().saturating_sub(paid)
            }
            _ => 0,
        }
    }

    /// Says that no more events will come: the stage ends when nothing waits for demand any more, in its buffer or in the
    /// queues of its dispatcher.
    #[cold]
    pub fn complete(&mut self) {
        self.ending.get_or_insert_with(|| Box::new(Exit::Completed));
    }

    /// Stops the stage after this callback; what waits for demand is discarded and counted.
    #[cold]
    pub fn stop(&mut self) {
        self.stop.get_or_insert_with(|| Box::new(Exit::Stopped));
    }

    /// Asks for `n` more on a manual subscription. Unknown subscriptions and 0 are ignored.
    pub fn ask(&mut self, subscription: SubscriptionId, n: usize) {
        if let Some(upstream) = self.upstreams.get_mut(subscription) {
            upstream.ask(subscription, n);
        }
    }

    /// What was asked for on an upstream subscription and has not been handed to this behaviour: on its way, or waiting
    /// in the mailbox. A behaviour that asks itself and follows a failed one finds here what that one has asked.
    #[must_use]
    pub fn outstanding(&self, subscription: SubscriptionId) -> usize {
        let upstream = self.upstreams.get(subscription);
        upstream.map_or(0, |upstream| upstream.outstanding)
    }

    /// Cancels one of this stage's upstream subscriptions; events asked for may still arrive before its end does.
    pub fn cancel(&mut self, subscription: SubscriptionId, reason: Cancel) {
        if let Some(upstream) = self.upstreams.get(subscription) {
            upstream.port.cancel(subscription, reason);
        }
    }

    /// Cancels one of this stage's consumers: after all that was emitted up to now it hears the end with this reason, and
    /// its unpaid asks are forgotten. This stage's own `handle_cancel` does not run. An unknown subscription is ignored.
    ///
    /// ```
    /// use stage::{Cancel, Context, Producer, Result, SubscriptionId, UpstreamFailed};
    ///
    /// struct Closed;
    ///
    /// impl Producer for Closed {
    ///     type Out = u32;
    ///
    ///     async fn handle_demand(&mut self, _: usize, _: &mut Context<u32>) -> Result {
    ///         Ok(())
    ///     }
    ///
    ///     async fn handle_subscriber(&mut self, id: SubscriptionId, cx: &mut Context<u32>) -> Result {
    ///         cx.cancel_consumer(id, Cancel::failed("closed"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let closed = stage::producer(Closed).spawn()?;
    /// let UpstreamFailed(exit) = closed.subscribe().next().await.unwrap_err();
    /// assert_eq!(exit.to_string(), "failed: closed");
    /// assert!(closed.exit().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel_consumer(&mut self, subscription: SubscriptionId, reason: Cancel) {
        self.flush();
        self.end_consumer(subscription, End::Cancelled(reason));
    }

    /// A weak handle to this stage.
    ///
    /// # Panics
    ///
    /// When `S` is not the behaviour this context was lent to: call it as `cx.me::<Self>()`.
    #[must_use]
    pub fn me<S: 'static>(&self) -> WeakHandle<S, Out> {
        let port = self.call_port();
        WeakHandle(port.expect("me::<S>() is called with the behaviour's own type"))
    }

    /// Where messages to the behaviour go, if that is an `S`.
    pub(crate) fn call_port<S: 'static>(&self) -> Option<Weak<dyn CallPort<S, Out>>> {
        if let Some(door) = self.seldom.get().and_then(|seldom| seldom.door.as_ref()) {
            return door.downcast_ref().cloned();
        }
        self.cell
            .port()?
            .call_port()
            .downcast()
            .ok()
            .map(|port| *port)
    }

    /// Sends `message` to this stage after `delay`. The timer ends with the stage.
    ///
    /// # Panics
    ///
    /// As [`Context::me`].
    pub fn cast_after<S, M>(&mut self, delay: Duration, message: M)
    where
        S: Handler<M, Out> + 'static,
        M: Send + 'static,
    {
        let me = self.me::<S>();
        self.start_timer(delay, move || {
            if let Some(port) = me.0.upgrade() {
                let _ended = port.send(Box::new(Message::timer(message)));
            }
        });
    }

    /// Does `then` after `delay`, unless the stage has ended.
    pub(crate) fn start_timer(&mut self, delay: Duration, then: impl FnOnce() + Send + 'static) {
        let Seldom { timers, .. } = self.seldom.make();
        let timers = timers.get_or_insert_default();
        while timers.try_join_next().is_some() {}
        timers.spawn(async move {
            tokio::time::sleep(delay).await;
            then();
        });
    }

    /// Notes that the behaviour took `n` events of a subscription, and asks for `ask` more.
    #[inline]
    pub(crate) fn taken(&mut self, subscription: SubscriptionId, n: usize, ask: usize) {
        if let Some(upstream) = self.upstreams.get_mut(subscription) {
            upstream.outstanding = upstream.outstanding.saturating_sub(n);
            upstream.ask(subscription, ask);
        }
    }

    /// A new behaviour has heard of no subscription.
    pub(crate) fn forget_introductions(&mut self) {
        for upstream in self.upstreams.values_mut() {
            upstream.is_heard = false;
        }
        if let Some(out) = &mut self.out {
            for downstream in out.downstreams.values_mut() {
                downstream.is_heard = false;
            }
        }
    }

    /// The subscriptions upstream and downstream that the behaviour has not heard of, in the order they were made.
    pub(crate) fn not_heard(&self) -> (Vec<SubscriptionId>, Vec<SubscriptionId>) {
        let upstreams = self.upstreams.iter().filter(|(_, up)| !up.is_heard);
        let upstreams = upstreams.map(|(id, _)| id).collect();
        let downstreams = self.out.as_ref().into_iter();
        let downstreams = downstreams.flat_map(|out| out.downstreams.iter());
        let downstreams = downstreams.filter(|(_, down)| !down.is_heard);
        let downstreams = downstreams.map(|(id, _)| id).collect();
        (upstreams, downstreams)
    }

    /// Dispatches the batches that were put off and not replayed; the demand between them is told again with all that is
    /// owed.
    pub(crate) fn replay_batches(&mut self) {
        if let Some(out) = &mut self.out {
            while out.half.replay(&mut out.dispatched).is_some() {}
        }
        self.settle();
    }

    /// Returns whether a callback left something to act on.
    pub(crate) fn is_touched(&self, was_ending: bool) -> bool {
        debug_assert!(
            self.is_settled() || self.stop.is_some(),
            "what is dispatched goes at once"
        );
        !self.emitted.is_empty() || self.stop.is_some() || self.ending.is_some() != was_ending
    }

    pub(crate) fn close(&mut self, exit: &Exit) {
        let end = End::of(exit);
        let mut out = self.out.as_mut();
        for (subscription, downstream) in out.iter_mut().flat_map(|out| out.downstreams.drain()) {
            downstream.port.end(subscription, end.clone());
        }
        for (subscription, upstream) in self.upstreams.drain() {
            upstream.port.gone(subscription, exit.clone());
        }
        let held = out.map_or(0, |out| out.half.discard());
        let lost = held + drop_all(self.emitted.drain(..)) + self.cell.close_intake();
        self.cell.set_held(0, 0);
        if lost > 0 {
            self.cell.discarded(lost);
            self.cell.report_discarded(lost);
        }
    }
}
