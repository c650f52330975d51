//! Two behaviours as one stage: what the first emits is lent to the second in the same turn, without a mailbox between.
//!
//! ```text
//!  told ≤ what consumers wait for, ≤ 500      the stage's dispatcher and buffer
//!          │                                             ▲
//!          ▼            between: one list                │
//!        first ──emits──▶ at work, rest ──lent──▶ second ┘ emits
//! ```
//!
//! The event loop runs the callbacks of the first, and after each it [passes on](Role::pass_on) what came of it, before
//! it tells more demand. While the stage's buffer holds back, what is between waits there: the law holds, since the
//! loop passes on again after each ask.
//!
//! Invariant: whenever the loop waits, events are between the two only while the stage's buffer holds back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context as Task, Poll};

use super::event_loop::SendLetter;
use super::failure::{DeadLetter, Failure, Outcome, guarded};
use super::role::{Kept, Sealed};
use super::{Begins, Emits, Role, Takes};
use crate::batch::Batch;
use crate::behaviour::{Directive, Handler};
use crate::context::Context;
use crate::exit::{End, Exit, Result};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, drop_all};

mod between;
use between::{Between, Lent, beside};
mod ports;
use ports::Ports;

/// Two behaviours as one stage; made by [`Build::fuse`](crate::Build::fuse).
pub struct Fused<A: Role, B: Role<In = A::Out>> {
    first: A,
    second: B,
    joint: Joint<A, B>,
    /// Whose callback runs, or ran last.
    at: Half,
    /// In whom it failed that something was passed on.
    failed: Option<Half>,
    /// Whether the first was told to complete.
    is_complete: bool,
    /// What the second has heard of the end of the first.
    heard: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    End,
    Completion,
}

/// What is between the two; the next behaviour has it from the last one.
pub struct Joint<A: Role, B: Role<In = A::Out>> {
    /// Made when the stage starts.
    between: Option<Box<Between<A::Out>>>,
    ports: Option<Ports<A, B>>,
    /// Where events go that the second fails on.
    send_letter: Option<SendLetter<A::Out>>,
    first: A::Kept,
    second: B::Kept,
}

impl<A: Role, B: Role<In = A::Out>> Default for Joint<A, B> {
    fn default() -> Self {
        Self {
            between: None,
            ports: None,
            send_letter: None,
            first: A::Kept::default(),
            second: B::Kept::default(),
        }
    }
}

impl<A: Role, B: Role<In = A::Out>> Joint<A, B> {
    /// Events between the two themselves.
    fn own(&self) -> usize {
        self.between.as_ref().map_or(0, |between| between.len())
    }
}

impl<A: Role, B: Role<In = A::Out>> Kept for Joint<A, B> {
    fn len(&self) -> usize {
        self.own() + self.first.len() + self.second.len()
    }
}

impl<A: Role, B: Role<In = A::Out>> std::fmt::Debug for Joint<A, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joint").finish_non_exhaustive()
    }
}

impl<A: Role, B: Role<In = A::Out>> std::fmt::Debug for Fused<A, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fused")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<A: Role, B: Role<In = A::Out>> Fused<A, B> {
    pub(super) fn join(
        first: A::Stage,
        second: B::Stage,
        send_letter: Option<SendLetter<A::Out>>,
    ) -> Self {
        Self {
            first: A::new(first),
            second: B::new(second),
            joint: Joint {
                send_letter,
                ..Joint::default()
            },
            at: Half::First,
            failed: None,
            is_complete: false,
            heard: Heard::Nothing,
        }
    }

    /// The end of the first is that of the stage, which goes on until the second has heard of it.
    fn end_with_first(&mut self, cx: &mut Context<B::Out>) {
        let Some(between) = &mut self.joint.between else {
            return;
        };
        if let Some(exit) = &between.cx.ending {
            between.has_ended = true;
            cx.ending.get_or_insert_with(|| exit.clone());
        }
        if let Some(exit) = between.cx.stop.take() {
            cx.stop.get_or_insert(exit);
        }
    }

    /// Hands over the event that failed the second; one that can't be is lost, and said so.
    fn dead_letter(&mut self, failure: &Failure) {
        let Some(between) = &mut self.joint.between else {
            return;
        };
        let Some(event) = between.line.failed.take() else {
            return;
        };
        let name = between.cx.cell.name.clone();
        let letter = DeadLetter::new(event, failure.clone(), name);
        let unsent = match &self.joint.send_letter {
            Some(send) => send(letter),
            None => Some(letter),
        };
        if drop_all(unsent) > 0 {
            let stage = between.cx.name();
            tracing::error!(stage, "a dead letter has nowhere to go");
        }
    }
}

/// Runs a callback of the first, which is lent what of the stage is its own; what it flushes goes to the second meanwhile.
macro_rules! lead {
    ($fused:expr, $cx:expr, |$first:ident, $inner:ident| $callback:expr) => {{
        $fused.at = Half::First;
        let between = Between::of(&mut $fused.joint.between, $cx);
        let lent = Lent::<A, B::Out>::new(&mut between.cx, $cx);
        let callback = {
            let $first = &mut $fused.first;
            let $inner = &mut *lent.inner;
            $callback
        };
        beside(
            callback,
            &mut between.line,
            &mut $fused.second,
            &mut *lent.cx,
        )
        .await
    }};
}
use lead;

