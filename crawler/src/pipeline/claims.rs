//! The source of the crawl: it claims as many URLs as there is demand, and waits for what changes.
//!
//! A claim takes its time: it goes to another thread, and waits for the settle before it. Where nobody else could use them
//! some URLs are claimed ahead, before a place asks for them, so that no place is empty for a claim.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use futures::FutureExt;
use stage::{Context, Directive, Exit, Failure, Producer, Result};
use tokio::time::Instant;

use super::Held;
use crate::frontier::{Claims, Frontier, FrontierError, Lease, Next};
use crate::policy::rate::Rate;

/// What the log calls the events of demand: `claimed` with the `count` of URLs that were claimed for places, and `completed`
/// with the `count` of visits that ended. With `n` places, never more than `n` were claimed and not completed.
pub(super) const DEMAND: &str = "crawler::demand";

/// URLs that are claimed ahead, at most, and as many as there are places.
const AHEAD_MAX: usize = 64;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A producer of leases; it completes when the crawl is done, or its budget spent.
pub struct ClaimSource {
    frontier: Arc<dyn Frontier>,
    held: Held,
    /// How many may begin now, where that is limited.
    rate: Option<Rate>,
    /// Claimed, and not asked for; at most `ahead_max`.
    ahead: VecDeque<Lease>,
    ahead_max: usize,
    /// Whether there ever was demand: before it nothing is claimed.
    is_asked: bool,
    /// Whether no claim gives more.
    is_over: bool,
    claim: Option<Pending<std::result::Result<Claims, FrontierError>>>,
    /// When the last claim was sent, from which on its leases last.
    sent: Instant,
    /// Until another claim may give more.
    wait: Option<Pending<()>>,
}

impl std::fmt::Debug for ClaimSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaimSource").finish_non_exhaustive()
    }
}

impl ClaimSource {
    pub(crate) fn new(frontier: Arc<dyn Frontier>, held: Held, rate: Option<Rate>) -> Self {
        Self {
            frontier,
            held,
            rate,
            ahead: VecDeque::new(),
            ahead_max: 0,
            is_asked: false,
            is_over: false,
            claim: None,
            sent: Instant::now(),
            wait: None,
        }
    }

    /// Lets the first claim wait for that.
    pub(crate) fn after(mut self, ready: impl Future<Output = ()> + Send + 'static) -> Self {
        self.wait = Some(Box::pin(ready));
        self
    }

    /// Lets it claim ahead of so many places, where no other process works on the crawl; not where a rate limits it.
    #[must_use]
    pub(crate) fn ahead_of(mut self, places: NonZeroUsize) -> Self {
        if self.rate.is_none() {
            self.ahead_max = AHEAD_MAX.min(places.get());
        }
        self
    }

    /// Emits what is asked for of what is claimed; returns whether that was anything.
    fn emit(&mut self, cx: &mut Context<Lease>) -> bool {
        let count = self.ahead.len().min(cx.demand());
        if count > 0 {
            tracing::debug!(target: DEMAND, count, "claimed");
            cx.emit_all(self.ahead.drain(..count));
        }
        if self.is_over && self.ahead.is_empty() {
            cx.complete();
        }
        count > 0
    }

    /// Returns how many to claim now.
    fn wanted(&self, cx: &Context<Lease>) -> usize {
        if self.is_over || !self.is_asked || self.ahead.len() > self.ahead_max / 2 {
            return 0;
        }
        (cx.demand() + self.ahead_max).saturating_sub(self.ahead.len())
    }

    /// Takes what was claimed and prepares for the next claim.
    fn on_claims(&mut self, claims: Claims) {
        if let Some(rate) = &mut self.rate {
            rate.on_begun(claims.leases.len(), Instant::now().into_std());
        }
        for lease in &claims.leases {
            self.held.on_claimed(lease, self.sent);
        }
        self.ahead.extend(claims.leases);
        let frontier = Arc::clone(&self.frontier);
        let changed = async move { frontier.changed(claims.round).await };
        self.wait = match claims.next {
            Next::Now => None,
            Next::After(time) => Some(Box::pin(async move {
                let _changed = tokio::time::timeout(time, changed).await;
            })),
            Next::Changed => Some(Box::pin(changed)),
            Next::Spent | Next::Done => {
                self.is_over = true;
                None
            }
        };
    }
}

