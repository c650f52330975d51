//! The frontier as its users hold it: each call is a task of its own, which goes on when its caller does not wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::add::Add;
use super::claim::Claim;
use super::core::Core;
use super::crawl::{Allow, AllowBytes, Describe, ReadConfig, ReadStats, Seeded};
use super::leases::{NoteAsked, Release, Renew};
use super::node::{Membership, Node, ReadNodes};
use super::notes::{KeepRobots, ReadResults, ReadRobots, ReadWritten, Recorders};
use super::settle::{Settle, Settling};
use super::trace::ReadTraces;
use super::turn::Work;
use crate::frontier::known::Key;
use crate::frontier::{
    Added, Asks, Claims, Frontier, FrontierError, Job, Lease, LeaseKey, NewUrl, Next, Outcome,
    RobotsCopy, Round, Settled, SiteId, Stats, Trace, UrlHash, Written,
};

/// How long a claimer waits at most before it looks at what other nodes did.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A frontier in a PostgreSQL database, which several processes share. [`PostgresOptions`](super::PostgresOptions) open
/// it.
///
/// While the database can't be reached its methods wait, but for [`renew`](Frontier::renew) and
/// [`stats`](Frontier::stats), which fail with [`FrontierError::Unavailable`] at once: so that outcomes wait in memory,
/// and who holds a lease sees that it runs out. [`close`](Frontier::close) lets them all go.
#[derive(Debug)]
pub struct PostgresFrontier {
    core: Arc<Core>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl PostgresFrontier {
    pub(super) fn new(core: Core) -> Self {
        Self {
            core: Arc::new(core),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// Joins the crawl under the name of this node, which no other has then. `address` tells people where it runs.
    ///
    /// # Errors
    ///
    /// [`FrontierError::NodeInUse`] when another process has the name; [`FrontierError::Unavailable`],
    /// [`FrontierError::Missing`] and [`FrontierError::Engine`] as any call.
    ///
    /// # Cancel safety
    ///
    /// One that is dropped has not joined.
    pub async fn join(&self, address: &str) -> Result<Membership, FrontierError> {
        Membership::join(Arc::clone(&self.core), address).await
    }

    /// Returns the nodes that work on the crawl, and those that ended without leaving, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Unavailable`], [`FrontierError::Missing`] and [`FrontierError::Engine`] as any call.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn nodes(&self) -> Result<Vec<Node>, FrontierError> {
        self.try_once(ReadNodes).await
    }

    /// Returns where each of these URLs stands; what the crawl has not seen is left out. All that is recorded is looked
    /// through once, however many they are.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Unavailable`], [`FrontierError::Missing`] and [`FrontierError::Engine`] as any call.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn traces(&self, urls: &[UrlHash]) -> Result<HashMap<UrlHash, Trace>, FrontierError> {
        self.try_once(ReadTraces(urls.to_vec())).await
    }

    /// Returns the records of all nodes behind the one with the number `after`, `most` of them at most, each with its
    /// number and as it was [told](crate::frontier::Record::about). While nodes settle, one may come with a number before
    /// what was read.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Unavailable`], [`FrontierError::Missing`] and [`FrontierError::Engine`] as any call.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn results(
        &self,
        after: i64,
        most: usize,
    ) -> Result<Vec<(i64, String)>, FrontierError> {
        self.results_of(Recorders::All, after, most).await
    }

    /// Returns the records of this node, as [`results`](Self::results) those of all.
    ///
    /// # Errors
    ///
    /// As [`results`](Self::results).
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn own_results(
        &self,
        after: i64,
        most: usize,
    ) -> Result<Vec<(i64, String)>, FrontierError> {
        self.results_of(Recorders::Own, after, most).await
    }

    async fn results_of(
        &self,
        of: Recorders,
        after: i64,
        most: usize,
    ) -> Result<Vec<(i64, String)>, FrontierError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.try_once(ReadResults { after, most, of }).await
    }

    /// Does a piece of work, however long the database is away.
    async fn ask<W: Work + 'static>(&self, work: W) -> Result<W::Answer, FrontierError>
    where
        W::Answer: 'static,
    {
        let core = Arc::clone(&self.core);
        self.wait(async move { core.persist(&work).await }).await
    }

    /// Does a piece of work, if the database is there.
    async fn try_once<W: Work + 'static>(&self, work: W) -> Result<W::Answer, FrontierError>
    where
        W::Answer: 'static,
    {
        let core = Arc::clone(&self.core);
        self.wait(async move { core.try_once(&work).await }).await
    }

    /// Waits for a task that goes on when nobody waits for it any more.
    async fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, FrontierError>> + Send + 'static,
    ) -> Result<T, FrontierError> {
        let (reply, answer) = oneshot::channel();
        self.spawn(async move {
            let _nobody_waits = reply.send(work.await);
        })?;
        answer.await.unwrap_or(Err(FrontierError::Closed))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<(), FrontierError> {
        if self.core.is_closed() {
            return Err(FrontierError::Closed);
        }
        self.tasks.spawn_on(task, &self.runtime);
        Ok(())
    }
}

