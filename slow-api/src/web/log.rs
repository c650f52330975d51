//! The counts of the hosts with a clock and a lock: shared by their requests, and read by whoever asks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::web::visits::{Begun, HostSnapshot, Kind, Visits, WebSnapshot};

/// The logs of all hosts; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct WebLog(Arc<[(SocketAddr, VisitLog)]>);

/// The live counts of a host; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct VisitLog {
    start: Instant,
    visits: Arc<Mutex<Visits>>,
}

/// A request of the local web under way: it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Visit {
    log: VisitLog,
    begun: Begun,
}

impl WebLog {
    pub(crate) fn new(hosts: &[SocketAddr]) -> Self {
        let log = |address: &SocketAddr| (*address, VisitLog::one_of(hosts.len()));
        Self(hosts.iter().map(log).collect())
    }

    /// Returns the log of the host with this index.
    pub(crate) fn of(&self, host: usize) -> VisitLog {
        self.0[host].1.clone()
    }

    pub(crate) fn snapshot(&self) -> WebSnapshot {
        let hosts = self.0.iter();
        let hosts = hosts.map(|(address, log)| (address.to_string(), log.snapshot()));
        WebSnapshot {
            hosts: hosts.collect(),
        }
    }

    pub(crate) fn reset(&self) {
        for (_, log) in self.0.iter() {
            log.reset();
        }
    }
}

impl VisitLog {
    /// Makes the log of one of so many hosts.
    fn one_of(hosts: usize) -> Self {
        Self {
            start: Instant::now(),
            visits: Arc::new(Mutex::new(Visits::one_of(hosts))),
        }
    }

    pub(crate) fn begin(&self, path: &str, kind: Kind) -> Visit {
        let mut visits = self.lock();
        // Under the lock, so that a later request never has an earlier time.
        let begun = visits.on_request(path, kind, self.now());
        drop(visits);
        Visit {
            log: self.clone(),
            begun,
        }
    }

    /// Returns the counts now; only their copying holds the lock, not their sorting.
    fn snapshot(&self) -> HostSnapshot {
        let visits = self.lock().clone();
        visits.into()
    }

    fn reset(&self) {
        self.lock().on_reset();
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Returns the how-manieth request of its path this is, from 1.
    pub(crate) fn nth(&self) -> u64 {
        self.begun.nth
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visits = self.log.lock();
        visits.on_end(self.begun, self.log.now());
    }
}
