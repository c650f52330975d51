//! The frontier: which URLs are known, which of them may be fetched now, and who fetches them.
//!
//! A **site** is a politeness group. It has **lanes**, and each lane is a queue, a politeness timer and a lease in one:
//! one lane for a site with a delay, many for a site without. A [claim](Frontier::claim) leases lanes that are due and
//! hands out their first URLs; a [settle](Frontier::settle) brings back the outcomes, with the links of their pages, in
//! one transaction. A holder that never comes back loses its lanes when its lease runs out, and nothing else.
//!
//! A site that asks for less too often is **set aside** as a whole: its lane gives all that it is asked for at once, and
//! each of its URLs is settled as failed, unasked.
//!
//! Each URL is fetched once: links that are known go nowhere. There is no order between lanes; within a lane the lower
//! priority goes first, then the older. In PostgreSQL one that comes when the next few of a lane are known to a node waits
//! for these, seven at most.
//!
//! ```
//! use std::time::Duration;
//! use crawler::frontier::{Fate, Frontier, Job, NewUrl, Next, Outcome, Record, Site, SqliteOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), crawler::frontier::FrontierError> {
//! let frontier = SqliteOptions::default().in_memory(Job::default()).await?;
//! let site = Site::polite("example.com", Duration::from_secs(1));
//! frontier.add(vec![NewUrl::seed("http://example.com/", site)]).await?;
//! frontier.seeded().await?;
//!
//! let claims = frontier.claim(10).await?;
//! assert_eq!(claims.leases[0].url, "http://example.com/");
//! let fetched = |lease| Outcome::done(lease, Record::new(Fate::Fetched));
//! let outcomes = claims.leases.into_iter().map(fetched).collect();
//! frontier.settle(outcomes, vec![]).await?;
//!
//! assert_eq!(frontier.claim(10).await?.next, Next::Done);
//! # Ok(())
//! # }
//! ```

mod clock;
pub use clock::{Clock, SystemClock};
mod lane;
pub use crate::web_url::{SiteId, UrlHash};
mod url;
pub use url::{NewUrl, Site};
mod lease;
pub use lease::{
    ABORT_AFTER, Asks, Claims, LEASE, Lease, LeaseKey, Next, POISON, RENEW_EVERY, Round,
    START_UNTIL,
};
mod outcome;
pub(crate) use outcome::Late;
pub use outcome::{Added, Archived, Ending, Fate, Outcome, Record, Settled, Written};
mod robots;
pub use robots::RobotsCopy;
mod job;
pub use job::{Job, State, Stats, Suspects};
mod place;
pub use place::Place;
mod error;
pub use error::FrontierError;
pub(crate) use error::{file_in, is_full, is_no_folder};
mod trace;
pub use trace::Trace;
mod losses;
pub(crate) use losses::{CAREFUL_FROM, TOGETHER};

mod known;

mod sqlite;
pub use sqlite::{SqliteFrontier, SqliteOptions, SqliteReader, SqliteResults};

mod postgres;
pub use postgres::{Membership, Node, PostgresFrontier, PostgresOptions, Pulse};

use std::fmt::Debug;

use async_trait::async_trait;

/// An engine of the frontier.
///
/// What a method has answered holds whatever ends the process, and on the machine's disk within a second in a file, and at
/// once in a database; but claims, renewals and releases may be lost with the machine, and cost a second fetch. Any number of
/// tasks may use it at once; what one has added or settled before it asks, its claim sees.
///
/// Opening a crawl by its only process ends all leases. Nobody knows when their holders ended, so that a site of one lane that
/// was leased then is due when it has rested from that moment on, as it did after its last answer, or for its delay where that
/// is longer; but no longer than two minutes for the sake of an answer. And no rest then lasts for longer than it was to be,
/// though the clock has gone back.
///
/// # Sites that are set aside
///
/// A [`Welcome`](crate::policy::welcome::Welcome) is kept for each site of one lane: an outcome whose lease holds brings
/// it, as durable as the outcome, and each later lease of the site tells it, on whatever node. While it is
/// [`SetAside`](crate::policy::welcome::Welcome::SetAside), a claim takes the lane for due whatever its rest is, and takes
/// of it as of a lane of an unlimited site; also what is queued later. Its rest is kept all the same: opening the crawl
/// by its only process, which ends all leases, makes a site that was set aside welcome again, and it is due when that
/// rest is over. A retry that waits comes when it is ready.
///
/// # Errors
///
/// Each method fails with [`FrontierError::Full`], [`FrontierError::Corrupt`] or [`FrontierError::Engine`] when the
/// engine does, and then has done nothing; with [`FrontierError::Closed`] after [`close`](Self::close). An engine that is
/// reached over a network waits while it can't be, so that nothing is lost; but [`renew`](Self::renew) and
/// [`stats`](Self::stats) fail with [`FrontierError::Unavailable`] then, which is worth another try.
///
/// # Cancel safety
///
/// A call that is dropped is carried out or not. What a dropped claim would have handed out is given back at once, or
/// when its lease runs out.
#[async_trait]
pub trait Frontier: Debug + Send + Sync {
    /// Returns what the crawl was begun with, and how many pages and bytes of it are left.
    async fn job(&self) -> Result<Job, FrontierError>;

