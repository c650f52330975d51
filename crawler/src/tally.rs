//! The counts of a crawl, shared by its children, its progress and its summary.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

/// What has been counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// URLs with a final answer.
    pub(crate) fetched: usize,
    /// URLs without one after their retries.
    pub(crate) failed: usize,
    pub(crate) retries: usize,
    /// URLs that were requested, each counted once.
    pub(crate) distinct: usize,
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

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a final answer.
    Fetched,
    /// Without one, and there is no other try.
    Failed,
    /// Without one, and it is tried again.
    Retried,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    /// Hashes stand for the URLs: a million of them take little room.
    requested: HashSet<u64>,
}

/// The live counts; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    hasher: RandomState,
    inner: Arc<Mutex<Inner>>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a URL is about to be requested.
    pub(crate) fn begin(&self, url: &Url) {
        let hash = self.hasher.hash_one(url);
        let mut inner = self.lock();
        inner.counts.first_request.get_or_insert_with(Instant::now);
        inner.requested.insert(hash);
    }

    /// Notes how a try ended.
    pub(crate) fn end(&self, ended: Ended) {
        let mut inner = self.lock();
        inner.counts.last_answer = Some(Instant::now());
        match ended {
            Ended::Fetched => inner.counts.fetched += 1,
            Ended::Failed => inner.counts.failed += 1,
            Ended::Retried => inner.counts.retries += 1,
        }
    }

    /// Returns the counts now.
    pub(crate) fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts {
            distinct: inner.requested.len(),
            ..inner.counts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tried_twice_is_one_distinct_url() {
        let (tally, url) = (Tally::default(), Url::parse("http://h/").unwrap());
        tally.begin(&url);
        tally.end(Ended::Retried);
        tally.begin(&url);
        tally.end(Ended::Fetched);
        let counts = tally.counts();
        assert_eq!(
            (counts.distinct, counts.retries, counts.settled()),
            (1, 1, 1)
        );
        assert!(counts.span().is_some());
    }
}
