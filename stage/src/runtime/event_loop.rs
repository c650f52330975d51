//! The loop of one stage: control, then one upstream message, then what the stage waits on itself.
//!
//! The law: whenever the loop waits, no event is held for which credit has arrived.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;

use futures::FutureExt;

use super::{Cell, Control, Edge, Envelope, Incoming, Mailbox, NewConsumer, NewUpstream, Role};
use crate::batch::Batch;
use crate::behaviour::Directive;
use crate::context::{Context, Downstream, Upstream};
use crate::exit::{Cancel, End, Exit, Result, StageError};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, DemandMode, Intensity, UpstreamEnds, Window};
use crate::stages::Stages;

/// Control messages handled between two upstream messages.
const CONTROL_MAX: usize = 32;

/// Events for which room is made before a demand is told, so that emitting them one by one does not grow the list.
const RESERVED_MAX: usize = 1024;

/// How a callback failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Failure {
    /// It returned this error.
    Error(Arc<StageError>),
    /// It panicked with this message.
    Panic(Arc<str>),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_exit().fmt(f)
    }
}

impl Failure {
    fn error(error: StageError) -> Box<Self> {
        Box::new(Self::Error(Arc::new(error)))
    }

    pub(crate) fn panic(payload: &(dyn std::any::Any + Send)) -> Box<Self> {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("a panic without a message");
        Box::new(Self::Panic(message.into()))
    }

    pub(crate) fn to_exit(&self) -> Exit {
        match self {
            Self::Error(error) => Exit::Failed(Arc::clone(error)),
            Self::Panic(message) => Exit::Panicked(Arc::clone(message)),
        }
    }
}

/// What a callback came to. A failure is rare, so it is boxed and the result is one word.
type Outcome<T = ()> = std::result::Result<T, Box<Failure>>;

/// A callback whose panic is caught as a failure.
#[pin_project::pin_project]
struct Guarded<F>(#[pin] F);

const fn guarded<T, F: Future<Output = Result<T>>>(callback: F) -> Guarded<F> {
    Guarded(callback)
}

impl<T, F: Future<Output = Result<T>>> Future for Guarded<F> {
    type Output = Outcome<T>;

    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let callback = self.project().0;
        match catch_unwind(AssertUnwindSafe(|| callback.poll(task))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(returned)) => Poll::Ready(returned.map_err(Failure::error)),
            Err(payload) => Poll::Ready(Err(Failure::panic(&*payload))),
        }
    }
}

pub(crate) type Factory<S> = Box<dyn FnMut() -> S + Send>;

/// A running stage; dropping it, in whatever way, tells its neighbours.
pub(crate) struct Task<R: Role> {
    pub(crate) role: R,
    pub(crate) factory: Option<Factory<R::Stage>>,
    pub(crate) intensity: Intensity,
    pub(crate) cx: Context<R::Out>,
    pub(crate) mailbox: Arc<Mailbox<R::Stage, R::In, R::Out>>,
    pub(crate) control: VecDeque<Control<R::Stage, R::In, R::Out>>,
    pub(crate) incoming: VecDeque<Incoming<R::Stage, R::In, R::Out>>,
    /// Messages that wait for a mark in the buffer to be passed, one for each mark.
    pub(crate) behind: VecDeque<Box<dyn Envelope<R::Stage, R::Out>>>,
    /// The message at work: what of it has not been handed to the behaviour.
    pub(crate) at_work: Option<(SubscriptionId, Vec<R::In>)>,
    pub(crate) draining: bool,
    pub(crate) is_paused: bool,
    /// Whether `handle_complete` has run.
    pub(crate) is_complete: bool,
    /// The last field, so that who joins the stage finds all the others dropped.
    pub(crate) last: Last,
}

/// Makes the end known when it is dropped, whatever panics before.
pub(crate) struct Last {
    pub(crate) cell: Arc<Cell>,
    pub(crate) stages: Stages,
    pub(crate) exit: Exit,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.stages.ended(&self.cell, &self.exit);
    }
}

type Step = std::result::Result<(), Exit>;

impl<R: Role> Task<R> {
    pub(crate) async fn run(mut self) {
        // Callbacks are guarded one by one; this guard is for the user's `Drop` code.
        let exit = match AssertUnwindSafe(self.live()).catch_unwind().await {
            Ok(Err(exit)) => exit,
            Err(payload) => Failure::panic(&*payload).to_exit(),
        };
        if !matches!(exit, Exit::Panicked(_)) {
            let last = async {
                self.role.stopping(&exit, &mut self.cx).await;
                Ok(())
            };
            if guarded(last).await.is_err() {
                tracing::error!(stage = self.cx.name(), "stopping panicked");
            }
        }
        self.last.exit = exit;
    }