    /// Replaces the configuration that the crawl was begun with, where it is known whole only when all seeds are in.
    async fn describe(&self, config: String) -> Result<(), FrontierError>;

    /// Sets how many pages may yet be fetched, in place of what is left of those that the crawl was begun with; any number
    /// with `None`. In a file it holds as long as that is open, and the next who opens it goes by what the crawl was begun
    /// with, of which these pages are taken too; in a database, where processes come and go, it is kept.
    async fn allow(&self, pages: Option<u64>) -> Result<(), FrontierError>;

    /// Sets how many bytes of bodies may yet be read, and is kept as long as a [number of pages](Self::allow); any number
    /// with `None`. When none are left nothing more is leased; what is on lease then may exceed it.
    async fn allow_bytes(&self, bytes: Option<u64>) -> Result<(), FrontierError>;

    /// Queues the URLs that are new, or records them: for seeds, while links come with their page's outcome.
    async fn add(&self, urls: Vec<NewUrl>) -> Result<Added, FrontierError>;

    /// Returns of each URL of a site whether it is known for sure, as far as this process remembers. No engine is asked:
    /// what is not remembered may be known all the same.
    fn remembers(&self, urls: &[(SiteId, UrlHash)]) -> Vec<bool>;

    /// Says that all seeds are in: from now on the crawl is done when nothing is left.
    async fn seeded(&self) -> Result<(), FrontierError>;

    /// Leases at most `demand` URLs that may all be fetched at once, and says when to ask again. A lease may be older than
    /// the claim, where it went on from one URL of a site to the next; its holder counts from when it was asked for.
    async fn claim(&self, demand: usize) -> Result<Claims, FrontierError>;

    /// Claims as [`claim`](Self::claim) does, and behind these leases up to `ahead` more, for which nobody has a place yet.
    /// What was lost before is not among them, so that it is not blamed for the loss of a process that never asked for it;
    /// nor is anything while a budget of bytes counts. An engine may give none, so that others find them.
    async fn claim_ahead(&self, demand: usize, ahead: usize) -> Result<Claims, FrontierError> {
        let _left_to_others = ahead;
        self.claim(demand).await
    }

    /// Waits until a claim could give more than the one that told of round `since`, or the frontier is closed. What
    /// changed in between is not missed. An engine that other processes share may return without a change, now and then,
    /// so that what they did is seen.
    async fn changed(&self, since: Round);

    /// Makes leases last from now on, and returns those that were lost: their fetches are to be aborted.
    async fn renew(&self, leases: Vec<LeaseKey>) -> Result<Vec<LeaseKey>, FrontierError>;

    /// Notes what is asked for of a [suspect](field@Lease::is_suspect), before it is: a loss that comes then is its own if it
    /// is the page; if it is robots.txt alone, those before are forgotten as by a settle.
    async fn asks(&self, suspect: LeaseKey, asks: Asks) -> Result<(), FrontierError>;

    /// Takes outcomes with their links, and how far the output files hold them. Their records must be in these files, and
    /// there alone: where one came too late, for another's counts, nothing is done and all are
    /// [given back](field@Settled::refused). Without files those that came too late are left out.
    async fn settle(
        &self,
        outcomes: Vec<Outcome>,
        written: Vec<Written>,
    ) -> Result<Settled, FrontierError>;

    /// Takes back URLs whose fetch was not started; it counts as no try and no loss.
    async fn release(&self, leases: Vec<Lease>) -> Result<(), FrontierError>;

    /// Returns the copy of the robots.txt of `authority`, fresh or not.
    async fn robots(&self, authority: &str) -> Result<Option<RobotsCopy>, FrontierError>;

    /// Keeps a copy of the robots.txt of `authority`, in place of any before.
    async fn keep_robots(&self, authority: &str, copy: RobotsCopy) -> Result<(), FrontierError>;

    /// Returns how far each output file holds what is settled.
    async fn written(&self) -> Result<Vec<Written>, FrontierError>;

    /// Returns the frontier in numbers.
    async fn stats(&self) -> Result<Stats, FrontierError>;

    /// Ends the work on it after what was asked before. What is still leased can be claimed when it is opened again; in a
    /// file that counts as no loss.
    async fn close(&self) -> Result<(), FrontierError>;
}
