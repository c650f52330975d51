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
use super::window::spare;
use crate::frontier::{Claims, Frontier, FrontierError, Lease, Next};
use crate::policy::rate::Rate;

/// What the log calls the events of demand: `claimed` with the `count` of URLs that were claimed for places, and `completed`
/// with the `count` of visits that ended. With `n` places, never more than `n` were claimed and not completed.
pub(super) const DEMAND: &str = "crawler::demand";

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
    /// How often sites had asked for a rest when these were claimed.
    rests: u64,
    /// Whether the next claim is for a place: the first, and one after a claim that gave less than was wanted.
    is_short: bool,
    /// Whether no claim gives more.
    is_over: bool,
    claim: Option<Claiming>,
    /// Until another claim may give more.
    wait: Option<Pending<()>>,
    giving_back: Option<Pending<std::result::Result<(), FrontierError>>>,
}

/// A claim at work.
struct Claiming {
    claims: Pending<std::result::Result<Claims, FrontierError>>,
    wanted: usize,
    /// When it was sent, from which on its leases last.
    sent: Instant,
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
            rests: 0,
            is_short: true,
            is_over: false,
            claim: None,
            wait: None,
            giving_back: None,
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
            self.ahead_max = spare(places);
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

    /// Returns how many to claim now: for places, and ahead of them.
    fn wanted(&self, demand: usize) -> (usize, usize) {
        if self.is_over {
            return (0, 0);
        }
        if demand > 0 {
            return (demand, self.ahead_max);
        }
        if self.is_short || self.ahead.len() > self.ahead_max / 2 {
            return (0, 0);
        }
        (0, self.ahead_max - self.ahead.len())
    }

    /// Sends a claim.
    fn claim(&mut self, demand: usize, ahead: usize) -> &mut Claiming {
        let frontier = Arc::clone(&self.frontier);
        let claims = Box::pin(async move { frontier.claim_ahead(demand, ahead).await });
        self.claim.insert(Claiming {
            claims,
            wanted: demand + ahead,
            sent: Instant::now(),
        })
    }

    /// Takes what was claimed and prepares for the next claim.
    fn on_claims(&mut self, claims: Claims, wanted: usize, sent: Instant) {
        let count = claims.leases.len();
        if let Some(rate) = &mut self.rate {
            rate.on_begun(count, sent.into_std(), Instant::now().into_std());
        }
        for lease in &claims.leases {
            self.held.on_claimed(lease, sent);
        }
        self.is_short = count < wanted;
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

    /// Gives back what was claimed ahead before a site asked for a rest, so that nothing of it is asked for meanwhile.
    fn look_for_rests(&mut self) {
        let rests = self.held.rests();
        if rests == self.rests {
            return;
        }
        // What a claim at work brings is older still.
        if self.claim.is_none() {
            self.rests = rests;
        }
        if !self.ahead.is_empty() {
            self.giving_back = Some(Box::pin(self.give_back()));
        }
    }

    /// Gives back what nobody has asked for.
    fn give_back(
        &mut self,
    ) -> impl Future<Output = std::result::Result<(), FrontierError>> + Send + use<> {
        let leases: Vec<_> = self.ahead.drain(..).collect();
        for lease in &leases {
            self.held.let_go(lease.key());
        }
        let frontier = Arc::clone(&self.frontier);
        async move { frontier.release(leases).await }
    }
}

impl Producer for ClaimSource {
    type Out = Lease;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<Lease>) -> Result {
        // `poll_events` runs after every change of demand.
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Lease>) -> Poll<Result> {
        loop {
            self.look_for_rests();
            if let Some(giving_back) = &mut self.giving_back {
                ready!(giving_back.poll_unpin(task))?;
                self.giving_back = None;
            }
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
                    let (mut demand, ahead) = self.wanted(cx.demand());
                    if demand + ahead == 0 {
                        return Poll::Pending;
                    }
                    if let Some(rate) = &self.rate {
                        let now = Instant::now().into_std();
                        if let Some(wait) = rate.wait(now) {
                            self.wait = Some(Box::pin(tokio::time::sleep(wait)));
                            continue;
                        }
                        demand = demand.min(rate.allowed(now));
                    }
                    self.claim(demand, ahead)
                }
            };
            let claims = ready!(claim.claims.poll_unpin(task))?;
            let (wanted, sent) = (claim.wanted, claim.sent);
            self.claim = None;
            self.on_claims(claims, wanted, sent);
        }
    }

    async fn stopping(&mut self, _: &Exit, _: &mut Context<Lease>) {
        if self.ahead.is_empty() {
            return;
        }
        if let Err(error) = self.give_back().await {
            tracing::debug!(%error, "what was claimed ahead comes back when the crawl goes on");
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}

#[cfg(test)]
mod tests;
