//! One visit: what robots.txt says of a URL, what its server answers, and what its page holds.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use tokio::time::Instant;

use super::capture::{Capture, Exchange};
use super::claims::DEMAND;
use super::parts::Parts;
use super::record::rfc3339;
use super::sitemap::{Listed, may_be_sitemap, sitemap_of};
use super::{Cost, Counts, Held, Permission, Robots, Rules, Tally};
use crate::fetch::{Answer, FetchError, Fetcher};
use crate::frontier::{Asks, Ending, Frontier, FrontierError, Lease, Outcome, UrlHash};
use crate::parse::{Page, Response, Sitemap, Wishes, is_css, is_html, parse_css, parse_html};
use crate::policy::politeness::{CRAWL_DELAY_MAX, is_crawl_delay_cut};
use crate::policy::sitemaps;
use crate::policy::welcome::Welcome;
use crate::warc::Digest;
use crate::web_url::WebUrl;

/// A body that is longer than this is parsed on a thread of its own; a shorter one takes less than waking one costs.
const PARSED_HERE_MAX: usize = 32 * 1024;

/// What a visit came to: for the frontier, and for the output.
#[derive(Debug)]
pub struct Visited {
    pub(crate) outcome: Outcome,
    pub(crate) tally: Tally,
    /// None where the URL is not done yet.
    pub(crate) line: Option<String>,
    /// Links of it that are refused, which have their records, and the codes of the reasons.
    pub(crate) refused: Vec<(UrlHash, &'static str)>,
    /// For an archive, if one is written.
    pub(crate) capture: Option<Box<Capture>>,
    pub(crate) ended: Instant,
}

impl Visited {
    /// Returns whether the URL was not asked for yet.
    const fn is_to_come(&self) -> bool {
        matches!(self.outcome.ending, Ending::Later { .. })
    }

    fn read(mut self, bytes: u64) -> Self {
        self.outcome = self.outcome.read(bytes);
        self
    }

    /// Leaves the site alone for so long, if that is longer than what it asked for.
    fn resting(mut self, rest: Duration) -> Self {
        let asked = self.outcome.rest;
        self.outcome = self.outcome.resting(rest.max(asked));
        self
    }

    /// Says that nothing was asked of the site.
    fn unasked(mut self) -> Self {
        self.outcome = self.outcome.unasked();
        self
    }

    /// Makes the records for an archive complete, if the URL is done.
    fn captured(mut self) -> Self {
        match &self.line {
            Some(line) => {
                let capture = self.capture.get_or_insert_default();
                capture.tell(&self.outcome.lease.url, line);
            }
            None => self.capture = None,
        }
        self
    }
}

/// Visits URLs; shared by all places.
#[derive(Debug)]
pub struct Visitor {
    pub(super) rules: Arc<Rules>,
    fetcher: Fetcher,
    /// Reads as much as a sitemap may have.
    sitemap_fetcher: Fetcher,
    pub(super) robots: Robots,
    pub(super) frontier: Arc<dyn Frontier>,
    held: Held,
    pub(super) counts: Counts,
    pub(super) parts: Parts,
    is_archiving: bool,
    /// Whether links are refused with their page.
    pub(super) refuses_links: bool,
}

impl Visitor {
    /// Makes a visitor.
    #[must_use]
    pub fn new(
        rules: Rules,
        fetcher: Fetcher,
        frontier: Arc<dyn Frontier>,
        counts: Counts,
    ) -> Self {
        Self {
            robots: Robots::new(
                Arc::clone(&frontier),
                fetcher.clone(),
                rules.product.clone(),
                rules.robots_tries,
                counts.clone(),
            ),
            frontier,
            held: Held::default(),
            rules: Arc::new(rules),
            sitemap_fetcher: fetcher.reading(sitemaps::BYTES_MAX),
            fetcher,
            counts,
            parts: Parts::default(),
            is_archiving: false,
            refuses_links: false,
        }
    }

    /// Makes the records of an archive too.
    #[must_use]
    pub fn archiving(self) -> Self {
        Self {
            is_archiving: true,
            ..self
        }
    }

    /// Refuses links with their page. Their records come too late where another has found them too, and are taken back: that
    /// is to be rare, and possible.
    #[must_use]
    pub fn refusing_links(self) -> Self {
        Self {
            refuses_links: true,
            ..self
        }
    }

    /// Keeps each visit to its lease.
    #[must_use]
    pub(crate) fn within(self, held: Held) -> Self {
        Self { held, ..self }
    }

