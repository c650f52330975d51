//! Handles to running stages: subscribe, call, stop, drain, abort, join.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

use super::call::cast;
use super::{
    AsConsumer, AsProducer, AsProducerConsumer, AskPort, Begins, CallError, CallPort, CastError,
    Cell, Control, EdgeStats, Emits, Mailbox, Message, NewUpstream, Outlet, Role, Source,
    StageStats, Takes,
};
use crate::adapter::{EventStream, Subscription, stream};
use crate::behaviour::Handler;
use crate::exit::{Cancel, Exit};
use crate::id::{StageId, SubscriptionId};
use crate::protocol::{Demand, DemandDispatcher, DemandMode, Subscribe};
use crate::sync;

/// A stage that runs; clones are the same stage, and dropping them stops nothing.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
///
/// use stage::{Exit, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(0..).named("numbers").spawn()?;
/// let mut edge = numbers.subscribe();
/// edge.request(NonZeroUsize::MIN);
/// assert_eq!(edge.next().await?, Some(vec![0]));
/// assert_eq!((numbers.name(), numbers.stats().owed), ("numbers", 0));
/// // It lives until it is told to end, whatever becomes of its handles.
/// let also_numbers = numbers.clone();
/// drop(numbers);
/// assert!(also_numbers.exit().is_none());
/// let drained = also_numbers.drain(Duration::from_secs(1)).await;
/// assert!(matches!(drained.exit, Exit::Stopped));
/// # Ok(())
/// # }
/// ```
pub struct Handle<R: Role> {
    pub(crate) mailbox: Arc<Mailbox<R::Stage, R::In, R::Out>>,
    pub(crate) cell: Arc<Cell>,
}

/// A handle to a producer.
pub type ProducerHandle<S, D = DemandDispatcher> = Handle<AsProducer<S, D>>;
/// A handle to a producer-consumer.
pub type ProducerConsumerHandle<S, D = DemandDispatcher> = Handle<AsProducerConsumer<S, D>>;
/// A handle to a consumer.
pub type ConsumerHandle<S> = Handle<AsConsumer<S>>;

impl<R: Role> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self {
            mailbox: Arc::clone(&self.mailbox),
            cell: Arc::clone(&self.cell),
        }
    }
}

impl<R: Role> std::fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.cell.name)
            .finish_non_exhaustive()
    }
}

/// The stage has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the stage has ended")]
pub struct Unreachable;

/// What a drain came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Drained {
    /// How the stage ended; `Aborted` when the grace was not enough.
    pub exit: Exit,
    /// Its counts at the end.
    pub stats: StageStats,
}

impl<R: Role> Handle<R> {
    /// The stage's id.
    #[must_use]
    pub fn id(&self) -> StageId {
        self.cell.id
    }