impl Producer for ClaimSource {
    type Out = Lease;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<Lease>) -> Result {
        // `poll_events` runs after every change of demand.
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Lease>) -> Poll<Result> {
        self.is_asked |= cx.demand() > 0;
        loop {
            if self.emit(cx) || self.is_over && self.ahead.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if let Some(wait) = &mut self.wait {
                ready!(wait.poll_unpin(task));
                self.wait = None;
            }
            let claim = match &mut self.claim {
                Some(claim) => claim,
                None => {
                    let mut wanted = self.wanted(cx);
                    if wanted == 0 {
                        return Poll::Pending;
                    }
                    if let Some(rate) = &self.rate {
                        let now = Instant::now().into_std();
                        if let Some(wait) = rate.wait(now) {
                            self.wait = Some(Box::pin(tokio::time::sleep(wait)));
                            continue;
                        }
                        wanted = wanted.min(rate.allowed(now));
                    }
                    let frontier = Arc::clone(&self.frontier);
                    let claim = async move { frontier.claim(wanted).await };
                    self.sent = Instant::now();
                    self.claim.insert(Box::pin(claim))
                }
            };
            let claims = ready!(claim.poll_unpin(task))?;
            self.claim = None;
            self.on_claims(claims);
        }
    }

    /// Gives back what nobody has asked for.
    async fn stopping(&mut self, _: &Exit, _: &mut Context<Lease>) {
        let ahead: Vec<_> = self.ahead.drain(..).collect();
        if ahead.is_empty() {
            return;
        }
        for lease in &ahead {
            self.held.let_go(lease.key());
        }
        if let Err(error) = self.frontier.release(ahead).await {
            tracing::debug!(%error, "what was claimed ahead comes back when the crawl goes on");
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}

#[cfg(test)]
mod tests {
    use stage::producer;

    use super::*;
    use crate::frontier::{Fate, Job, NewUrl, Outcome, Record, Site, SqliteOptions};

    #[tokio::test]
    async fn what_is_claimed_ahead_is_bounded_handed_out_and_given_back() {
        let frontier = SqliteOptions::default();
        let frontier: Arc<dyn Frontier> =
            Arc::new(frontier.in_memory(Job::default()).await.unwrap());
        let site = Site::unlimited("h");
        let seeds = (0..20).map(|n| NewUrl::seed(format!("http://h/{n}"), site.clone()));
        frontier.add(seeds.collect()).await.unwrap();
        frontier.seeded().await.unwrap();
        let places = NonZeroUsize::new(4).unwrap();
        let source = ClaimSource::new(Arc::clone(&frontier), Held::default(), None);
        let held = source.held.clone();
        let claims = producer(source.ahead_of(places)).spawn().unwrap();
        let leased = async || frontier.stats().await.unwrap().leased;

        let mut visits = claims.subscribe();
        assert_eq!(leased().await, 0, "nobody has asked");
        visits.request(places);
        let leases = visits.next().await.unwrap().unwrap();
        assert_eq!((leases.len(), leased().await), (4, 8));
        let done = |lease| Outcome::done(lease, Record::new(Fate::Fetched));
        let outcomes = leases.into_iter().map(done).collect();
        frontier.settle(outcomes, vec![]).await.unwrap();
        // Four are at hand, and four more are claimed.
        visits.request(places);
        assert_eq!(visits.next().await.unwrap().unwrap().len(), 4);

        claims.stop().await;
        assert_eq!(leased().await, 4, "those that were handed out");
        assert_eq!(held.len(), 8, "four of them were settled by no store");
    }
}
