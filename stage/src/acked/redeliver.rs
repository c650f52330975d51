//! A stage that keeps each event until it is acknowledged, and emits those that failed again.
//!
//! ```text
//!  upstream ── window ──▶ waiting ── room in flight, credit ──▶ emitted ──▶ its Ack ── acknowledged ──▶ gone
//!      ▲                     │              ▲                                  │
//!      └── asked again ──────┘              └──── after its back-off ──────────┴── failed or dropped ──▶ given up
//! ```
//!
//! It asks its producers itself, by what leaves `waiting`: asked and not emitted is at most `max` on each subscription,
//! and emitted and not settled at most `in_flight_max` over all. Fewer than `max − min` have left and are not asked for
//! again, so more than `min` are asked for or waiting: it is never silent for ever.
//!
//! It emits only what a consumer waits for, in `poll_events`, so that its own buffer stays empty and nothing that is
//! new gets before what failed.

use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::deliveries::{Deliveries, Delivery, Out};
use super::{Acked, Acks, Settled, Settlements, acks};
use crate::batch::Batch;
use crate::behaviour::{Handler, ProducerConsumer};
use crate::context::Context;
use crate::exit::{End, Result, StageError};
use crate::id::{ById, SubscriptionId};
use crate::operators::DeadLetters;
use crate::protocol::{Asking, Backoff, Dispatcher};
use crate::runtime::{
    AsProducerConsumer, Build, DeadLetter, Failure, ProducerHandle, producer_consumer,
};

/// A producer-consumer that keeps each event until it is acknowledged; made by [`redeliver`].
pub struct Redeliver<T: Send + 'static> {
    deliveries: Deliveries<T>,
    acks: Acks<Delivery<T>>,
    settlements: Settlements<Delivery<T>>,
    /// The group at work; empty between two polls.
    settled: Settled<Delivery<T>>,
    /// Events that left `waiting` and were not asked for again.
    left: ById<SubscriptionId, usize>,
    /// What the times of the deliveries are counted from.
    start: Instant,
    /// For the next event that is due again, with its time.
    timer: Option<(Duration, Pin<Box<Sleep>>)>,
    send_letters: Option<SendLetters<T>>,
}

/// Hands letters over, or returns whether they could not be.
type SendLetters<T> = Box<dyn Fn(Vec<DeadLetter<T>>) -> bool + Send>;

/// Builds a producer-consumer that makes its producers at-least-once: it emits each event with an [`Ack`](super::Ack),
/// and emits it again when that fails or is dropped, up to `attempts` deliveries.
///
/// What failed goes before what is new, in its order; first deliveries keep the order of the events. At most
/// `in_flight_max` events are emitted and not settled; while there are as many, nothing new is emitted and nothing more
/// asked for. It asks its producers itself, whatever [`Subscribe::manual`](crate::Subscribe::manual) says: `max` at
/// first, and again as events are emitted for the first time.
///
/// An event that fails at its last attempt is given up: counted in `stats().failed`, reported with the stage's name,
/// and handed to [dead letters](Build::give_up_to) if there are any. The stage completes and drains when every event it
/// took is acknowledged or given up. When it is stopped or aborted, fails, or an upstream fails, what is unsettled is
/// counted in `stats().lost`, and acks that come after it do nothing.
///
/// The price is a clone for each delivery, and the memory of all that is in flight. [`Acked`] is not `Clone`, so each
/// event goes to one consumer and a [`Broadcast`](crate::Broadcast) of it does not compile: give each consumer a
/// `redeliver` of its own. See [the guarantee](crate::acked) for what a consumer has to bear.
///
/// ```
/// use std::num::{NonZeroU32, NonZeroUsize};
///
/// use futures::TryStreamExt;
/// use stage::{Acked, Demand, from_iter, redeliver};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let letters = from_iter(["a", "b"]).spawn()?;
/// let in_flight_max = NonZeroUsize::new(10).ok_or("it is not zero")?;
/// let attempts = NonZeroU32::new(3).ok_or("it is not zero")?;
/// let kept = redeliver(in_flight_max, attempts)
///     .subscribe_to(&letters, Demand::default())
///     .spawn()?;
/// let mut events = kept.stream(Demand::one_by_one(1)?);
/// let mut seen = Vec::new();
/// while let Some(Acked { data, ack }) = events.try_next().await? {
///     // The first one is dropped with its ack.
///     if !seen.is_empty() {
///         ack.acknowledge();
///     }
///     seen.push(data);
/// }
/// assert_eq!(seen, ["a", "a", "b"]);
/// # Ok(())
/// # }
/// ```
pub fn redeliver<T: Clone + Send + 'static>(
    in_flight_max: NonZeroUsize,
    attempts: NonZeroU32,
) -> Build<AsProducerConsumer<Redeliver<T>>> {
    let (acks, settlements) = acks();
    producer_consumer(Redeliver {
        deliveries: Deliveries::new(in_flight_max, attempts),
        acks,
        settlements,
        settled: Settled::default(),
        left: ById::default(),
        start: Instant::now(),
        timer: None,
        send_letters: None,
    })
}