    /// Visits the URL of a lease. A panic fails that URL alone.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the frontier fails, which ends the crawl.
    pub async fn visit(self: Arc<Self>, lease: Lease) -> Result<Visited, FrontierError> {
        let mut visited = self.visit_leased(lease).await?;
        if self.is_archiving {
            visited = visited.captured();
        }
        tracing::debug!(target: DEMAND, count = 1, "completed");
        Ok(visited)
    }

    async fn visit_leased(&self, lease: Lease) -> Result<Visited, FrontierError> {
        let _in_flight = self.counts.begin();
        let visit = Visit {
            visitor: self,
            started: SystemTime::now(),
            url: WebUrl::parse(&lease.url),
        };
        let Ok(url) = &visit.url else {
            let failed = visit.failed(lease, "url-invalid", "the frontier holds no URL here");
            return Ok(failed.unasked());
        };
        if let Welcome::SetAside { status } = lease.welcome {
            return Ok(visit.set_aside(lease, status).unasked());
        }
        if lease.is_poison() {
            let message = "nobody came back from it, again and again";
            return Ok(visit.failed(lease, "crashed", message).unasked());
        }
        // What decides is gathered first, and the lease used up once: a panic finds it here.
        let mut cost = Cost::default();
        let found = {
            // In its place from the start, as it is large.
            let find = pin!(AssertUnwindSafe(visit.find(url, &lease, &mut cost)).catch_unwind());
            self.held.visit(lease.key(), find).await
        };
        // Another may visit it by now, so that it was not asked for here.
        let found = found.unwrap_or(Ok(Ok(Found::Later(Duration::ZERO))));
        let visited = match found {
            Ok(found) => visit.conclude(url, lease, found?),
            Err(panic) => {
                let message = panic_message(&*panic);
                let crashed = FetchError::Crashed(message);
                visit.failed(lease, crashed.code(), &crashed.to_string())
            }
        };
        self.counts.bytes(cost.bytes);
        let mut visited = visited.read(cost.bytes);
        visited.outcome = visited.outcome.with_links(self.named_sitemaps(url));
        Ok(match cost.asked {
            // Else the URLs of a site whose robots.txt can't be had would come and go all at once.
            None if visited.is_to_come() => visited,
            Some(time) => {
                let rest = self.rules.rest(url, cost.crawl_delay, time);
                visited.resting(rest.max(cost.wait.unwrap_or_default()))
            }
            None => visited.unasked(),
        })
    }
}

/// What was found out about a URL.
pub(super) enum Found {
    /// Robots.txt or its address keeps it from being fetched, for this reason.
    Refused(&'static str, String),
    /// Its robots.txt can't be had.
    Unreachable,
    /// Nothing was asked for, or only robots.txt: its turn comes after this time.
    Later(Duration),
    Failed(FetchError),
    Answered {
        answer: Box<Answer>,
        page: Option<Box<Page>>,
        sitemap: Option<Box<Listed>>,
        wishes: Wishes,
        digest: Digest,
        capture: Option<Box<Capture>>,
    },
}

pub(super) struct Visit<'a> {
    pub(super) visitor: &'a Visitor,
    pub(super) started: SystemTime,
    url: Result<WebUrl, crate::web_url::RefusedUrl>,
}

impl Visit<'_> {
    async fn find(
        &self,
        url: &WebUrl,
        lease: &Lease,
        cost: &mut Cost,
    ) -> Result<Found, FrontierError> {
        let visitor = self.visitor;
        let mut permission = self.permission(url).await?;
        if matches!(permission, Permission::Unknown) {
            if lease.is_suspect && !visitor.rules.is_own(url) {
                let asks = visitor.frontier.asks(lease.key(), Asks::RobotsAlone);
                asks.await?;
            }
            match visitor.robots.fetch(url, cost).await? {
                None => {}
                Some(FetchError::Address(refused)) => {
                    return Ok(Found::Refused(refused.code(), refused.to_string()));
                }
                Some(error) => return Ok(Found::Failed(error)),
            }
            if !visitor.rules.is_own(url) {
                self.tell_of_crawl_delay(url, cost);
                // The site rests from that request too.
                return Ok(Found::Later(Duration::ZERO));
            }
            permission = self.permission(url).await?;
        }
        match permission {
            Permission::Allowed { crawl_delay } => cost.crawl_delay = crawl_delay,
            Permission::Refused(refusal) => {
                return Ok(Found::Refused(refusal.code(), refusal.to_string()));
            }
            Permission::Unreachable => return Ok(Found::Unreachable),
            Permission::Wait(time) => return Ok(Found::Later(time)),
            // What was fetched just now is to be fetched again: its time is over already.
            Permission::Unknown => return Ok(Found::Later(Duration::from_secs(1))),
        }
        if lease.is_suspect {
            let asks = visitor.frontier.asks(lease.key(), Asks::Page);
            asks.await?;
        }
        let fetcher = if lease.is_sitemap() {
            &visitor.sitemap_fetcher
        } else {
            &visitor.fetcher
        };
        let answer = match fetcher.fetch(url).await {
            Ok(answer) => answer,
            Err(failed) => {
                cost.unanswered(&failed);
                return Ok(match failed.error {
                    FetchError::Address(refused) => {
                        Found::Refused(refused.code(), refused.to_string())
                    }
                    error => Found::Failed(error),
                });
            }
        };
        cost.answered(&answer);
        let follows = lease.depth < u16::MAX && (200..300).contains(&answer.status);
        let (answer, content) = self.read(url, lease, answer, follows).await;
        let sitemap = match content.sitemap {
            Some(sitemap) => Some(self.list(url, lease, sitemap).await?),
            None => None,
        };
        Ok(Found::Answered {
            answer,
            page: content.page,
            sitemap,
            wishes: content.wishes,
            digest: content.digest,
            capture: content.capture,
        })
    }

