//! What the event loop does with control messages: from consumers, from handles, and to itself.

use std::future::ready;

use super::event_loop::{Step, Task};
use super::failure::{Guarded, Outcome, guarded};
use super::mailbox::Handling;
use super::{Control, Envelope, NewConsumer, Role};
use crate::context::Downstream;
use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::protocol::{DemandMode, UpstreamEnds};
use crate::rare::Rare;

impl<R: Role> Task<R> {
    /// Handles the control message that is next. What the stage waits on itself may have been there before, and goes first: who
    /// leaves has asked for it.
    pub(super) async fn take_control(&mut self) -> Step {
        if self.cx.stop.is_none()
            && let Some(polled) = self.poll_events()
        {
            self.after(polled).await?;
        }
        match self.post.control.pop_front() {
            Some(message) => self.on_control(message).await,
            None => Ok(()),
        }
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
                let Some(out) = &mut self.cx.out else {
                    return Ok(());
                };
                if let Err(refused) = out.half.on_subscribe_any(id, key) {
                    edge.end();
                    port.end(id, End::Cancelled(Cancel::failed(refused)));
                    return Ok(());
                }
                let downstream = Downstream {
                    port,
                    edge,
                    is_heard: false,
                };
                out.downstreams.insert(id, downstream);
                let heard = self.introduce_consumer(id).await;
                self.after(heard).await
            }
            Control::Ask(..) | Control::Call(_) => {
                unreachable!("the loop handles what is frequent")
            }
            Control::Cancel(id, reason) => self.consumer_left(id, End::Cancelled(reason)).await,
            Control::Gone(id, exit) => self.consumer_left(id, End::Down(*exit)).await,
            Control::SubscribeTo(upstream) => self.subscribe(*upstream).await,
            Control::CancelUpstream(id, reason) => {
                // Nobody is there to answer that one that is waited for is over.
                if self.succession.stop_waiting(id) {
                    let end = End::Cancelled(reason);
                    return self.upstream_stops(UpstreamEnds::Complete, end).await;
                }
                self.cx.cancel(id, reason);
                Ok(())
            }
            Control::Resubscribe(replaced) => {
                let (old, reason, upstream) = *replaced;
                self.succession.forget(old);
                self.succession.stop_waiting(old);
                if let Some(upstream) = self.cx.upstreams.get_mut(old) {
                    upstream.ends = Rare::new(UpstreamEnds::Keep);
                    upstream.port.cancel(old, reason);
                }
                self.subscribe(upstream).await
            }
            Control::SetDemand(id, demand) => {
                let automatic = self.cx.upstreams.get_mut(id);
                if let Some(upstream) = automatic.filter(|up| up.is_automatic()) {
                    let ask = upstream.window.resize(*demand);
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
                self.succession.is_last = true;
                self.cx.stop();
                Ok(())
            }
            Control::Suspend if self.takes_suspension() => {
                self.succession.is_suspended = true;
                Err(Exit::Stopped)
            }
            Control::Suspend => Ok(()),
            Control::Drain => {
                for (id, upstream) in self.cx.upstreams.iter() {
                    upstream.port.cancel(id, Cancel::Normal);
                }
                self.finish().await
            }
            Control::Finish => self.finish().await,
        }
    }

    /// Serves an ask from what is held, and with it those right behind it, where the dispatcher joins them, of one consumer to
    /// one, or nobody is told of them; the caller goes on with what is due, which tells the rest.
    #[inline]
    pub(super) fn on_ask(&mut self, mut id: SubscriptionId, mut n: usize) {
        let Some(out) = &mut self.cx.out else {
            return;
        };
        let (half, out) = (&mut out.half, &mut out.dispatched);
        let joins_asks = half.joins_asks();
        while (!R::IS_SOURCE || joins_asks)
            && let Some(Control::Ask(next, more)) = self.post.control.front()
        {
            if joins_asks && *next == id {
                n = n.saturating_add(*more);
            } else {
                half.on_ask(id, n, out);
                (id, n) = (*next, *more);
            }
            self.post.control.forget_front();
        }
        half.on_ask(id, n, out);
        if !self.cx.is_settled() {
            self.cx.settle();
            self.dispatch();
        } else if !R::IS_SOURCE {
            // It owes more without being told.
            self.cx.note_held();
        }
    }

    async fn set_mode(&mut self, mode: DemandMode) -> Step {
        if let Some(half) = self.cx.half_mut() {
            half.set_mode(mode);
        }
        self.cx.cell.set_mode(mode);
        loop {
            let out = self.cx.out.as_mut();
            let demand = out.and_then(|out| out.half.replay(&mut out.dispatched));
            self.cx.settle();
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
        self.cx.ending = Some(Box::new(Exit::Stopped));
        if self.cx.upstreams.is_empty() {
            return self.complete().await;
        }
        Ok(())
    }

    pub(super) async fn complete(&mut self) -> Step {
        if std::mem::replace(&mut self.is_complete, true) {
            return Ok(());
        }
        let completed = guarded(self.role.handle_complete(&mut self.cx)).await;
        self.after(completed).await
    }

    async fn consumer_left(&mut self, id: SubscriptionId, end: End) -> Step {
        if !self.cx.has_consumer(id) {
            return Ok(());
        }
        self.aside.make().leaving = Some((id, end.clone()));
        let heard = guarded(self.role.handle_cancel(id, &end, &mut self.cx)).await;
        self.take_leaving();
        self.cx.end_consumer(id, end);
        self.after(heard).await
    }

    /// Hands the behaviour the call or cast that is next.
    pub(super) fn take_call(&mut self) -> Guarded<Handling<'_>> {
        match self.post.control.pop_front() {
            Some(Control::Call(message)) => self.handle(message),
            _ => guarded(Box::pin(ready(Ok(())))),
        }
    }

    /// Hands a call or cast to the behaviour.
    pub(super) fn handle(
        &mut self,
        message: Box<dyn Envelope<R::Stage, R::Out>>,
    ) -> Guarded<Handling<'_>> {
        guarded(message.run(self.role.stage(), &mut self.cx))
    }

    /// Handles the next message whose mark has been passed.
    pub(super) async fn take_passed(&mut self) -> Outcome {
        if let Some(out) = &mut self.cx.out {
            out.passed = out.passed.saturating_sub(1);
        }
        let aside = self.aside.get_mut();
        match aside.and_then(|aside| aside.behind.pop_front()) {
            Some(message) => self.handle(message).await,
            None => Ok(()),
        }
    }
}
