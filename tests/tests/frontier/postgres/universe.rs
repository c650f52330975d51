//! A closed universe: four nodes fetch all of a small web, some of it twice, one of them is killed in the middle; and
//! each page is recorded once.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crawler::frontier::{
    Clock as _, Frontier, Job, LEASE, Lease, NewUrl, Next, Outcome, PostgresFrontier, Site, SiteId,
    State,
};
use tokio::sync::RwLock;

use super::{Crawl, number};
use crate::world::{Hand, fetched};

const PAGES: usize = 2_000;
const SITES: usize = 40;
const DELAY: Duration = Duration::from_millis(50);

/// What the nodes share beside the frontier.
struct Universe {
    clock: Arc<Hand>,
    /// Shared by each step of a node, so that the clock does not jump over a lease that is worked on.
    steps: RwLock<()>,
    settled: AtomicUsize,
    /// When each polite site was last let alone, and the shortest time until it was asked again.
    sites: Mutex<BTreeMap<SiteId, SystemTime>>,
    gaps: Mutex<Vec<Duration>>,
}

/// Returns the site of a page: most have a delay, some many lanes.
fn site(number: usize) -> Site {
    let name = format!("site{}", number % SITES);
    if number % SITES < 4 {
        return Site::unlimited(name).in_lanes(NonZeroU16::new(8).unwrap());
    }
    Site::polite(name, DELAY)
}

fn url(number: usize) -> NewUrl {
    let site = site(number);
    NewUrl::seed(format!("http://{}/{number}", site.name()), site)
}

/// Returns what a fetch gives: one in twenty is to be tried again, the rest link to pages near and far.
fn fetch(lease: Lease) -> Outcome {
    let number: usize = lease.url.rsplit('/').next().unwrap().parse().unwrap();
    if number % 20 == 7 && lease.attempts == 0 {
        return Outcome::retry(lease, Duration::from_millis(20));
    }
    let links = [2 * number, 2 * number + 1, number / 2, number * 31 % PAGES];
    let links = links.into_iter().filter(|link| (1..=PAGES).contains(link));
    fetched(lease).with_links(links.map(url).collect::<Vec<_>>())
}

impl Universe {
    fn asks(&self, lease: &Lease) {
        if let Some(end) = self.sites.lock().unwrap().get(&lease.site) {
            let gap = self.clock.now().duration_since(*end).unwrap_or_default();
            self.gaps.lock().unwrap().push(gap);
        }
    }

    /// Claims and settles once; returns whether the crawl is done.
    async fn step(&self, frontier: &PostgresFrontier) -> bool {
        let _step = self.steps.read().await;
        let claims = frontier.claim(25).await.unwrap();
        if claims.leases.is_empty() {
            // Time goes on for as long as a site rests, and never over a lease.
            if matches!(claims.next, Next::After(wait) if wait <= DELAY) {
                self.clock.forward(Duration::from_millis(10));
            }
            return claims.next == Next::Done;
        }
        for lease in &claims.leases {
            self.asks(lease);
        }
        // Here one is killed with what it holds.
        tokio::task::yield_now().await;
        let now = self.clock.now();
        let polite = claims.leases.iter().filter(|lease| {
            let number = lease.url.rsplit('/').next().unwrap().parse::<usize>();
            site(number.unwrap()).lanes().get() == 1
        });
        let polite: Vec<_> = polite.map(|lease| lease.site).collect();
        self.sites
            .lock()
            .unwrap()
            .extend(polite.into_iter().map(|site| (site, now)));
        let count = claims.leases.len();
        let outcomes = claims.leases.into_iter().map(fetch).collect();
        frontier.settle(outcomes, vec![]).await.unwrap();
        self.settled.fetch_add(count, Ordering::Relaxed);
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_of_which_one_is_killed_fetch_every_page_and_none_that_is_not_there() {
    let crawl = Crawl::new();
    let universe = Arc::new(Universe {
        clock: Arc::new(Hand::default()),
        steps: RwLock::default(),
        settled: AtomicUsize::new(0),
        sites: Mutex::default(),
        gaps: Mutex::default(),
    });
    let options = crawl.options().clock(Arc::clone(&universe.clock) as _);
    let first = options.create(Job::default()).await.unwrap();
    first.add(vec![url(1)]).await.unwrap();
    first.seeded().await.unwrap();
    let mut nodes = Vec::new();
    for _node in 0..4 {
        let (universe, frontier) = (Arc::clone(&universe), options.open().await.unwrap());
        nodes.push(tokio::spawn(async move {
            while !universe.step(&frontier).await {}
        }));
    }
    tests::until("half of it is settled", async || {
        (universe.settled.load(Ordering::Relaxed) > PAGES / 2).then_some(())
    })
    .await;
    let killed = nodes.remove(0);
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    // What it held comes back when its leases run out, while nobody else is in the middle of a step.
    {
        let _nobody = universe.steps.write().await;
        universe.clock.forward(LEASE);
    }
    for node in nodes {
        node.await.unwrap();
    }

    let stats = first.stats().await.unwrap();
    assert_eq!((stats.state, stats.leased), (State::Done, 0), "{stats:?}");
    assert_eq!((stats.queued, stats.delayed), (0, 0), "{stats:?}");
    let raw = crawl.raw().await;
    let pages = i64::try_from(PAGES).unwrap();
    let count = async |sql: &str| number(&raw, sql).await;
    assert_eq!(count("SELECT count(*) FROM result").await, pages, "extra");
    let apart = "SELECT count(DISTINCT url) FROM result";
    assert_eq!(count(apart).await, pages, "missing");
    assert_eq!(count("SELECT count(*) FROM queue").await, 0);
    assert_eq!(count("SELECT count(*) FROM delayed").await, 0);
    let shortest = universe.gaps.lock().unwrap().iter().min().copied();
    assert!(
        shortest >= Some(DELAY),
        "a site was asked again after {shortest:?}"
    );
}
