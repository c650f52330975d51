//! What becomes of what a stage emits: who gets it, what is held, and what goes nowhere.

use std::sync::Arc;

use super::Context;
use crate::exit::{Cancel, End, Exit};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::{Dispatched, ProducerHalf, drop_all};
use crate::runtime::{Cell, ConsumerPort, Edge};

/// What becomes of what a stage emits. A consumer has none of it.
pub(crate) struct Emission<Out> {
    pub(crate) half: ProducerHalf<Out>,
    pub(crate) dispatched: Dispatched<Out>,
    pub(crate) downstreams: BySubscription<Downstream<Out>>,
    /// Whether it has ever emitted, or, as the first of a fused pair, since that was taken up: one that only owes needs no
    /// room for what it owes.
    pub(crate) has_emitted: bool,
    /// Whether the behaviour waits for nothing but what comes to its mailbox; `None` where it has not said so.
    pub(crate) polls_nothing: Option<bool>,
    /// Dropped by full queues, and not yet told to the behaviour.
    pub(crate) discarded: usize,
    /// Marks that have been passed, and whose messages have not been handled.
    pub(crate) passed: usize,
}

impl<Out: Send + 'static> Emission<Out> {
    pub(crate) fn of(half: ProducerHalf<Out>) -> Box<Self> {
        Box::new(Self {
            half,
            dispatched: Dispatched::default(),
            downstreams: BySubscription::default(),
            has_emitted: false,
            polls_nothing: None,
            discarded: 0,
            passed: 0,
        })
    }

    #[inline]
    fn note_held(&self, cell: &Cell) {
        cell.set_held(self.half.buffered(), self.half.owed());
    }
}

/// A consumer, and the edge to it.
pub(crate) struct Downstream<Out> {
    pub(crate) port: Arc<dyn ConsumerPort<Out>>,
    pub(crate) edge: Arc<Edge>,
    /// Whether the present behaviour has heard of it.
    pub(crate) is_heard: bool,
}