    /// The stage's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cell.name
    }

    /// Its counts now, or at its end.
    ///
    /// Those of a stage that was joined are final, but for [`lost`](StageStats::lost): a producer that has not heard of the
    /// end yet may still send to it. Once its producers have ended too, or have heard of it, that one is final as well.
    #[must_use]
    pub fn stats(&self) -> StageStats {
        self.cell.stats()
    }

    /// The counts of its upstream subscriptions; they still answer after the end.
    #[must_use]
    pub fn edges(&self) -> Vec<EdgeStats> {
        self.cell.edges()
    }

    /// Returns how the stage ended, or `None` while it lives.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.cell.exit().cloned()
    }

    /// Waits for the stage's end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn join(&self) -> Exit {
        self.cell.join().await
    }

    /// Stops the stage after its running callback and waits for its end; a callback that stops its own stage does not
    /// wait.
    ///
    /// One that has failed and waits for its restart is stopped then and there. Its end is [`Exit::Stopped`], as it is when
    /// the stop comes before the failure or after the restart; the failure is counted in [`StageStats::failed`]. A failure
    /// that no restart follows is the end, and stays it.
    ///
    /// # Cancel safety
    ///
    /// The stop has been sent when the future is first polled.
    pub async fn stop(&self) -> Exit {
        self.mailbox.stop();
        if self.cell.is_current() {
            return Exit::Stopped;
        }
        self.cell.join().await
    }

    /// Lets the stage finish what it holds: a source emits no more, a consumer cancels its upstreams first. Aborts
    /// it when `grace` is over.
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when the future is dropped, without the grace.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.mailbox.drain();
        let exit = if let Ok(exit) = sync::time::timeout(grace, self.cell.join()).await {
            exit
        } else {
            self.cell.abort();
            self.cell.join().await
        };
        Drained {
            exit,
            stats: self.stats(),
        }
    }

    /// Drops a running callback and ends the stage.
    pub fn abort(&self) {
        self.cell.abort();
    }

    /// Sends a message and waits for its reply, however long it takes; [`Handle::call_within`] has a deadline.
    ///
    /// # Errors
    ///
    /// [`CallError::Ended`].
    ///
    /// # Cancel safety
    ///
    /// A call that was sent is handled even when the future is dropped.
    pub async fn call<M>(
        &self,
        message: M,
    ) -> Result<<R::Stage as Handler<M, R::Out>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: Handler<M, R::Out>,
    {
        if self.cell.is_current() {
            return Err(CallError::Itself);
        }
        let calls = Arc::clone(CallPort::<R::Stage, R::Out>::calls(&*self.mailbox));
        let permit = calls.acquire_owned().await.map_err(|_| CallError::Ended)?;
        let (sender, reply) = oneshot::channel();
        self.mailbox
            .send(Box::new(Message::new(message, Some(sender), permit)));
        reply.await.map_err(|_| CallError::Ended)
    }

    /// Sends a message and waits for its reply, at most as long as `patience`: the wait for a place in the mailbox
    /// counts.
    ///
    /// After a time-out the message may still be handled, unless it found no place; its reply is then dropped. There
    /// is no default: GenStage 1.3 `call/3` gives up after 5 s, this library only when told.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stage::{Batch, CallError, Consumer, Context, Handler, Result, consumer};
    ///
    /// struct Slow;
    /// impl Consumer for Slow {
    ///     type In = u32;
    ///     async fn handle_events(&mut self, _: &mut Batch<'_, u32>, _: &mut Context) -> Result {
    ///         Ok(())
    ///     }
    /// }
    /// struct Wait(Duration);
    /// impl Handler<Wait> for Slow {
    ///     type Reply = ();
    ///     async fn handle(&mut self, Wait(time): Wait, _: &mut Context) {
    ///         tokio::time::sleep(time).await;
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let slow = consumer(Slow).spawn()?;
    /// let minute = Duration::from_secs(60);
    /// let late = slow.call_within(Wait(minute), Duration::from_millis(1)).await;
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError::TimedOut`] and [`CallError::Ended`].
    ///
    /// # Cancel safety
    ///
    /// As [`Handle::call`].
    pub async fn call_within<M>(
        &self,
        message: M,
        patience: Duration,
    ) -> Result<<R::Stage as Handler<M, R::Out>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: Handler<M, R::Out>,
    {
        let reply = sync::time::timeout(patience, self.call(message)).await;
        reply.unwrap_or(Err(CallError::TimedOut))
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// [`CastError`] gives the message back.
    pub fn cast<M>(&self, message: M) -> Result<(), CastError<M>>
    where
        M: Send + 'static,
        R::Stage: Handler<M, R::Out>,
    {
        cast(&*self.mailbox, message, CallPort::send)
    }

    /// Sends a message without waiting; it is handled after the events that the stage holds now: those that have arrived
    /// are handled and those in its buffer and queues sent or dropped. At once, when it holds none. GenStage's
    /// `async_info`.
    ///
    /// # Errors
    ///
    /// [`CastError`] gives the message back.
    pub fn cast_behind<M>(&self, message: M) -> Result<(), CastError<M>>
    where
        M: Send + 'static,
        R::Stage: Handler<M, R::Out>,
    {
        cast(&*self.mailbox, message, |port, message| {
            port.send_behind(message);
            true
        })
    }

    /// Its outlet, also where nothing comes out.
    pub(crate) fn any_outlet(&self) -> Outlet<R::Out> {
        Outlet::new(
            self.mailbox.clone(),
            Arc::clone(&self.cell.name),
            self.cell.registry().cloned(),
        )
    }
}

impl<R: Takes> Handle<R> {
    /// Subscribes this stage to one more producer; `handle_cancel` hears when that one has ended already.
    ///
    /// # Errors
    ///
    /// [`Unreachable`] when this stage has ended.
    pub fn subscribe_to(
        &self,
        source: &impl Source<Out = R::In>,
        options: impl Into<Subscribe>,
    ) -> Result<SubscriptionId, Unreachable> {
        let upstream = NewUpstream::new(source.outlet(), options.into());
        let id = upstream.id;
        self.mailbox
            .control(Control::SubscribeTo(Box::new(upstream)))
            .then_some(id)
            .ok_or(Unreachable)
    }

    /// Replaces a subscription in one step: `old` is cancelled with `reason` and its end stops nothing, then this stage
    /// subscribes to `source`. An unknown `old` is no error.
    ///
    /// # Errors
    ///
    /// [`Unreachable`] when this stage has ended.
    pub fn resubscribe(
        &self,
        old: SubscriptionId,
        reason: Cancel,
        source: &impl Source<Out = R::In>,
        options: impl Into<Subscribe>,
    ) -> Result<SubscriptionId, Unreachable> {
        let upstream = NewUpstream::new(source.outlet(), options.into());
        let id = upstream.id;
        self.mailbox
            .control(Control::Resubscribe(Box::new((old, reason, upstream))))
            .then_some(id)
            .ok_or(Unreachable)
    }

    /// Changes the window of an automatic subscription while it runs. A wider one asks at once; a narrower one asks no
    /// more until what is outstanding has fallen to its minimum. Unknown and manual subscriptions are ignored.
    pub fn set_demand(&self, subscription: SubscriptionId, demand: Demand) {
        self.mailbox
            .control(Control::SetDemand(subscription, Box::new(demand)));
    }

    /// Takes no more events, at once: what was asked for waits here, bounded by the windows, and nothing more is asked.
    /// Calls, casts and ends are handled all the same.
    pub fn pause(&self) {
        self.mailbox.control(Control::SetPaused(true));
    }

    /// Takes events again.
    pub fn resume(&self) {
        self.mailbox.control(Control::SetPaused(false));
    }

    /// Cancels one of this stage's upstream subscriptions.
    pub fn cancel(&self, subscription: SubscriptionId, reason: Cancel) {
        self.mailbox
            .control(Control::CancelUpstream(subscription, reason));
    }
}

impl<R: Begins> Handle<R> {
    /// Puts demand and events off, or lets them pass again: what was put off is then replayed in its order. Setting the
    /// mode that it has changes nothing.
    pub fn set_demand_mode(&self, mode: DemandMode) {
        self.mailbox.control(Control::SetMode(mode));
    }
}

impl<R: Emits> Handle<R> {
    /// Whether demand and events pass at once; a producer-consumer always forwards.
    #[must_use]
    pub fn demand_mode(&self) -> DemandMode {
        self.cell.mode()
    }

    /// Subscribes the caller itself, who asks by hand.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<R::Out> {
        self.outlet().subscribe()
    }

    /// Subscribes the caller itself and returns the events as a stream; of several producers, [`stream`] makes one.
    #[must_use]
    pub fn stream(&self, options: impl Into<Subscribe>) -> EventStream<R::Out> {
        stream([(self, options)])
    }
}
