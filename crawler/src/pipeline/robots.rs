//! The robots.txt of each authority: kept in the frontier, fetched under a lease of its site, and read once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Cost, Counts};
use crate::fetch::{FetchError, Fetcher};
use crate::frontier::{Frontier, FrontierError, RobotsCopy};
use crate::policy::robots::{Cached, Kept, Outcome, Product, RobotsRefusal, Rules, Standing, Step};
use crate::web_url::{UrlHash, WebUrl};

/// How much of robots.txt is kept read, in bytes of its text: some thousand of usual files. With more, all are read again
/// from the frontier. A read one takes up to twelve times as much.
const READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What an authority takes beside its text.
const AUTHORITY_BYTES: usize = 256;

/// What robots.txt says about a URL now.
#[derive(Debug)]
pub(crate) enum Permission {
    Allowed {
        crawl_delay: Option<Duration>,
    },
    Refused(RobotsRefusal),
    /// Its robots.txt is to be asked for then.
    Wait(Duration),
    /// Its robots.txt can't be had, so nothing may be requested.
    Unreachable,
    /// It is to be fetched first.
    Unknown,
}

#[derive(Debug, Clone)]
struct Known {
    cached: Cached,
    rules: Arc<Rules>,
    /// Whether its sitemaps were told.
    told: Arc<AtomicBool>,
}

/// The authorities whose rules are read.
#[derive(Debug, Default)]
struct Read {
    all: HashMap<String, Known>,
    /// About what their texts came to.
    bytes: usize,
}

impl Read {
    fn keep(&mut self, origin: &str, known: Known, bytes: usize) {
        self.bytes += bytes + AUTHORITY_BYTES;
        if self.bytes > READ_BYTES_MAX {
            self.all.clear();
            self.bytes = bytes + AUTHORITY_BYTES;
        }
        self.all.insert(origin.to_owned(), known);
    }
}

