//! How far the crawl is, for those who watch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Done, History, Tally};
use crate::frontier::Fate;

/// The counts of a running crawl; clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    fetched: AtomicU64,
    listed: AtomicU64,
    failed: AtomicU64,
    seeds_failed: AtomicU64,
    refused: AtomicU64,
    redirected: AtomicU64,
    retried: AtomicU64,
    in_flight: AtomicU64,
    bytes: AtomicU64,
    links: AtomicU64,
    duplicates: AtomicU64,
    crawl_delays_cut: AtomicU64,
    told: Mutex<Told>,
    /// Of URLs that are fetched again and again.
    histories: Mutex<BTreeMap<String, History>>,
}

/// What is told by names and times, beside the numbers.
#[derive(Debug, Clone, Default)]
struct Told {
    span: Option<(Instant, Instant)>,
    statuses: BTreeMap<u16, u64>,
    redirects: BTreeMap<u16, u64>,
    failures: BTreeMap<&'static str, Failures>,
    refusals: BTreeMap<&'static str, u64>,
    left_out: BTreeMap<&'static str, u64>,
    /// The authority whose robots.txt could not be had last, and why.
    robots_missing: Option<(String, String)>,
    /// Whether it was told by itself that one could not be had.
    has_told_of_robots: bool,
    put_last: BTreeMap<&'static str, u64>,
}

impl Told {
    fn robots_missing(&self) -> Option<String> {
        let (origin, why) = self.robots_missing.as_ref()?;
        Some(format!("{origin}/robots.txt: {why}"))
    }
}

/// The URLs that failed alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The first of them, and what was said of it.
    pub first: String,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountsNow {
    /// Pages with an answer.
    pub fetched: u64,
    /// Sitemaps that were read.
    pub listed: u64,
    /// URLs without one after their tries.
    pub failed: u64,
    /// Seeds among them.
    pub seeds_failed: u64,
    /// URLs that a rule kept from being fetched.
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
    /// Pages with the body of an earlier one.
    pub duplicates: u64,
    /// Copies of robots.txt that asked for a longer delay than is kept.
    pub crawl_delays_cut: u64,
    /// Answers by their status, of URLs that were fetched.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers by their status, of URLs that named another.
    pub redirects: BTreeMap<u16, u64>,
    /// Why URLs failed, by code.
    pub failures: BTreeMap<String, Failures>,
    /// Why URLs were refused, by code.
    pub refusals: BTreeMap<String, u64>,
    /// Why links were left out, by code.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Which robots.txt could not be had last, and why, while URLs wait for it.
    pub robots_missing: Option<String>,
    /// Why links were put behind the others of their site, by code.
    pub put_last: BTreeMap<&'static str, u64>,
    /// From the begin of the first visit to the end of the last one.
    pub span: Option<Duration>,
}

impl CountsNow {
    /// Returns how many URLs are done.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.fetched + self.listed + self.redirected + self.refused + self.failed
    }
}

/// A visit that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Counts);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        let now = Instant::now();
        self.0.told().span.get_or_insert((now, now)).1 = now;
    }
}

impl Counts {
    /// Returns them as they are now.
    #[must_use]
    pub fn now(&self) -> CountsNow {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (shared, told) = (&*self.0, self.told().clone());
        let robots_missing = told.robots_missing();
        CountsNow {
            fetched: of(&shared.fetched),
            listed: of(&shared.listed),
            failed: of(&shared.failed),
            seeds_failed: of(&shared.seeds_failed),
            refused: of(&shared.refused),
            redirected: of(&shared.redirected),
            retried: of(&shared.retried),
            in_flight: of(&shared.in_flight),
            bytes: of(&shared.bytes),
            links: of(&shared.links),
            duplicates: of(&shared.duplicates),
            crawl_delays_cut: of(&shared.crawl_delays_cut),
            statuses: told.statuses,
            redirects: told.redirects,
            failures: owned(told.failures),
            refusals: owned(told.refusals),
            left_out: told.left_out,
            robots_missing,
            put_last: told.put_last,
            span: told.span.map(|(first, last)| last - first),
        }
    }