    /// Runs until there is a reason to end.
    async fn live(&mut self) -> std::result::Result<Infallible, Exit> {
        let started = guarded(self.role.started(&mut self.cx)).await;
        self.after(started).await?;
        loop {
            tokio::task::coop::consume_budget().await;
            for _ in 0..CONTROL_MAX {
                let Some(message) = self.control.pop_front() else {
                    break;
                };
                self.on_control(message).await?;
            }
            if self.may_take() {
                self.take_turn().await?;
            }
            self.ended()?;
            if let Some(polled) = self.wait().await {
                self.after(polled).await?;
            }
        }
    }

    /// A producer-consumer takes events only for demand, and never while its buffer holds back.
    fn may_take(&self) -> bool {
        if self.cx.stop.is_some() {
            return false;
        }
        if self.at_work.is_some() {
            return !self.is_paused;
        }
        match self.incoming.front() {
            Some(Incoming::Events(..)) if self.is_paused => false,
            Some(Incoming::Events(..)) if R::EMITS => {
                self.cx.half.owed() > 0 && !self.cx.half.is_holding_back()
            }
            front => front.is_some(),
        }
    }

    fn ended(&self) -> Step {
        if let Some(exit) = &self.cx.stop {
            return Err(exit.clone());
        }
        let drained = !self.draining || self.cx.upstreams.is_empty();
        match &self.cx.ending {
            Some(exit)
                if drained
                    && self.cx.half.buffered() == 0
                    && self.at_work.is_none()
                    && self.incoming.is_empty()
                    && self.role.in_hand() == 0 =>
            {
                Err(exit.clone())
            }
            _ => Ok(()),
        }
    }

    /// Polls what the stage waits on itself, then takes what has arrived, and waits when there is nothing to do. Returns
    /// what `poll_events` came to, if it did anything.
    async fn wait(&mut self) -> Option<Outcome> {
        debug_assert!(self.cx.emitted.is_empty(), "emitted events wait nowhere");
        let was_ending = self.cx.ending.is_some();
        let silent = was_ending && R::IS_SOURCE;
        poll_fn(|task| {
            let mut polled = None;
            if !silent && !self.cx.half.is_holding_back() {
                let (role, cx) = (&mut self.role, &mut self.cx);
                polled = match catch_unwind(AssertUnwindSafe(|| role.poll_events(task, cx))) {
                    Ok(Poll::Ready(returned)) => Some(returned.map_err(Failure::error)),
                    Ok(Poll::Pending) => cx.is_touched(was_ending).then_some(Ok(())),
                    Err(payload) => Some(Err(Failure::panic(&*payload))),
                };
            }
            if polled.is_some() || !self.control.is_empty() || self.may_take() {
                self.mailbox.take(&mut self.control, &mut self.incoming);
                return Poll::Ready(polled);
            }
            self.mailbox
                .poll_take(task, &mut self.control, &mut self.incoming)
                .map(|()| None)
        })
        .await
    }

    /// Dispatches what a callback emitted, deals with its failure, and tells new demand.
    async fn after(&mut self, mut outcome: Outcome) -> Step {
        let mut was_demand = false;
        loop {
            self.cx.flush();
            self.report_discarded();
            let mut demand = 0;
            if let Err(failure) = outcome {
                let resumed = self.on_failure(&failure).await?;
                // A producer that fails at each demand would be told of the same debt for ever.
                if resumed && was_demand && !self.intensity.allows(Instant::now()) {
                    return Err(failure.to_exit());
                }
                self.cx.flush();
                demand = self.cx.half.retell_demand();
            }
            if !R::EMITS || self.cx.stop.is_some() {
                return Ok(());
            }
            demand += self.cx.take_demand();
            if demand == 0 || !R::IS_SOURCE || self.cx.ending.is_some() {
                let Some(message) = self.take_passed() else {
                    return Ok(());
                };
                was_demand = false;
                outcome = self.handle(message).await;
                continue;
            }
            was_demand = true;
            self.cx.emitted.reserve(demand.min(RESERVED_MAX));
            outcome = guarded(self.role.handle_demand(demand, &mut self.cx)).await;
        }
    }

