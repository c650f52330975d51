//! The counts with a clock and a lock: shared by all requests, and read by whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::counts::{Begun, Counts, Snapshot};
use crate::decision::Outcome;

/// The live counts; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    start: Instant,
    counts: Arc<Mutex<Counts>>,
}

/// A request under way; one that is dropped before its answer was hung up by its caller.
#[derive(Debug)]
#[must_use]
pub(crate) struct InFlight {
    stats: Stats,
    begun: Begun,
    outcome: Option<Outcome>,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            counts: Arc::default(),
        }
    }

    pub(crate) fn begin(&self, url: &str) -> InFlight {
        let mut counts = self.lock();
        // Under the lock, so that a later request never has an earlier time.
        let begun = counts.on_request(url, self.now());
        drop(counts);
        InFlight {
            stats: self.clone(),
            begun,
            outcome: None,
        }
    }

    /// Returns the counts now; only their copying holds the lock, not their sorting.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let counts = self.lock().clone();
        counts.into()
    }

    pub(crate) fn reset(&self) {
        self.lock().on_reset();
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Returns the how-manieth request of its URL this is, from 1.
    pub(crate) fn nth(&self) -> u64 {
        self.begun.nth
    }

    /// Ends the request with an answer.
    pub(crate) fn answered(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut counts = self.stats.lock();
        match self.outcome {
            Some(outcome) => counts.on_answer(self.begun, outcome, self.stats.now()),
            None => counts.on_hang_up(self.begun),
        }
    }
}
