//! The loop of one stage: control, then a few upstream messages while nothing else comes, then what the stage waits on itself.
//!
//! The law: whenever the loop waits, no event is held for which credit has arrived.
//!
//! What comes once a batch is handled here; the futures of all that is rare are boxed, so that those of every turn stay
//! small.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as Waiting, Poll};
use std::time::Instant;

use tokio::task::coop::consume_budget;

use super::failure::{DeadLetter, Failure, Outcome, guarded};
use super::succession::{Seat, Succession};
use super::upstream::AtWork;
use super::{Aside, Control, Incoming, Last, Mailbox, Park, Post, Role};
use crate::context::Context;
use crate::exit::Exit;
use crate::protocol::ProducerHalf;
use crate::rare::Rare;

/// Control messages handled between two upstream messages.
const CONTROL_MAX: u8 = 32;

/// Batches of upstream messages handed over in one turn, while nothing else comes.
const BATCHES_MAX: u8 = 4;

/// Demands told in a row, when what is emitted pays for nothing, such as events that nobody wants.
const DEMANDS_MAX: u8 = 32;

/// Events for which room is made before a demand is told, so that emitting them one by one does not grow the list.
const RESERVED_MAX: usize = 1024;

/// Hands a letter over, or returns one that it could not.
pub(crate) type SendLetter<In> = Box<dyn Fn(DeadLetter<In>) -> Option<DeadLetter<In>> + Send>;

/// A running stage; dropping it, in whatever way, tells its neighbours.
pub(crate) struct Task<R: Role> {
    pub(crate) role: Seat<R>,
    pub(crate) succession: Succession<R>,
    pub(crate) cx: Context<R::Out>,
    pub(crate) mailbox: Arc<Mailbox<R::Stage, R::In, R::Out>>,
    /// What was taken from there.
    pub(crate) post: Box<Post<R::Stage, R::In, R::Out>>,
    pub(crate) at_work: AtWork<R::In>,
    pub(crate) aside: Rare<Aside<R>>,
    /// Whether all that is owed is to be told again.
    pub(crate) owes_anew: bool,
    /// Whether there may be demand that was not told yet, to let messages come between.
    pub(crate) has_more: bool,
    pub(crate) draining: bool,
    pub(crate) is_paused: bool,
    pub(crate) turn: Turn,
    /// Whether `handle_complete` was called.
    pub(crate) is_complete: bool,
    /// The last field, so that who joins the stage finds all the others dropped.
    pub(crate) last: Last,
}

/// What the loop does next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Tells the behaviour the turn's new demand.
    Demand,
    /// Lends it the next batch, or hears what else has come from upstream.
    Batch,
    /// Hands the behaviour the call or cast that is next.
    Call,
    /// Handles the control message that is next, which is neither that nor an ask.
    Control,
    /// Runs a message whose mark in the buffer has been passed.
    Passed,
    /// Tells the second of a fused pair of the end of the first.
    Second,
    /// Ends the turn, and waits where there is nothing for another one.
    Pause,
}

/// How far a turn is.
#[derive(Default)]
pub(crate) struct Turn {
    /// Control messages handled.
    control: u8,
    /// Times an upstream message was looked for.
    looked: u8,
    /// Demands told in a row.
    told: u8,
    /// The last of them.
    demand: usize,
}

