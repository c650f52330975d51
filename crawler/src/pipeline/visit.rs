//! One visit: what robots.txt says of a URL, what its server answers, and what the page links to.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::record::rfc3339;
use super::{Counts, PageRecord, Permission, Robots, Rules};
use crate::fetch::{Answer, FetchError, Fetcher};
use crate::frontier::{Fate, Frontier, FrontierError, Lease, NewUrl, Outcome, Record, SiteId};
use crate::parse::{Page, Response, is_html, parse_html};
use crate::policy::politeness::{Pushbacks, SiteWait};
use crate::policy::redirects;
use crate::policy::retry;
use crate::policy::retry_after::retry_after;
use crate::web_url::WebUrl;

/// A body that is longer than this is parsed on a thread of its own; a shorter one takes less than waking one costs.
const PARSED_HERE_MAX: usize = 32 * 1024;

/// What a visit came to: for the frontier, and for the output.
#[derive(Debug)]
pub struct Visited {
    pub(crate) outcome: Outcome,
    /// None where the URL is not done yet.
    pub(crate) line: Option<String>,
    pub(crate) ended: Instant,
}

/// Visits URLs; shared by all places.
#[derive(Debug)]
pub struct Visitor {
    rules: Rules,
    fetcher: Fetcher,
    robots: Robots,
    counts: Counts,
    /// How often in a row each site asked for less.
    pushbacks: Mutex<HashMap<SiteId, Pushbacks>>,
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
            robots: Robots::new(frontier, fetcher.clone(), rules.product.clone()),
            rules,
            fetcher,
            counts,
            pushbacks: Mutex::default(),
        }
    }

    /// Visits the URL of a lease. A panic fails that URL alone.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the frontier fails, which ends the crawl.
    pub async fn visit(self: Arc<Self>, lease: Lease) -> Result<Visited, FrontierError> {
        let _in_flight = self.counts.begin();
        let visit = Visit {
            visitor: &self,
            started: SystemTime::now(),
            url: WebUrl::parse(&lease.url),
        };
        let Ok(url) = &visit.url else {
            return Ok(visit.failed(lease, "url-invalid", "the frontier holds no URL here"));
        };
        if lease.is_poison() {
            let message = "nobody came back from it, again and again";
            return Ok(visit.failed(lease, "crashed", message));
        }
        // What decides is gathered first, and the lease used up once: a panic finds it here.
        let found = AssertUnwindSafe(visit.find(url, &lease))
            .catch_unwind()
            .await;
        match found {
            Ok(found) => Ok(visit.conclude(url, lease, found?)),
            Err(panic) => {
                let message = panic_message(&*panic);
                let crashed = FetchError::Crashed(message);
                Ok(visit.failed(lease, crashed.code(), &crashed.to_string()))
            }
        }
    }
}

/// What was found out about a URL.
enum Found {
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
        digest: String,
        crawl_delay: Option<Duration>,
    },
}

struct Visit<'a> {
    visitor: &'a Visitor,
    started: SystemTime,
    url: Result<WebUrl, crate::web_url::RefusedUrl>,
}