    /// Tells the behaviour what was dropped since the last callback, and reports it unless it does so itself.
    fn report_discarded(&mut self) {
        let discarded = std::mem::take(&mut self.cx.discarded);
        if discarded == 0 {
            return;
        }
        let hears = AssertUnwindSafe(|| self.role.handle_discarded(discarded));
        if catch_unwind(hears).unwrap_or(true) {
            self.cx.cell.report_discarded(discarded);
        }
    }

    /// Applies the directive; returns whether the same behaviour goes on, rather than a new one.
    async fn on_failure(&mut self, failure: &Failure) -> std::result::Result<bool, Exit> {
        let mut failure = Box::new(failure.clone());
        loop {
            self.cx.cell.failed();
            let directive = catch_unwind(AssertUnwindSafe(|| self.role.handle_failure(&failure)));
            match (directive, &*failure) {
                (Ok(Directive::Resume), Failure::Error(error)) => {
                    tracing::warn!(stage = self.cx.name(), %error, "a callback failed; resumed");
                    return Ok(true);
                }
                (Ok(Directive::Resume | Directive::Restart), _) => {}
                (Ok(Directive::Stop | Directive::Escalate) | Err(_), _) => {
                    return Err(failure.to_exit());
                }
            }
            let Some(stage) = self.make_anew() else {
                return Err(failure.to_exit());
            };
            tracing::warn!(stage = self.cx.name(), %failure, "restarted");
            self.role = R::new(stage);
            match guarded(self.role.started(&mut self.cx)).await {
                Ok(()) => return Ok(false),
                Err(again) => failure = again,
            }
        }
    }

    /// Makes a new behaviour, where there is a factory that does not panic and restarts are not too many.
    fn make_anew(&mut self) -> Option<R::Stage> {
        let factory = self.factory.as_mut()?;
        if !self.intensity.allows(Instant::now()) {
            return None;
        }
        catch_unwind(AssertUnwindSafe(factory)).ok()
    }

    async fn on_control(&mut self, message: Control<R::Stage, R::In, R::Out>) -> Step {
        match message {
            Control::Subscribe(consumer) => {
                let NewConsumer {
                    id,
                    port,
                    edge,
                    key,
                } = *consumer;
                if let Err(refused) = self.cx.half.on_subscribe_any(id, key) {
                    edge.end();
                    port.end(id, End::Cancelled(Cancel::failed(refused)));
                    return Ok(());
                }
                self.cx.downstreams.insert(id, Downstream { port, edge });
                let heard = guarded(self.role.handle_subscriber(id, &mut self.cx)).await;
                self.after(heard).await
            }
            Control::Ask(id, n) => {
                self.cx.half.on_ask(id, n, &mut self.cx.dispatched);
                self.after(Ok(())).await
            }
            Control::Cancel(id, reason) => self.consumer_left(id, End::Cancelled(reason)).await,
            Control::Gone(id, exit) => self.consumer_left(id, End::Down(*exit)).await,
            Control::SubscribeTo(upstream) => self.subscribe(*upstream).await,
            Control::CancelUpstream(id, reason) => {
                self.cx.cancel(id, reason);
                Ok(())
            }
            Control::Call(message) => {
                let handled = self.handle(message).await;
                self.after(handled).await
            }
            Control::Resubscribe(old, reason, upstream) => {
                if let Some(upstream) = self.cx.upstreams.get_mut(&old) {
                    upstream.ends = UpstreamEnds::Keep;
                    upstream.port.cancel(old, reason);
                }
                self.subscribe(*upstream).await
            }
            Control::SetDemand(id, demand) => {
                let automatic = self.cx.upstreams.get_mut(&id);
                if let Some(upstream) = automatic.filter(|up| up.asking == Asking::Automatic) {
                    let ask = upstream.window.resize(demand);
                    self.cx.ask(id, ask);
                }
                Ok(())
            }
            Control::SetPaused(is_paused) => {
                self.is_paused = is_paused;
                Ok(())
            }
            Control::SetMode(mode) => self.set_mode(mode).await,
            Control::Stop => {
                self.cx.stop();
                Ok(())
            }
            Control::Drain => {
                for (id, upstream) in &self.cx.upstreams {
                    upstream.port.cancel(*id, Cancel::Normal);
                }
                self.finish().await
            }
            Control::Finish => self.finish().await,
        }
    }

