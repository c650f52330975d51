//! A task for each event, at most `n` at once, whose results are emitted.
//!
//! ```text
//!  upstream ── window ──▶ waiting ── credit, a place, readiness ──▶ at work ──▶ held behind a slow one ──▶ emitted
//!      ▲                                                            └────────── at most n places ──────┘      │
//!      └──────────────────────────── asked again, max − min at a time ────────────────────────────────────────┘
//! ```
//!
//! Two laws bound it.
//!
//! * *Upstream:* on each subscription asked − settled ≤ `max`, where an event is settled when its place is free again:
//!   its result left, or it failed. So asked and not arrived + waiting + at work + held ≤ `max`. `max` is asked at the
//!   start, and after it only what was settled, so the difference never grows.
//! * *Downstream:* an event is started only while places + buffered < `n` and places < what the consumers could be sent
//!   now. A start adds one place; a result that leaves takes one place and at most one of that credit; a failure takes
//!   a place and no credit; an ask adds credit. So while no consumer leaves, places ≤ credit, and results find their
//!   demand and are never buffered. A consumer that leaves takes credit away: what was at work for it is buffered, and
//!   places + buffered ≤ `n` all the same, since a result only moves from the one to the other.
//!   Until the next consumer has taken what is buffered, what is done stays in its place, and a failure is noticed late.
//!
//! Neither leaves it waiting for ever: fewer than `max − min` events are settled and not asked for again, so more than
//! `min` are asked for, waiting or at work; and a waiting event is looked at after each message, each ask and each end
//! of a task.

use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use thiserror::Error;

use super::lanes::{Lanes, Place};
use super::{Function, Order, Work};
use crate::batch::Batch;
use crate::behaviour::{Directive, ProducerConsumer};
use crate::context::Context;
use crate::exit::{End, Exit, Result};
use crate::id::{ById, SubscriptionId};
use crate::protocol::Asking;
use crate::runtime::{AsProducerConsumer, Build, Failure, producer_consumer};
use crate::tasks::{ENDS_MAX, Success, TaskEnd, Tasks};

type OnFailure = Box<dyn FnMut(&Failure) -> Directive + Send>;

/// A producer-consumer that runs a task for each event; made by [`map_async`] and [`map_service`](crate::map_service).
///
/// Invariant: at most `n` places are taken, and each task has one of them.
pub struct MapAsync<In, W: Work<In>> {
    work: W,
    n: NonZeroUsize,
    deadline: Option<Duration>,
    on_failure: Option<OnFailure>,
    /// Taken and not started, bounded by the windows.
    waiting: VecDeque<(SubscriptionId, In)>,
    tasks: Tasks<Place, W::Out>,
    lanes: Lanes<W::Out>,
    /// Events settled and not asked for again.
    settled: ById<SubscriptionId, usize>,
}

/// The task of an event took longer than its deadline and was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it took longer than {0:?}")]
pub struct DeadlinePassed(pub Duration);

impl<In, W: Work<In>> std::fmt::Debug for MapAsync<In, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapAsync")
            .field("at_work", &self.tasks.len())
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// Builds a producer-consumer that runs `function(event)` as a task for each event, at most `n` at once, and emits the
/// results in this [`Order`].
///
/// Demand goes through it: a task starts only for a result that a consumer has asked for, so that without demand nothing
/// runs. At most `n` results are at work, held behind a slow one, or buffered for a consumer that left. It asks its
/// producers itself, whatever [`Subscribe::manual`](crate::Subscribe::manual) says: `max` at first, and then again by
/// the `max − min` events that are settled, that is emitted or failed. So what is asked for and not settled is at most
/// `max`; events up to that wait in the stage. A window smaller than `n` leaves places empty, and so may a large
/// `max − min`: `Demand::new(2 * n, n)` keeps them busy.
///
/// An event whose task returns an error, panics or passes its [deadline](Build::deadline) is skipped, counted in
/// `stats().failed` and reported with the stage's name; [`Build::on_failure`] can stop the stage instead. The stage
/// completes and drains when every event it took is settled. When it stops or fails, its tasks are aborted and gone
/// before it ends; after an abort or a panic they are aborted with it, and gone as soon as each next waits. The events
/// of aborted tasks are counted in `stats().lost`.
///
/// Bad at: very short work, where a task for each event costs more than the work, and which a [`ProducerConsumer`] does
/// in its own loop; and work that blocks, which no deadline and no abort can interrupt. Events at work when an upstream
/// fails are lost with the stage, unless [`UpstreamEnds::Keep`](crate::UpstreamEnds::Keep) says otherwise.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use futures::TryStreamExt;
/// use stage::{Demand, Order, from_iter, map_async};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(1..=5).spawn()?;
/// let n = NonZeroUsize::new(2).ok_or("it is not zero")?;
/// let squares = map_async(n, Order::Ordered, async |number: u64| Ok(number * number))
///     .subscribe_to(&numbers, Demand::new(4, 2)?)
///     .spawn()?;
/// let all: Vec<u64> = squares.stream(Demand::default()).try_collect().await?;
/// assert_eq!(all, [1, 4, 9, 16, 25]);
/// # Ok(())
/// # }
/// ```
pub fn map_async<In, Out, F, Call>(
    n: NonZeroUsize,
    order: Order,
    function: F,
) -> Build<AsProducerConsumer<MapAsync<In, Function<F>>>>
where
    In: Send + 'static,
    Out: Send + 'static,
    F: FnMut(In) -> Call + Send + 'static,
    Call: Future<Output = Result<Out>> + Send + 'static,
{
    map(n, order, Function(function))
}

