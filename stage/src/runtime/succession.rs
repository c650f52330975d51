//! How one behaviour of a stage follows another: after a failure, or by its supervisor's order. The stage itself goes on,
//! with its mailbox, buffer, subscriptions and credit.
//!
//! | ends the behaviour | alone | with a supervisor |
//! |---|---|---|
//! | a callback fails: `Resume`, `DeadLetter` | goes on | goes on |
//! | a callback fails: `Restart`, or a panic is resumed | a new one within the stage's intensity | the supervisor decides |
//! | a callback fails: `Escalate` | the end | the supervisor's own supervisor decides |
//! | a callback fails: `Stop` | the end | the end |
//! | it completes, stops itself, or an upstream's end stops it | the end | the supervisor decides |
//! | the handle stops, drains or aborts it, also while it is down | the end | the end |
//! | a sibling fails and the strategy takes this one along | – | goes down, and a new one follows |

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waiting, Poll};
use std::time::Instant;

use futures::future::{Either, select};

use super::event_loop::{SendLetter, Step, Task};
use super::failure::{DeadLetter, Failure, Outcome, guarded};
use super::{Control, Kept as _, NewUpstream, Outlet, Report, Role, Supervised, Verdict};
use crate::behaviour::Directive;
use crate::exit::Exit;
use crate::id::{ById, SubscriptionId};
use crate::protocol::{Intensity, Subscribe, drop_all};
use crate::rare::Rare;

pub(crate) type Factory<S> = Box<dyn FnMut() -> S + Send>;

/// The place of a behaviour; it is empty while a supervisor keeps the stage down.
pub(crate) struct Seat<R: Role> {
    role: Option<R>,
    /// What the last one left.
    kept: R::Kept,
}

impl<R: Role> Deref for Seat<R> {
    type Target = R;
    fn deref(&self) -> &R {
        self.role.as_ref().expect("a callback runs on a behaviour")
    }
}

impl<R: Role> DerefMut for Seat<R> {
    fn deref_mut(&mut self) -> &mut R {
        self.role.as_mut().expect("a callback runs on a behaviour")
    }
}

impl<R: Role> Seat<R> {
    pub(crate) fn new(role: R) -> Self {
        Self {
            role: Some(role),
            kept: R::Kept::default(),
        }
    }

    pub(super) const fn is_taken(&self) -> bool {
        self.role.is_some()
    }

    /// Events taken and still at work; their count is the user's code.
    pub(super) fn in_hand(&self) -> usize {
        let in_hand = || self.role.as_ref().map_or(0, Role::in_hand);
        catch_unwind(AssertUnwindSafe(in_hand)).unwrap_or(0)
    }

    /// Events between the two of a fused pair.
    pub(super) fn between(&self) -> usize {
        self.role.as_ref().map_or(0, Role::between) + self.kept.len()
    }

    /// Gives up what a dropped callback had at work between the two, and returns how many events that is.
    fn give_up(&mut self) -> usize {
        self.role.as_mut().map_or(0, Role::give_up)
    }

    /// Drops the behaviour; returns whether its `Drop` panicked, which ends nothing.
    fn vacate(&mut self) -> bool {
        let mut behaviour = self.role.take();
        if let Some(role) = &mut behaviour {
            self.kept = role.keep();
        }
        catch_unwind(AssertUnwindSafe(|| drop(behaviour))).is_err()
    }

    fn seat(&mut self, mut role: R) {
        role.follow(std::mem::take(&mut self.kept));
        self.role = Some(role);
    }
}

/// The life of one behaviour, until it ends or is interrupted; ready with why it ended, or `None` where it was interrupted.
/// No coroutine, since what is polled each turn costs at each layer.
#[pin_project::pin_project]
pub(super) struct Lived<L, I> {
    #[pin]
    live: L,
    interrupted: Option<Pin<Box<I>>>,
}

impl<L, I> Future for Lived<L, I>
where
    L: Future<Output = std::result::Result<Infallible, Exit>>,
    I: Future<Output = ()>,
{
    type Output = Option<Exit>;

    /// It is polled at one place, and to call it from there costs more than what it does itself.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, task: &mut Waiting<'_>) -> Poll<Option<Exit>> {
        let this = self.project();
        let (live, interrupted) = (this.live, this.interrupted);
        if let Some(interrupted) = interrupted
            && interrupted.as_mut().poll(task).is_ready()
        {
            return Poll::Ready(None);
        }
        // Callbacks are guarded one by one; this guard is for the user's `Drop` code.
        match catch_unwind(AssertUnwindSafe(|| live.poll(task))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Err(exit))) => Poll::Ready(Some(exit)),
            Err(payload) => Poll::Ready(Some(Failure::panic(&*payload).to_exit())),
        }
    }
}

