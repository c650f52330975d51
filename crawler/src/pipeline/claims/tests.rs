use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use stage::{Demand, ProducerHandle, Subscription, producer};

use super::*;
use crate::frontier::{
    Added, Asks, Fate, Job, LeaseKey, NewUrl, Outcome, Record, RobotsCopy, Round, Settled, Site,
    SiteId, SqliteOptions, Stats, UrlHash, Written,
};

const PLACES: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// A source of 20 URLs of a site without delay, and the end that its leases come to.
struct Flow {
    frontier: Arc<dyn Frontier>,
    held: Held,
    claims: ProducerHandle<ClaimSource>,
    visits: Subscription<Lease>,
}

impl Flow {
    async fn of(job: Job) -> Self {
        let frontier = SqliteOptions::default();
        let frontier: Arc<dyn Frontier> = Arc::new(frontier.in_memory(job).await.unwrap());
        let site = Site::unlimited("h");
        let seeds = (0..20).map(|n| NewUrl::seed(format!("http://h/{n}"), site.clone()));
        frontier.add(seeds.collect()).await.unwrap();
        frontier.seeded().await.unwrap();
        let source = ClaimSource::new(Arc::clone(&frontier), Held::default(), None);
        let held = source.held.clone();
        let claims = producer(source.ahead_of(PLACES)).spawn().unwrap();
        let visits = claims.subscribe();
        Self {
            frontier,
            held,
            claims,
            visits,
        }
    }

    async fn leased(&self) -> u64 {
        self.frontier.stats().await.unwrap().leased
    }

    /// Asks for as many URLs as there are places.
    async fn next(&mut self) -> Vec<Lease> {
        self.visits.request(PLACES);
        let mut leases = Vec::new();
        while leases.len() < PLACES.get() {
            leases.extend(self.visits.next().await.unwrap().unwrap());
        }
        leases
    }

    async fn settle(&self, leases: Vec<Lease>, rest: Duration) {
        let done = |lease| Outcome::done(lease, Record::new(Fate::Fetched)).resting(rest);
        let outcomes = leases.into_iter().map(done).collect();
        self.frontier.settle(outcomes, vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_claimed_ahead_is_bounded_handed_out_and_given_back() {
    let mut flow = Flow::of(Job::default()).await;
    assert_eq!(flow.leased().await, 0, "nobody has asked");
    let leases = flow.next().await;
    assert_eq!(flow.leased().await, 8);
    flow.settle(leases, Duration::ZERO).await;
    // Four are at hand, and four more are claimed.
    flow.next().await;

    flow.claims.stop().await;
    // A claim that was at work then is given back as it is answered.
    ::tests::until("those that were handed out are left", async || {
        (flow.leased().await == 4).then_some(())
    })
    .await;
    assert_eq!(flow.held.len(), 8, "four of them were settled by no store");
}

#[tokio::test]
async fn what_was_claimed_ahead_is_given_back_when_the_site_asks_for_a_rest() {
    let mut flow = Flow::of(Job::default()).await;
    let leases = flow.next().await;
    flow.settle(leases, Duration::from_secs(3600)).await;
    flow.held.on_rest();
    flow.visits.request(PLACES);
    ::tests::until("all are given back", async || {
        assert!(flow.visits.next().now_or_never().is_none());
        (flow.leased().await == 0).then_some(())
    })
    .await;
    assert!(flow.visits.next().now_or_never().is_none());
}

#[tokio::test]
async fn nothing_is_claimed_ahead_of_a_budget_of_bytes() {
    let job = Job {
        bytes: Some(1),
        ..Job::default()
    };
    let mut flow = Flow::of(job).await;
    flow.next().await;
    assert_eq!(flow.leased().await, 4);
}

/// A frontier of which each claim takes a while, as on a machine that has much to do.
#[derive(Debug)]
struct Slow {
    claim: Duration,
    leases: Mutex<Vec<Lease>>,
}

impl Slow {
    async fn new(claim: Duration, count: usize) -> Self {
        let frontier = SqliteOptions::default().in_memory(Job::default()).await;
        let (frontier, site) = (frontier.unwrap(), Site::unlimited("h"));
        let urls = (0..count).map(|n| NewUrl::seed(format!("http://h/{n}"), site.clone()));
        frontier.add(urls.collect()).await.unwrap();
        let leases = frontier.claim(count).await.unwrap().leases;
        assert_eq!(leases.len(), count);
        Self {
            claim,
            leases: Mutex::new(leases),
        }
    }
}

type Asked<T> = std::result::Result<T, FrontierError>;

#[async_trait]
impl Frontier for Slow {
    async fn claim(&self, demand: usize) -> Asked<Claims> {
        tokio::time::sleep(self.claim).await;
        let mut leases = self.leases.lock().unwrap();
        let from = leases.len().saturating_sub(demand);
        Ok(Claims {
            leases: leases.split_off(from),
            next: if from > 0 { Next::Now } else { Next::Done },
            round: Round::default(),
        })
    }

    async fn changed(&self, _: Round) {
        std::future::pending::<()>().await;
    }

    async fn job(&self) -> Asked<Job> {
        Err(FrontierError::Closed)
    }

    async fn describe(&self, _: String) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn allow(&self, _: Option<u64>) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn allow_bytes(&self, _: Option<u64>) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn add(&self, _: Vec<NewUrl>) -> Asked<Added> {
        Err(FrontierError::Closed)
    }

    fn remembers(&self, urls: &[(SiteId, UrlHash)]) -> Vec<bool> {
        vec![false; urls.len()]
    }

    async fn seeded(&self) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn renew(&self, _: Vec<LeaseKey>) -> Asked<Vec<LeaseKey>> {
        Err(FrontierError::Closed)
    }

    async fn asks(&self, _: LeaseKey, _: Asks) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn settle(&self, _: Vec<Outcome>, _: Vec<Written>) -> Asked<Settled> {
        Err(FrontierError::Closed)
    }

    async fn release(&self, _: Vec<Lease>) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn robots(&self, _: &str) -> Asked<Option<RobotsCopy>> {
        Err(FrontierError::Closed)
    }

    async fn keep_robots(&self, _: &str, _: RobotsCopy) -> Asked<()> {
        Err(FrontierError::Closed)
    }

    async fn written(&self) -> Asked<Vec<Written>> {
        Err(FrontierError::Closed)
    }

    async fn stats(&self) -> Asked<Stats> {
        Err(FrontierError::Closed)
    }

    async fn close(&self) -> Asked<()> {
        Err(FrontierError::Closed)
    }
}

/// Returns how long it takes at this rate until all of these leases are handed out.
async fn takes(period: Duration, claim: Duration, count: usize) -> Duration {
    let slow = Slow::new(claim, count).await;
    tokio::time::pause();
    let start = Instant::now();
    let rate = Rate::new(period, start.into_std());
    let source = ClaimSource::new(Arc::new(slow), Held::default(), Some(rate));
    let claims = producer(source).spawn().unwrap();
    let leases = stage::stream([(claims, Demand::default())]);
    assert_eq!(leases.count().await, count);
    start.elapsed()
}

#[tokio::test]
async fn a_rate_is_kept_though_each_claim_takes_longer_than_its_period() {
    let millis = Duration::from_millis;
    let took = takes(millis(5), millis(40), 2_000).await;
    assert!((9_900..10_500).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_pace_is_kept_though_claims_take_a_while() {
    let millis = Duration::from_millis;
    let took = takes(millis(200), millis(50), 100).await;
    assert!((19_800..20_000).contains(&took.as_millis()), "{took:?}");
}
