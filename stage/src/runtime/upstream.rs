//! What the event loop does with its upstreams: subscribes, hands batches on, and hears their ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::event_loop::{Step, Task};
use super::failure::guarded;
use super::{Edge, Incoming, NewUpstream, Role};
use crate::batch::Batch;
use crate::context::Upstream;
use crate::exit::{End, Exit};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, Window};

impl<R: Role> Task<R> {
    pub(super) async fn subscribe(&mut self, upstream: NewUpstream<R::In>) -> Step {
        let NewUpstream {
            id,
            outlet,
            options,
        } = upstream;
        let unreachable = End::Down(Exit::Unreachable);
        if self.cx.ending.is_some() || outlet.is_of(&self.mailbox) {
            tracing::warn!(
                stage = self.cx.name(),
                "not subscribed: the stage is ending, or would be its own consumer"
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
    pub(super) async fn take_turn(&mut self) -> Step {
        if let Some((id, events)) = self.at_work.take() {
            return self.on_events(id, events).await;
        }
        match self.incoming.pop_front() {
            Some(Incoming::Events(id, events)) => self.on_message(id, events).await,
            Some(other) => Box::pin(self.on_incoming(other)).await,
            None => Ok(()),
        }
    }

    async fn on_incoming(&mut self, message: Incoming<R::Stage, R::In, R::Out>) -> Step {
        match message {
            Incoming::Events(id, events) => self.on_message(id, events).await,
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

    async fn on_message(&mut self, id: SubscriptionId, events: Vec<R::In>) -> Step {
        if let Some(upstream) = self.cx.upstreams.get_mut(&id) {
            upstream.window.arrive();
        }
        self.on_events(id, events).await
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
                Err(_) => self.failed = batch.take_failed(),
            }
            let after = self.after(outcome).await;
            self.failed = None;
            after?;
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
