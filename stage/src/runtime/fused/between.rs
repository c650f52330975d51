//! What is between the two of a fused pair: the first's own context, and the events that wait for the second.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use futures::FutureExt as _;
use futures::future::{Either, select};

use super::super::failure::{Failure, Outcome, guarded};
use super::super::{ConsumerPort, Edge, Role};
use crate::batch::Loan;
use crate::context::{Context, Downstream, Emission};
use crate::exit::{End, Exit, Result};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::{Buffer, Dispatched, Dispatcher, ProducerHalf, Refused, WhenFull, drop_all};
use crate::rare::Rare;
use crate::sync::{Mutex, MutexGuard};

/// The most events that the first is told of at a time, and that the second is lent at a time: as many as a window of
/// the default size hands over.
const BATCH_MAX: usize = 500;

/// The context of the first, and the line to the second. A behaviour that follows another goes on with it.
pub(super) struct Between<Mid: Send + 'static> {
    /// It has no consumer of its own: what is flushed there goes into the line.
    pub(super) cx: Context<Mid>,
    pub(super) line: Line<Mid>,
    /// Whether the first is to be told again all that it owes.
    pub(super) owes_anew: bool,
    /// Whether the stage ends because the first has.
    pub(super) has_ended: bool,
}

/// The events on their way to the second.
pub(super) struct Line<Mid> {
    /// The edge, as both are told of it.
    pub(super) id: SubscriptionId,
    /// At most `BATCH_MAX`.
    batch: Loan<Mid>,
    /// Whether it is lent to a callback.
    is_lent: bool,
    /// What comes behind it.
    rest: VecDeque<Mid>,
    flushed: Arc<Flushed<Mid>>,
    /// The event that failed the second.
    pub(super) failed: Option<Mid>,
    /// How the second failed while a callback of the first was at work, which ends first.
    pub(super) failure: Option<Box<Failure>>,
}

/// What the first has flushed, and whether it has sent its consumer away.
struct Flushed<Mid>(Mutex<(Vec<Mid>, Option<End>)>);

impl<Mid> Flushed<Mid> {
    fn lock(&self) -> MutexGuard<'_, (Vec<Mid>, Option<End>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Mid: Send> ConsumerPort<Mid> for Flushed<Mid> {
    fn deliver(&self, _: SubscriptionId, events: &mut Vec<Mid>) {
        self.lock().0.append(events);
    }

    fn end(&self, _: SubscriptionId, end: End) {
        self.lock().1 = Some(end);
    }
}

/// The dispatcher of the first, whose events all go to the second.
#[derive(Debug)]
struct ToSecond(SubscriptionId);

impl<T> Dispatcher<T> for ToSecond {
    type Key = ();

    fn subscribe(&mut self, _: SubscriptionId, _: Option<()>) -> std::result::Result<(), Refused> {
        Ok(())
    }

    fn cancel(&mut self, _: SubscriptionId, _: &mut Dispatched<T>) {}

    fn ask(&mut self, _: SubscriptionId, _: usize, _: &mut Dispatched<T>) {}

    /// Set from outside: it is what the second's own consumers want.
    fn wanted(&self) -> usize {
        0
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        out.deliveries.push((self.0, std::mem::take(events)));
    }
}

/// What the first is told in all: what the consumers of the second wait for, up to a batch.
#[inline]
fn wanted<B: Role>(cx: &Context<B::Out>) -> usize {
    if B::EMITS {
        cx.waited_for().min(BATCH_MAX)
    } else {
        BATCH_MAX
    }
}

