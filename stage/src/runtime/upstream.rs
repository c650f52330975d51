//! What the event loop does with its upstreams: subscribes, hands batches on, and hears their ends.

use std::sync::Arc;

use super::event_loop::{Step, Task};
use super::failure::{Outcome, guarded};
use super::succession::{Handing, Known};
use super::{Control, Envelope, Incoming, Lost, Messages, NewUpstream, Opened, Role};
use crate::batch::Batch;
use crate::context::Upstream;
use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, Backoff, UpstreamEnds, Window, drop_all};

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
            let is_waited_for = self.succession.returning.remove(&lost.id);
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
            ends: options.ends,
            coalesces: options.coalesces,
            outstanding: 0,
            has_brought: false,
            is_heard: false,
        };
        self.cx.upstreams.insert(id, upstream);
        let is_of_next = is_initial && self.succession.supervised.is_some();
        if is_of_next || matches!(options.ends, UpstreamEnds::Resubscribe(_)) {
            let known = Known {
                outlet,
                options,
                attempt: replaces.map_or(0, |lost| lost.attempt),
                waited_for: replaces.filter(|_| !is_open).map(|lost| lost.id),
                is_initial,
            };
            self.succession.known.insert(id, known);
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

    /// Hands on the next batch of the message at work, or else of the next message, until all of it is handled or
    /// skipped. What is behind the batch waits for the next turn, so that a stop or a call comes between two batches.
    pub(super) async fn take_turn(&mut self) -> Step {
        let is_new = self.at_work.is_none();
        let Some((id, mut events)) = self.next_message() else {
            return Box::pin(self.take_other()).await;
        };
        let Some((len, ask)) = self.cut(id, &mut events, is_new) else {
            self.cx.cell.lost(drop_all(events));
            return Ok(());
        };
        let behind = events.len() - len;
        let handing = self.handing.insert(Handing {
            id,
            ask,
            left: len,
            behind,
            unhandled: 0,
        });
        let mut lent = Batch::new(events.drain(..len), id, &mut handing.unhandled, behind);
        let outcome = guarded(self.role.handle_events(&mut lent, &mut self.cx)).await;
        if outcome.is_ok() {
            lent.succeeded();
            if R::IS_FUSED {
                // Callbacks come before the ask, and may look at what is outstanding.
                handing.left = 0;
                self.cx.taken(id, len, 0);
                self.after(outcome).await?;
                self.turn_taken(id, 0, ask);
            } else {
                if R::EMITS {
                    self.dispatch();
                }
                self.turn_taken(id, len, ask);
            }
        } else {
            let (failed, again) = lent.failed();
            Box::pin(self.skip(len, failed, again, outcome)).await?;
            self.turn_taken(id, 0, ask);
        }
        if events.is_empty() {
            self.spares.keep(events);
        } else {
            self.at_work = Some((id, events));
        }
        Ok(())
    }

    /// Skips the event that failed, and hands over what was behind it in its batch, again and again.
    async fn skip(
        &mut self,
        mut handed: usize,
        mut failed: Option<R::In>,
        mut again: Vec<R::In>,
        mut outcome: Outcome,
    ) -> Step {
        loop {
            let Some(handing) = self.handing.as_mut() else {
                return Ok(());
            };
            let (id, behind) = (handing.id, handing.behind);
            handing.left = again.len();
            self.failed = failed;
            self.cx.taken(id, handed - again.len(), 0);
            let after = Box::pin(self.after(outcome)).await;
            drop_all(self.failed.take());
            after?;
            if again.is_empty() || self.cx.stop.is_some() {
                return Ok(());
            }
            handed = again.len();
            let Some(handing) = self.handing.as_mut() else {
                return Ok(());
            };
            let mut lent = Batch::new(again.drain(..), id, &mut handing.unhandled, behind);
            outcome = guarded(self.role.handle_events(&mut lent, &mut self.cx)).await;
            if outcome.is_ok() {
                lent.succeeded();
                handing.left = 0;
                self.cx.taken(id, handed, 0);
                return self.after(outcome).await;
            }
            (failed, again) = lent.failed();
        }
    }

    /// Returns what is left of the message at work, or else the next one, if that carries events.
    #[inline]
    fn next_message(&mut self) -> Option<(SubscriptionId, Vec<R::In>)> {
        if self.at_work.is_some() {
            return self.at_work.take();
        }
        // Taken where it lies, since to move a message takes longer than to read it.
        let Some(Incoming::Events(id, events)) = self.incoming.front_mut() else {
            return None;
        };
        let message = (*id, std::mem::take(events));
        self.incoming.forget_front();
        Some(message)
    }

    /// Closes the account of a turn, and asks anew.
    #[inline]
    fn turn_taken(&mut self, id: SubscriptionId, taken: usize, ask: usize) {
        if let Some(handing) = self.handing.take() {
            // What a stop left of the batch is lost; what is behind it counts where it waits.
            self.cx.cell.lost_if_any(handing.unhandled - handing.behind);
        }
        self.cx.taken(id, taken, ask);
    }

    /// Takes a message that carries no events.
    async fn take_other(&mut self) -> Step {
        match self.incoming.pop_front() {
            Some(Incoming::End(id, end)) => self.upstream_ended(id, end).await,
            Some(Incoming::Behind(message)) => self.on_behind(message).await,
            Some(Incoming::Events(..)) | None => Ok(()),
        }
    }

    async fn on_behind(&mut self, message: Box<dyn Envelope<R::Stage, R::Out>>) -> Step {
        if self.cx.half.mark() {
            self.behind.push_back(message);
            return Ok(());
        }
        let handled = self.handle(message).await;
        self.after(handled).await
    }

    /// Returns how many events of a message come next, and what to ask after them; `None` when its upstream is gone. One
    /// that has just come is joined before by those right behind it, up to a batch, where that is wished.
    #[inline]
    fn cut(
        &mut self,
        id: SubscriptionId,
        events: &mut Vec<R::In>,
        is_new: bool,
    ) -> Option<(usize, usize)> {
        let upstream = self.cx.upstreams.get_mut(id)?;
        if is_new {
            upstream.window.arrive();
            if !std::mem::replace(&mut upstream.has_brought, true)
                && let Some(known) = self.succession.known.get_mut(&id)
            {
                known.attempt = 0;
            }
            if upstream.coalesces && upstream.is_automatic() {
                let batch_max = upstream.window.demand().batch_max();
                coalesce(&mut self.incoming, id, events, batch_max);
            }
        }
        let split = upstream.split(events.len());
        if split.excess > 0 {
            self.cx.cell.report_excess(split.excess);
        }
        Some((split.len, split.ask))
    }

    async fn upstream_ended(&mut self, id: SubscriptionId, end: End) -> Step {
        let Some(upstream) = self.cx.upstreams.remove(id) else {
            return Ok(());
        };
        upstream.edge.end();
        let mut ends = upstream.ends;
        if let Some(known) = self.succession.known.remove(&id)
            && end.is_failure()
        {
            match ends.backoff(&end) {
                Some(backoff) if self.may_return(&known, &end) => {
                    self.return_later(known.waited_for.unwrap_or(id), known, backoff);
                    ends = UpstreamEnds::Keep;
                }
                _ => self.succession.lose(known),
            }
        }
        self.ended_upstream = Some((ends, end.clone()));
        let heard = guarded(self.role.handle_cancel(id, &end, &mut self.cx)).await;
        self.after(heard).await?;
        self.ended_upstream = None;
        self.upstream_stops(ends, end).await
    }

    /// Does what the end of an upstream means.
    pub(super) async fn upstream_stops(&mut self, ends: UpstreamEnds, end: End) -> Step {
        let is_last = self.cx.upstreams.is_empty() && self.succession.returning.is_empty();
        let stops = ends.stops(&end, is_last);
        if stops && end.is_failure() {
            return Err(end.to_exit());
        }
        if stops || (self.draining && self.cx.upstreams.is_empty()) {
            // First, so that a callback that is interrupted leaves a stage that ends.
            self.cx.ending.get_or_insert(end.to_exit());
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
        self.succession.returning.insert(id);
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
