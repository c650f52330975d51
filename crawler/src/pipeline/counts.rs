//! How far the crawl is, for those who watch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of a running crawl; clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    fetched: AtomicU64,
    failed: AtomicU64,
    seeds_failed: AtomicU64,
    refused: AtomicU64,
    redirected: AtomicU64,
    retried: AtomicU64,
    in_flight: AtomicU64,
    bytes: AtomicU64,
    links: AtomicU64,
    statuses: Mutex<BTreeMap<u16, u64>>,
    /// Why URLs failed or were refused, by code.
    reasons: Mutex<BTreeMap<&'static str, u64>>,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountsNow {
    /// URLs with an answer.
    pub fetched: u64,
    /// URLs without one after their tries.
    pub failed: u64,
    /// Seeds among them.
    pub seeds_failed: u64,
    /// URLs that a rule kept from being fetched when their turn came.
    pub refused: u64,
    /// URLs that named another.
    pub redirected: u64,
    /// Tries that are followed by another.
    pub retried: u64,
    /// Visits that run.
    pub in_flight: u64,
    /// Bytes of bodies over the wire.
    pub bytes: u64,
    /// Links that were new.
    pub links: u64,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// Why URLs failed, were refused, or links were left out, by code.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// A visit that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Counts);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// Returns them as they are now.
    #[must_use]
    pub fn now(&self) -> CountsNow {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = &*self.0;
        CountsNow {
            fetched: of(&shared.fetched),
            failed: of(&shared.failed),
            seeds_failed: of(&shared.seeds_failed),
            refused: of(&shared.refused),
            redirected: of(&shared.redirected),
            retried: of(&shared.retried),
            in_flight: of(&shared.in_flight),
            bytes: of(&shared.bytes),
            links: of(&shared.links),
            statuses: shared
                .statuses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            reasons: shared
                .reasons
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    pub(crate) fn fetched(&self, status: u16) {
        add(&self.0.fetched, 1);
        self.status(status);
    }

    pub(crate) fn redirected(&self, status: u16) {
        add(&self.0.redirected, 1);
        self.status(status);
    }

    pub(crate) fn failed(&self, code: &'static str) {
        add(&self.0.failed, 1);
        self.reasons(code, 1);
    }

    pub(crate) fn seed_failed(&self) {
        add(&self.0.seeds_failed, 1);
    }

    pub(crate) fn refused(&self, code: &'static str) {
        add(&self.0.refused, 1);
        self.reasons(code, 1);
    }

    pub(crate) fn retried(&self) {
        add(&self.0.retried, 1);
    }

    pub(crate) fn bytes(&self, n: u64) {
        add(&self.0.bytes, n);
    }

    pub(crate) fn links(&self, n: usize) {
        add(&self.0.links, n as u64);
    }

    pub(crate) fn reasons(&self, code: &'static str, n: u64) {
        let mut reasons = self
            .0
            .reasons
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *reasons.entry(code).or_default() += n;
    }

    fn status(&self, status: u16) {
        let mut statuses = self
            .0
            .statuses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *statuses.entry(status).or_default() += 1;
    }
}

fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}
