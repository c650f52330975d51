//! A stage's two queues behind one lock: what comes from upstream, and control.
//!
//! The upstream queue is bounded by credit: a producer sends only what was asked. Calls and casts are bounded by a semaphore
//! of the cell. Subscribes, asks and cancels are bounded by the consumers' own windows.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Cell, Edge, Outlet};
use crate::behaviour::Handler;
use crate::context::Context;
use crate::exit::{Cancel, End, Exit, Result};
use crate::id::SubscriptionId;
use crate::protocol::{AnyKey, Demand, DemandMode, Subscribe, drop_all};
use crate::sync::{Mutex, MutexGuard, OnceLock};

mod post;
pub(crate) use post::Post;
mod messages;
pub(crate) use messages::Messages;
mod spares;
pub(crate) use spares::Spares;
mod parked;
use parked::Parked;
pub(crate) use parked::Until;

pub(crate) enum Incoming<S, In, Out: Send + 'static> {
    Events(SubscriptionId, Vec<In>),
    End(SubscriptionId, End),
    /// A message that waits for what is here before it.
    Behind(Box<dyn Envelope<S, Out>>),
}

impl<S, In, Out: Send + 'static> Incoming<S, In, Out> {
    /// Returns how many events it carries.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Events(_, events) => events.len(),
            Self::End(..) | Self::Behind(_) => 0,
        }
    }
}

/// What is not sent once a batch is boxed, so that an ask is cheap to move.
pub(crate) enum Control<S, In, Out: Send + 'static> {
    Subscribe(Box<NewConsumer<Out>>),
    Ask(SubscriptionId, usize),
    Cancel(SubscriptionId, Cancel),
    Gone(SubscriptionId, Box<Exit>),
    SubscribeTo(Box<NewUpstream<In>>),
    CancelUpstream(SubscriptionId, Cancel),
    Call(Box<dyn Envelope<S, Out>>),
    /// The subscription that is replaced, why it is cancelled, and the new one.
    Resubscribe(Box<(SubscriptionId, Cancel, NewUpstream<In>)>),
    SetDemand(SubscriptionId, Box<Demand>),
    SetPaused(bool),
    SetMode(DemandMode),
    Stop,
    Drain,
    Finish,
    /// By the supervisor: goes down, and waits to be started again.
    Suspend,
}

pub(crate) struct NewConsumer<Out> {
    pub(crate) id: SubscriptionId,
    pub(crate) port: Arc<dyn ConsumerPort<Out>>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) key: Option<AnyKey>,
}

pub(crate) struct NewUpstream<In> {
    pub(crate) id: SubscriptionId,
    pub(crate) outlet: Outlet<In>,
    pub(crate) options: Subscribe,
    /// Whether the stage was built with it.
    pub(crate) is_initial: bool,
    /// The one it replaces, which was lost; `None` at first.
    pub(crate) replaces: Option<Lost>,
    /// The edge, where the producer has been told already.
    pub(crate) opened: Option<Opened>,
}

/// What came of telling a producer of a consumer that has yet to run.
pub(crate) struct Opened {
    pub(crate) edge: Arc<Edge>,
    /// Whether the producer lives.
    pub(crate) is_open: bool,
}

/// A subscription that was lost, and how many times in a row before it brought anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lost {
    pub(crate) id: SubscriptionId,
    pub(crate) attempt: u32,
}

impl<In> NewUpstream<In> {
    pub(crate) fn new(outlet: Outlet<In>, options: Subscribe) -> Self {
        Self {
            id: SubscriptionId::next(),
            outlet,
            options,
            is_initial: false,
            replaces: None,
            opened: None,
        }
    }
}

/// The consumer's side of an edge, as its producer sees it.
pub(crate) trait ConsumerPort<T>: Send + Sync {
    /// Takes the events, and leaves an empty list for the next ones, which has room when the consumer had one to spare.
    fn deliver(&self, subscription: SubscriptionId, events: &mut Vec<T>);
    fn end(&self, subscription: SubscriptionId, end: End);
}