impl Drop for PostgresFrontier {
    fn drop(&mut self) {
        // Who waits for the database does so for nobody.
        self.core.close();
    }
}

#[async_trait]
impl Frontier for PostgresFrontier {
    async fn job(&self) -> Result<Job, FrontierError> {
        let stats = self.ask(ReadStats).await?;
        Ok(Job {
            config: self.ask(ReadConfig).await?,
            pages: stats.pages_left,
            bytes: stats.bytes_left,
        })
    }

    async fn describe(&self, config: String) -> Result<(), FrontierError> {
        self.ask(Describe(config)).await
    }

    async fn allow(&self, pages: Option<u64>) -> Result<(), FrontierError> {
        self.ask(Allow(pages)).await
    }

    async fn allow_bytes(&self, bytes: Option<u64>) -> Result<(), FrontierError> {
        self.ask(AllowBytes(bytes)).await
    }

    async fn add(&self, mut urls: Vec<NewUrl>) -> Result<Added, FrontierError> {
        let count = urls.len();
        self.core.known().strip(&mut urls);
        let known = count - urls.len();
        let keys: Vec<Key> = urls.iter().map(NewUrl::key).collect();
        let mut added = self.ask(Add(urls)).await?;
        added.known += known;
        self.core.known().learn(keys);
        Ok(added)
    }

    fn remembers(&self, urls: &[(SiteId, UrlHash)]) -> Vec<bool> {
        self.core.known().holds(urls)
    }

    async fn seeded(&self) -> Result<(), FrontierError> {
        self.ask(Seeded).await.map(drop)
    }

    async fn claim(&self, demand: usize) -> Result<Claims, FrontierError> {
        let (reply, answer) = oneshot::channel();
        let core = Arc::clone(&self.core);
        self.spawn(async move {
            if let Err(Ok(claims)) = reply.send(claim(&core, demand).await) {
                core.give_back(&Release::of(&claims.leases)).await;
            }
        })?;
        let mut claiming = Claiming {
            answer,
            frontier: self,
        };
        let answer = (&mut claiming.answer).await;
        answer.unwrap_or(Err(FrontierError::Closed))
    }

    async fn changed(&self, since: Round) {
        let mut told = self.core.told.subscribe();
        let changed = told.wait_for(|told| told.is_closed || Round(told.round) > since);
        // Nodes do not tell each other what they do, for that would make their commits wait for one another: so each
        // looks, and not all at once.
        let wait = LOOK_EVERY.mul_f64(fastrand::f64().mul_add(0.25, 0.75));
        let _looks_now = tokio::time::timeout(wait, changed).await;
    }

    async fn renew(&self, leases: Vec<LeaseKey>) -> Result<Vec<LeaseKey>, FrontierError> {
        let mut all = leases.clone();
        all.extend(self.core.successors().waiting());
        let (core, sent) = (Arc::clone(&self.core), Instant::now());
        let renew = async move {
            let renew = Renew(all);
            let lost = core.try_once(&renew).await?;
            core.successors().on_renewed(&renew.0, &lost, sent);
            Ok(lost)
        };
        let mut lost = self.wait(renew).await?;
        lost.retain(|key| leases.contains(key));
        Ok(lost)
    }

    async fn settle(
        &self,
        mut outcomes: Vec<Outcome>,
        written: Vec<Written>,
    ) -> Result<Settled, FrontierError> {
        {
            let mut known = self.core.known();
            for outcome in &mut outcomes {
                known.strip(&mut outcome.links);
            }
        }
        let links = outcomes.iter().flat_map(|outcome| &outcome.links);
        let keys: Vec<Key> = links.map(NewUrl::key).collect();
        let (core, tasks) = (Arc::clone(&self.core), self.tasks.clone());
        let settle = Settle::new(outcomes, written);
        let persist = async move {
            let settling = core.persist(&settle).await?;
            if core.successors().begin_watch() {
                tasks.spawn(watch(core));
            }
            Ok((settling, settle))
        };
        Ok(match self.wait(persist).await? {
            (Settling::Settled { settled, .. }, _) => {
                self.core.known().learn(keys);
                settled
            }
            (Settling::Late(late), settle) => settle.refuse(&late),
        })
    }

