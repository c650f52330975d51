//! Edges held by code that is no stage: what arrives on them, and the half that asks and cancels.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use crate::exit::{Cancel, End, Exit};
use crate::id::SubscriptionId;
use crate::runtime::{AskPort, ConsumerPort, Edge, EdgeStats, Outlet};
use crate::sync::{Mutex, MutexGuard};

/// What has arrived, in the order of arrival over all its edges. It is bounded by what was asked on them.
pub(super) struct Inbox<T>(Mutex<Arrivals<T>>);

/// What comes on one of the edges.
pub(super) enum Arrival<T> {
    Events(SubscriptionId, Vec<T>),
    End(SubscriptionId, End),
}

struct Arrivals<T> {
    messages: VecDeque<Arrival<T>>,
    waker: Option<Waker>,
}

impl<T> Inbox<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Arrivals {
            messages: VecDeque::new(),
            waker: None,
        })))
    }

    /// Takes the next message.
    pub(super) fn poll(&self, task: &mut Task<'_>) -> Poll<Arrival<T>> {
        let mut arrivals = self.lock();
        if let Some(message) = arrivals.messages.pop_front() {
            return Poll::Ready(message);
        }
        arrivals.waker = Some(task.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, message: Arrival<T>) {
        let mut arrivals = self.lock();
        arrivals.messages.push_back(message);
        let waker = arrivals.waker.take();
        drop(arrivals);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: Send> ConsumerPort<T> for Inbox<T> {
    fn deliver(&self, subscription: SubscriptionId, events: &mut Vec<T>) {
        self.arrived(Arrival::Events(subscription, std::mem::take(events)));
    }

    fn end(&self, subscription: SubscriptionId, end: End) {
        self.arrived(Arrival::End(subscription, end));
    }
}

/// The asking half of one edge; dropping it cancels, unless its end was taken.
pub(super) struct OpenEdge {
    id: SubscriptionId,
    port: Arc<dyn AskPort>,
    edge: Arc<Edge>,
    has_ended: bool,
}

impl OpenEdge {
    /// Subscribes; what comes, comes to `inbox`. A producer that has ended is an edge that ends at once.
    pub(super) fn new<T: Send + 'static>(outlet: &Outlet<T>, inbox: &Arc<Inbox<T>>) -> Self {
        let id = SubscriptionId::next();
        let edge = Edge::new(Arc::clone(outlet.name()), id.to_string().into());
        let port: Arc<dyn ConsumerPort<T>> = inbox.clone();
        if !outlet.open(id, port, Arc::clone(&edge)) {
            inbox.end(id, End::Down(Exit::Unreachable));
        }
        Self {
            id,
            port: outlet.ask_port(),
            edge,
            has_ended: false,
        }
    }

    pub(super) const fn id(&self) -> SubscriptionId {
        self.id
    }

    pub(super) fn stats(&self) -> EdgeStats {
        self.edge.stats()
    }

    /// Asks for `n` more; 0 asks nothing.
    pub(super) fn ask(&self, n: usize) {
        if n > 0 {
            self.edge.asked(n);
            self.port.ask(self.id, n);
        }
    }

    pub(super) fn cancel(&self, reason: Cancel) {
        self.port.cancel(self.id, reason);
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Notes that the end was taken.
    pub(super) const fn ended(&mut self) {
        self.has_ended = true;
    }
}

impl Drop for OpenEdge {
    fn drop(&mut self) {
        if !self.has_ended {
            self.cancel(Cancel::Normal);
        }
        self.edge.end();
    }
}