/// The producer's side of an edge, as its consumer sees it, without the event type.
pub(crate) trait AskPort: Send + Sync {
    fn ask(&self, subscription: SubscriptionId, n: usize);
    fn cancel(&self, subscription: SubscriptionId, reason: Cancel);
    fn gone(&self, subscription: SubscriptionId, exit: Exit);
    fn stop(&self);
    /// Cancels its upstreams and finishes.
    fn drain(&self);
    /// Ends when its upstreams have ended, whatever their end means to it otherwise.
    fn finish(&self);
    /// Goes down for its supervisor.
    fn suspend(&self);
}

/// A stage, as who holds its cell sees it.
pub(crate) trait StagePort: AskPort {
    /// What was asked of it while it sleeps until there are events, which it has not heard.
    fn unheard(&self) -> usize;
    /// Messages from upstream that the stage has not taken.
    #[cfg(all(test, not(shuttle)))]
    fn unread(&self) -> usize;
    /// A `Weak<dyn CallPort<S, Out>>` of the stage's own types.
    fn call_port(self: Arc<Self>) -> Box<dyn Any>;
}

pub(crate) trait ProducerPort<T>: AskPort {
    /// Returns whether the producer still lives.
    fn subscribe(&self, consumer: NewConsumer<T>) -> bool;
}

pub(crate) trait CallPort<S, Out: Send + 'static>: Send + Sync {
    /// Gives the message back when the stage has ended.
    fn send(&self, message: Box<dyn Envelope<S, Out>>) -> bool;
    /// As `send`, behind the events that the stage holds.
    fn send_behind(&self, message: Box<dyn Envelope<S, Out>>);
    fn calls(&self) -> &Arc<Semaphore>;
}

/// What handles a message; its outcome is that of a callback, so that it is guarded as one.
pub(crate) type Handling<'a> = Pin<Box<dyn Future<Output = Result> + Send + 'a>>;

pub(crate) trait Envelope<S, Out: Send + 'static>: Send {
    fn run<'a>(self: Box<Self>, stage: &'a mut S, cx: &'a mut Context<Out>) -> Handling<'a>;
}

/// A call (with a reply channel), a cast or a timer's message.
pub(crate) struct Message<M, R> {
    message: M,
    reply: Option<oneshot::Sender<R>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<M, R> Message<M, R> {
    pub(crate) const fn new(
        message: M,
        reply: Option<oneshot::Sender<R>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            message,
            reply,
            _permit: Some(permit),
        }
    }

    pub(crate) const fn timer(message: M) -> Self {
        Self {
            message,
            reply: None,
            _permit: None,
        }
    }
}

impl<S, M, Out> Envelope<S, Out> for Message<M, S::Reply>
where
    S: Handler<M, Out>,
    M: Send + 'static,
    Out: Send + 'static,
{
    fn run<'a>(self: Box<Self>, stage: &'a mut S, cx: &'a mut Context<Out>) -> Handling<'a> {
        Box::pin(async move {
            let reply = stage.handle(self.message, cx).await;
            cx.flush();
            if let Some(sender) = self.reply {
                let _caller_gave_up = sender.send(reply);
            }
            Ok(())
        })
    }
}

/// What has come and was not taken; `None` once the stage takes nothing more.
type Letterbox<S, In, Out> = Option<Box<Post<S, In, Out>>>;

/// Whether a stage is woken by what comes after what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Park {
    /// No: it looks again by itself.
    Never,
    /// Where there is nothing to take.
    WhenEmpty,
    /// It will be done with what it takes before anything else comes.
    Always,
}

pub(crate) struct Mailbox<S, In, Out: Send + 'static> {
    post: Mutex<Letterbox<S, In, Out>>,
    parked: Parked,
    /// The waker of the stage's task, which never changes.
    waker: OnceLock<Waker>,
    cell: Arc<Cell>,
}