impl<Mid: Send + 'static> Between<Mid> {
    /// What is between, made where it is not yet.
    #[inline]
    pub(super) fn of<'a, Out: Send + 'static>(
        own: &'a mut Option<Box<Self>>,
        cx: &Context<Out>,
    ) -> &'a mut Self {
        own.get_or_insert_with(|| Box::new(Self::new(cx)))
    }

    fn new<Out: Send + 'static>(cx: &Context<Out>) -> Self {
        let id = SubscriptionId::next();
        let flushed = Arc::new(Flushed(Mutex::new((Vec::new(), None))));
        let buffer = Buffer::new(1, WhenFull::HoldBack);
        let mut between = Self {
            cx: Context {
                cell: Arc::clone(&cx.cell),
                emitted: Vec::new(),
                out: Some(Emission::of(ProducerHalf::new(ToSecond(id), buffer))),
                upstreams: BySubscription::default(),
                seldom: Rare::default(),
                ending: None,
                stop: None,
            },
            line: Line {
                id,
                batch: Loan::default(),
                is_lent: false,
                rest: VecDeque::new(),
                flushed,
                failed: None,
                failure: None,
            },
            owes_anew: false,
            has_ended: false,
        };
        between.open();
        between
    }

    /// Has what the first flushes go into the line.
    fn open(&mut self) {
        let name = &self.cx.cell.name;
        let downstream = Downstream {
            port: Arc::clone(&self.line.flushed) as Arc<dyn ConsumerPort<Mid>>,
            edge: Edge::new(Arc::clone(name), Arc::clone(name)),
            is_heard: true,
        };
        if let Some(out) = &mut self.cx.out {
            out.downstreams.insert(self.line.id, downstream);
        }
    }

    /// Lets the first know what is wanted of it; a producer-consumer owes it without being told.
    #[inline]
    pub(super) fn want<A: Role, B: Role>(&mut self, cx: &Context<B::Out>) {
        if let Some(half) = self.cx.half_mut() {
            half.set_wanted(wanted::<B>(cx));
            if !A::IS_SOURCE {
                let _untold = half.take_demand();
            }
        }
    }

    /// Lets the first know what is wanted of it, and returns what it is to be told now.
    #[inline]
    pub(super) fn lead<B: Role>(&mut self, cx: &Context<B::Out>) -> usize {
        let owes_anew = self.owes_anew;
        self.cx.half_mut().map_or(0, |half| {
            half.set_wanted(wanted::<B>(cx));
            let again = if owes_anew { half.owed() } else { 0 };
            half.untold() + again
        })
    }

    /// Returns what to tell the first now, which it then owes.
    #[inline]
    pub(super) fn tell<B: Role>(&mut self, cx: &Context<B::Out>) -> usize {
        let owes_anew = std::mem::take(&mut self.owes_anew);
        self.cx.half_mut().map_or(0, |half| {
            half.set_wanted(wanted::<B>(cx));
            let new = half.take_demand();
            if owes_anew { half.owed() } else { new }
        })
    }

    /// Whether the first has flushed what it emitted, since that was taken up last.
    #[inline]
    pub(super) fn has_flushed(&self) -> bool {
        self.cx.out.as_ref().is_some_and(|out| out.has_emitted)
    }

    #[inline]
    pub(super) fn is_passing<B: Role>(&self, cx: &Context<B::Out>) -> bool {
        !self.cx.emitted.is_empty()
            || self.has_flushed()
            || (!self.line.is_empty() && may_take::<B>(cx))
            || self.line.failure.is_some()
            || (self.cx.ending.is_some() && cx.ending.is_none())
            || self.cx.stop.is_some()
            || !self.cx.has_consumers()
    }

    /// Takes up what the first has emitted; where nothing waits before it, its list itself.
    #[inline]
    pub(super) fn take_up(&mut self) {
        if let Some(out) = &mut self.cx.out
            && std::mem::take(&mut out.has_emitted)
        {
            self.line.take_flushed();
        }
        if !self.cx.has_consumers() {
            self.end_as_sent_away();
        }
        let emitted = &mut self.cx.emitted;
        if let Some(out) = &mut self.cx.out {
            out.half.pay(emitted.len());
        }
        if emitted.len() <= BATCH_MAX && self.line.is_empty() {
            let list = self.line.batch.take_list();
            self.line.begin(std::mem::replace(emitted, list));
        } else {
            self.line.rest.extend(emitted.drain(..));
        }
    }

    /// A first that sends the second away has ended.
    #[cold]
    fn end_as_sent_away(&mut self) {
        let end = self.line.flushed.lock().1.take();
        match end {
            Some(end) if end.is_failure() => self.cx.stop = Some(Box::new(end.to_exit())),
            _ => self.cx.ending = Some(Box::new(Exit::Completed)),
        }
        self.open();
    }

    pub(super) fn len(&self) -> usize {
        self.line.len() + self.cx.emitted.len()
    }
}

impl<Mid: Send + 'static> Drop for Between<Mid> {
    fn drop(&mut self) {
        let line = &mut self.line;
        drop_all(line.failed.take());
        line.batch.drop_left();
        drop_all(line.rest.drain(..));
        drop_all(std::mem::take(&mut line.flushed.lock().0));
        drop_all(self.cx.emitted.drain(..));
    }
}

/// Whether the second may be lent something.
#[inline]
fn may_take<B: Role>(cx: &Context<B::Out>) -> bool {
    cx.stop.is_none() && !(B::EMITS && cx.is_holding_back())
}

