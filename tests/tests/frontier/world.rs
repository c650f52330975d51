//! What a test works with: a frontier of any engine, a clock that is moved by hand, and short words for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crawler::frontier::{
    Asks, Claims, Clock, Fate, Frontier, Job, Lease, NewUrl, Next, Outcome, Record, Settled, Site,
};

/// A place where one frontier is kept.
pub(crate) trait Engine: Sized {
    /// Whether each URL of a site without delay is a lane of its own, and lanes that were lost thrice are on lease some at a
    /// time, or one.
    const LANES_OF_ONE_URL: bool;

    /// Makes a place with nothing in it.
    fn place() -> Self;

    /// Begins a crawl there.
    async fn begin(&self, clock: Arc<Hand>, job: Job) -> Arc<dyn Frontier>;

    /// Opens the crawl again, whose last frontier was closed or dropped.
    async fn reopen(&self, clock: Arc<Hand>) -> Arc<dyn Frontier>;
}

/// A clock that is moved by hand.
#[derive(Debug)]
pub(crate) struct Hand(AtomicU64);

impl Hand {
    /// The milliseconds since the Unix epoch that it begins with.
    pub(crate) const EPOCH: u64 = 1_700_000_000_000;

    pub(crate) fn forward(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn back(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.0.fetch_sub(millis, Ordering::SeqCst);
    }
}

impl Default for Hand {
    fn default() -> Self {
        Self(AtomicU64::new(Self::EPOCH))
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World<E> {
    pub(crate) clock: Arc<Hand>,
    pub(crate) frontier: Arc<dyn Frontier>,
    engine: E,
}

impl<E: Engine> World<E> {
    pub(crate) async fn new() -> Self {
        Self::with(Job::default()).await
    }

    pub(crate) async fn with(job: Job) -> Self {
        let (engine, clock) = (E::place(), Arc::new(Hand::default()));
        Self {
            frontier: engine.begin(Arc::clone(&clock), job).await,
            clock,
            engine,
        }
    }

    /// Returns the place where the frontier is kept.
    pub(crate) const fn engine(&self) -> &E {
        &self.engine
    }

    /// Ends the frontier without a word, as kill -9 does, and opens it again.
    pub(crate) async fn crash(mut self) -> Self {
        drop(self.frontier);
        self.frontier = self.engine.reopen(Arc::clone(&self.clock)).await;
        self
    }

    /// Closes the frontier and opens it again.
    pub(crate) async fn restart(self) -> Self {
        self.frontier.close().await.unwrap();
        self.crash().await
    }

    /// Adds seeds, and returns how many were new.
    pub(crate) async fn add(&self, urls: impl IntoIterator<Item = NewUrl>) -> usize {
        let urls = urls.into_iter().collect();
        self.frontier.add(urls).await.unwrap().new
    }

    pub(crate) async fn claim(&self, demand: usize) -> Claims {
        self.frontier.claim(demand).await.unwrap()
    }

    /// Claims, and returns what is leased.
    pub(crate) async fn leases(&self, demand: usize) -> Vec<Lease> {
        self.claim(demand).await.leases
    }

    /// Claims one URL that must be there.
    pub(crate) async fn lease(&self) -> Lease {
        let mut leases = self.leases(1).await;
        leases.pop().expect("a URL is due")
    }

    /// Claims one URL that must be there, and asks for it.
    pub(crate) async fn asked(&self) -> Lease {
        let lease = self.lease().await;
        if lease.is_suspect {
            self.frontier.asks(lease.key(), Asks::Page).await.unwrap();
        }
        lease
    }

    /// Claims nothing, and returns when to ask.
    pub(crate) async fn next(&self) -> Next {
        self.claim(0).await.next
    }

    pub(crate) async fn settle(&self, outcomes: Vec<Outcome>) -> Settled {
        self.frontier.settle(outcomes, vec![]).await.unwrap()
    }

    /// Settles URLs as fetched.
    pub(crate) async fn finish(&self, leases: impl IntoIterator<Item = Lease>) -> Settled {
        self.settle(leases.into_iter().map(fetched).collect()).await
    }

    /// Fetches all that is left, in the order it comes, and returns it.
    pub(crate) async fn drain(&self) -> Vec<String> {
        let mut urls = Vec::new();
        loop {
            let claims = self.claim(100).await;
            urls.extend(names(&claims.leases));
            match claims.next {
                _ if !claims.leases.is_empty() => {
                    self.finish(claims.leases).await;
                }
                Next::After(wait) => self.clock.forward(wait),
                Next::Done => return urls,
                other => panic!("{urls:?} and then {other:?}"),
            }
        }
    }
}

/// Returns a site with a delay of a second.
pub(crate) fn polite(name: &str) -> Site {
    Site::polite(name, Duration::from_secs(1))
}

/// Returns a page of a site.
pub(crate) fn page(site: &Site, number: usize) -> NewUrl {
    let url = format!("http://{}/{number}", site.name());
    NewUrl::seed(url, site.clone())
}

/// Returns pages 1 to `count` of a site.
pub(crate) fn pages(site: &Site, count: usize) -> Vec<NewUrl> {
    (1..=count).map(|number| page(site, number)).collect()
}

pub(crate) fn fetched(lease: Lease) -> Outcome {
    Outcome::done(lease, Record::new(Fate::Fetched))
}

pub(crate) fn names(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(|lease| lease.url.clone()).collect()
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
