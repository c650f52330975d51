//! The loop of one stage: control, then one upstream message, then what the stage waits on itself.
//!
//! The law: whenever the loop waits, no event is held for which credit has arrived.
//!
//! What comes once a batch is handled here; the futures of all that is rare are boxed, so that those of every turn stay
//! small.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as Waiting, Poll};
use std::time::Instant;

use super::failure::{DeadLetter, Failure, Outcome, guarded};
use super::succession::{Handing, Seat, Succession};
use super::{Cell, Control, Envelope, Incoming, Mailbox, Report, Role, Spares, Supervised};
use crate::context::Context;
use crate::exit::{End, Exit};
use crate::id::SubscriptionId;
use crate::protocol::UpstreamEnds;
use crate::stages::Stages;

/// Control messages handled between two upstream messages.
const CONTROL_MAX: usize = 32;

/// Demands told in a row, when what is emitted pays for nothing, such as events that nobody wants.
const DEMANDS_MAX: usize = 32;

/// Events for which room is made before a demand is told, so that emitting them one by one does not grow the list.
const RESERVED_MAX: usize = 1024;

/// Hands a letter over, or returns whether it could not be.
pub(crate) type SendLetter<In> = Box<dyn Fn(DeadLetter<In>) -> bool + Send>;

/// A running stage; dropping it, in whatever way, tells its neighbours.
pub(crate) struct Task<R: Role> {
    pub(crate) role: Seat<R>,
    pub(crate) succession: Succession<R>,
    pub(crate) cx: Context<R::Out>,
    pub(crate) mailbox: Arc<Mailbox<R::Stage, R::In, R::Out>>,
    pub(crate) control: VecDeque<Control<R::Stage, R::In, R::Out>>,
    pub(crate) incoming: VecDeque<Incoming<R::Stage, R::In, R::Out>>,
    /// Emptied lists that go back to the producers.
    pub(crate) spares: Spares<R::In>,
    /// Messages that wait for a mark in the buffer to be passed, one for each mark.
    pub(crate) behind: VecDeque<Box<dyn Envelope<R::Stage, R::Out>>>,
    /// The message at work: what of it has not been handed to the behaviour.
    pub(crate) at_work: Option<(SubscriptionId, Vec<R::In>)>,
    /// The event that failed the callback, for as long as its failure is dealt with.
    pub(crate) failed: Option<R::In>,
    pub(crate) send_letter: Option<SendLetter<R::In>>,
    /// What the protocol still owes when the running callback is dropped: the batch that is being handed over, the
    /// consumer that leaves, the upstream that has ended.
    pub(crate) handing: Option<Handing>,
    pub(crate) leaving: Option<(SubscriptionId, End)>,
    pub(crate) ended_upstream: Option<(UpstreamEnds, End)>,
    /// Whether all that is owed is to be told again.
    pub(crate) owes_anew: bool,
    /// Whether there may be demand that was not told yet, to let messages come between.
    pub(crate) has_more: bool,
    /// Whether the stage was done with the last messages before others came.
    pub(crate) will_be_idle: bool,
    pub(crate) draining: bool,
    pub(crate) is_paused: bool,
    /// Whether `handle_complete` was called.
    pub(crate) is_complete: bool,
    /// The last field, so that who joins the stage finds all the others dropped.
    pub(crate) last: Last,
}

/// Makes the end known when it is dropped, whatever panics before.
pub(crate) struct Last {
    pub(crate) cell: Arc<Cell>,
    pub(crate) stages: Stages,
    pub(crate) supervised: Option<Supervised>,
    pub(crate) exit: Exit,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.stages.ended(&self.cell, &self.exit);
        if let Some(supervised) = &self.supervised {
            supervised.report(Report::Ended);
        }
    }
}

/// An error ends the stage.
pub(super) type Step = std::result::Result<(), Exit>;