impl<Mid: Send + 'static> Line<Mid> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.batch.len() == 0 && self.rest.is_empty()
    }

    #[inline]
    fn begin(&mut self, events: Vec<Mid>) {
        self.batch.begin(self.id, events);
    }

    fn len(&self) -> usize {
        // What the second has failed on counts as that once its failure is dealt with.
        let failed = usize::from(self.failure.is_some());
        self.batch.unhandled() + self.rest.len() + self.flushed.lock().0.len() + failed
    }

    /// Gives up what a callback that was dropped had at work, and returns how many events that is.
    pub(super) fn give_up(&mut self) -> usize {
        if !std::mem::take(&mut self.is_lent) {
            return 0;
        }
        self.batch.drop_left();
        self.batch.close()
    }

    fn take_flushed(&mut self) {
        self.rest.extend(self.flushed.lock().0.drain(..));
    }

    /// Whether something was flushed, or left before, that the second can be lent while the first waits.
    fn has_to_feed<B: Role>(&mut self, second: &mut B, cx: &mut Context<B::Out>) -> bool {
        let is_there = || !self.is_empty() || !self.flushed.lock().0.is_empty();
        self.failure.is_none()
            && (may_take::<B>(cx) && is_there() || B::IS_FUSED && second.is_passing(cx))
    }

    /// Lends the second a batch of what is there, unless its output waits; what is behind it waits for the next turn, so that
    /// a stop or a call comes between two batches.
    #[inline]
    pub(super) async fn feed<B: Role<In = Mid>>(
        &mut self,
        second: &mut B,
        cx: &mut Context<B::Out>,
    ) -> Outcome {
        if B::IS_FUSED && second.is_passing(cx) {
            return second.pass_on(cx).await;
        }
        if !may_take::<B>(cx) {
            return Ok(());
        }
        if self.batch.len() == 0 {
            if self.rest.is_empty() {
                return Ok(());
            }
            let len = self.rest.len().min(BATCH_MAX);
            let mut batch = self.batch.take_list();
            batch.extend(self.rest.drain(..len));
            self.begin(batch);
        }
        self.is_lent = true;
        let handled = guarded(second.handle_events(&mut self.batch.lend(), cx)).await;
        self.is_lent = false;
        if let Err(failure) = handled {
            let failed = self.batch.failed();
            drop_all(std::mem::replace(&mut self.failed, failed));
            return Err(failure);
        }
        self.batch.succeeded();
        if B::IS_FUSED {
            second.pass_on(cx).await?;
        }
        Ok(())
    }
}

/// The context of the first, with what of the stage's own it is lent for the time of a callback: its upstreams.
pub(super) struct Lent<'a, A: Role, Out: Send + 'static> {
    pub(super) inner: &'a mut Context<A::Out>,
    pub(super) cx: &'a mut Context<Out>,
}

impl<'a, A: Role, Out: Send + 'static> Lent<'a, A, Out> {
    #[inline]
    pub(super) fn new(inner: &'a mut Context<A::Out>, cx: &'a mut Context<Out>) -> Self {
        let mut lent = Self { inner, cx };
        lent.exchange();
        lent
    }

    #[inline]
    fn exchange(&mut self) {
        if !A::IS_SOURCE {
            std::mem::swap(&mut self.inner.upstreams, &mut self.cx.upstreams);
        }
    }
}

/// Also when the callback is dropped.
impl<A: Role, Out: Send + 'static> Drop for Lent<'_, A, Out> {
    #[inline]
    fn drop(&mut self) {
        self.exchange();
    }
}

/// Runs a callback of the first. When it waits, the second is lent what it has flushed, and both go on side by side.
#[inline]
pub(super) async fn beside<T, B: Role>(
    callback: impl Future<Output = Result<T>> + Send,
    line: &mut Line<B::In>,
    second: &mut B,
    cx: &mut Context<B::Out>,
) -> Result<T> {
    // Its panic goes on only when the second has finished what it has at work.
    let mut callback = pin!(AssertUnwindSafe(callback).catch_unwind());
    loop {
        // Held exclusively, since the events need not be `Sync`.
        let (waiting, next, lent) = (&mut *line, &mut *second, &mut *cx);
        let returned = poll_fn(|task| match callback.poll_unpin(task) {
            Poll::Ready(returned) => Poll::Ready(Some(returned)),
            Poll::Pending if waiting.has_to_feed(next, lent) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let returned = match returned.await {
            Some(returned) => returned,
            None => match feed_beside(callback.as_mut(), line, second, cx).await {
                Some(returned) => returned,
                None => continue,
            },
        };
        return returned.unwrap_or_else(|payload| resume_unwind(payload));
    }
}

/// Lends the second what was flushed; returns what the callback came to, if it has.
async fn feed_beside<F: Future, B: Role>(
    callback: Pin<&mut F>,
    line: &mut Line<B::In>,
    second: &mut B,
    cx: &mut Context<B::Out>,
) -> Option<F::Output> {
    line.take_flushed();
    let (returned, fed) = {
        let feeding = pin!(line.feed(second, cx));
        match select(callback, feeding).await {
            Either::Left((returned, feeding)) => (Some(returned), feeding.await),
            Either::Right((fed, _)) => (None, fed),
        }
    };
    cx.flush();
    cx.note_held();
    line.failure = fed.err();
    returned
}
