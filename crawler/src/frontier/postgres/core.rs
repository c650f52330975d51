//! What the calls of one frontier share, and how a piece of work is done: in a transaction, and again when the database
//! was not there.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Pool};
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

use super::backoff::Backoff;
use super::failure::Failure;
use super::layouts::KnownLayouts;
use super::leases::Release;
use super::sessions::Sessions;
use super::successors::Successors;
use super::turn::{Turn, Work};
use crate::frontier::known::Known;
use crate::frontier::{Clock, FrontierError, Place, Round};

/// A transaction that is not answered for so long never will be: its server is frozen.
const TURN_MAX: Duration = Duration::from_secs(60);
/// A renewal that takes longer comes too late for another try.
const RENEWAL_MAX: Duration = Duration::from_secs(5);

/// Keys of the advisory locks of a crawl.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// Shared by each turn.
    pub(super) crawl: i64,
    /// Taken by claims under a budget.
    pub(super) budget: i64,
}

impl Keys {
    pub(super) fn of(schema: &str) -> Self {
        Self {
            crawl: key(schema, "crawl"),
            budget: key(schema, "budget"),
        }
    }
}

/// Returns the key of a lock that is of this use in a crawl.
pub(super) fn key(schema: &str, of: &str) -> i64 {
    xxh3_64(format!("{schema} {of}").as_bytes()).cast_signed()
}

/// What all may know of this process' work.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) round: u64,
    pub(super) is_closed: bool,
}

pub(super) struct Core {
    pub(super) pool: Pool,
    pub(super) place: Place,
    pub(super) schema: String,
    pub(super) keys: Keys,
    /// Which crawl of that name it is.
    pub(super) id: i64,
    /// The name of this node, under which it keeps how far its files are settled.
    pub(super) node: String,
    /// The database's if none.
    pub(super) clock: Option<Arc<dyn Clock>>,
    /// The latest time that was told.
    pub(super) latest: AtomicI64,
    pub(super) told: watch::Sender<Told>,
    pub(super) known: Mutex<Known>,
    pub(super) layouts: Mutex<KnownLayouts>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) successors: Mutex<Successors>,
    /// Whether a pooler mixes connections up, so that no statement stays prepared.
    pub(super) pooled: AtomicBool,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("place", &self.place)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Does a piece of work, again and again until the database is there.
    pub(super) async fn persist<W: Work>(&self, work: &W) -> Result<W::Answer, FrontierError> {
        let mut backoff = Backoff::default();
        let mut is_repeat = false;
        loop {
            let failure = match self.attempt(work, is_repeat, TURN_MAX).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.is_temporary() {
                return Err(failure.explain(&self.place));
            }
            is_repeat |= failure.is_unsure();
            let wait = backoff.on_failure(fastrand::f64());
            if backoff.is_worth_a_word() {
                tracing::warn!(place = %self.place, why = %failure, "the database can't be reached; trying on");
            }
            let mut told = self.told.subscribe();
            let closed = told.wait_for(|told| told.is_closed);
            if tokio::time::timeout(wait, closed).await.is_ok() {
                return Err(failure.explain(&self.place));
            }
        }
    }

    /// Does a piece of work for someone who can't wait.
    pub(super) async fn try_once<W: Work>(&self, work: &W) -> Result<W::Answer, FrontierError> {
        let mut done = self.attempt(work, false, RENEWAL_MAX).await;
        if done.as_ref().is_err_and(Failure::is_of_a_pooler) {
            // Each process finds that out once.
            done = self.attempt(work, false, RENEWAL_MAX).await;
        }
        done.map_err(|failure| failure.explain(&self.place))
    }

    /// Does a piece of work in one transaction, or none of it.
    async fn attempt<W: Work>(
        &self,
        work: &W,
        is_repeat: bool,
        longest: Duration,
    ) -> Result<W::Answer, Failure> {
        let attempt = async {
            let mut turn = Turn::begin(self, W::KIND).await?;
            turn.is_repeat = is_repeat;
            match work.run(&mut turn).await {
                Ok(answer) if W::is_void(&answer) => {
                    turn.give_up().await;
                    Ok(answer)
                }
                Ok(answer) => turn.commit().await.map(|()| {
                    work.note(self, &answer);
                    answer
                }),
                Err(failure) => {
                    turn.give_up().await;
                    Err(failure)
                }
            }
        };
        let done = tokio::time::timeout(longest, attempt).await;
        let done = done.unwrap_or(Err(Failure::Silent));
        match &done {
            Ok(answer) if W::is_change(answer) => self.told.send_modify(|told| told.round += 1),
            Err(failure) if failure.is_of_a_pooler() => self.pooled.store(true, Ordering::Relaxed),
            _ => {}
        }
        done
    }

    /// Gives leases back of which nothing is in hand.
    pub(super) async fn give_back(&self, release: &Release) {
        if release.0.is_empty() {
            return;
        }
        {
            let mut successors = self.successors();
            for (key, _) in &release.0 {
                successors.forget(*key);
            }
        }
        let _they_run_out = self.try_once(release).await;
    }

    /// Takes note of the server's process that a connection has now.
    pub(super) fn note_session(&self, connection: &ClientWrapper, process: i32) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.has_moved(connection, process) {
            self.pooled.store(true, Ordering::Relaxed);
        }
    }

    /// Returns whether a connection is to forget its plans, for tables have grown since they were made.
    pub(super) fn has_old_plans(&self, connection: &ClientWrapper) -> bool {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.has_old_plans(connection, Instant::now())
    }

    /// Returns whether statements are to be sent whole each time.
    pub(super) fn is_pooled(&self) -> bool {
        self.pooled.load(Ordering::Relaxed)
    }

    pub(super) fn round(&self) -> Round {
        Round(self.told.borrow().round)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.told.borrow().is_closed
    }

    /// Lets nothing begin any more, and those who wait for a change or the database go.
    pub(super) fn close(&self) {
        self.told.send_modify(|told| {
            told.is_closed = true;
            told.round += 1;
        });
    }

    pub(super) fn layouts(&self) -> MutexGuard<'_, KnownLayouts> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn successors(&self) -> MutexGuard<'_, Successors> {
        let successors = self.successors.lock();
        successors.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