/// What decides whether another behaviour follows.
pub(crate) struct Succession<R: Role> {
    pub(super) means: Rare<Means<R>>,
    /// Whether the behaviour has yet to be introduced to the stage.
    pub(super) is_new: bool,
    /// Whether the supervisor has ordered the stage down.
    pub(super) is_suspended: bool,
    /// Whether the next end is that of the stage.
    pub(super) is_last: bool,
}

/// By what a stage goes on after a failure of its own, or of an upstream.
pub(crate) struct Means<R: Role> {
    pub(super) factory: Option<Factory<R::Stage>>,
    pub(super) send_letter: Option<SendLetter<R::In>>,
    pub(super) intensity: Intensity,
    /// Upstreams that may be subscribed to again.
    pub(super) known: ById<SubscriptionId, Known<R::In>>,
    /// Those of them that failed, for the next behaviour to subscribe to.
    lost: Vec<Known<R::In>>,
    /// Upstreams that are waited for, as they were known last.
    pub(super) returning: BTreeSet<SubscriptionId>,
}

impl<R: Role> Default for Means<R> {
    fn default() -> Self {
        Self {
            factory: None,
            send_letter: None,
            intensity: Intensity::default(),
            known: ById::default(),
            lost: Vec::new(),
            returning: BTreeSet::new(),
        }
    }
}

/// An upstream as it was subscribed to.
pub(crate) struct Known<In> {
    pub(super) outlet: Outlet<In>,
    pub(super) options: Subscribe,
    pub(super) attempt: u32,
    /// As what it was waited for, while it has not been there again.
    pub(super) waited_for: Option<SubscriptionId>,
    pub(super) is_initial: bool,
}

impl<R: Role> Succession<R> {
    pub(crate) fn new(
        factory: Option<Factory<R::Stage>>,
        send_letter: Option<SendLetter<R::In>>,
        intensity: Option<Intensity>,
    ) -> Self {
        let has_means = factory.is_some() || send_letter.is_some() || intensity.is_some();
        let means = if has_means {
            Rare::new(Means {
                factory,
                send_letter,
                intensity: intensity.unwrap_or_default(),
                ..Means::default()
            })
        } else {
            Rare::default()
        };
        Self {
            means,
            is_new: true,
            is_suspended: false,
            is_last: false,
        }
    }

    /// Forgets an upstream that is waited for; returns whether it was.
    pub(super) fn stop_waiting(&mut self, id: SubscriptionId) -> bool {
        let means = self.means.get_mut();
        means.is_some_and(|means| means.returning.remove(&id))
    }

    pub(super) fn is_waiting(&self) -> bool {
        let means = self.means.get();
        means.is_some_and(|means| !means.returning.is_empty())
    }

    /// Notes a failure at `now` and returns whether it is within the intensity.
    pub(super) fn may_fail(&mut self, now: Instant) -> bool {
        self.means.make().intensity.allows(now)
    }

    /// Forgets an upstream that might have been subscribed to again.
    pub(super) fn forget(&mut self, id: SubscriptionId) -> Option<Known<R::In>> {
        self.means.get_mut()?.known.remove(&id)
    }
}

impl<R: Role> Task<R> {
    /// Runs one behaviour.
    pub(super) fn live_until_interrupted(
        &mut self,
    ) -> Lived<
        impl Future<Output = std::result::Result<Infallible, Exit>>,
        impl Future<Output = ()> + use<R>,
    > {
        let interrupted = self.last.supervised.as_ref().map(|supervised| {
            let orders = Arc::clone(&supervised.orders);
            Box::pin(async move { orders.interrupted().await })
        });
        let live = self.live();
        Lived { live, interrupted }
    }

    /// Puts a new behaviour in the place of the one that ended, for this reason or by an interruption, or returns the end of
    /// the stage.
    pub(super) async fn succeed(&mut self, exit: Option<Exit>) -> Step {
        self.succession.is_suspended |= exit.is_none();
        let exit = exit.unwrap_or(Exit::Aborted);
        self.make_good();
        let supervised = match &self.last.supervised {
            Some(supervised) if !self.succession.is_last => supervised.clone(),
            _ => return Err(exit),
        };
        if std::mem::take(&mut self.succession.is_suspended) {
            self.retire(&exit).await;
            supervised.report(Report::Suspended);
            self.verdict(&supervised, &exit).await?;
        } else {
            // It ended by itself; one that drains has nothing more to do.
            if self.draining {
                return Err(exit);
            }
            self.retire(&exit).await;
            supervised.report(Report::Down {
                exit: exit.clone(),
                is_escalated: false,
            });
            self.verdict(&supervised, &exit).await?;
            self.cx.ending = None;
            self.is_complete = false;
        }
        self.cx.stop = None;
        self.cx.flush();
        self.follow(&supervised, exit).await
    }