#[derive(Debug)]
pub(crate) struct Robots {
    frontier: Arc<dyn Frontier>,
    fetcher: Fetcher,
    product: Product,
    /// Of a robots.txt that was never reached.
    tries: u32,
    /// They tell those who watch what is waited for.
    counts: Counts,
    known: Mutex<Read>,
    /// Held while an authority's robots.txt is fetched, so that it is fetched once.
    flights: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Robots {
    pub(crate) fn new(
        frontier: Arc<dyn Frontier>,
        fetcher: Fetcher,
        product: Product,
        tries: u32,
        counts: Counts,
    ) -> Self {
        Self {
            frontier,
            fetcher,
            product,
            tries,
            counts,
            known: Mutex::default(),
            flights: Mutex::default(),
        }
    }

    /// Returns what holds for a URL, without a request.
    pub(crate) async fn permission(&self, url: &WebUrl) -> Result<Permission, FrontierError> {
        let now = SystemTime::now();
        let known = self.known(url.origin()).await?;
        Ok(match known.cached.standing(now, self.tries) {
            Standing::Fetch => Permission::Unknown,
            Standing::Wait(until) => {
                Permission::Wait(until.duration_since(now).unwrap_or_default())
            }
            Standing::Unreachable => Permission::Unreachable,
            Standing::Use(_) => match known.rules.check(url) {
                Ok(()) => Permission::Allowed {
                    crawl_delay: known.rules.crawl_delay(),
                },
                Err(refusal) => Permission::Refused(refusal),
            },
        })
    }

    /// Returns the rules of an authority, if they are in memory and hold now.
    pub(super) fn read_rules(&self, origin: &str) -> Option<Arc<Rules>> {
        let read = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read.all.get(origin)?;
        let standing = known.cached.standing(SystemTime::now(), self.tries);
        matches!(standing, Standing::Use(_)).then(|| Arc::clone(&known.rules))
    }

    /// Fetches the robots.txt of a URL's authority, unless someone else has just done so, and notes what that costs the
    /// site. Returns why the authority itself can't be asked for anything, if that is so: its address may not be connected
    /// to, or its name is none. Nothing is learnt then.
    pub(crate) async fn fetch(
        &self,
        url: &WebUrl,
        cost: &mut Cost,
    ) -> Result<Option<FetchError>, FrontierError> {
        let origin = url.origin();
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(flights.entry(origin.to_owned()).or_default())
        };
        let in_flight = flight.lock().await;
        let known = self.known(origin).await?;
        let mut failed = None;
        if known.cached.standing(SystemTime::now(), self.tries) == Standing::Fetch {
            match self.ask(url, cost).await {
                Ok((outcome, status, body)) => {
                    let learnt = self.learn(origin, known, outcome, (status, body)).await?;
                    cost.crawl_delay = learnt.rules.crawl_delay();
                    let standing = learnt.cached.standing(SystemTime::now(), self.tries);
                    if matches!(standing, Standing::Wait(_)) {
                        self.tell_missing();
                    } else {
                        self.counts.robots_known(origin);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        drop(in_flight);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Ok(failed)
    }

    /// Returns the sitemaps that the robots.txt of a URL's authority names, once each time that it is read: also those of a
    /// copy that an earlier run left, which may have ended before they were in the frontier.
    pub(crate) fn sitemaps(&self, url: &WebUrl) -> Vec<WebUrl> {
        let read = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match read.all.get(url.origin()) {
            Some(known) if !known.told.swap(true, Ordering::Relaxed) => {
                known.rules.sitemaps().to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Returns whether the robots.txt of an authority, as far as it is known, names one of these sitemaps.
    pub(crate) async fn names(
        &self,
        origin: &str,
        sitemaps: &[UrlHash],
    ) -> Result<bool, FrontierError> {
        let known = self.known(origin).await?;
        let mut named = known.rules.sitemaps().iter();
        Ok(named.any(|sitemap| sitemaps.contains(&sitemap.url_hash())))
    }

    /// Asks for it, over its redirects.
    async fn ask(
        &self,
        url: &WebUrl,
        cost: &mut Cost,
    ) -> Result<(Outcome, u16, Vec<u8>), FetchError> {
        let Ok(mut at) = url.join("/robots.txt") else {
            return Ok((Outcome::Unreachable, 0, Vec::new()));
        };
        for redirects in 0.. {
            let answer = match self.fetcher.fetch(&at).await {
                Ok(answer) => answer,
                Err(failed) => {
                    cost.unanswered(&failed);
                    let is_none = match failed.error {
                        FetchError::Address(_) => true,
                        // That of a redirect says nothing of the authority.
                        FetchError::Name(_) => redirects == 0,
                        _ => false,
                    };
                    if is_none {
                        return Err(failed.error);
                    }
                    tracing::debug!(%failed, "no robots.txt");
                    self.counts.robots_missing(url.origin(), failed.to_string());
                    return Ok((Outcome::Unreachable, 0, Vec::new()));
                }
            };
            cost.answered_alone(&answer);
            match Step::after(Some(answer.status), redirects) {
                Step::Done(outcome) => {
                    if outcome == Outcome::Unreachable {
                        let why = format!("status {}", answer.status);
                        self.counts.robots_missing(url.origin(), why);
                    }
                    return Ok((outcome, answer.status, answer.body.bytes));
                }
                Step::Follow => match answer.location().map(|to| at.join(&to)) {
                    Some(Ok(next)) => at = next,
                    _ => return Ok((Outcome::Kept(Kept::AllowAll), answer.status, Vec::new())),
                },
            }
        }
        Ok((Outcome::Unreachable, 0, Vec::new()))
    }

    /// Says at once of the first that is waited for: where a wrong host was typed, all waits for that.
    fn tell_missing(&self) {
        if let Some(missing) = self.counts.first_robots_missing() {
            tracing::warn!(
                "no {missing}; it is asked for again within --robots-wait, and no page before"
            );
        }
    }

    async fn learn(
        &self,
        origin: &str,
        before: Known,
        outcome: Outcome,
        (status, body): (u16, Vec<u8>),
    ) -> Result<Known, FrontierError> {
        let now = SystemTime::now();
        let cached = before.cached.after(outcome, now);
        let kept = self.frontier.robots(origin).await?;
        let copy = match (outcome, kept) {
            (Outcome::Kept(kept), _) => RobotsCopy {
                status: if kept == Kept::Body { status } else { 404 },
                body: if kept == Kept::Body { body } else { Vec::new() },
                fetched_at: now,
                expires_at: cached.next_at,
                tries: 0,
            },
            // The last good copy serves on.
            (Outcome::Unreachable, Some(copy)) => RobotsCopy {
                expires_at: cached.next_at,
                tries: u16::try_from(cached.failures).unwrap_or(u16::MAX),
                ..copy
            },
            (Outcome::Unreachable, None) => RobotsCopy {
                status: 0,
                body: Vec::new(),
                fetched_at: now,
                expires_at: cached.next_at,
                tries: u16::try_from(cached.failures).unwrap_or(u16::MAX),
            },
        };
        let learnt = self.read(origin, &copy);
        self.frontier.keep_robots(origin, copy).await?;
        Ok(learnt)
    }

    async fn known(&self, origin: &str) -> Result<Known, FrontierError> {
        if let Some(known) = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
            .get(origin)
        {
            return Ok(known.clone());
        }
        Ok(match self.frontier.robots(origin).await? {
            Some(copy) => self.read(origin, &copy),
            None => Known {
                cached: Cached::default(),
                rules: Arc::default(),
                told: Arc::default(),
            },
        })
    }

    /// Reads a copy, and keeps what it says.
    fn read(&self, origin: &str, copy: &RobotsCopy) -> Known {
        let kept = match copy.status {
            0 => None,
            200..=299 => Some(Kept::Body),
            _ => Some(Kept::AllowAll),
        };
        let known = Known {
            cached: Cached {
                kept,
                failures: u32::from(copy.tries),
                next_at: copy.expires_at,
            },
            rules: match kept {
                Some(Kept::Body) => Arc::new(Rules::parse(&copy.body, &self.product)),
                _ => Arc::default(),
            },
            told: Arc::default(),
        };
        let mut read = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        read.keep(origin, known.clone(), copy.body.len());
        known
    }
}