impl<T, D> Build<AsProducerConsumer<Redeliver<T>, D>>
where
    T: Clone + Send + 'static,
    D: Dispatcher<Acked<T>>,
{
    /// Sets how long an event that failed waits before it is emitted again: longer with each failure. Others are not held
    /// up by it. At once by default.
    ///
    /// A pause also spares the attempts when a consumer ends: until its end is known, what its death failed may be sent
    /// to it once more. It needs a tokio runtime with its timer.
    ///
    /// ```
    /// use std::num::{NonZeroU32, NonZeroUsize};
    /// use std::time::Duration;
    ///
    /// use stage::{Backoff, redeliver};
    ///
    /// # fn build() -> Option<()> {
    /// let (in_flight_max, attempts) = (NonZeroUsize::new(10)?, NonZeroU32::new(5)?);
    /// let second = Duration::from_secs(1);
    /// // It is tried again after 1, 2, 4 and 5 seconds, or somewhat earlier each time.
    /// let kept = redeliver::<String>(in_flight_max, attempts).backoff(Backoff::new(second, 5 * second));
    /// # Some(())
    /// # }
    /// # build().unwrap();
    /// ```
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.stage.deliveries.backoff = backoff;
        self
    }

    /// Says where events go that are given up, with the reason of their last failure: that of
    /// [`Ack::fail`](crate::Ack::fail), or [`Unacknowledged`](crate::Unacknowledged) where the ack was dropped, whatever
    /// error its consumer returned. Letters that can't be handed over are reported and gone.
    ///
    /// [`Build::dead_letters_to`] is for events that a callback fails on, and this stage has none that fails.
    ///
    /// ```
    /// use std::num::{NonZeroU32, NonZeroUsize};
    ///
    /// use futures::TryStreamExt;
    /// use stage::{Demand, dead_letters, from_iter, redeliver};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let letters = dead_letters().spawn()?;
    /// let words = from_iter(["good", "bad"]).spawn()?;
    /// let kept = redeliver(NonZeroUsize::MIN, NonZeroU32::MIN)
    ///     .give_up_to(&letters)
    ///     .subscribe_to(&words, Demand::default())
    ///     .spawn()?;
    /// let mut events = kept.stream(Demand::default());
    /// while let Some(event) = events.try_next().await? {
    ///     match event.data {
    ///         "bad" => event.ack.fail("it is bad"),
    ///         _ => event.ack.acknowledge(),
    ///     }
    /// }
    /// let letter = letters.stream(Demand::default()).try_next().await?.ok_or("no letter")?;
    /// assert_eq!((letter.event, letter.failure.to_string()), ("bad", "failed: it is bad".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn give_up_to<E>(mut self, letters: &ProducerHandle<DeadLetters<T>, E>) -> Self
    where
        E: Dispatcher<DeadLetter<T>>,
    {
        let to = letters.clone();
        let send_letters = move |letters| to.cast(Letters(letters)).is_ok();
        self.stage.send_letters = Some(Box::new(send_letters));
        self
    }
}

