//! What the service was asked: counted at the door, and again when the answer or the caller is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// Distinct URLs remembered; requests for others are counted without their URL.
const URLS_MAX: usize = 1_000_000;

/// The counts of `/api/crawl`, as `/api/stats` shows them.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Requests begun.
    pub requests: u64,
    /// Distinct URLs.
    pub distinct: usize,
    /// Requests not answered yet.
    pub in_flight: u64,
    /// The most at once.
    pub max_in_flight: u64,
    /// The first request, in milliseconds since start.
    pub first_request_ms: Option<u64>,
    /// The last answer, in milliseconds since start.
    pub last_answer_ms: Option<u64>,
    /// Requests of each URL.
    pub by_url: BTreeMap<String, u64>,
}

/// The live counts; clones share them.
#[derive(Debug, Clone)]
pub struct Stats {
    start: Instant,
    counts: Arc<Mutex<Snapshot>>,
}

/// A request under way; dropping it ends it, also when the caller hung up.
#[derive(Debug)]
pub(crate) struct InFlight(Stats);

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            counts: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn begin(&self, url: &str) -> InFlight {
        let now = self.now_ms();
        let mut counts = self.lock();
        counts.requests += 1;
        counts.in_flight += 1;
        counts.max_in_flight = counts.max_in_flight.max(counts.in_flight);
        counts.first_request_ms.get_or_insert(now);
        if counts.by_url.len() < URLS_MAX || counts.by_url.contains_key(url) {
            *counts.by_url.entry(url.to_owned()).or_default() += 1;
        }
        drop(counts);
        InFlight(self.clone())
    }

    /// Returns the counts now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.lock().clone();
        snapshot.distinct = snapshot.by_url.len();
        snapshot
    }

    pub(crate) fn reset(&self) {
        let mut counts = self.lock();
        let in_flight = counts.in_flight;
        *counts = Snapshot {
            in_flight,
            ..Snapshot::default()
        };
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = self.0.now_ms();
        let mut counts = self.0.lock();
        counts.in_flight -= 1;
        counts.last_answer_ms = Some(now);
    }
}
