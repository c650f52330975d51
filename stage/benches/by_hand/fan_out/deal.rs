//! Who gets which events of a round.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use super::super::mailbox::{Mailbox, Message};
use crate::contest::{Flow, hash};

/// What is still to be made.
pub(super) struct Source {
    next: usize,
    end: usize,
}

impl Source {
    pub(super) const fn of(flow: Flow) -> Self {
        Self {
            next: 0,
            end: flow.events,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.next == self.end
    }

    fn take(&mut self, n: usize) -> impl Iterator<Item = usize> {
        let first = self.next;
        self.next = self.end.min(first + n);
        (first..self.next).map(black_box)
    }
}

pub(super) trait Deal: Send + 'static {
    fn new(consumers: usize) -> Self;

    /// Hears that a consumer asks.
    fn ask(&mut self, consumer: usize, n: usize);

    /// Returns whether events wait here that were made already.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Sends what has been asked for.
    fn deal(&mut self, source: &mut Source, to: &[Arc<Mailbox>]);
}

/// Each ask is answered in its turn.
pub(super) struct InTurn(Vec<(usize, usize)>);

impl Deal for InTurn {
    fn new(_: usize) -> Self {
        Self(Vec::new())
    }

    fn ask(&mut self, consumer: usize, n: usize) {
        self.0.push((consumer, n));
    }

    fn deal(&mut self, source: &mut Source, to: &[Arc<Mailbox>]) {
        for (consumer, n) in self.0.drain(..) {
            if !source.is_empty() {
                to[consumer].send(Message::Events(source.take(n).collect()));
            }
        }
    }
}

/// As many as all have asked for.
pub(super) struct ToAll(Vec<usize>);

impl Deal for ToAll {
    fn new(consumers: usize) -> Self {
        Self(vec![0; consumers])
    }

    fn ask(&mut self, consumer: usize, n: usize) {
        self.0[consumer] += n;
    }

    fn deal(&mut self, source: &mut Source, to: &[Arc<Mailbox>]) {
        let least = self.0.iter().copied().min().unwrap_or(0);
        if least == 0 || source.is_empty() {
            return;
        }
        let events: Vec<usize> = source.take(least).collect();
        for (asked, consumer) in self.0.iter_mut().zip(to) {
            *asked -= events.len();
            consumer.send(Message::Events(events.clone()));
        }
    }
}

/// What one partition has asked for, and what waits until it asks.
#[derive(Default)]
struct Part {
    asked: usize,
    batch: Vec<usize>,
    queue: VecDeque<usize>,
}

/// Made until every partition has what it asked for.
pub(super) struct ByHash {
    parts: Vec<Part>,
    /// Partitions with a batch to send.
    touched: Vec<usize>,
    asked: usize,
    queued: usize,
}

impl Deal for ByHash {
    fn new(consumers: usize) -> Self {
        Self {
            parts: (0..consumers).map(|_| Part::default()).collect(),
            touched: Vec::new(),
            asked: 0,
            queued: 0,
        }
    }

    fn ask(&mut self, consumer: usize, n: usize) {
        let part = &mut self.parts[consumer];
        let waiting = n.min(part.queue.len());
        if waiting > 0 && part.batch.is_empty() {
            self.touched.push(consumer);
        }
        part.batch.extend(part.queue.drain(..waiting));
        part.asked += n - waiting;
        self.asked += n - waiting;
        self.queued -= waiting;
    }

    fn is_waiting(&self) -> bool {
        self.queued > 0
    }

    fn deal(&mut self, source: &mut Source, to: &[Arc<Mailbox>]) {
        while self.asked > 0 && !source.is_empty() {
            for event in source.take(self.asked) {
                let at = hash(event, self.parts.len());
                let part = &mut self.parts[at];
                if part.asked == 0 {
                    part.queue.push_back(event);
                    self.queued += 1;
                    continue;
                }
                if part.batch.is_empty() {
                    self.touched.push(at);
                }
                part.batch.push(event);
                part.asked -= 1;
                self.asked -= 1;
            }
        }
        for at in self.touched.drain(..) {
            let events = std::mem::take(&mut self.parts[at].batch);
            to[at].send(Message::Events(events));
        }
    }
}
