//! What the event loop does with its upstreams: subscribes, hands batches on, and hears their ends.

use std::sync::Arc;

use super::event_loop::{Step, Task};
use super::failure::{Outcome, guarded};
use super::succession::Known;
use super::{Control, Envelope, Incoming, Lost, Messages, NewUpstream, Opened, Role, Spares};
use crate::batch::{Batch, Loan};
use crate::context::Upstream;
use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, Backoff, ProducerHalf, UpstreamEnds, Window, drop_all};
use crate::rare::Rare;

/// The message at work, handed over batch by batch.
pub(crate) struct AtWork<In> {
    batch: Loan<In>,
    /// What comes behind it.
    behind: Vec<In>,
    /// Whether the batch is in the list of those behind.
    is_rest: bool,
    /// Whether the batch is lent to a callback.
    is_lent: bool,
    /// Events of it which no callback has returned from.
    left: usize,
    /// What to ask when it is handled.
    ask: usize,
}

impl<In> Default for AtWork<In> {
    fn default() -> Self {
        Self {
            batch: Loan::default(),
            behind: Vec::new(),
            is_rest: false,
            is_lent: false,
            left: 0,
            ask: 0,
        }
    }
}

impl<In> AtWork<In> {
    /// Whether nothing is left to hand over, but for the batch that is lent.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.behind.is_empty()
    }

    /// Lends the next batch to a callback.
    #[inline]
    pub(super) fn lend(&mut self) -> Batch<'_, In> {
        self.is_lent = true;
        self.batch.lend()
    }

    /// Notes that the callback succeeded.
    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.batch.succeeded();
    }

    /// Events that are neither handled nor skipped, once no batch is lent.
    pub(super) fn unhandled(&self) -> usize {
        self.batch.unhandled() + self.behind.len()
    }

    /// Drops what is there; returns how many events of later batches that is.
    pub(super) fn give_up(&mut self) -> usize {
        self.batch.drop_left();
        drop_all(self.behind.drain(..))
    }
}

impl<R: Role> Task<R> {
    pub(super) async fn subscribe(&mut self, upstream: NewUpstream<R::In>) -> Step {
        let NewUpstream {
            id,
            outlet,
            options,
            is_initial,
            replaces,
            opened,
        } = upstream;
        let unreachable = End::Down(Exit::Unreachable);
        if let Some(lost) = replaces {
            // Else it was cancelled, or replaced by another, while it was waited for.
            let is_waited_for = self.succession.stop_waiting(lost.id);
            if !is_waited_for || self.cx.ending.is_some() {
                return Ok(());
            }
        }
        if self.cx.ending.is_some() || outlet.is_of(&self.mailbox) {
            tracing::warn!(
                stage = self.cx.name(),
                "not subscribed: the stage is ending, or would be its own consumer"
            );
            if opened.is_some() {
                outlet.ask_port().cancel(id, Cancel::Normal);
            }
            let heard = guarded(self.role.handle_cancel(id, &unreachable, &mut self.cx)).await;
            return self.after(heard).await;
        }
        let Opened { edge, is_open } = match opened {
            Some(opened) => opened,
            None => outlet.open_for(id, &self.mailbox, &self.cx.cell),
        };
        let upstream = Upstream {
            port: outlet.ask_port(),
            edge,
            window: Window::new(options.demand),
            wished: options.asking,
            asking: None,
            ends: Rare::unless_default(options.ends),
            coalesces: options.coalesces,
            outstanding: 0,
            has_brought: false,
            is_heard: false,
        };
        self.cx.upstreams.insert(id, upstream);
        let is_of_next = is_initial && self.last.supervised.is_some();
        if is_of_next || matches!(options.ends, UpstreamEnds::Resubscribe(_)) {
            let known = Known {
                outlet,
                options,
                attempt: replaces.map_or(0, |lost| lost.attempt),
                waited_for: replaces.filter(|_| !is_open).map(|lost| lost.id),
                is_initial,
            };
            self.succession.means.make().known.insert(id, known);
        }
        if !is_open {
            return self.upstream_ended(id, unreachable).await;
        }
        if let Err(failure) = self.introduce_upstream(id).await {
            self.cx.flush();
            if self.on_failure(&failure).await? {
                self.open(id, options.asking);
            }
        }
        self.after(Ok(())).await
    }

    /// Lets the behaviour say who asks on a subscription; only the first answer counts.
    pub(super) async fn introduce_upstream(&mut self, id: SubscriptionId) -> Outcome {
        let Some(upstream) = self.cx.upstreams.get(id) else {
            return Ok(());
        };
        let asking = upstream.asking.unwrap_or(upstream.wished);
        let chosen = guarded(self.role.handle_subscribe(id, asking, &mut self.cx)).await?;
        self.open(id, chosen);
        Ok(())
    }