    async fn asks(&self, suspect: LeaseKey, asks: Asks) -> Result<(), FrontierError> {
        self.ask(NoteAsked(suspect, asks)).await
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<(), FrontierError> {
        {
            let mut successors = self.core.successors();
            for lease in &leases {
                successors.forget(lease.key());
            }
        }
        self.ask(Release::of(&leases)).await
    }

    async fn robots(&self, authority: &str) -> Result<Option<RobotsCopy>, FrontierError> {
        self.ask(ReadRobots(authority.to_owned())).await
    }

    async fn keep_robots(&self, authority: &str, copy: RobotsCopy) -> Result<(), FrontierError> {
        let authority = authority.to_owned();
        self.ask(KeepRobots { authority, copy }).await
    }

    async fn written(&self) -> Result<Vec<Written>, FrontierError> {
        self.ask(ReadWritten).await
    }

    async fn stats(&self) -> Result<Stats, FrontierError> {
        self.try_once(ReadStats).await
    }

    async fn close(&self) -> Result<(), FrontierError> {
        if self.core.is_closed() {
            return Err(FrontierError::Closed);
        }
        self.core.close();
        self.tasks.close();
        self.tasks.wait().await;
        let waiting = self.core.successors().take_all(Instant::now());
        self.core.give_back(&Release(waiting)).await;
        self.core.pool.close();
        Ok(())
    }
}

/// A claim that waits for its answer. When it is dropped, an answer that has come gives its leases back; one that has
/// not finds nobody, and its task does it.
struct Claiming<'a> {
    answer: oneshot::Receiver<Result<Claims, FrontierError>>,
    frontier: &'a PostgresFrontier,
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        self.answer.close();
        let Ok(Ok(claims)) = self.answer.try_recv() else {
            return;
        };
        let core = Arc::clone(&self.frontier.core);
        // With a closed frontier they come back when their lease runs out.
        let _closed = self.frontier.spawn(async move {
            core.give_back(&Release::of(&claims.leases)).await;
        });
    }
}

/// Claims what follows in this process first, and the rest in the database.
async fn claim(core: &Core, demand: usize) -> Result<Claims, FrontierError> {
    let (round, sent) = (core.round(), Instant::now());
    let mut leases = core.successors().take_due(sent, demand);
    let demand = demand - leases.len();
    if demand == 0 && !leases.is_empty() {
        return Ok(Claims {
            leases,
            next: Next::Now,
            round,
        });
    }
    let claimed = match core.persist(&Claim { demand, round }).await {
        Ok(claimed) => claimed,
        Err(error) => {
            // What was in hand already comes back when its lease runs out.
            let mut successors = core.successors();
            for lease in &leases {
                successors.forget(lease.key());
            }
            return Err(error);
        }
    };
    let mut claims = claimed.claims;
    let mut successors = core.successors();
    for urls in claimed.behind {
        successors.on_claimed(urls, sent);
    }
    if let Some(due) = successors.next_due() {
        let wait = due.saturating_duration_since(Instant::now());
        claims.next = match claims.next {
            Next::After(other) => Next::After(other.min(wait)),
            Next::Changed => Next::After(wait),
            next => next,
        };
    }
    drop(successors);
    if !leases.is_empty() {
        leases.append(&mut claims.leases);
        leases.sort_by_key(|lease| (lease.priority, lease.seq));
        claims.leases = leases;
    }
    Ok(claims)
}

/// Gives back what nobody claims, for as long as anything waits.
async fn watch(core: Arc<Core>) {
    loop {
        let (unclaimed, next) = {
            let mut successors = core.successors();
            let unclaimed = successors.take_unclaimed(Instant::now());
            (unclaimed, successors.next_unclaimed())
        };
        core.give_back(&Release(unclaimed)).await;
        let Some(next) = next else {
            return;
        };
        let mut told = core.told.subscribe();
        let closed = told.wait_for(|told| told.is_closed);
        if tokio::time::timeout_at(next.into(), closed).await.is_ok() {
            return;
        }
    }
}