impl<T: Clone + Send + 'static> Redeliver<T> {
    /// Deals with the group that was settled.
    fn settle(&mut self, cx: &Context<Acked<T>>) {
        for done in self.settled.acknowledged.drain(..) {
            self.deliveries.on_acknowledged(done);
        }
        if self.settled.failed.is_empty() {
            return;
        }
        let now = self.start.elapsed();
        let mut letters = Vec::new();
        for (failed, reason) in self.settled.failed.drain(..) {
            if let Some(event) = self.deliveries.on_failed(failed, now, fastrand::f64()) {
                letters.push(give_up(event, reason, cx));
            }
        }
        if let Some(send) = self.send_letters.as_ref().filter(|_| !letters.is_empty()) {
            let count = letters.len();
            if !send(letters) {
                let stage = cx.name();
                tracing::error!(stage, count, "dead letters have nowhere to go");
            }
        }
    }

    /// Makes those due whose time has come, and is woken for the next.
    fn poll_due(&mut self, task: &mut Task<'_>) {
        while let Some(due) = self.deliveries.on_time(self.start.elapsed()) {
            let timer = self.timer.take().filter(|(time, _)| *time == due);
            let (_, sleep) = self.timer.insert(timer.unwrap_or_else(|| {
                let delay = due.saturating_sub(self.start.elapsed());
                (due, Box::pin(sleep(delay)))
            }));
            if sleep.as_mut().poll(task).is_pending() {
                return;
            }
            self.timer = None;
        }
    }

    /// Emits what may go and is waited for; returns whether there was any.
    fn emit(&mut self, cx: &mut Context<Acked<T>>) -> bool {
        let before = cx.emitted.len();
        while cx.waited_for() > 0
            && let Some(out) = self.deliveries.next()
        {
            let Out {
                event,
                kept,
                came_on,
            } = out;
            let ack = self.acks.ack(kept);
            cx.emit(Acked { data: event, ack });
            if let Some(subscription) = came_on {
                self.ask_again(subscription, cx);
            }
        }
        cx.emitted.len() > before
    }

    /// Asks for what left on a subscription, `max − min` at a time.
    fn ask_again(&mut self, subscription: SubscriptionId, cx: &mut Context<Acked<T>>) {
        let Some(upstream) = cx.upstreams.get(subscription) else {
            return;
        };
        let batch_max = upstream.window.demand().batch_max();
        let left = self.left.entry(subscription).or_default();
        *left += 1;
        if *left >= batch_max {
            cx.ask(subscription, std::mem::take(left));
        }
    }
}

impl<T: Clone + Send + 'static> ProducerConsumer for Redeliver<T> {
    type In = T;
    type Out = Acked<T>;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        _: Asking,
        cx: &mut Context<Acked<T>>,
    ) -> Result<Asking> {
        if let Some(max) = cx.upstreams.get(id).map(|up| up.window.demand().max()) {
            cx.ask(id, max);
        }
        Ok(Asking::Manual)
    }

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, T>,
        _: &mut Context<Acked<T>>,
    ) -> Result {
        // They are emitted in `poll_events`, which runs after every few messages and every ask.
        let subscription = events.subscription();
        for event in events {
            self.deliveries.on_taken(subscription, event);
        }
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Acked<T>>) -> Poll<Result> {
        if self.settlements.poll(task, &mut self.settled).is_ready() {
            self.settle(cx);
            // It is polled again, after its mailbox: a consumer whose death failed these events has said there that it
            // is gone, and they must not be sent to it again.
            return Poll::Ready(Ok(()));
        }
        self.poll_due(task);
        if self.emit(cx) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    async fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        _: &End,
        _: &mut Context<Acked<T>>,
    ) -> Result {
        self.left.remove(&id);
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.deliveries.len()
    }
}

impl<T: Send + 'static> std::fmt::Debug for Redeliver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redeliver")
            .field("unsettled", &self.deliveries.len())
            .finish_non_exhaustive()
    }
}

/// The letters of one group; as one message they don't count against the casts that may wait.
struct Letters<T>(Vec<DeadLetter<T>>);

impl<T: Send + 'static> Handler<Letters<T>, DeadLetter<T>> for DeadLetters<T> {
    type Reply = ();

    async fn handle(&mut self, Letters(letters): Letters<T>, cx: &mut Context<DeadLetter<T>>) {
        cx.emit_all(letters);
    }
}

fn give_up<T>(event: T, reason: StageError, cx: &Context<Acked<T>>) -> DeadLetter<T>
where
    T: Send + 'static,
{
    cx.cell.failed();
    tracing::warn!(stage = cx.name(), %reason, "an event was given up");
    let failure = Failure::Error(Arc::new(reason));
    DeadLetter::new(event, failure, Arc::clone(&cx.cell.name))
}