    async fn set_mode(&mut self, mode: DemandMode) -> Step {
        self.cx.half.set_mode(mode);
        self.cx.cell.set_mode(mode);
        loop {
            let demand = self.cx.half.replay(&mut self.cx.dispatched);
            self.cx.flush();
            let Some(demand) = demand.filter(|_| self.cx.stop.is_none()) else {
                return self.after(Ok(())).await;
            };
            let outcome = guarded(self.role.handle_demand(demand, &mut self.cx)).await;
            self.after(outcome).await?;
        }
    }

    /// Ends the stage as soon as its upstreams have ended and what it holds is gone.
    async fn finish(&mut self) -> Step {
        self.draining = true;
        if self.cx.ending.is_some() {
            return Ok(());
        }
        self.cx.ending = Some(Exit::Stopped);
        if self.cx.upstreams.is_empty() {
            return self.complete().await;
        }
        Ok(())
    }

    async fn complete(&mut self) -> Step {
        if std::mem::replace(&mut self.is_complete, true) {
            return Ok(());
        }
        let completed = guarded(self.role.handle_complete(&mut self.cx)).await;
        self.after(completed).await
    }

    async fn consumer_left(&mut self, id: SubscriptionId, end: End) -> Step {
        if !self.cx.downstreams.contains_key(&id) {
            return Ok(());
        }
        let heard = guarded(self.role.handle_cancel(id, &end, &mut self.cx)).await;
        self.cx.half.on_cancel(id, &mut self.cx.dispatched);
        if let Some(left) = self.cx.downstreams.remove(&id) {
            left.edge.end();
            left.port.end(id, end);
        }
        self.after(heard).await
    }

    async fn subscribe(&mut self, upstream: NewUpstream<R::In>) -> Step {
        let NewUpstream {
            id,
            outlet,
            options,
        } = upstream;
        let unreachable = End::Down(Exit::Unreachable);
        if self.cx.ending.is_some() || outlet.is_of(&self.mailbox) {
            let name = self.cx.name();
            tracing::warn!(
                stage = name,
                "a stage that ends, or to itself, subscribes no more"
            );
            let heard = guarded(self.role.handle_cancel(id, &unreachable, &mut self.cx)).await;
            return self.after(heard).await;
        }
        let edge = Edge::new(Arc::clone(outlet.name()), Arc::clone(&self.cx.cell.name));
        self.cx.cell.add_edge(Arc::clone(&edge));
        let upstream = Upstream {
            port: outlet.ask_port(),
            edge: Arc::clone(&edge),
            window: Window::new(options.demand),
            asking: Asking::Manual,
            ends: options.ends,
        };
        self.cx.upstreams.insert(id, upstream);
        let port = Arc::clone(&self.mailbox);
        if !outlet.open(id, port, edge) {
            return self.upstream_ended(id, unreachable).await;
        }
        let asking = loop {
            let chosen = self.role.handle_subscribe(id, options.asking, &mut self.cx);
            match guarded(chosen).await {
                Ok(asking) => break asking,
                Err(failure) => {
                    self.cx.flush();
                    if self.on_failure(&failure).await? {
                        break options.asking;
                    }
                }
            }
        };
        if asking == Asking::Automatic {
            if let Some(upstream) = self.cx.upstreams.get_mut(&id) {
                upstream.asking = Asking::Automatic;
            }
            self.cx.ask(id, options.demand.max());
        }
        self.after(Ok(())).await
    }

    /// Hands on the next batch of the message at work, or else takes the next message.
    async fn take_turn(&mut self) -> Step {
        if let Some((id, events)) = self.at_work.take() {
            return self.on_events(id, events).await;
        }
        match self.incoming.pop_front() {
            Some(message) => self.on_incoming(message).await,
            None => Ok(()),
        }
    }

    async fn on_incoming(&mut self, message: Incoming<R::Stage, R::In, R::Out>) -> Step {
        match message {
            Incoming::Events(id, events) => {
                if let Some(upstream) = self.cx.upstreams.get_mut(&id) {
                    upstream.window.arrive();
                }
                self.on_events(id, events).await
            }
            Incoming::End(id, end) => self.upstream_ended(id, end).await,
            Incoming::Behind(message) if self.cx.half.mark() => {
                self.behind.push_back(message);
                Ok(())
            }
            Incoming::Behind(message) => {
                let handled = self.handle(message).await;
                self.after(handled).await
            }
        }
    }

    async fn handle(&mut self, message: Box<dyn Envelope<R::Stage, R::Out>>) -> Outcome {
        let handled = async {
            message.run(self.role.stage(), &mut self.cx).await;
            Ok(())
        };
        guarded(handled).await
    }