    /// Says when less is kept of a crawl delay than a robots.txt asks for that was fetched just now.
    fn tell_of_crawl_delay(&self, url: &WebUrl, cost: &Cost) {
        let Some(asked) = cost.crawl_delay.filter(|asked| is_crawl_delay_cut(*asked)) else {
            return;
        };
        self.visitor.counts.crawl_delay_cut();
        tracing::warn!(
            "{} asks for {} s between two fetches by its Crawl-delay, and {} s are kept",
            url.origin(),
            asked.as_secs(),
            CRAWL_DELAY_MAX.as_secs()
        );
    }

    async fn permission(&self, url: &WebUrl) -> Result<Permission, FrontierError> {
        if self.visitor.rules.asks_robots(url) {
            self.visitor.robots.permission(url).await
        } else {
            Ok(Permission::Allowed { crawl_delay: None })
        }
    }

    /// Reads the body; off the executor, where that takes longer than it may be held.
    async fn read(
        &self,
        url: &WebUrl,
        lease: &Lease,
        answer: Answer,
        is_followed: bool,
    ) -> (Box<Answer>, Content) {
        let mut answer = Box::new(answer);
        let (url, product) = (url.clone(), self.visitor.rules.product.clone());
        let is_named = lease.is_sitemap();
        let is_sitemap = is_followed && (is_named || may_be_sitemap(&answer));
        let (wire, _) = answer.body.wire();
        let bytes = answer.body.bytes.len().max(wire.len());
        // A few bytes of gzip may take long.
        let is_long = bytes > PARSED_HERE_MAX || is_sitemap;
        let visitor = self.visitor;
        let follow = visitor.rules.follow;
        let asked = visitor
            .is_archiving
            .then(|| (rfc3339(self.started), visitor.fetcher.request_head(&url)));
        let work = move || {
            let digest = Digest::of(&[&answer.body.bytes]);
            let sitemap = is_sitemap.then(|| sitemap_of(&answer, is_named)).flatten();
            let content_type = answer.header("content-type");
            let is_style = follow.css && content_type.is_some_and(is_css);
            let is_page = (is_style || content_type.is_none_or(is_html))
                && sitemap
                    .as_ref()
                    .is_none_or(|sitemap| sitemap.kind.is_none());
            let links: Vec<_> = answer.headers_of("link").collect();
            let robots: Vec<_> = answer.headers_of("x-robots-tag").collect();
            let response = Response {
                content_type,
                links: &links,
                robots: &robots,
                is_whole: answer.body.truncated.is_none(),
                follow,
                ..Response::new(&url)
            };
            let page = (is_followed && is_page).then(|| {
                let parse = if is_style { parse_css } else { parse_html };
                Box::new(parse(&answer.body.bytes, &response, &product))
            });
            let wishes = match &page {
                Some(page) => page.wishes.clone(),
                None => Wishes::of_headers(&response, &product),
            };
            let capture = asked.map(|(date, request)| {
                let mut exchange = Exchange::of(url.as_str(), &date, &answer, &request);
                exchange.hold(answer.body.take_reserved());
                Box::new(Capture::of(exchange))
            });
            let content = Content {
                page,
                wishes,
                sitemap,
                digest,
                capture,
            };
            (answer, content)
        };
        if is_long {
            off_executor(work).await
        } else {
            work()
        }
    }
}

/// What was read of a body.
struct Content {
    page: Option<Box<Page>>,
    wishes: Wishes,
    sitemap: Option<Sitemap>,
    digest: Digest,
    capture: Option<Box<Capture>>,
}

/// Works on a thread of its own; its panic is the caller's.
pub(super) async fn off_executor<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down: the visit ends with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