impl<Out: Send + 'static> Context<Out> {
    #[inline]
    pub(crate) fn half(&self) -> Option<&ProducerHalf<Out>> {
        self.out.as_ref().map(|out| &out.half)
    }

    #[inline]
    pub(crate) fn half_mut(&mut self) -> Option<&mut ProducerHalf<Out>> {
        self.out.as_mut().map(|out| &mut out.half)
    }

    pub(crate) fn has_consumers(&self) -> bool {
        let out = self.out.as_ref();
        out.is_some_and(|out| !out.downstreams.is_empty())
    }

    /// Notes that an `S` has nothing to poll. The behaviour may be another one that polls it, and something else.
    #[inline]
    pub(crate) fn polls_nothing<S: 'static>(&mut self) {
        if self
            .out
            .as_ref()
            .is_some_and(|out| out.polls_nothing.is_none())
        {
            self.note_polls_nothing(self.call_port::<S>().is_some());
        }
    }

    #[cold]
    fn note_polls_nothing(&mut self, polls_nothing: bool) {
        if let Some(out) = &mut self.out {
            out.polls_nothing = Some(polls_nothing);
        }
    }

    /// Whether it has this consumer.
    pub(crate) fn has_consumer(&self, id: SubscriptionId) -> bool {
        let out = self.out.as_ref();
        out.is_some_and(|out| out.downstreams.get(id).is_some())
    }

    /// The demand that the behaviour was not told yet.
    #[inline]
    pub(crate) fn untold(&self) -> usize {
        self.half().map_or(0, ProducerHalf::untold)
    }

    /// Whether nothing that was emitted is held, and no message waits for what was.
    pub(crate) fn is_empty(&self) -> bool {
        let out = self.out.as_ref();
        out.is_none_or(|out| out.half.buffered() == 0 && out.passed == 0)
    }

    /// Whether new input has to wait for the buffer.
    #[inline]
    pub(crate) fn is_holding_back(&self) -> bool {
        self.half().is_some_and(ProducerHalf::is_holding_back)
    }

    /// Dispatches what was emitted, against the asks seen so far. For callbacks that go on to wait.
    #[inline]
    pub fn flush(&mut self) {
        if !self.emitted.is_empty() {
            self.dispatch();
        }
    }

    /// Sends what was emitted; mostly to one consumer, in the list it is in.
    fn dispatch(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        out.has_emitted = true;
        let Some(taker) = out.half.pass(self.emitted.len()) else {
            return self.spread();
        };
        let Some(downstream) = out.downstreams.find(taker) else {
            return self.discard_emitted();
        };
        downstream.edge.delivered(self.emitted.len());
        downstream.port.deliver(taker, &mut self.emitted);
        if self.emitted.capacity() == 0 {
            self.emitted = out.dispatched.lists.take();
        }
        out.note_held(&self.cell);
    }

    /// Sends what was emitted to whom the dispatcher decides. Apart, since it needs more registers than what is done mostly.
    #[inline(never)]
    fn spread(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        out.half.on_emit(&mut self.emitted, &mut out.dispatched);
        self.send_dispatched();
    }

    /// Does what the dispatcher has decided. Whoever lets it decide calls this, so that events which are passed on without it
    /// overtake none.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if !self.is_settled() {
            self.send_dispatched();
        }
    }

    /// Whether the dispatcher has decided nothing that was not done.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        let out = self.out.as_ref();
        out.is_none_or(|out| out.dispatched.is_empty() && out.half.broken().is_none())
    }

    #[inline(never)]
    fn send_dispatched(&mut self) {
        self.deliver();
        while let Some(out) = &self.out
            && !out.dispatched.is_empty()
        {
            self.act_on_dispatched();
            self.deliver();
        }
        if !self.is_settled() {
            self.stop_broken();
        }
        self.note_held();
    }

    #[cold]
    fn discard_emitted(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        out.dispatched.discarded += drop_all(self.emitted.drain(..));
        self.act_on_dispatched();
        self.note_held();
    }

    /// Sends the deliveries. A list that a consumer gives back is the next one to emit into, where there is none.
    #[inline]
    fn deliver(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        let dispatched = &mut out.dispatched;
        for (subscription, mut events) in dispatched.deliveries.drain(..) {
            let Some(downstream) = out.downstreams.find(subscription) else {
                // A dispatcher that serves who has left.
                dispatched.discarded += drop_all(events);
                continue;
            };
            downstream.edge.delivered(events.len());
            downstream.port.deliver(subscription, &mut events);
            if self.emitted.capacity() == 0 {
                self.emitted = events;
            } else {
                dispatched.lists.keep(events);
            }
        }
        if self.emitted.capacity() == 0 {
            self.emitted = dispatched.lists.take();
        }
    }

    /// Counts what went nowhere, and ends the subscriptions that failed.
    #[cold]
    fn act_on_dispatched(&mut self) {
        let Some(out) = &mut self.out else {
            return;
        };
        let dispatched = &mut out.dispatched;
        out.passed += std::mem::take(&mut dispatched.passed);
        self.cell.unwanted(std::mem::take(&mut dispatched.unwanted));
        match std::mem::take(&mut dispatched.discarded) {
            0 => {}
            n => {
                self.cell.discarded(n);
                out.discarded += n;
            }
        }
        let Some(trouble) = dispatched.take_trouble() else {
            return;
        };
        if let Some(full) = trouble.overflow {
            let failed = || Box::new(Exit::Failed(Arc::new(full.into())));
            self.stop.get_or_insert_with(failed);
        }
        self.cell.rejected(drop_all(trouble.rejected));
        for (id, refused) in &trouble.failed {
            out.half.on_cancel(*id, dispatched);
            if let Some(failed) = out.downstreams.remove(*id) {
                failed.edge.end();
                let reason = Cancel::failed(refused.clone());
                failed.port.end(*id, End::Cancelled(reason));
            }
        }
        // What writes a log may panic, and nobody may wait for what comes behind it.
        for (id, refused) in trouble.failed {
            tracing::error!(stage = &*self.cell.name, %id, reason = %refused, "a subscription was ended");
        }
        for reason in trouble.warnings {
            tracing::error!(stage = &*self.cell.name, reason, "the dispatcher reports");
        }
    }

    /// Has the stage owe demand that it was not told yet, and returns what of it to tell now.
    #[inline]
    pub(crate) fn owe(&mut self, untold: usize) -> usize {
        let Some(out) = &mut self.out else {
            return 0;
        };
        let demand = out.half.owe(untold);
        if demand > 0 {
            out.note_held(&self.cell);
        }
        demand
    }

    /// Ends a stage whose dispatcher breaks its contract.
    #[cold]
    fn stop_broken(&mut self) {
        if let Some(broken) = self.out.as_ref().and_then(|out| out.half.broken()) {
            let failed = || Box::new(Exit::Failed(Arc::new(broken.clone().into())));
            self.stop.get_or_insert_with(failed);
        }
    }

    pub(crate) fn note_held(&self) {
        if let Some(out) = &self.out {
            out.note_held(&self.cell);
        }
    }

    /// Ends a subscription of a consumer, and serves the others with what was meant for it.
    pub(crate) fn end_consumer(&mut self, subscription: SubscriptionId, end: End) {
        if let Some(out) = &mut self.out
            && let Some(gone) = out.downstreams.remove(subscription)
        {
            gone.edge.end();
            gone.port.end(subscription, end);
            out.half.on_cancel(subscription, &mut out.dispatched);
            self.settle();
            self.note_held();
        }
    }
}