    /// Returns what became of each URL so far, where they are fetched again and again.
    #[must_use]
    pub fn histories(&self) -> BTreeMap<String, History> {
        self.lock_histories().clone()
    }

    /// Counts a visit that is settled.
    pub(crate) fn settled(&self, tally: Tally) {
        let done = match tally {
            Tally::ToCome => return,
            Tally::Retried => return add(&self.0.retried, 1),
            Tally::Done(done) => done,
        };
        let Done { status, code, .. } = done;
        match done.fate {
            Fate::Fetched => self.fetched(status),
            Fate::Listed => add(&self.0.listed, 1),
            Fate::Redirected => self.redirected(status),
            Fate::Refused => self.refused(code),
            Fate::Failed => self.failed(code, done.depth, done.shown),
        }
        add(&self.0.duplicates, u64::from(done.is_duplicate));
        if let Some((url, took)) = done.again {
            self.remember(&url, took);
        }
    }

    fn remember(&self, url: &str, took: Option<Duration>) {
        let mut histories = self.lock_histories();
        match histories.get_mut(url) {
            Some(history) => history.add(took),
            None => {
                let mut history = History::default();
                history.add(took);
                histories.insert(url.to_owned(), history);
            }
        }
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        self.told().span.get_or_insert((now, now));
        InFlight(self.clone())
    }

    pub(crate) fn fetched(&self, status: u16) {
        add(&self.0.fetched, 1);
        *self.told().statuses.entry(status).or_default() += 1;
    }

    pub(crate) fn redirected(&self, status: u16) {
        add(&self.0.redirected, 1);
        *self.told().redirects.entry(status).or_default() += 1;
    }

    /// Notes that a URL of this depth failed; its first like is kept as it is shown then.
    fn failed(&self, code: &'static str, depth: u16, shown: String) {
        add(&self.0.failed, 1);
        if depth == 0 {
            add(&self.0.seeds_failed, 1);
        }
        let mut told = self.told();
        let first = || Failures {
            count: 0,
            first: shown,
        };
        let failures = told.failures.entry(code).or_insert_with(first);
        failures.count += 1;
    }

    pub(crate) fn refused(&self, code: &'static str) {
        add(&self.0.refused, 1);
        *self.told().refusals.entry(code).or_default() += 1;
    }

    pub(crate) fn bytes(&self, n: u64) {
        add(&self.0.bytes, n);
    }

    pub(crate) fn links(&self, n: usize) {
        add(&self.0.links, n as u64);
    }

    pub(crate) fn crawl_delay_cut(&self) {
        add(&self.0.crawl_delays_cut, 1);
    }

    pub(crate) fn left_out(&self, code: &'static str, n: u64) {
        *self.told().left_out.entry(code).or_default() += n;
    }

    /// Notes that the robots.txt of an authority can't be had now, and why.
    pub(crate) fn robots_missing(&self, origin: &str, why: String) {
        self.told().robots_missing = Some((origin.to_owned(), why));
    }

    /// Returns which robots.txt can't be had and why, the first time that it is asked.
    pub(crate) fn first_robots_missing(&self) -> Option<String> {
        let mut told = self.told();
        if std::mem::replace(&mut told.has_told_of_robots, true) {
            return None;
        }
        told.robots_missing()
    }

    /// Notes that nothing waits any more for the robots.txt of an authority.
    pub(crate) fn robots_known(&self, origin: &str) {
        let mut told = self.told();
        if matches!(&told.robots_missing, Some((missing, _)) if missing == origin) {
            told.robots_missing = None;
        }
    }

    pub(crate) fn put_last(&self, code: &'static str, n: u64) {
        *self.told().put_last.entry(code).or_default() += n;
    }

    fn lock_histories(&self) -> MutexGuard<'_, BTreeMap<String, History>> {
        let histories = self.0.histories.lock();
        histories.unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owned<T>(by_code: BTreeMap<&'static str, T>) -> BTreeMap<String, T> {
    let codes = by_code.into_iter();
    codes.map(|(code, told)| (code.to_owned(), told)).collect()
}

fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}