    /// Makes a new behaviour; a factory that panics is one more failure, for the supervisor to decide.
    async fn follow(&mut self, supervised: &Supervised, mut exit: Exit) -> Step {
        loop {
            match self.make_anew() {
                Some(Ok(())) => return Ok(()),
                None => return Err(exit),
                Some(Err(failure)) => {
                    exit = failure.to_exit();
                    supervised.report(Report::Down {
                        exit: exit.clone(),
                        is_escalated: false,
                    });
                    self.verdict(supervised, &exit).await?;
                }
            }
        }
    }

    /// Waits for the supervisor's verdict, or for the order of a handle that comes before it.
    async fn verdict(&mut self, supervised: &Supervised, exit: &Exit) -> Step {
        let exit = {
            let ordered = std::pin::pin!(supervised.orders.verdict());
            let stopped = std::pin::pin!(self.stop_arrives());
            match select(ordered, stopped).await {
                Either::Left((Verdict::Start, _)) => return Ok(()),
                Either::Left((Verdict::Finish, _)) => exit.clone(),
                Either::Right(((), _)) => supervised.stopped_while_down(exit),
            }
        };
        self.succession.is_last = true;
        Err(exit)
    }

    async fn stop_arrives(&mut self) {
        while !self.post.control.iter().any(|m| matches!(m, Control::Stop)) {
            let (mailbox, post) = (&self.mailbox, &mut self.post);
            std::future::poll_fn(|_| mailbox.poll_take(post)).await;
        }
    }

    /// Returns whether the supervisor's order to go down stands.
    pub(super) fn takes_suspension(&self) -> bool {
        let supervised = self.last.supervised.as_ref();
        supervised.is_some_and(|supervised| supervised.orders.take_suspension())
    }

    /// Keeps an upstream that failed, where a new behaviour is to have it again.
    pub(super) fn lose(&mut self, upstream: Known<R::In>) {
        if upstream.is_initial && self.last.supervised.is_some() {
            self.succession.means.make().lost.push(upstream);
        }
    }

    /// Runs the last callback, where there is a behaviour to run it.
    pub(super) async fn stopping(&mut self, exit: &Exit) {
        if matches!(exit, Exit::Panicked(_) | Exit::Aborted) || !self.role.is_taken() {
            return;
        }
        let last = async {
            self.role.stopping(exit, &mut self.cx).await;
            Ok(())
        };
        if guarded(last).await.is_err() {
            tracing::error!(stage = self.cx.name(), "stopping panicked");
        }
    }

    /// Does what the protocol still owes where a callback was dropped.
    fn make_good(&mut self) {
        drop_all(self.take_failed());
        self.give_up_message();
        if R::IS_FUSED {
            let given_up = self.role.give_up();
            self.cx.cell.lost_if_any(given_up);
        }
        if let Some((id, end)) = self.take_leaving() {
            self.cx.end_consumer(id, end);
        }
        if self.cx.stop.is_none() {
            self.cx.settle();
            self.cx.flush();
        }
    }

    /// Ends a behaviour that another may follow: what it held is free before that one is made. Its last callback is
    /// interrupted like any other.
    async fn retire(&mut self, exit: &Exit) {
        if let Some(supervised) = self.last.supervised.clone() {
            let interrupted = std::pin::pin!(supervised.orders.interrupted());
            let stopping = std::pin::pin!(self.stopping(exit));
            select(interrupted, stopping).await;
        } else {
            self.stopping(exit).await;
        }
        self.cx.cell.lost_if_any(self.role.in_hand());
        if self.role.vacate() {
            self.cx.cell.failed();
            tracing::error!(
                stage = self.cx.name(),
                "dropping the old behaviour panicked"
            );
        }
    }

