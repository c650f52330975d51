//! The source of the crawl: it claims as many URLs as there is demand, and waits for what changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use futures::FutureExt;
use stage::{Context, Directive, Failure, Producer, Result};
use tokio::time::Instant;

use super::Held;
use crate::frontier::{Claims, Frontier, FrontierError, Lease, Next};
use crate::policy::rate::Rate;

/// What the log calls the events of demand: `claimed` with the `count` of URLs that were claimed, and `completed` with the
/// `count` of visits that ended. With `n` places, never more than `n` were claimed and not completed.
pub(super) const DEMAND: &str = "crawler::demand";

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A producer of leases; it completes when the crawl is done, or its budget spent.
pub struct ClaimSource {
    frontier: Arc<dyn Frontier>,
    held: Held,
    /// How many may begin now, where that is limited.
    rate: Option<Rate>,
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

    /// Emits what was claimed and prepares for the next claim; returns whether it did anything.
    fn on_claims(&mut self, claims: Claims, cx: &mut Context<Lease>) -> bool {
        let mut has_moved = !claims.leases.is_empty();
        if let Some(rate) = &mut self.rate {
            rate.on_begun(claims.leases.len(), Instant::now().into_std());
        }
        if has_moved {
            tracing::debug!(target: DEMAND, count = claims.leases.len(), "claimed");
        }
        for lease in claims.leases {
            self.held.on_claimed(&lease, self.sent);
            cx.emit(lease);
        }
        let frontier = Arc::clone(&self.frontier);
        let changed = async move { frontier.changed(claims.round).await };
        self.wait = match claims.next {
            Next::Now => None,
            Next::After(time) => Some(Box::pin(async move {
                let _changed = tokio::time::timeout(time, changed).await;
            })),
            Next::Changed => Some(Box::pin(changed)),
            Next::Spent | Next::Done => {
                cx.complete();
                has_moved = true;
                None
            }
        };
        has_moved
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
            if let Some(wait) = &mut self.wait {
                ready!(wait.poll_unpin(task));
                self.wait = None;
            }
            let claim = match &mut self.claim {
                Some(claim) => claim,
                None if cx.demand() == 0 => return Poll::Pending,
                None => {
                    let demand = match &self.rate {
                        None => cx.demand(),
                        Some(rate) => {
                            let now = Instant::now().into_std();
                            if let Some(wait) = rate.wait(now) {
                                self.wait = Some(Box::pin(tokio::time::sleep(wait)));
                                continue;
                            }
                            rate.allowed(now).min(cx.demand())
                        }
                    };
                    let frontier = Arc::clone(&self.frontier);
                    let claim = async move { frontier.claim(demand).await };
                    self.sent = Instant::now();
                    self.claim.insert(Box::pin(claim))
                }
            };
            let claims = ready!(claim.poll_unpin(task))?;
            self.claim = None;
            if self.on_claims(claims, cx) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}
