//! What a consumer may still be sent: it asks again at the minimum.

use std::sync::Arc;

use super::mailbox::{Mailbox, Message};
use crate::contest::Flow;

pub(crate) struct Window {
    flow: Flow,
    outstanding: usize,
    up: Arc<Mailbox>,
    consumer: usize,
}

impl Window {
    pub(crate) fn open(flow: Flow, up: Arc<Mailbox>) -> Self {
        Self::of_consumer(0, flow, up)
    }

    /// Opens the window of one of several consumers.
    pub(crate) fn of_consumer(consumer: usize, flow: Flow, up: Arc<Mailbox>) -> Self {
        up.send(Message::Ask(consumer, flow.max));
        Self {
            flow,
            outstanding: flow.max,
            up,
            consumer,
        }
    }

    pub(crate) const fn batch_max(&self) -> usize {
        self.flow.batch_max()
    }

    pub(crate) fn handled(&mut self, n: usize) {
        self.outstanding -= n;
        if self.outstanding <= self.flow.min() {
            let ask = self.flow.max - self.outstanding;
            self.up.send(Message::Ask(self.consumer, ask));
            self.outstanding = self.flow.max;
        }
    }
}