    fn open(&mut self, id: SubscriptionId, chosen: Asking) {
        let Some(upstream) = self.cx.upstreams.get_mut(id) else {
            return;
        };
        upstream.is_heard = true;
        if upstream
            .asking
            .replace(upstream.asking.unwrap_or(chosen))
            .is_none()
            && chosen == Asking::Automatic
        {
            let max = upstream.window.demand().max();
            self.cx.ask(id, max);
        }
    }

    /// Makes ready the next batch: of the message at work, or else of the next message. Returns `false` where that carries no
    /// events, or came from an upstream that is gone: it is dropped.
    #[inline]
    pub(super) fn next_batch(&mut self) -> bool {
        let at_work = &mut self.at_work;
        at_work.is_rest = !at_work.is_empty();
        if at_work.is_rest {
            let (id, rest) = (
                at_work.batch.subscription(),
                std::mem::take(&mut at_work.behind),
            );
            return self.cut(id, rest, false);
        }
        // Taken where it lies, since to move a message takes longer than to read it.
        let Some(Incoming::Events(id, events)) = self.post.incoming.front_mut() else {
            return false;
        };
        let (id, events) = (*id, std::mem::take(events));
        self.post.incoming.forget_front();
        self.cut(id, events, true)
    }

    /// Lets the second of a fused pair have what came of a batch. Callbacks come before the ask, and may look at what is
    /// outstanding.
    pub(super) async fn hand_on(&mut self) -> Step {
        let handed = std::mem::take(&mut self.at_work.left);
        self.cx.taken(self.at_work.batch.subscription(), handed, 0);
        self.after(Ok(())).await
    }

    /// Closes the account of a batch, and asks anew.
    #[inline]
    pub(super) fn batch_taken(&mut self) {
        let at_work = &mut self.at_work;
        at_work.is_lent = false;
        // What a stop left of the batch.
        self.cx.cell.lost_if_any(at_work.batch.close());
        let id = at_work.batch.subscription();
        self.cx.taken(id, at_work.left, at_work.ask);
        let list = at_work.batch.take_list();
        if at_work.is_rest && at_work.behind.capacity() == 0 && Spares::is_spare(&list) {
            at_work.behind = list;
        } else {
            self.post.spares.keep(list);
        }
    }

    /// Does what is owed for a message whose callback was dropped: it counts as lost, and as many are asked for again.
    pub(super) fn give_up_message(&mut self) {
        let at_work = &mut self.at_work;
        if !std::mem::take(&mut at_work.is_lent) {
            return;
        }
        let id = at_work.batch.subscription();
        let (unhandled, mut behind) = (at_work.batch.close(), at_work.give_up());
        self.cx.cell.lost_if_any(unhandled + behind);
        self.cx.taken(id, at_work.left + behind, at_work.ask);
        while behind > 0
            && let Some(upstream) = self.cx.upstreams.get_mut(id)
        {
            let split = upstream.split(behind);
            self.cx.ask(id, split.ask);
            behind -= split.len;
        }
    }

    /// Skips the event that failed, and hands over what was behind it in its batch, again and again.
    pub(super) async fn skip(&mut self, mut outcome: Outcome) -> Step {
        let id = self.at_work.batch.subscription();
        loop {
            if let Some(failed) = self.at_work.batch.failed() {
                self.aside.make().failed = Some(failed);
            }
            let left = self.at_work.batch.len();
            let handed = std::mem::replace(&mut self.at_work.left, left);
            self.cx.taken(id, handed - left, 0);
            let after = Box::pin(self.after(outcome)).await;
            drop_all(self.take_failed());
            after?;
            if left == 0 || self.cx.stop.is_some() {
                self.at_work.batch.drop_left();
                return Ok(());
            }
            let mut lent = self.at_work.lend();
            outcome = guarded(self.role.handle_events(&mut lent, &mut self.cx)).await;
            if outcome.is_ok() {
                self.at_work.succeeded();
                return self.hand_on().await;
            }
        }
    }

    /// Takes the next message, if it carries no events.
    pub(super) async fn take_other(&mut self) -> Step {
        if let Some(Incoming::Events(..)) = self.post.incoming.front() {
            return Ok(());
        }
        match self.post.incoming.pop_front() {
            Some(Incoming::End(id, end)) => self.upstream_ended(id, end).await,
            Some(Incoming::Behind(message)) => self.on_behind(message).await,
            Some(Incoming::Events(..)) | None => Ok(()),
        }
    }

    async fn on_behind(&mut self, message: Box<dyn Envelope<R::Stage, R::Out>>) -> Step {
        if self.cx.half_mut().is_some_and(ProducerHalf::mark) {
            self.aside.make().behind.push_back(message);
            return Ok(());
        }
        let handled = self.handle(message).await;
        self.after(handled).await
    }

