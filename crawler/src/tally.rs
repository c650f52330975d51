//! The counts of a crawl, shared by its children, its progress and its summary.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::model::Problem;

/// What has been counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// URLs with a final answer.
    pub(crate) fetched: usize,
    /// URLs without one after their retries.
    pub(crate) failed: usize,
    /// Requests beyond the first of a URL.
    pub(crate) retries: usize,
    /// URLs that were requested, each counted once.
    pub(crate) distinct: usize,
    /// URLs that are being fetched, or whose result the writer has yet to take.
    pub(crate) in_flight: usize,
    /// URLs that wait for their next try, and when the last of them is due.
    pub(crate) waiting: usize,
    pub(crate) last_due: Option<Instant>,
    pub(crate) first_request: Option<Instant>,
    pub(crate) last_answer: Option<Instant>,
}

impl Counts {
    /// Returns how many URLs have their final outcome.
    pub(crate) const fn settled(&self) -> usize {
        self.fetched + self.failed
    }

    /// Returns the time from the first request to the last answer.
    pub(crate) fn span(&self) -> Option<Duration> {
        Some(self.last_answer?.duration_since(self.first_request?))
    }
}

/// The URLs that failed with one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) problem: Problem,
    pub(crate) count: usize,
    /// The first of them and what was said of it.
    pub(crate) first: String,
}

#[derive(Debug, Default)]
struct Live {
    counts: Counts,
    /// Hashes stand for the URLs: a million of them take little room.
    requested: HashSet<u64>,
    requests: usize,
    statuses: BTreeMap<u16, usize>,
    failures: BTreeMap<String, Failures>,
}

/// The live counts; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    hasher: RandomState,
    live: Arc<Mutex<Live>>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a URL is about to be requested; it is in flight until what is returned is dropped.
    pub(crate) fn begin(&self, url: &Url) -> InFlight {
        let hash = self.hasher.hash_one(url);
        let mut live = self.lock();
        live.counts.first_request.get_or_insert_with(Instant::now);
        live.requests += 1;
        live.requested.insert(hash);
        live.counts.in_flight += 1;
        drop(live);
        InFlight(self.clone())
    }

    /// Notes that the server answered a request, whatever it answered.
    pub(crate) fn answered(&self) {
        self.lock().counts.last_answer = Some(Instant::now());
    }

    /// Notes how many URLs wait for their next try, and when the last of them is due.
    pub(crate) fn waiting(&self, waiting: usize, last_due: Option<Instant>) {
        let counts = &mut self.lock().counts;
        (counts.waiting, counts.last_due) = (waiting, last_due);
    }

    /// Notes a URL's final answer.
    pub(crate) fn fetched(&self, status: u16) {
        let mut live = self.lock();
        live.counts.fetched += 1;
        *live.statuses.entry(status).or_default() += 1;
    }

    /// Notes that a URL has no answer after its retries, and what was said of it.
    pub(crate) fn failed(&self, problem: Problem, first: String) {
        let mut live = self.lock();
        live.counts.failed += 1;
        let failures = live.failures.entry(problem.class());
        let failures = failures.or_insert(Failures {
            problem,
            count: 0,
            first,
        });
        failures.count += 1;
    }

    /// Returns the counts now.
    pub(crate) fn counts(&self) -> Counts {
        let live = self.lock();
        let distinct = live.requested.len();
        Counts {
            distinct,
            retries: live.requests.saturating_sub(distinct),
            ..live.counts
        }
    }

    /// Returns how many answers had each status.
    pub(crate) fn statuses(&self) -> BTreeMap<u16, usize> {
        self.lock().statuses.clone()
    }

    /// Returns what failed so far, by class.
    pub(crate) fn failures(&self) -> Vec<Failures> {
        self.lock().failures.values().cloned().collect()
    }
}

/// A URL in flight, also when its child panics or is aborted.
#[derive(Debug)]
pub(crate) struct InFlight(Tally);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().counts.in_flight -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tried_twice_is_one_distinct_url() {
        let (tally, url) = (Tally::default(), Url::parse("http://h/").unwrap());
        drop(tally.begin(&url));
        let in_flight = tally.begin(&url);
        assert_eq!((tally.counts().in_flight, tally.counts().span()), (1, None));
        tally.answered();
        tally.fetched(404);
        drop(in_flight);
        let counts = tally.counts();
        assert_eq!(counts.in_flight, 0);
        assert_eq!(
            (counts.distinct, counts.retries, counts.settled()),
            (1, 1, 1)
        );
        assert!(counts.span().is_some());
        assert_eq!(tally.statuses(), BTreeMap::from([(404, 1)]));
    }

    #[test]
    fn the_first_url_stands_for_all_that_failed_alike() {
        let tally = Tally::default();
        for url in ["http://h/a", "http://h/b"] {
            tally.failed(Problem::Connect, url.to_owned());
        }
        let failures = tally.failures();
        assert_eq!((failures[0].count, &*failures[0].first), (2, "http://h/a"));
    }
}