pub(super) fn map<In: Send + 'static, W: Work<In>>(
    n: NonZeroUsize,
    order: Order,
    work: W,
) -> Build<AsProducerConsumer<MapAsync<In, W>>> {
    producer_consumer(MapAsync {
        work,
        n,
        deadline: None,
        on_failure: None,
        waiting: VecDeque::new(),
        tasks: Tasks::default(),
        lanes: Lanes::new(order),
        settled: ById::default(),
    })
}

impl<In: Send + 'static, W: Work<In>> Build<AsProducerConsumer<MapAsync<In, W>>> {
    /// Drops the task of an event that runs longer than this, which fails the event with [`DeadlinePassed`]. It needs a
    /// tokio runtime with its timer.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::time::Duration;
    ///
    /// use futures::TryStreamExt;
    /// use stage::{Demand, Order, from_iter, map_async};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let waits = from_iter([1, 60_000, 2]).spawn()?;
    /// let n = NonZeroUsize::new(3).ok_or("it is not zero")?;
    /// let waited = map_async(n, Order::Ordered, async |millis: u64| {
    ///     tokio::time::sleep(Duration::from_millis(millis)).await;
    ///     Ok(millis)
    /// })
    /// .deadline(Duration::from_millis(50))
    /// .subscribe_to(&waits, Demand::default())
    /// .spawn()?;
    /// let all: Vec<u64> = waited.stream(Demand::default()).try_collect().await?;
    /// assert_eq!((&*all, waited.stats().failed), (&[1, 2][..], 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.stage.deadline = Some(deadline);
        self
    }

    /// Decides what an event's failure means: `Resume` skips the event, and any other directive stops the stage at once
    /// with the failure. What was emitted before is delivered; what was at work is lost.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// use stage::{Directive, Exit, Order, from_iter, map_async};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let words = from_iter(["1", "two", "3"]).spawn()?;
    /// let parsed = map_async(NonZeroUsize::MIN, Order::Ordered, async |word: &str| {
    ///     Ok(word.parse::<u32>()?)
    /// })
    /// .on_failure(|_| Directive::Stop)
    /// .subscribe_to(&words, stage::Demand::default())
    /// .spawn()?;
    /// let mut edge = parsed.subscribe();
    /// edge.request(NonZeroUsize::MIN.saturating_add(2));
    /// assert_eq!(edge.next().await?, Some(vec![1]));
    /// assert!(matches!(parsed.join().await, Exit::Failed(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_failure(
        mut self,
        decide: impl FnMut(&Failure) -> Directive + Send + 'static,
    ) -> Self {
        self.stage.on_failure = Some(Box::new(decide));
        self
    }
}