impl Visit<'_> {
    async fn find(&self, url: &WebUrl, lease: &Lease) -> Result<Found, FrontierError> {
        let visitor = self.visitor;
        let crawl_delay = match self.permission(url).await? {
            Permission::Allowed { crawl_delay } => crawl_delay,
            Permission::Refused(refusal) => {
                return Ok(Found::Refused(refusal.code(), refusal.to_string()));
            }
            Permission::Unreachable => return Ok(Found::Unreachable),
            Permission::Wait(time) => return Ok(Found::Later(time)),
            Permission::Unknown => {
                if let Some(refused) = visitor.robots.fetch(url).await? {
                    return Ok(Found::Refused(refused.code(), refused.to_string()));
                }
                if !visitor.rules.is_own(url) {
                    // The site rests from that request too.
                    return Ok(Found::Later(Duration::ZERO));
                }
                match self.permission(url).await? {
                    Permission::Allowed { crawl_delay } => crawl_delay,
                    Permission::Refused(refusal) => {
                        return Ok(Found::Refused(refusal.code(), refusal.to_string()));
                    }
                    Permission::Unreachable => return Ok(Found::Unreachable),
                    Permission::Wait(time) => return Ok(Found::Later(time)),
                    Permission::Unknown => return Ok(Found::Later(Duration::from_secs(1))),
                }
            }
        };
        let answer = match visitor.fetcher.fetch(url).await {
            Ok(answer) => answer,
            Err(FetchError::Address(refused)) => {
                return Ok(Found::Refused(refused.code(), refused.to_string()));
            }
            Err(error) => return Ok(Found::Failed(error)),
        };
        visitor.counts.bytes(answer.body.wire_bytes);
        let follows = lease.depth < u16::MAX && (200..300).contains(&answer.status);
        self.read(url, answer, follows)
            .await
            .map(|(answer, page, digest)| Found::Answered {
                answer: Box::new(answer),
                page,
                digest,
                crawl_delay,
            })
    }

    async fn permission(&self, url: &WebUrl) -> Result<Permission, FrontierError> {
        if self.visitor.rules.obeys_robots {
            self.visitor.robots.permission(url).await
        } else {
            Ok(Permission::Allowed { crawl_delay: None })
        }
    }

    /// Reads the body; off the executor, where that takes longer than it may be held.
    async fn read(
        &self,
        url: &WebUrl,
        answer: Answer,
        is_page: bool,
    ) -> Result<(Answer, Option<Box<Page>>, String), FrontierError> {
        let (url, product) = (url.clone(), self.visitor.rules.product.clone());
        let is_long = answer.body.bytes.len() > PARSED_HERE_MAX;
        let work = move || {
            let digest = hex(&Sha256::digest(&answer.body.bytes));
            let is_html = answer.header("content-type").is_none_or(is_html);
            let page = (is_page && is_html).then(|| {
                let links: Vec<_> = answer.headers_of("link").collect();
                let robots: Vec<_> = answer.headers_of("x-robots-tag").collect();
                let mut response = Response::new(&url);
                response.content_type = answer.header("content-type");
                response.links = &links;
                response.robots = &robots;
                Box::new(parse_html(&answer.body.bytes, &response, &product))
            });
            (answer, page, digest)
        };
        if !is_long {
            return Ok(work());
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(read) => Ok(read),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime shuts down: the visit ends with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Decides what becomes of the URL.
    fn conclude(&self, url: &WebUrl, lease: Lease, found: Found) -> Visited {
        match found {
            Found::Refused(code, message) => {
                self.visitor.counts.refused(code);
                let record = self.record(&lease, "refused");
                let record = PageRecord {
                    reason: Some(code),
                    message: Some(message),
                    ..record
                };
                self.done(lease, Fate::Refused, &record)
            }
            Found::Unreachable => {
                let message = "its robots.txt can't be had, so nothing may be requested";
                self.failed(lease, "robots-unreachable", message)
            }
            Found::Later(time) => self.unfinished(Outcome::later(lease, time)),
            Found::Failed(error) => {
                if error.is_worth_another() && lease.attempts < self.visitor.rules.retries {
                    return self.retry(lease, None);
                }
                self.failed(lease, error.code(), &error.to_string())
            }
            Found::Answered {
                answer,
                page,
                digest,
                crawl_delay,
            } => {
                let rest = self.visitor.rules.rest(url, crawl_delay, answer.latency);
                let mut visited = self.answered(url, lease, &answer, page, digest);
                let asked = visited.outcome.rest;
                visited.outcome = visited.outcome.resting(rest.max(asked));
                visited
            }
        }
    }

    fn answered(
        &self,
        url: &WebUrl,
        lease: Lease,
        answer: &Answer,
        page: Option<Box<Page>>,
        digest: String,
    ) -> Visited {
        if Pushbacks::is_pushback(answer.status) {
            return self.pushed_back(lease, answer);
        }
        self.note(lease.site, |pushbacks| (pushbacks.on_answer(), ()));
        if retry::is_failure(answer.status) {
            let is_again = retry::is_retried(answer.status);
            if is_again && lease.attempts < self.visitor.rules.retries {
                return self.retry(lease, None);
            }
            let record = self.answer_record(&lease, answer, "failed", digest);
            let code = status_code(answer.status);
            self.visitor.counts.failed(code);
            if lease.depth == 0 {
                self.visitor.counts.seed_failed();
            }
            let record = PageRecord {
                reason: Some(code),
                ..record
            };
            return self.done(lease, Fate::Failed, &record);
        }
        if redirects::is_redirect(answer.status)
            && let Some(to) = answer.header("location")
        {
            return self.redirected(url, lease, answer, to, digest);
        }
        self.visitor.counts.fetched(answer.status);
        let mut record = self.answer_record(&lease, answer, "fetched", digest);
        let mut links = Vec::new();
        if let Some(page) = page {
            links = self.links(&lease, &page);
            record.links = Some(page.links.len());
            record.charset = Some(page.charset.encoding.name());
            record.canonical = page.canonical.map(|url| url.as_str().to_owned());
            record.noindex = page.robots.noindex;
            record.title = page.title;
            record.lang = page.lang;
        }
        let mut visited = self.done(lease, Fate::Fetched, &record);
        visited.outcome = visited.outcome.with_links(links);
        visited
    }

    /// The links that the crawl follows; the others are counted by what keeps them out.
    fn links(&self, lease: &Lease, page: &Page) -> Vec<NewUrl> {
        let depth = lease.depth.saturating_add(1);
        let mut left_out: HashMap<&'static str, u64> = HashMap::new();
        let mut links = Vec::with_capacity(page.links.len());
        for link in page.followed() {
            match self.visitor.rules.admit(&link.url, depth) {
                Ok(mut new) => {
                    new.referrer = Some(lease.hash);
                    links.push(new);
                }
                Err(code) => *left_out.entry(code).or_default() += 1,
            }
        }
        let not_followed = page.links.len() - page.followed().count();
        if not_followed > 0 {
            left_out.insert("nofollow", not_followed as u64);
        }
        for (code, count) in left_out {
            self.visitor.counts.reasons(code, count);
        }
        links
    }

    fn redirected(
        &self,
        url: &WebUrl,
        lease: Lease,
        answer: &Answer,
        to: &str,
        digest: String,
    ) -> Visited {
        let mut record = self.answer_record(&lease, answer, "redirected", digest);
        let target = match redirects::target(url, to, u32::from(lease.hops)) {
            Ok(target) => {
                record.location = Some(target.as_str().to_owned());
                let admitted = self.visitor.rules.admit(&target, lease.depth);
                admitted.and_then(|new| lease.redirect(new).map_err(|_| "redirect-loop"))
            }
            Err(refused) => Err(refused.code()),
        };
        self.visitor.counts.redirected(answer.status);
        let link = match target {
            Ok(new) => Some(new),
            Err(code) => {
                record.reason = Some(code);
                self.visitor.counts.reasons(code, 1);
                None
            }
        };
        let mut visited = self.done(lease, Fate::Redirected, &record);
        visited.outcome = visited.outcome.with_links(link);
        visited
    }

    /// The site asks for less.
    fn pushed_back(&self, lease: Lease, answer: &Answer) -> Visited {
        let asked = answer.header("retry-after");
        let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
        let random = fastrand::u32(..);
        let wait = self.note(lease.site, |pushbacks| pushbacks.on_pushback(asked, random));
        match wait {
            SiteWait::For(wait) if lease.attempts < self.visitor.rules.retries => {
                self.retry(lease, Some(wait))
            }
            SiteWait::For(wait) => {
                let code = status_code(answer.status);
                let mut visited = self.failed(lease, code, "the site asks to be left alone");
                visited.outcome = visited.outcome.resting(wait);
                visited
            }
            SiteWait::SetAside => {
                let message = "the site asks to be left alone, again and again";
                self.failed(lease, "site-set-aside", message)
            }
        }
    }

    fn note<T>(&self, site: SiteId, change: impl FnOnce(Pushbacks) -> (Pushbacks, T)) -> T {
        let mut all = self
            .visitor
            .pushbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (now, result) = change(all.get(&site).copied().unwrap_or_default());
        if now == Pushbacks::default() {
            all.remove(&site);
        } else {
            all.insert(site, now);
        }
        result
    }

    fn retry(&self, lease: Lease, asked: Option<Duration>) -> Visited {
        self.visitor.counts.retried();
        let number = u32::from(lease.attempts) + 1;
        let after = asked.unwrap_or_else(|| retry::back_off(number, fastrand::u32(..)));
        self.unfinished(Outcome::retry(lease, after).resting(asked.unwrap_or_default()))
    }

    fn failed(&self, lease: Lease, code: &'static str, message: &str) -> Visited {
        self.visitor.counts.failed(code);
        if lease.depth == 0 {
            self.visitor.counts.seed_failed();
        }
        let record = self.record(&lease, "failed");
        let record = PageRecord {
            reason: Some(code),
            message: Some(message.to_owned()),
            ..record
        };
        self.done(lease, Fate::Failed, &record)
    }

    fn done(&self, lease: Lease, fate: Fate, record: &PageRecord) -> Visited {
        let line = record.to_line();
        let mut kept = Record::new(fate);
        kept.status = record.status;
        line.trim_end().clone_into(&mut kept.about);
        Visited {
            outcome: Outcome::done(lease, kept),
            line: Some(line),
            ended: Instant::now(),
        }
    }

    fn unfinished(&self, outcome: Outcome) -> Visited {
        Visited {
            outcome,
            line: None,
            ended: Instant::now(),
        }
    }

    fn record(&self, lease: &Lease, fate: &'static str) -> PageRecord {
        PageRecord {
            url: lease.url.clone(),
            fate,
            at: rfc3339(self.started),
            depth: lease.depth,
            retries: lease.attempts,
            ..PageRecord::default()
        }
    }

    fn answer_record(
        &self,
        lease: &Lease,
        answer: &Answer,
        fate: &'static str,
        digest: String,
    ) -> PageRecord {
        PageRecord {
            status: Some(answer.status),
            millis: u64::try_from(answer.time.as_millis()).ok(),
            bytes: Some(answer.body.bytes.len() as u64),
            wire_bytes: Some(answer.body.wire_bytes),
            truncated: answer.body.truncated.map(crate::fetch::Truncated::as_str),
            content_type: answer.header("content-type").map(str::to_owned),
            digest: Some(digest),
            ..self.record(lease, fate)
        }
    }
}

/// Returns the class of a status that is no final answer.
const fn status_code(status: u16) -> &'static str {
    match status {
        408 => "status-408",
        429 => "status-429",
        503 => "status-503",
        _ => "status-5xx",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string does not fail.
            let _written = write!(hex, "{byte:02x}");
            hex
        })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
