//! What a callback can do to its own stage: emit, ask, cancel, complete, stop, and send to itself later.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::batch::Batch;
use crate::behaviour::Handler;
use crate::exit::{Cancel, End, Exit};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::{
    Asking, DemandMode, Dispatched, ProducerHalf, Split, UpstreamEnds, Window, drop_all,
};
use crate::rare::Rare;
use crate::registry::Registry;
use crate::runtime::{AskPort, CallPort, Cell, ConsumerPort, Edge, Message, WeakHandle};

/// The type of events a stage does not have.
#[derive(Debug, Clone, Copy)]
pub enum Never {}

pub(crate) struct Downstream<Out> {
    pub(crate) port: Arc<dyn ConsumerPort<Out>>,
    pub(crate) edge: Arc<Edge>,
    /// Whether the present behaviour has heard of it.
    pub(crate) is_heard: bool,
}

pub(crate) struct Upstream {
    pub(crate) port: Arc<dyn AskPort>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) window: Window,
    /// What the subscriber chose.
    pub(crate) wished: Asking,
    /// What the behaviour made of it, once it has said so.
    pub(crate) asking: Option<Asking>,
    pub(crate) ends: Box<UpstreamEnds>,
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

/// What becomes of what a stage emits. A consumer has none of it.
pub(crate) struct Emission<Out> {
    pub(crate) half: ProducerHalf<Out>,
    pub(crate) dispatched: Dispatched<Out>,
    pub(crate) downstreams: BySubscription<Downstream<Out>>,
    /// Dropped by full queues, and not yet told to the behaviour.
    pub(crate) discarded: usize,
    /// Marks that have been passed, and whose messages have not been handled.
    pub(crate) passed: usize,
}