impl<In: Send + 'static, W: Work<In>> MapAsync<In, W> {
    /// Returns whether there is an event to start, a place for it, and a consumer that waits for its result.
    fn may_start(&self, cx: &Context<W::Out>) -> bool {
        let places = self.lanes.len();
        // Demand that a leaver left behind is owed and wanted by nobody: nothing is started for it.
        let Some(half) = cx.half() else {
            return false;
        };
        let credit = half.owed() - half.orphaned();
        // A dispatcher by key may keep an event in the buffer while it has credit for others.
        cx.stop.is_none()
            && !self.waiting.is_empty()
            && places + half.buffered() < self.n.get()
            && places + cx.emitted.len() < credit
    }

    fn start_next(&mut self, cx: &mut Context<W::Out>) {
        let Some((subscription, event)) = self.waiting.pop_front() else {
            return;
        };
        let place = self.lanes.take(subscription);
        debug_assert!(self.lanes.len() <= self.n.get(), "n places at most");
        match catch_unwind(AssertUnwindSafe(|| self.work.call(event))) {
            Ok(call) => {
                // Without a deadline its task has no room for a timer.
                let task = match self.deadline {
                    None => self.tasks.spawn(Success::Wakes, call),
                    Some(deadline) => self.tasks.spawn(Success::Wakes, within(deadline, call)),
                };
                self.tasks.insert(task, place);
            }
            Err(payload) => self.failed(&place, &Failure::panic(&*payload), cx),
        }
    }

    fn ended(&mut self, place: &Place, end: TaskEnd<W::Out>, cx: &mut Context<W::Out>) {
        match end {
            TaskEnd::Done(result) => self.settle(place, Some(result), cx),
            TaskEnd::Failed(error) => self.failed(place, &Failure::Error(Arc::new(error)), cx),
            TaskEnd::Panicked(payload) => self.failed(place, &Failure::panic(&*payload), cx),
            TaskEnd::Aborted => {
                let error = "its task was dropped with the runtime".into();
                self.failed(place, &Failure::Error(Arc::new(error)), cx);
            }
        }
    }

    fn failed(&mut self, place: &Place, failure: &Failure, cx: &mut Context<W::Out>) {
        cx.cell.failed();
        let directive = match &mut self.on_failure {
            Some(decide) => decide(failure),
            None => Directive::Resume,
        };
        let exit = failure.to_exit();
        tracing::warn!(stage = cx.name(), failure = %exit, ?directive, "an event failed");
        if directive == Directive::Resume {
            self.settle(place, None, cx);
        } else {
            self.lanes.give_up(place);
            cx.stop.get_or_insert(Box::new(exit));
        }
    }

    /// Emits what leaves now, and asks again for the places it frees.
    fn settle(&mut self, place: &Place, result: Option<W::Out>, cx: &mut Context<W::Out>) {
        let freed = self.lanes.done(place, result, &mut cx.emitted);
        let subscription = place.subscription;
        let Some(upstream) = cx.upstreams.get(subscription) else {
            return;
        };
        let batch_max = upstream.window.demand().batch_max();
        let settled = self.settled.entry(subscription).or_default();
        *settled += freed;
        if *settled >= batch_max {
            cx.ask(subscription, std::mem::take(settled));
        }
    }
}

impl<In: Send + 'static, W: Work<In>> ProducerConsumer for MapAsync<In, W> {
    type In = In;
    type Out = W::Out;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        _: Asking,
        cx: &mut Context<W::Out>,
    ) -> Result<Asking> {
        if let Some(max) = cx.upstreams.get(id).map(|up| up.window.demand().max()) {
            cx.ask(id, max);
        }
        Ok(Asking::Manual)
    }

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, In>,
        _: &mut Context<W::Out>,
    ) -> Result {
        // They are started in `poll_events`, which runs after every few messages and every ask.
        let subscription = events.subscription();
        self.waiting
            .extend(events.map(|event| (subscription, event)));
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<W::Out>) -> Poll<Result> {
        let mut has_moved = false;
        if cx.stop.is_none() && self.tasks.poll_gathering(task).is_ready() {
            has_moved = true;
            for _ in 0..ENDS_MAX {
                let Some((task, end)) = self.tasks.next() else {
                    break;
                };
                let place = self.tasks.remove(task).expect("each task has a place");
                self.ended(&place, end, cx);
                if cx.stop.is_some() {
                    break;
                }
            }
        }
        while self.may_start(cx) {
            match self.work.poll_ready(task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
            has_moved = true;
            self.start_next(cx);
        }
        // After any change it is polled again, which is when it is woken by the tasks started here.
        if has_moved {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    async fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        _: &End,
        _: &mut Context<W::Out>,
    ) -> Result {
        self.settled.remove(&id);
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.waiting.len() + self.lanes.len()
    }

    async fn stopping(&mut self, _: &Exit, _: &mut Context<W::Out>) {
        self.tasks.shut_down().await;
    }
}

async fn within<T>(deadline: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(DeadlinePassed(deadline).into()),
    }
}