impl<S, In, Out: Send + 'static> Mailbox<S, In, Out> {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        Self {
            post: Mutex::new(Some(Box::default())),
            parked: Parked::new(),
            waker: OnceLock::new(),
            cell,
        }
    }

    pub(super) const fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, Letterbox<S, In, Out>> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the stage still lives.
    pub(crate) fn control(&self, message: Control<S, In, Out>) -> bool {
        self.put(|post| post.control.push_back_of_few(message))
            .is_some()
    }

    /// Lets `put` add a message and wakes the stage; `None` where that has ended, and what `put` holds is dropped, outside
    /// the lock. It makes the message in its place, since to move one takes longer than to make it.
    #[inline]
    fn put<T>(&self, put: impl FnOnce(&mut Post<S, In, Out>) -> T) -> Option<T> {
        let mut letterbox = self.lock();
        let Some(post) = letterbox.as_mut() else {
            drop(letterbox);
            return None;
        };
        let result = put(post);
        self.wake(letterbox);
        Some(result)
    }

    /// As [`Mailbox::collect`], ready when anything was taken; else the stage is woken by what arrives next, in the way that
    /// was noted.
    pub(crate) fn poll_take(&self, taken: &mut Box<Post<S, In, Out>>) -> Poll<()> {
        if self.collect(taken, Park::WhenEmpty) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Notes how the stage is woken, before it is parked for the first time.
    pub(crate) fn wakes(&self, waker: &Waker) {
        let known = self.waker.get_or_init(|| waker.clone());
        debug_assert!(known.will_wake(waker), "a stage stays in its task");
    }

    /// How the stage is woken, once that was noted.
    pub(crate) fn waker(&self) -> &Waker {
        self.waker.get().unwrap_or(Waker::noop())
    }

    /// Takes what has come, behind what the stage already has, and leaves emptied lists for the producers. Returns whether
    /// anything was taken.
    /// The loop calls it once a turn, and to call it costs a third of what it does.
    #[inline(always)]
    pub(crate) fn collect(&self, taken: &mut Box<Post<S, In, Out>>, park: Park) -> bool {
        let mut letterbox = self.lock();
        let Some(post) = letterbox.as_mut() else {
            return false;
        };
        let is_empty = post.is_empty();
        debug_assert!(
            is_empty || !self.is_parked(),
            "what arrives wakes the stage"
        );
        taken.take(post);
        let parks = park == Park::Always || (is_empty && park == Park::WhenEmpty);
        self.parked.set(parks);
        !is_empty
    }

    /// Whether nothing has come since the stage was parked. If anything comes now, it wakes the stage.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.is_set()
    }

    /// Lets the stage, which is parked and about to wait, sleep.
    #[inline]
    pub(crate) fn sleep(&self, until: Until) {
        self.parked.sleep(until);
    }

    /// Adds an ask to those that the stage sleeps through, if it does; returns whether it does.
    #[inline(never)]
    fn add_unheard(&self, post: &mut Post<S, In, Out>, id: SubscriptionId, n: usize) -> bool {
        if let Some(Control::Ask(last, asked)) = post.control.back_mut()
            && *last == id
        {
            // One who asks again is none of those that are waited for.
            *asked = asked.saturating_add(n);
            return true;
        }
        let sleeps_on = self.parked.sleeps_through_ask(id);
        if sleeps_on {
            post.control.push_back(Control::Ask(id, n));
        }
        sleeps_on
    }

    #[inline]
    fn wake(&self, letterbox: MutexGuard<'_, Letterbox<S, In, Out>>) {
        let is_woken = self.parked.end();
        drop(letterbox);
        if is_woken && let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Refuses everything from now on, and returns what had come.
    pub(crate) fn close(&self) -> Post<S, In, Out> {
        let last = self.lock().take();
        self.cell.calls().close();
        last.map_or_else(Post::default, |last| *last)
    }
}