impl<R: Role> Task<R> {
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn holds the stage twice: as it was passed, and as what runs"
    )]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> {
        async move {
            self.last.cell.runs();
            let exit = self.live_on().await;
            self.stopping(&exit).await;
            self.last.exit = exit;
            drop(self);
        }
    }

    /// Runs one behaviour, until there is a reason to end it.
    pub(super) async fn live(&mut self) -> std::result::Result<Infallible, Exit> {
        if self.succession.is_new {
            let introduced = Box::pin(self.introduce()).await;
            self.after(introduced).await?;
        }
        if let Some((ends, end)) = self.ended_upstream.take() {
            Box::pin(self.upstream_stops(ends, end)).await?;
        }
        loop {
            tokio::task::coop::consume_budget().await;
            for _ in 0..CONTROL_MAX {
                // Read where it lies, since to move a message takes longer than to read it.
                if let Some(Control::Ask(id, n)) = self.control.front() {
                    let (id, n) = (*id, *n);
                    self.control.pop_front();
                    self.on_ask(id, n);
                    self.after(Ok(())).await?;
                    continue;
                }
                match self.control.pop_front() {
                    None => break,
                    Some(Control::Call(message)) => {
                        let handled = self.handle(message).await;
                        self.after(handled).await?;
                    }
                    Some(other) => Box::pin(self.on_control(other)).await?,
                }
            }
            if self.may_take() {
                self.take_turn().await?;
            }
            while R::IS_FUSED && self.is_second_due() {
                Box::pin(self.complete_second()).await?;
            }
            self.ended()?;
            match self.wait().await {
                Some(polled) => self.after(polled).await?,
                // What has come meanwhile goes first.
                None if self.has_more && self.control.is_empty() => self.after(Ok(())).await?,
                None => {}
            }
        }
    }

    /// A producer-consumer takes events only for demand, and never while its buffer holds back.
    fn may_take(&self) -> bool {
        if self.cx.stop.is_some() {
            return false;
        }
        if R::IS_FUSED && self.role.is_passing(&self.cx) {
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

    #[inline]
    fn ended(&self) -> Step {
        if self.cx.stop.is_none() && self.cx.ending.is_none() {
            return Ok(());
        }
        self.ended_as()
    }

    fn ended_as(&self) -> Step {
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
                    && Role::in_hand(&*self.role) == 0
                    && self.role.between() == 0 =>
            {
                Err(exit.clone())
            }
            _ => Ok(()),
        }
    }

    /// Polls what the stage waits on itself, then takes what has arrived, and waits when there is nothing to do. Returns
    /// what `poll_events` came to, if it did anything.
    fn wait(&mut self) -> impl Future<Output = Option<Outcome>> {
        debug_assert!(self.cx.emitted.is_empty(), "emitted events wait nowhere");
        let was_ending = self.cx.ending.is_some();
        poll_fn(move |task| {
            let polled = self.poll_events(task, was_ending);
            if polled.is_some() || self.has_more || !self.control.is_empty() || self.may_take() {
                self.mailbox.take(&mut self.control, &mut self.incoming);
                return Poll::Ready(polled);
            }
            if self.mailbox.is_parked() {
                self.will_be_idle = true;
                return Poll::Pending;
            }
            let (control, incoming) = (&mut self.control, &mut self.incoming);
            let (spares, will_be_idle) = (&mut self.spares, self.will_be_idle);
            let taken = (self.mailbox).poll_exchange(task, control, incoming, spares, will_be_idle);
            self.will_be_idle = taken.is_pending();
            taken.map(|()| None)
        })
    }

    #[inline]
    fn poll_events(&mut self, task: &mut Waiting<'_>, was_ending: bool) -> Option<Outcome> {
        if R::EMITS && self.cx.half.is_holding_back() {
            return None;
        }
        let had_in_hand = was_ending && self.role.in_hand() > 0;
        // A source that is ending has nothing more to say, unless it waits for what it has in hand.
        if was_ending && R::IS_SOURCE && !R::IS_FUSED && !had_in_hand {
            return None;
        }
        let (role, cx) = (&mut self.role, &mut self.cx);
        match catch_unwind(AssertUnwindSafe(|| role.poll_events(task, cx))) {
            Ok(Poll::Ready(returned)) => Some(returned.map_err(Failure::error)),
            Ok(Poll::Pending) => {
                let is_done = had_in_hand && role.in_hand() == 0;
                (is_done || cx.is_touched(was_ending)).then_some(Ok(()))
            }
            Err(payload) => Some(Err(Failure::panic(&*payload))),
        }
    }

    /// Dispatches what a callback emitted, deals with its failure, and tells new demand.
    pub(super) async fn after(&mut self, mut outcome: Outcome) -> Step {
        self.has_more = false;
        // A consumer emits nothing, so that there is nothing to do after each of its batches.
        if !R::EMITS && !R::IS_FUSED && outcome.is_ok() {
            return Ok(());
        }
        let mut was_demand = false;
        let mut told = 0;
        loop {
            if R::IS_FUSED && self.cx.stop.is_none() && self.role.is_passing(&self.cx) {
                self.pass_on(&outcome).await?;
            }
            self.cx.flush();
            if self.cx.discarded > 0 {
                self.report_discarded();
            }
            let mut demand = 0;
            if let Err(failure) = outcome {
                let resumed = Box::pin(self.on_failure(&failure)).await?;
                // A producer that fails at each demand would be told of the same debt for ever.
                if resumed && was_demand && !self.succession.intensity.allows(Instant::now()) {
                    self.succession.is_last = true;
                    return Err(failure.to_exit());
                }
                self.cx.flush();
            }
            if told == DEMANDS_MAX || (R::IS_FUSED && self.role.is_passing(&self.cx)) {
                self.has_more = true;
                return Ok(());
            }
            if std::mem::take(&mut self.owes_anew) {
                demand = self.cx.half.retell_demand();
            }
            if (!R::EMITS && !R::IS_SOURCE) || self.cx.stop.is_some() {
                return Ok(());
            }
            demand += self.cx.take_demand();
            demand = self.role.to_tell(demand, &self.cx);
            if demand == 0 || !R::IS_SOURCE || self.cx.ending.is_some() {
                let Some(message) = self.take_passed() else {
                    return Ok(());
                };
                was_demand = false;
                outcome = Box::pin(self.handle(message)).await;
                continue;
            }
            if R::IS_FUSED && told > 0 {
                // The second has had a batch of it.
                self.has_more = true;
                return Ok(());
            }
            was_demand = true;
            if told > 0 {
                tokio::task::coop::consume_budget().await;
            }
            told += 1;
            if self.cx.has_emitted {
                self.cx.emitted.reserve(demand.min(RESERVED_MAX));
            }
            outcome = guarded(self.role.handle_demand(demand, &mut self.cx)).await;
        }
    }

    /// Hands a batch of what the first of a fused pair has emitted to the second, without the events that it fails on.
    /// `outcome` is of the callback before it.
    async fn pass_on(&mut self, outcome: &Outcome) -> Step {
        while let Err(failure) = self.role.pass_on(&mut self.cx).await {
            self.cx.flush();
            if let Err(exit) = Box::pin(self.on_failure(&failure)).await {
                if outcome.is_err() {
                    self.cx.cell.failed();
                }
                return Err(exit);
            }
        }
        Ok(())
    }

    /// Whether the first of a fused pair has ended, and the second is to hear of it: nothing more comes from that one.
    fn is_second_due(&self) -> bool {
        self.cx.ending.is_some()
            && self.cx.stop.is_none()
            && (!self.draining || self.cx.upstreams.is_empty())
            && self.at_work.is_none()
            && self.incoming.is_empty()
            && self.role.is_due()
    }

    async fn complete_second(&mut self) -> Step {
        let completed = guarded(self.role.complete_next(&mut self.cx)).await;
        self.after(completed).await
    }

    /// Tells the behaviour what was dropped since the last callback, and reports it unless it does so itself.
    fn report_discarded(&mut self) {
        let discarded = std::mem::take(&mut self.cx.discarded);
        let hears = AssertUnwindSafe(|| self.role.handle_discarded(discarded));
        if catch_unwind(hears).unwrap_or(true) {
            self.cx.cell.report_discarded(discarded);
        }
    }
}

impl<R: Role> Task<R> {
    /// Tells the neighbours, and counts what was in hand.
    fn tear_down(&mut self) {
        self.mailbox.close();
        self.mailbox.take(&mut self.control, &mut self.incoming);
        let unread: usize = self.incoming.iter().map(Incoming::len).sum();
        let at_work = self.at_work.as_ref().map_or(0, |(_, events)| events.len());
        let handing = self.handing.as_ref();
        let unhandled = handing.map_or(0, |handing| handing.unhandled);
        let in_hand = self.role.in_hand() + self.role.between();
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