    /// Returns the next message whose mark has been passed.
    fn take_passed(&mut self) -> Option<Box<dyn Envelope<R::Stage, R::Out>>> {
        self.cx.passed = self.cx.passed.checked_sub(1)?;
        self.behind.pop_front()
    }

    /// Hands on the next batch of a message; what is behind it waits for the next turn, so that a stop or a call comes
    /// between two batches.
    async fn on_events(&mut self, id: SubscriptionId, mut events: Vec<R::In>) -> Step {
        if !self.cx.upstreams.contains_key(&id) {
            self.cx.cell.lost(events.len());
            return Ok(());
        }
        let (len, ask) = self.split(id, events.len());
        let behind = events.len() - len;
        let cell = Arc::clone(&self.cx.cell);
        let mut batch = Batch::new(events.drain(..len), id, &cell.unhandled, behind);
        self.on_batch(&mut batch).await?;
        drop(batch);
        // What a stop left of the batch is lost; what is behind it counts where it waits.
        let unhandled = cell.unhandled.swap(0, Ordering::Relaxed);
        cell.lost_if_any(unhandled - behind);
        self.cx.ask(id, ask);
        if behind > 0 {
            self.at_work = Some((id, events));
        }
        Ok(())
    }

    /// Hands a batch over until all of it is handled or skipped.
    async fn on_batch(&mut self, batch: &mut Batch<'_, R::In>) -> Step {
        loop {
            let outcome = guarded(self.role.handle_events(batch, &mut self.cx)).await;
            match &outcome {
                Ok(()) => batch.succeeded(),
                Err(_) => batch.skip_failed(),
            }
            self.after(outcome).await?;
            if batch.len() == 0 || self.cx.stop.is_some() {
                return Ok(());
            }
        }
    }

    fn split(&mut self, id: SubscriptionId, rest: usize) -> (usize, usize) {
        match self.cx.upstreams.get_mut(&id) {
            Some(upstream) if upstream.asking == Asking::Automatic => {
                let split = upstream.window.split(rest);
                if split.excess > 0 {
                    tracing::error!(
                        stage = &*self.cx.cell.name,
                        events = split.excess,
                        "more events than were asked for"
                    );
                }
                (split.len, split.ask)
            }
            _ => (rest, 0),
        }
    }

    async fn upstream_ended(&mut self, id: SubscriptionId, end: End) -> Step {
        let Some(upstream) = self.cx.upstreams.remove(&id) else {
            return Ok(());
        };
        upstream.edge.end();
        let heard = guarded(self.role.handle_cancel(id, &end, &mut self.cx)).await;
        self.after(heard).await?;
        let is_last = self.cx.upstreams.is_empty();
        let stops = upstream.ends.stops(&end, is_last);
        if stops && end.is_failure() {
            return Err(end.to_exit());
        }
        if stops || (self.draining && is_last) {
            self.complete().await?;
            self.cx.ending.get_or_insert(end.to_exit());
        }
        Ok(())
    }
}

impl<R: Role> Task<R> {
    /// Tells the neighbours, and counts what was in hand.
    fn tear_down(&mut self) {
        self.mailbox.close();
        self.mailbox.take(&mut self.control, &mut self.incoming);
        let unread: usize = self.incoming.iter().map(Incoming::len).sum();
        let at_work = self.at_work.as_ref().map_or(0, |(_, events)| events.len());
        let unhandled = self.cx.cell.unhandled.swap(0, Ordering::Relaxed);
        let in_hand = catch_unwind(AssertUnwindSafe(|| self.role.in_hand())).unwrap_or(0);
        for message in &self.control {
            if let Control::Subscribe(consumer) = message {
                let down = End::Down(Exit::Unreachable);
                consumer.port.end(consumer.id, down);
            }
        }
        self.cx.close(&self.last.exit);
        let cell = &self.cx.cell;
        cell.lost_if_any(unhandled + unread + at_work + in_hand);
    }
}

impl<R: Role> Drop for Task<R> {
    fn drop(&mut self) {
        // What panics here is the user's `Drop` code, or a log; the end becomes known all the same.
        let _panicked = catch_unwind(AssertUnwindSafe(|| self.tear_down()));
        let user_values = AssertUnwindSafe(|| {
            self.control.clear();
            self.incoming.clear();
            self.at_work = None;
        });
        let _panicked = catch_unwind(user_values);
    }
}