impl<S: Send + 'static, In: Send + 'static, Out: Send + 'static> ConsumerPort<In>
    for Mailbox<S, In, Out>
{
    /// As `put`, but for what the stage sleeps through.
    fn deliver(&self, subscription: SubscriptionId, events: &mut Vec<In>) {
        let mut letterbox = self.lock();
        let Some(post) = letterbox.as_mut() else {
            drop(letterbox);
            self.cell.lost(events.len());
            drop_all(events.drain(..));
            return;
        };
        let events = std::mem::replace(events, post.spares.take());
        let message = Incoming::Events(subscription, events);
        post.incoming.push_back(message);
        if self.parked.sleeps() && self.parked.sleeps_through_events() {
            return;
        }
        self.wake(letterbox);
    }

    fn end(&self, subscription: SubscriptionId, end: End) {
        self.put(|post| post.incoming.push_back(Incoming::End(subscription, end)));
    }
}

impl<S: Send + 'static, In: Send + 'static, Out: Send + 'static> AskPort for Mailbox<S, In, Out> {
    fn ask(&self, subscription: SubscriptionId, n: usize) {
        let mut letterbox = self.lock();
        let Some(post) = letterbox.as_mut() else {
            return;
        };
        if self.parked.sleeps() && self.add_unheard(post, subscription, n) {
            return;
        }
        post.control.push_back(Control::Ask(subscription, n));
        self.wake(letterbox);
    }

    fn cancel(&self, subscription: SubscriptionId, reason: Cancel) {
        self.control(Control::Cancel(subscription, reason));
    }

    fn gone(&self, subscription: SubscriptionId, exit: Exit) {
        self.control(Control::Gone(subscription, Box::new(exit)));
    }

    fn stop(&self) {
        self.control(Control::Stop);
    }

    fn drain(&self) {
        self.control(Control::Drain);
    }

    fn finish(&self) {
        self.control(Control::Finish);
    }

    fn suspend(&self) {
        self.control(Control::Suspend);
    }
}

impl<S: Send + 'static, In: Send + 'static, Out: Send + 'static> StagePort for Mailbox<S, In, Out> {
    fn unheard(&self) -> usize {
        let letterbox = self.lock();
        let waits = letterbox
            .as_ref()
            .filter(|_| self.parked.sleeps_until_events());
        let control = waits.iter().flat_map(|post| post.control.iter());
        let asks = control.filter_map(|message| match message {
            Control::Ask(_, n) => Some(*n),
            _ => None,
        });
        asks.fold(0, usize::saturating_add)
    }

    #[cfg(all(test, not(shuttle)))]
    fn unread(&self) -> usize {
        let letterbox = self.lock();
        letterbox
            .as_ref()
            .map_or(0, |post| post.incoming.iter().count())
    }

    fn call_port(self: Arc<Self>) -> Box<dyn Any> {
        let port: Arc<dyn CallPort<S, Out>> = self;
        Box::new(Arc::downgrade(&port))
    }
}

impl<S: Send + 'static, In: Send + 'static, Out: Send + 'static> ProducerPort<Out>
    for Mailbox<S, In, Out>
{
    fn subscribe(&self, consumer: NewConsumer<Out>) -> bool {
        self.control(Control::Subscribe(Box::new(consumer)))
    }
}

impl<S: Send + 'static, In: Send + 'static, Out: Send + 'static> CallPort<S, Out>
    for Mailbox<S, In, Out>
{
    fn send(&self, message: Box<dyn Envelope<S, Out>>) -> bool {
        self.control(Control::Call(message))
    }

    fn send_behind(&self, message: Box<dyn Envelope<S, Out>>) {
        self.put(|post| post.incoming.push_back(Incoming::Behind(message)));
    }

    fn calls(&self) -> &Arc<Semaphore> {
        self.cell.calls()
    }
}

#[cfg(all(test, shuttle))]
mod schedules;