    /// Cuts the next batch off what has been taken up; `false` when its upstream is gone. A message that has just come is joined
    /// before by those right behind it, up to a batch, where that is wished.
    #[inline]
    fn cut(&mut self, id: SubscriptionId, mut events: Vec<R::In>, is_new: bool) -> bool {
        let at_work = &mut self.at_work;
        let Some(upstream) = self.cx.upstreams.get_mut(id) else {
            self.cx.cell.lost(events.len());
            drop_all(events);
            return false;
        };
        if is_new {
            upstream.window.arrive();
            if !std::mem::replace(&mut upstream.has_brought, true)
                && let Some(means) = self.succession.means.get_mut()
                && let Some(known) = means.known.get_mut(&id)
            {
                known.attempt = 0;
            }
            if upstream.coalesces && upstream.is_automatic() {
                let batch_max = upstream.window.demand().batch_max();
                coalesce(&mut self.post.incoming, id, &mut events, batch_max);
            }
        }
        let split = upstream.split(events.len());
        if split.excess > 0 {
            self.cx.cell.report_excess(split.excess);
        }
        if split.len < events.len() {
            at_work.behind.extend(events.drain(split.len..));
        }
        at_work.batch.begin(id, events);
        (at_work.left, at_work.ask) = (split.len, split.ask);
        true
    }

    async fn upstream_ended(&mut self, id: SubscriptionId, end: End) -> Step {
        let Some(upstream) = self.cx.upstreams.remove(id) else {
            return Ok(());
        };
        upstream.edge.end();
        let mut ends = upstream.ends.get().copied().unwrap_or_default();
        if let Some(known) = self.succession.forget(id)
            && end.is_failure()
        {
            match ends.backoff(&end) {
                Some(backoff) if self.may_return(&known, &end) => {
                    self.return_later(known.waited_for.unwrap_or(id), known, backoff);
                    ends = UpstreamEnds::Keep;
                }
                _ => self.lose(known),
            }
        }
        self.aside.make().ended_upstream = Some((ends, end.clone()));
        let heard = guarded(self.role.handle_cancel(id, &end, &mut self.cx)).await;
        self.after(heard).await?;
        self.take_ended_upstream();
        self.upstream_stops(ends, end).await
    }

    /// Does what the end of an upstream means.
    pub(super) async fn upstream_stops(&mut self, ends: UpstreamEnds, end: End) -> Step {
        let is_last = self.cx.upstreams.is_empty() && !self.succession.is_waiting();
        let stops = ends.stops(&end, is_last);
        if stops && end.is_failure() {
            return Err(end.to_exit());
        }
        if stops || (self.draining && self.cx.upstreams.is_empty()) {
            // First, so that a callback that is interrupted leaves a stage that ends.
            let exit = || Box::new(end.to_exit());
            self.cx.ending.get_or_insert_with(exit);
            self.complete().await?;
        }
        Ok(())
    }

    /// A producer that has ended comes back under its name alone.
    fn may_return(&self, known: &Known<R::In>, end: &End) -> bool {
        let is_there = matches!(end, End::Cancelled(_)) || known.outlet.is_named();
        is_there && self.cx.ending.is_none()
    }

    /// Subscribes again after a wait; the timer ends with the stage.
    fn return_later(&mut self, id: SubscriptionId, known: Known<R::In>, backoff: Backoff) {
        let wait = backoff.delay(known.attempt, fastrand::f64());
        tracing::info!(stage = self.cx.name(), to = %known.outlet.name(), ?wait, "subscribing again");
        self.succession.means.make().returning.insert(id);
        let mailbox = Arc::downgrade(&self.mailbox);
        self.cx.start_timer(wait, move || {
            let Some(mailbox) = mailbox.upgrade() else {
                return;
            };
            let upstream = NewUpstream {
                id: SubscriptionId::next(),
                outlet: known.outlet.found_again(),
                options: known.options,
                is_initial: known.is_initial,
                replaces: Some(Lost {
                    id,
                    attempt: known.attempt.saturating_add(1),
                }),
                opened: None,
            };
            mailbox.control(Control::SubscribeTo(Box::new(upstream)));
        });
    }
}

/// Joins to a message those of the same subscription right behind it, up to a batch.
#[inline(never)]
fn coalesce<S, In, Out: Send + 'static>(
    incoming: &mut Messages<Incoming<S, In, Out>>,
    id: SubscriptionId,
    events: &mut Vec<In>,
    batch_max: usize,
) {
    let is_next =
        |message: &Incoming<_, _, _>| matches!(message, Incoming::Events(of, _) if *of == id);
    while events.len() < batch_max && incoming.front().is_some_and(is_next) {
        if let Some(Incoming::Events(_, mut behind)) = incoming.pop_front() {
            events.append(&mut behind);
        }
    }
}