    /// Makes a new behaviour, where there is a factory, and has it introduced.
    fn make_anew(&mut self) -> Option<std::result::Result<(), Box<Failure>>> {
        let means = self.succession.means.get_mut()?;
        let factory = means.factory.as_mut()?;
        let stage = match catch_unwind(AssertUnwindSafe(factory)) {
            Ok(stage) => stage,
            Err(payload) => return Some(Err(Failure::panic(&*payload))),
        };
        self.role.seat(R::new(stage));
        self.succession.is_new = true;
        self.owes_anew = true;
        self.cx.forget_introductions();
        for lost in means.lost.drain(..) {
            let upstream = NewUpstream {
                id: SubscriptionId::next(),
                outlet: lost.outlet.found_again(),
                options: lost.options,
                is_initial: true,
                replaces: None,
                opened: None,
            };
            self.post
                .control
                .push_back(Control::SubscribeTo(Box::new(upstream)));
        }
        Some(Ok(()))
    }

    /// Introduces a new behaviour: it starts, hears of the subscriptions that live on, and of an end it is in.
    pub(super) async fn introduce(&mut self) -> Outcome {
        guarded(self.role.started(&mut self.cx)).await?;
        let (upstreams, downstreams) = self.cx.not_heard();
        for id in upstreams {
            self.introduce_upstream(id).await?;
        }
        for id in downstreams {
            self.introduce_consumer(id).await?;
        }
        self.cx.replay_batches();
        if self.is_complete {
            guarded(self.role.handle_complete(&mut self.cx)).await?;
        }
        if std::mem::take(&mut self.succession.is_new)
            && let Some(supervised) = &self.last.supervised
        {
            supervised.report(Report::Started);
        }
        Ok(())
    }

    pub(super) async fn introduce_consumer(&mut self, id: SubscriptionId) -> Outcome {
        guarded(self.role.handle_subscriber(id, &mut self.cx)).await?;
        if let Some(out) = &mut self.cx.out
            && let Some(downstream) = out.downstreams.get_mut(id)
        {
            downstream.is_heard = true;
        }
        Ok(())
    }

    /// Applies the directive; returns whether the same behaviour goes on, rather than a new one.
    pub(super) async fn on_failure(
        &mut self,
        failure: &Failure,
    ) -> std::result::Result<bool, Exit> {
        self.owes_anew = true;
        let mut failure = Box::new(failure.clone());
        loop {
            self.cx.cell.failed();
            let directive = catch_unwind(AssertUnwindSafe(|| self.role.handle_failure(&failure)));
            if let Ok(Directive::DeadLetter) = directive {
                self.dead_letter(&failure);
            }
            let is_escalated = match (directive, &*failure) {
                (Ok(Directive::Resume | Directive::DeadLetter), Failure::Error(error)) => {
                    tracing::warn!(stage = self.cx.name(), %error, "a callback failed; resumed");
                    return Ok(true);
                }
                (Ok(Directive::Resume | Directive::DeadLetter | Directive::Restart), _) => false,
                (Ok(Directive::Escalate), _) => true,
                (Ok(Directive::Stop) | Err(_), _) => {
                    self.succession.is_last = true;
                    return Err(failure.to_exit());
                }
            };
            self.restart(&failure, is_escalated).await?;
            tracing::warn!(stage = self.cx.name(), %failure, "restarted");
            match self.introduce().await {
                Ok(()) => return Ok(false),
                Err(again) => failure = again,
            }
        }
    }

    /// Puts a new behaviour in the place of the failed one: within the intensity, or as the supervisor decides.
    async fn restart(&mut self, failure: &Failure, is_escalated: bool) -> Step {
        let exit = failure.to_exit();
        if let Some(supervised) = self.last.supervised.clone() {
            self.retire(&exit).await;
            supervised.report(Report::Down {
                exit: exit.clone(),
                is_escalated,
            });
            self.verdict(&supervised, &exit).await?;
            return self.follow(&supervised, exit).await;
        }
        let may_follow = |means: &mut Means<R>| {
            means.factory.is_some() && means.intensity.allows(Instant::now())
        };
        if is_escalated || !self.succession.means.get_mut().is_some_and(may_follow) {
            return Err(exit);
        }
        self.retire(&exit).await;
        match self.make_anew() {
            Some(Ok(())) => Ok(()),
            _ => Err(exit),
        }
    }

    /// Hands the failed event over; one that can't be is lost, and said so.
    fn dead_letter(&mut self, failure: &Failure) {
        let Some(event) = self.take_failed() else {
            return;
        };
        let letter = DeadLetter::new(event, failure.clone(), Arc::clone(&self.cx.cell.name));
        let means = self.succession.means.get();
        let unsent = match means.and_then(|means| means.send_letter.as_ref()) {
            Some(send) => send(letter),
            None => Some(letter),
        };
        if drop_all(unsent) > 0 {
            tracing::error!(stage = self.cx.name(), "a dead letter has nowhere to go");
        }
    }
}
