//! `redeliver` in the most naive way: a list of what is where, for one consumer at a time.

use std::collections::VecDeque;

/// What becomes of a delivery that the consumer has in its hands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Acknowledge,
    Fail,
    Drop,
}

/// An event out for this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) number: usize,
    attempt: u32,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) in_flight_max: usize,
    pub(crate) attempts: u32,
    /// In milliseconds.
    pub(crate) backoff: (u64, u64),
    pub(crate) events: usize,
    /// The next new event.
    pub(crate) next: usize,
    /// What the consumer may still be sent.
    pub(crate) credit: usize,
    /// Sent to the consumer and not taken by it.
    pub(crate) mailbox: VecDeque<Out>,
    pub(crate) hand: Vec<Out>,
    /// Failed, with the time when each is due.
    failed: Vec<(u64, Out)>,
    pub(crate) acknowledged: Vec<usize>,
    pub(crate) given_up: Vec<usize>,
    /// How often each was sent.
    pub(crate) sent: Vec<u32>,
}

impl Model {
    pub(crate) fn new(
        in_flight_max: usize,
        attempts: u32,
        backoff: (u64, u64),
        events: usize,
    ) -> Self {
        Self {
            in_flight_max,
            attempts,
            backoff,
            events,
            next: 0,
            credit: 0,
            mailbox: VecDeque::new(),
            hand: Vec::new(),
            failed: Vec::new(),
            acknowledged: Vec::new(),
            given_up: Vec::new(),
            sent: vec![0; events],
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.mailbox.len() + self.hand.len() + self.failed.len()
    }

    /// Sends all that may go.
    pub(crate) fn send(&mut self, now: u64) {
        while self.credit > 0
            && let Some(out) = self.first(now)
        {
            self.credit -= 1;
            self.sent[out.number] += 1;
            self.mailbox.push_back(out);
        }
    }

    fn first(&mut self, now: u64) -> Option<Out> {
        let due = self.failed.iter().enumerate();
        let due = due.filter(|(_, (due, _))| *due <= now);
        if let Some((at, _)) = due.min_by_key(|(_, (_, out))| out.number) {
            let (_, failed) = self.failed.remove(at);
            return Some(Out {
                attempt: failed.attempt + 1,
                ..failed
            });
        }
        if self.in_flight() == self.in_flight_max || self.next == self.events {
            return None;
        }
        self.next += 1;
        Some(Out {
            number: self.next - 1,
            attempt: 1,
        })
    }

    pub(crate) fn take(&mut self) {
        self.hand.extend(self.mailbox.drain(..));
    }

    pub(crate) fn settle(&mut self, at: usize, verdict: Verdict, now: u64) {
        let out = self.hand.remove(at);
        match verdict {
            Verdict::Acknowledge => self.acknowledged.push(out.number),
            Verdict::Fail | Verdict::Drop => self.fail(out, now),
        }
    }

    /// The consumer goes, with what it has not taken.
    pub(crate) fn leave(&mut self, now: u64) {
        self.credit = 0;
        for out in std::mem::take(&mut self.mailbox) {
            self.fail(out, now);
        }
    }

    fn fail(&mut self, out: Out, now: u64) {
        if out.attempt == self.attempts {
            self.given_up.push(out.number);
            return;
        }
        let (first, max) = self.backoff;
        let delay = (first << (out.attempt - 1)).min(max);
        self.failed.push((now + delay, out));
    }
}