impl<A: Role, B: Role<In = A::Out>> Sealed for Fused<A, B> {}

impl<A: Emits, B: Emits<In = A::Out>> Emits for Fused<A, B> {}
impl<A: Begins, B: Emits<In = A::Out>> Begins for Fused<A, B> {}
impl<A: Takes, B: Role<In = A::Out>> Takes for Fused<A, B> {}

impl<A: Role, B: Role<In = A::Out>> Role for Fused<A, B> {
    type Stage = Self;
    type In = A::In;
    type Out = B::Out;
    type Dispatcher = B::Dispatcher;
    type Kept = Joint<A, B>;
    const IS_SOURCE: bool = A::IS_SOURCE;
    const EMITS: bool = B::EMITS;
    const IS_FUSED: bool = true;

    fn new(stage: Self) -> Self {
        stage
    }

    fn stage(&mut self) -> &mut Self {
        self
    }

    async fn started(&mut self, cx: &mut Context<B::Out>) -> Result {
        let between = Between::of(&mut self.joint.between, cx);
        if cx.ending.is_none() && between.has_ended {
            // A supervisor has it begin again.
            between.has_ended = false;
            between.cx.ending = None;
        }
        let id = between.line.id;
        Ports::open(&mut self.joint.ports, cx, &mut between.cx);
        self.at = Half::Second;
        self.second.started(cx).await?;
        let asking = self.second.handle_subscribe(id, Asking::Automatic, cx);
        if asking.await? == Asking::Manual {
            return Err("what asks by itself can't be fused behind another stage".into());
        }
        lead!(self, cx, |first, inner| first.started(inner))?;
        lead!(self, cx, |first, inner| first.handle_subscriber(id, inner))
    }

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<B::Out>) -> Result {
        let between = Between::of(&mut self.joint.between, cx);
        let told = between.tell::<B>(cx);
        if told == 0 && self.first.to_tell(0, &between.cx) == 0 {
            return Ok(());
        }
        lead!(self, cx, |first, inner| first.handle_demand(told, inner))
    }

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, A::In>,
        cx: &mut Context<B::Out>,
    ) -> Result {
        Between::of(&mut self.joint.between, cx).want::<A, B>(cx);
        lead!(self, cx, |first, inner| first.handle_events(events, inner))
    }

    async fn handle_complete(&mut self, cx: &mut Context<B::Out>) -> Result {
        self.is_complete = true;
        Between::of(&mut self.joint.between, cx).want::<A, B>(cx);
        lead!(self, cx, |first, inner| first.handle_complete(inner))
    }

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        cx: &mut Context<B::Out>,
    ) -> Result<Asking> {
        Between::of(&mut self.joint.between, cx).want::<A, B>(cx);
        lead!(self, cx, |first, inner| first
            .handle_subscribe(id, asking, inner))
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, cx: &mut Context<B::Out>) -> Result {
        self.at = Half::Second;
        self.second.handle_subscriber(id, cx).await
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<B::Out>) -> Poll<Result> {
        let was_ending = cx.ending.is_some();
        let was_due = was_ending && self.is_due();
        let mut has_done = false;
        let between = Between::of(&mut self.joint.between, cx);
        // As of any source: one that is ending has nothing more to say, unless it waits for what it has in hand.
        let is_over = A::IS_SOURCE && was_ending && in_hand(&self.first) == 0;
        if !is_over && between.line.is_empty() {
            self.at = Half::First;
            between.want::<A, B>(cx);
            let was_ending = between.cx.ending.is_some();
            let lent = Lent::<A, B::Out>::new(&mut between.cx, cx);
            has_done = match self.first.poll_events(task, lent.inner) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(failed) => return Poll::Ready(failed),
                Poll::Pending => lent.inner.is_touched(was_ending),
            };
        }
        self.at = Half::Second;
        if let Poll::Ready(polled) = self.second.poll_events(task, cx)
            && (polled.is_err() || !has_done)
        {
            return Poll::Ready(polled);
        }
        if has_done || (was_ending && !was_due && self.is_due()) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    async fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        end: &End,
        cx: &mut Context<B::Out>,
    ) -> Result {
        if cx.has_consumer(id) {
            self.at = Half::Second;
            return self.second.handle_cancel(id, end, cx).await;
        }
        lead!(self, cx, |first, inner| first.handle_cancel(id, end, inner))
    }

    fn handle_failure(&mut self, failure: &Failure) -> Directive {
        if self.failed.take().unwrap_or(self.at) == Half::First {
            if let Some(between) = &mut self.joint.between {
                between.owes_anew = true;
            }
            return self.first.handle_failure(failure);
        }
        match self.second.handle_failure(failure) {
            // The stage's own letters are of what the first takes.
            Directive::DeadLetter => {
                self.dead_letter(failure);
                Directive::Resume
            }
            other => other,
        }
    }

    fn handle_discarded(&mut self, count: usize) -> bool {
        self.second.handle_discarded(count)
    }

    fn in_hand(&self) -> usize {
        self.first.in_hand() + self.second.in_hand()
    }

    async fn stopping(&mut self, exit: &Exit, cx: &mut Context<B::Out>) {
        let between = Between::of(&mut self.joint.between, cx);
        let lent = Lent::<A, B::Out>::new(&mut between.cx, cx);
        let first = async {
            self.first.stopping(exit, lent.inner).await;
            Ok(())
        };
        if guarded(first).await.is_err() {
            tracing::error!(stage = lent.cx.name(), "stopping panicked");
        }
        self.second.stopping(exit, lent.cx).await;
    }

    fn keep(&mut self) -> Joint<A, B> {
        let mut kept = std::mem::take(&mut self.joint);
        kept.first = self.first.keep();
        kept.second = self.second.keep();
        kept
    }

    fn follow(&mut self, mut kept: Joint<A, B>) {
        self.first.follow(std::mem::take(&mut kept.first));
        self.second.follow(std::mem::take(&mut kept.second));
        if let Some(between) = &mut kept.between {
            between.owes_anew = true;
        }
        self.joint = kept;
    }

    #[inline]
    fn is_passing(&self, cx: &Context<B::Out>) -> bool {
        self.joint.between.as_ref().is_some_and(|between| {
            between.is_passing::<B>(cx)
                || (A::IS_FUSED && between.line.is_empty() && self.first.is_passing(&between.cx))
                || (B::IS_FUSED && self.second.is_passing(cx))
        })
    }

    async fn pass_on(&mut self, cx: &mut Context<B::Out>) -> Outcome {
        let Some(between) = &mut self.joint.between else {
            return Ok(());
        };
        if A::IS_FUSED && between.line.is_empty() {
            self.failed = Some(Half::First);
            between.want::<A, B>(cx);
            self.first.pass_on(&mut between.cx).await?;
        }
        self.failed = Some(Half::Second);
        let has_flushed = between.has_flushed() || A::IS_FUSED;
        between.take_up();
        if let Some(failure) = between.line.failure.take() {
            return Err(failure);
        }
        between.line.feed(&mut self.second, cx).await?;
        self.failed = None;
        if has_flushed {
            // What the first flushed noted what that one holds.
            cx.note_held();
        }
        self.end_with_first(cx);
        Ok(())
    }

    #[inline]
    fn to_tell(&mut self, _: usize, cx: &Context<B::Out>) -> usize {
        let Some(between) = &mut self.joint.between else {
            return 0;
        };
        // It may be more than when the first was told last, and a pair in its place looks there.
        match between.lead::<B>(cx) {
            0 => self.first.to_tell(0, &between.cx),
            more => more,
        }
    }

    fn is_due(&self) -> bool {
        let Some(between) = &self.joint.between else {
            return false;
        };
        if self.first.is_due() {
            return true;
        }
        let is_over = self.is_complete || between.cx.ending.is_some();
        is_over
            && between.len() + self.first.between() + in_hand(&self.first) == 0
            && (self.heard != Heard::Completion || self.second.is_due())
    }

    async fn complete_next(&mut self, cx: &mut Context<B::Out>) -> Result {
        let between = Between::of(&mut self.joint.between, cx);
        if self.first.is_due() {
            self.at = Half::First;
            return self.first.complete_next(&mut between.cx).await;
        }
        self.at = Half::Second;
        match self.heard {
            Heard::Nothing => {
                self.heard = Heard::End;
                let id = between.line.id;
                self.second.handle_cancel(id, &End::Completed, cx).await
            }
            Heard::End => {
                self.heard = Heard::Completion;
                self.second.handle_complete(cx).await
            }
            Heard::Completion => self.second.complete_next(cx).await,
        }
    }

    fn between(&self) -> usize {
        self.joint.own() + self.first.between() + self.second.between()
    }

    fn give_up(&mut self) -> usize {
        let own = self.joint.between.as_mut();
        let own = own.map_or(0, |between| between.line.give_up());
        own + self.first.give_up() + self.second.give_up()
    }
}

/// Events taken and still at work; their count is the user's code.
fn in_hand(role: &impl Role) -> usize {
    catch_unwind(AssertUnwindSafe(|| role.in_hand())).unwrap_or(0)
}

/// Calls and casts go to the second, which emits what the stage does.
impl<M, A, B> Handler<M, B::Out> for Fused<A, B>
where
    M: Send + 'static,
    A: Role,
    B: Role<In = A::Out>,
    B::Stage: Handler<M, B::Out>,
{
    type Reply = <B::Stage as Handler<M, B::Out>>::Reply;

    fn handle(
        &mut self,
        message: M,
        cx: &mut Context<B::Out>,
    ) -> impl Future<Output = Self::Reply> + Send {
        self.at = Half::Second;
        self.second.stage().handle(message, cx)
    }
}