impl<Out: Send + 'static> Emission<Out> {
    pub(crate) fn of(half: ProducerHalf<Out>) -> Box<Self> {
        Box::new(Self {
            half,
            dispatched: Dispatched::default(),
            downstreams: BySubscription::default(),
            discarded: 0,
            passed: 0,
        })
    }

    #[inline]
    fn note_held(&self, cell: &Cell) {
        cell.set_held(self.half.buffered(), self.half.owed());
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
    /// Whether it has ever emitted: one that only owes needs no room for what it owes.
    pub(crate) has_emitted: bool,
    /// `None` in a consumer.
    pub(crate) out: Option<Box<Emission<Out>>>,
    pub(crate) upstreams: BySubscription<Upstream>,
    /// A `Weak<dyn CallPort<S, Out>>` of the behaviour's own type.
    pub(crate) me: Box<dyn Any + Send + Sync>,
    pub(crate) timers: Rare<JoinSet<()>>,
    pub(crate) ending: Option<Box<Exit>>,
    pub(crate) stop: Option<Box<Exit>>,
    pub(crate) registry: Registry,
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
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Emits one event; it is dispatched when the callback returns, or at `flush`.
    pub fn emit(&mut self, event: Out) {
        self.emitted.push(event);
    }

    /// Emits events in their order.
    pub fn emit_all(&mut self, events: impl IntoIterator<Item = Out>) {
        self.emitted.extend(events);
    }

    /// Emits the events of a batch, each changed in its place: in the list they came in, which goes on to the next stage.
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

    #[inline]
    pub(crate) fn half(&self) -> Option<&ProducerHalf<Out>> {
        self.out.as_ref().map(|out| &out.half)
    }

    #[inline]
    pub(crate) fn half_mut(&mut self) -> Option<&mut ProducerHalf<Out>> {
        self.out.as_mut().map(|out| &mut out.half)
    }

    pub(crate) fn has_consumers(&self) -> bool {
        let out = self.out.as_ref();
        out.is_some_and(|out| !out.downstreams.is_empty())
    }

    /// Whether it has this consumer.
    pub(crate) fn has_consumer(&self, id: SubscriptionId) -> bool {
        let out = self.out.as_ref();
        out.is_some_and(|out| out.downstreams.get(id).is_some())
    }

    /// The demand that the behaviour was not told yet.
    #[inline]
    pub(crate) fn untold(&self) -> usize {
        self.half().map_or(0, ProducerHalf::untold)
    }

    /// Whether nothing that was emitted is held, and no message waits for what was.
    pub(crate) fn is_empty(&self) -> bool {
        let out = self.out.as_ref();
        out.is_none_or(|out| out.half.buffered() == 0 && out.passed == 0)
    }

    /// Whether new input has to wait for the buffer.
    #[inline]
    pub(crate) fn is_holding_back(&self) -> bool {
        self.half().is_some_and(ProducerHalf::is_holding_back)
    }

    /// Dispatches what was emitted, against the asks seen so far. For callbacks that go on to wait.
    #[inline]
    pub fn flush(&mut self) {
        if !self.emitted.is_empty() {
            self.dispatch();
        }
    }

    /// Sends what was emitted; mostly to one consumer, in the list it is in.
    fn dispatch(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        self.has_emitted = true;
        let Some(taker) = out.half.pass(self.emitted.len()) else {
            return self.spread();
        };
        let Some(downstream) = out.downstreams.find(taker) else {
            return self.discard_emitted();
        };
        downstream.edge.delivered(self.emitted.len());
        downstream.port.deliver(taker, &mut self.emitted);
        if self.emitted.capacity() == 0 {
            self.emitted = out.dispatched.lists.take();
        }
        out.note_held(&self.cell);
    }

    /// Sends what was emitted to whom the dispatcher decides. Apart, since it needs more registers than what is done mostly.
    #[inline(never)]
    fn spread(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        out.half.on_emit(&mut self.emitted, &mut out.dispatched);
        self.send_dispatched();
    }

    /// Does what the dispatcher has decided. Whoever lets it decide calls this, so that events which are passed on without it
    /// overtake none.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if !self.is_settled() {
            self.send_dispatched();
        }
    }

    /// Whether the dispatcher has decided nothing that was not done.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        let out = self.out.as_ref();
        out.is_none_or(|out| out.dispatched.is_empty() && out.half.broken().is_none())
    }

    #[inline(never)]
    fn send_dispatched(&mut self) {
        self.deliver();
        while let Some(out) = &self.out
            && !out.dispatched.is_empty()
        {
            self.act_on_dispatched();
            self.deliver();
        }
        if !self.is_settled() {
            self.stop_broken();
        }
        self.note_held();
    }

    #[cold]
    fn discard_emitted(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        out.dispatched.discarded += drop_all(self.emitted.drain(..));
        self.act_on_dispatched();
        self.note_held();
    }

    /// Sends the deliveries. A list that a consumer gives back is the next one to emit into, where there is none.
    #[inline]
    fn deliver(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        let dispatched = &mut out.dispatched;
        for (subscription, mut events) in dispatched.deliveries.drain(..) {
            let Some(downstream) = out.downstreams.find(subscription) else {
                // A dispatcher that serves who has left.
                dispatched.discarded += drop_all(events);
                continue;
            };
            downstream.edge.delivered(events.len());
            downstream.port.deliver(subscription, &mut events);
            if self.emitted.capacity() == 0 {
                self.emitted = events;
            } else {
                dispatched.lists.keep(events);
            }
        }
        if self.emitted.capacity() == 0 {
            self.emitted = dispatched.lists.take();
        }
    }

    /// Counts what went nowhere, and ends the subscriptions that failed.
    #[cold]
    fn act_on_dispatched(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        let dispatched = &mut out.dispatched;
        for reason in dispatched.warnings.drain(..) {
            tracing::error!(stage = &*self.cell.name, reason, "the dispatcher reports");
        }
        out.passed += std::mem::take(&mut dispatched.passed);
        if let Some(full) = dispatched.overflow.take() {
            let failed = || Box::new(Exit::Failed(Arc::new(full.into())));
            self.stop.get_or_insert_with(failed);
        }
        self.cell.unwanted(std::mem::take(&mut dispatched.unwanted));
        self.cell.rejected(drop_all(dispatched.rejected.drain(..)));
        match std::mem::take(&mut dispatched.discarded) {
            0 => {}
            n => {
                self.cell.discarded(n);
                out.discarded += n;
            }
        }
        for (id, refused) in std::mem::take(&mut dispatched.failed) {
            tracing::error!(stage = &*self.cell.name, %id, reason = %refused, "a subscription was ended");
            out.half.on_cancel(id, dispatched);
            if let Some(failed) = out.downstreams.remove(id) {
                failed.edge.end();
                failed.port.end(id, End::Cancelled(Cancel::failed(refused)));
            }
        }
    }

    /// Has the stage owe demand that it was not told yet, and returns what of it to tell now.
    #[inline]
    pub(crate) fn owe(&mut self, untold: usize) -> usize {
        let Some(out) = &mut self.out else {
            return 0;
        };
        let demand = out.half.owe(untold);
        if demand > 0 {
            out.note_held(&self.cell);
        }
        demand
    }

    /// Ends a stage whose dispatcher breaks its contract.
    #[cold]
    fn stop_broken(&mut self) {
        if let Some(broken) = self.out.as_ref().and_then(|out| out.half.broken()) {
            let failed = || Box::new(Exit::Failed(Arc::new(broken.clone().into())));
            self.stop.get_or_insert_with(failed);
        }
    }

    pub(crate) fn note_held(&self) {
        if let Some(out) = &self.out {
            out.note_held(&self.cell);
        }
    }

    /// Says that no more events will come: the stage ends when nothing waits for demand any more, in its buffer or in the
    /// queues of its dispatcher.
    pub fn complete(&mut self) {
        self.ending.get_or_insert_with(|| Box::new(Exit::Completed));
    }

    /// Stops the stage after this callback; what waits for demand is discarded and counted.
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

    /// Ends a subscription of a consumer, and serves the others with what was meant for it.
    pub(crate) fn end_consumer(&mut self, subscription: SubscriptionId, end: End) {
        if let Some(out) = &mut self.out
            && let Some(gone) = out.downstreams.remove(subscription)
        {
            gone.edge.end();
            gone.port.end(subscription, end);
            out.half.on_cancel(subscription, &mut out.dispatched);
            self.settle();
        }
    }

    /// A weak handle to this stage.
    ///
    /// # Panics
    ///
    /// When `S` is not the behaviour this context was lent to: call it as `cx.me::<Self>()`.
    #[must_use]
    pub fn me<S: 'static>(&self) -> WeakHandle<S, Out> {
        let port = self
            .me
            .downcast_ref::<Weak<dyn CallPort<S, Out>>>()
            .expect("me::<S>() is called with the behaviour's own type");
        WeakHandle(Weak::clone(port))
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
        let timers = self.timers.make();
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
        if let Some(out) = self.out.as_mut() {
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
        if let Some(out) = self.out.as_mut() {
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