impl Turn {
    /// Whether nothing was done in it.
    const fn is_new(&self) -> bool {
        self.control == 0 && self.looked == 0 && self.told == 0
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
            let exit = loop {
                let lived = self.live_until_interrupted().await;
                if let Err(exit) = Box::pin(self.succeed(lived)).await {
                    break exit;
                }
            };
            Box::pin(self.stopping(&exit)).await;
            self.last.exit = Some(Box::new(exit));
            drop(self);
        }
    }

    /// Runs one behaviour, until there is a reason to end it: does what is next, settles what came of it, and goes on.
    ///
    /// What is done every turn waits nowhere but in the behaviour's own callbacks; all else is decided without a future.
    #[expect(clippy::manual_async_fn, reason = "as for `run`")]
    pub(super) fn live(
        &mut self,
    ) -> impl Future<Output = std::result::Result<Infallible, Exit>> + Send {
        async move {
            poll_fn(|task| {
                self.mailbox.wakes(task.waker());
                Poll::Ready(())
            })
            .await;
            Box::pin(self.begin()).await?;
            self.turn = Turn::default();
            self.dispatch();
            loop {
                let next = self.next();
                let outcome = match next {
                    Next::Demand => {
                        if self.turn.told > 1 {
                            consume_budget().await;
                        }
                        guarded(self.role.handle_demand(self.turn.demand, &mut self.cx)).await
                    }
                    Next::Batch if !self.next_batch() => {
                        Box::pin(self.take_other()).await.map(Ok)?
                    }
                    Next::Batch => {
                        let outcome = {
                            let mut lent = self.at_work.lend();
                            guarded(self.role.handle_events(&mut lent, &mut self.cx)).await
                        };
                        if outcome.is_ok() {
                            self.at_work.succeeded();
                            if R::IS_FUSED {
                                Box::pin(self.hand_on()).await?;
                            }
                        } else {
                            Box::pin(self.skip(outcome)).await?;
                        }
                        // What came of it is sent before more is asked for.
                        self.dispatch();
                        self.batch_taken();
                        continue;
                    }
                    Next::Call => self.take_call().await,
                    Next::Control => Box::pin(self.take_control()).await.map(Ok)?,
                    Next::Passed => Box::pin(self.take_passed()).await,
                    Next::Second => Box::pin(self.complete_second()).await,
                    Next::Pause => {
                        self.ended()?;
                        debug_assert!(self.cx.emitted.is_empty(), "emitted events wait nowhere");
                        let polled = self.poll_events();
                        let has_work = self.has_work();
                        let park = if polled.is_none() && !has_work && self.mailbox.is_parked() {
                            if R::EMITS {
                                self.sleep();
                            }
                            futures::pending!();
                            // A turn that a wake began is none of a row, and spends no budget.
                            Park::Always
                        } else {
                            if self.asks_first(self.cx.untold()) {
                                self.mailbox.waker().wake_by_ref();
                                futures::pending!();
                            } else {
                                consume_budget().await;
                            }
                            if has_work {
                                Park::Never
                            } else {
                                Park::WhenEmpty
                            }
                        };
                        self.begin_turn(park);
                        match polled {
                            Some(polled) => polled,
                            // What the first has for the second, behind what has come meanwhile.
                            None if R::IS_FUSED
                                && self.has_more
                                && self.post.control.is_empty() =>
                            {
                                Ok(())
                            }
                            None => continue,
                        }
                    }
                };
                let was_demand = matches!(next, Next::Demand);
                if R::IS_FUSED && self.is_passing() {
                    let passed = self.role.pass_on(&mut self.cx).await;
                    if let Err(failure) = passed {
                        Box::pin(self.pass_on_behind(failure, &outcome)).await?;
                    }
                }
                if let Err(failure) = outcome {
                    Box::pin(self.after_failure(failure, was_demand)).await?;
                }
                self.dispatch();
            }
        }
    }

    /// Introduces a new behaviour, and does what an interrupted one has left to do.
    async fn begin(&mut self) -> Step {
        if self.succession.is_new {
            let introduced = self.introduce().await;
            self.after(introduced).await?;
        }
        if let Some((ends, end)) = self.take_ended_upstream() {
            self.upstream_stops(ends, end).await?;
        }
        Ok(())
    }

    /// Returns what the turn has yet to do: what is due, then control, then upstream messages.
    #[inline]
    fn next(&mut self) -> Next {
        loop {
            if let Some(due) = self.due() {
                return due;
            }
            self.turn.told = 0;
            if self.turn.control == CONTROL_MAX {
                break;
            }
            // Read where it lies, since to move a message takes longer than to read it.
            match self.post.control.front() {
                None => break,
                Some(Control::Ask(id, n)) => {
                    let (id, n) = (*id, *n);
                    self.post.control.forget_front();
                    self.turn.control += 1;
                    self.on_ask(id, n);
                }
                // Uncounted, since what comes from there is to find it subscribed.
                Some(Control::SubscribeTo(upstream)) if upstream.opened.is_some() => {
                    return Next::Control;
                }
                Some(other) => {
                    self.turn.control += 1;
                    return match other {
                        Control::Call(_) => Next::Call,
                        _ => Next::Control,
                    };
                }
            }
        }
        // What has come meanwhile goes before another one.
        let looked = self.turn.looked;
        if looked == 0 || looked < BATCHES_MAX && self.mailbox.is_parked() {
            self.turn.looked += 1;
            if self.may_take() {
                return Next::Batch;
            }
        }
        if R::IS_FUSED && self.is_second_due() {
            return Next::Second;
        }
        Next::Pause
    }

    /// Takes what has come, for the next turn. One that was done with all before that came will be so again, and is parked
    /// for what comes then already now.
    #[inline]
    fn begin_turn(&mut self, park: Park) {
        self.turn = Turn::default();
        if self.mailbox.is_parked() {
            return;
        }
        self.mailbox.collect(&mut self.post, park);
    }

    /// Whether there is something to do without another message.
    #[inline]
    fn has_work(&self) -> bool {
        self.has_more || !self.post.control.is_empty() || self.may_take()
    }

    /// A producer-consumer takes events only for demand, and never while its buffer holds back.
    fn may_take(&self) -> bool {
        if self.cx.stop.is_some() {
            return false;
        }
        if R::IS_FUSED && self.role.is_passing(&self.cx) {
            return false;
        }
        if !self.at_work.is_empty() {
            return !self.is_paused;
        }
        match self.post.incoming.front() {
            Some(Incoming::Events(..)) if self.is_paused => false,
            Some(Incoming::Events(..)) if R::EMITS => {
                let half = self.cx.half();
                half.is_some_and(|half| half.owed() > 0 && !half.is_holding_back())
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
            return Err(Exit::clone(exit));
        }
        let drained = !self.draining || self.cx.upstreams.is_empty();
        match &self.cx.ending {
            Some(exit)
                if drained
                    && self.cx.is_empty()
                    && self.at_work.is_empty()
                    && self.post.incoming.is_empty()
                    && Role::in_hand(&*self.role) == 0
                    && self.role.between() == 0 =>
            {
                Err(Exit::clone(exit))
            }
            _ => Ok(()),
        }
    }

    /// Polls what the stage waits on itself; returns what that came to, if it did anything.
    #[inline]
    pub(super) fn poll_events(&mut self) -> Option<Outcome> {
        let was_ending = self.cx.ending.is_some();
        if R::EMITS && self.cx.is_holding_back() {
            return None;
        }
        let had_in_hand = was_ending && self.role.in_hand() > 0;
        // A source that is ending has nothing more to say, unless it waits for what it has in hand.
        if was_ending && R::IS_SOURCE && !R::IS_FUSED && !had_in_hand {
            return None;
        }
        let mut task = Waiting::from_waker(self.mailbox.waker());
        let (role, cx) = (&mut self.role, &mut self.cx);
        match catch_unwind(AssertUnwindSafe(|| role.poll_events(&mut task, cx))) {
            Ok(Poll::Ready(returned)) => Some(returned.map_err(Failure::error)),
            Ok(Poll::Pending) => {
                let is_done = had_in_hand && role.in_hand() == 0;
                (is_done || cx.is_touched(was_ending)).then_some(Ok(()))
            }
            Err(payload) => Some(Err(Failure::panic(&*payload))),
        }
    }

    /// Deals with what a callback came to, and dispatches what it emitted; what is due then is told by `live`.
    pub(super) async fn after(&mut self, outcome: Outcome) -> Step {
        // As in `live`, whose future a coroutine for both would make larger.
        if R::IS_FUSED && self.is_passing() {
            let passed = self.role.pass_on(&mut self.cx).await;
            if let Err(failure) = passed {
                Box::pin(self.pass_on_behind(failure, &outcome)).await?;
            }
        }
        if let Err(failure) = outcome {
            Box::pin(self.after_failure(failure, false)).await?;
        }
        self.dispatch();
        Ok(())
    }

    /// Whether the first of a fused pair has emitted something to pass on.
    fn is_passing(&self) -> bool {
        self.cx.stop.is_none() && self.role.is_passing(&self.cx)
    }

    async fn after_failure(&mut self, failure: Box<Failure>, was_demand: bool) -> Step {
        // A dispatcher that panicked in `flush` has left what it had decided.
        self.cx.settle();
        self.dispatch();
        let resumed = self.on_failure(&failure).await?;
        // A producer that fails at each demand would be told of the same debt for ever.
        if resumed && was_demand && !self.succession.may_fail(Instant::now()) {
            self.succession.is_last = true;
            return Err(failure.to_exit());
        }
        Ok(())
    }

    /// Returns what the behaviour is to be told, now that what was emitted is dispatched.
    #[inline]
    fn due(&mut self) -> Option<Next> {
        if !R::EMITS && !R::IS_FUSED {
            return None;
        }
        let out = self.cx.out.as_ref();
        let has_passed = out.is_some_and(|out| out.passed > 0);
        if !R::IS_SOURCE && !R::IS_FUSED {
            // It is told nothing, and owes what it was asked.
            return (has_passed && self.cx.stop.is_none()).then_some(Next::Passed);
        }
        let untold = out.map_or(0, |out| out.half.untold());
        let is_usual = !self.owes_anew && !has_passed;
        if !R::IS_FUSED && is_usual && untold == 0 {
            self.has_more = false;
            return None;
        }
        // What has come meanwhile goes first.
        if self.has_more && self.turn.is_new() && !self.post.control.is_empty() {
            return None;
        }
        let is_passing = R::IS_FUSED && self.role.is_passing(&self.cx);
        self.has_more = self.turn.told == DEMANDS_MAX || is_passing || self.asks_first(untold);
        if self.has_more {
            return None;
        }
        if !R::EMITS && !R::IS_SOURCE || self.cx.stop.is_some() {
            return None;
        }
        let demand = if self.owes_anew {
            self.owe_anew(untold)
        } else {
            self.cx.owe(untold)
        };
        let demand = self.role.to_tell(demand, &self.cx);
        if demand == 0 || !R::IS_SOURCE || self.cx.ending.is_some() {
            return has_passed.then_some(Next::Passed);
        }
        if R::IS_FUSED && self.turn.told > 0 {
            // The second has had a batch of it.
            self.has_more = true;
            return None;
        }
        self.turn.told += 1;
        self.turn.demand = demand;
        if self.cx.emitted.capacity() < demand {
            self.make_room(demand);
        }
        Some(Next::Demand)
    }

    /// Owes `untold` more, and returns it with all that is owed and told again.
    #[cold]
    fn owe_anew(&mut self, untold: usize) -> usize {
        self.owes_anew = false;
        let again = self.cx.half_mut().map_or(0, ProducerHalf::retell_demand);
        again + self.cx.owe(untold)
    }

    #[cold]
    fn make_room(&mut self, demand: usize) {
        if self.cx.out.as_ref().is_some_and(|out| out.has_emitted) {
            self.cx.emitted.reserve(demand.min(RESERVED_MAX));
        }
    }

    /// Whether those who were sent a part of the last demand may ask anew before the rest of it is told, where both are told
    /// together: else it falls apart into ever smaller batches.
    #[inline]
    fn asks_first(&self, untold: usize) -> bool {
        let joins_asks = R::IS_SOURCE && self.cx.half().is_some_and(ProducerHalf::joins_asks);
        joins_asks && (1..self.turn.demand).contains(&untold)
    }

    /// Dispatches what was emitted, and says what was dropped.
    #[inline]
    pub(super) fn dispatch(&mut self) {
        // A consumer emits nothing, so that there is nothing to do after each of its batches.
        if !R::EMITS && !R::IS_FUSED {
            return;
        }
        self.cx.flush();
        if self.cx.out.as_ref().is_some_and(|out| out.discarded > 0) {
            self.report_discarded();
        }
    }

    /// Goes on when the second of a fused pair has failed: deals with that failure, hands on what is behind it, and so again.
    /// `outcome` is of the callback before it.
    async fn pass_on_behind(&mut self, mut failure: Box<Failure>, outcome: &Outcome) -> Step {
        loop {
            self.cx.flush();
            if let Err(exit) = self.on_failure(&failure).await {
                if outcome.is_err() {
                    self.cx.cell.failed();
                }
                return Err(exit);
            }
            match self.role.pass_on(&mut self.cx).await {
                Ok(()) => return Ok(()),
                Err(next) => failure = next,
            }
        }
    }

    /// Whether the first of a fused pair has ended, and the second is to hear of it: nothing more comes from that one.
    fn is_second_due(&self) -> bool {
        self.cx.ending.is_some()
            && self.cx.stop.is_none()
            && (!self.draining || self.cx.upstreams.is_empty())
            && self.at_work.is_empty()
            && self.post.incoming.is_empty()
            && self.role.is_due()
    }

    async fn complete_second(&mut self) -> Outcome {
        guarded(self.role.complete_next(&mut self.cx)).await
    }

    /// Tells the behaviour what was dropped since the last callback, and reports it unless it does so itself.
    #[cold]
    fn report_discarded(&mut self) {
        let Some(out) = &mut self.cx.out else {
            return;
        };
        let discarded = std::mem::take(&mut out.discarded);
        let hears = AssertUnwindSafe(|| self.role.handle_discarded(discarded));
        if catch_unwind(hears).unwrap_or(true) {
            self.cx.cell.report_discarded(discarded);
        }
    }
}
