//! What is sent on a bare connection: bytes, pauses, and how it ends; plain data, played elsewhere.

use std::time::Duration;

use hyper::body::Bytes;

/// What is sent, in order, and then how the connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// One part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Pause(Duration),
    /// Sends the same bytes again and again, with a pause after each time.
    Repeat {
        bytes: Bytes,
        times: u64,
        pause: Duration,
    },
}

/// How a connection ends after its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As usual, after all that was sent.
    Close,
    /// By a reset, which may overtake what was sent.
    Reset,
    /// Not at all, until the caller hangs up.
    Stall,
}

/// More times than anybody waits for.
pub(crate) const FOR_EVER: u64 = u64::MAX;

impl Script {
    pub(crate) fn new(end: End) -> Self {
        Self {
            steps: Vec::new(),
            end,
        }
    }

    pub(crate) fn send(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    pub(crate) fn pause(mut self, pause: Duration) -> Self {
        self.steps.push(Step::Pause(pause));
        self
    }

    pub(crate) fn repeat(mut self, bytes: impl Into<Bytes>, times: u64, pause: Duration) -> Self {
        self.steps.push(Step::Repeat {
            bytes: bytes.into(),
            times,
            pause,
        });
        self
    }

    /// Sends each byte alone, with a pause after it.
    pub(crate) fn drip(mut self, bytes: impl Into<Bytes>, pause: Duration) -> Self {
        let bytes = bytes.into();
        for at in 0..bytes.len() {
            self = self.repeat(bytes.slice(at..=at), 1, pause);
        }
        self
    }
}
