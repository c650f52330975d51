//! What becomes of a URL, by what was found out about it: its record, its links, its next try, its site's rest.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::cost::wait_asked;
use super::record::rfc3339;
use super::refused::{ReadRobots, refused};
use super::sitemap::{Listed, failure_of_named};
use super::visit::{Found, Visit, Visited};
use super::{Admission, Done, PageRecord, Tally};
use crate::fetch::{Answer, Truncated};
use crate::frontier::{Fate, Lease, NewUrl, Outcome, Record, UrlHash};
use crate::parse::{Link, Page, Wishes};
use crate::policy::refusal::Refusal;
use crate::policy::shares::Demotion;
use crate::policy::welcome::{PUSHBACKS_MAX, Welcome, is_pushback, pushback_wait};
use crate::policy::{redirects, retry};
use crate::warc::{Digest, hex};
use crate::web_url::WebUrl;

impl Visit<'_> {
    /// Decides what becomes of the URL.
    pub(super) fn conclude(&self, url: &WebUrl, lease: Lease, found: Found) -> Visited {
        match found {
            Found::Refused(code, message) => {
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
                sitemap,
                wishes,
                digest,
                capture,
            } => {
                let (welcome, wait) = welcome_after(&lease, &answer);
                let mut visited = match (welcome, wait) {
                    (Welcome::SetAside { status }, _) => {
                        self.tell_of_set_aside(url, status);
                        let record = self.answer_record(&lease, &answer, "failed", digest);
                        self.set_aside_as(lease, status, record)
                    }
                    (_, Some(wait)) => self.pushed_back(lease, &answer, wait, digest),
                    (_, None) => {
                        self.answered(url, lease, &answer, (page, sitemap, wishes), digest)
                    }
                };
                let wait = wait.unwrap_or_default();
                visited.outcome = visited.outcome.resting(wait).welcomed(welcome);
                visited.capture = capture;
                visited
            }
        }
    }

    fn answered(
        &self,
        url: &WebUrl,
        lease: Lease,
        answer: &Answer,
        (page, sitemap, wishes): (Option<Box<Page>>, Option<Box<Listed>>, Wishes),
        digest: Digest,
    ) -> Visited {
        if retry::is_failure(answer.status) {
            let is_again = retry::is_retried(answer.status);
            if is_again && lease.attempts < self.visitor.rules.retries {
                return self.retry(lease, wait_asked(answer));
            }
            let message = format!("the server answered {} instead of a page", answer.status);
            let why = (status_code(answer.status), message);
            return self.failed_with(lease, answer, digest, why);
        }
        let is_cut = answer.body.truncated == Some(Truncated::Disconnect);
        if is_cut && lease.attempts < self.visitor.rules.retries {
            return self.retry(lease, None);
        }
        if redirects::is_redirect(answer.status)
            && let Some(to) = answer.location()
        {
            return self.redirected(url, lease, answer, &to, digest);
        }
        if let Some(fault) = failure_of_named(&lease, answer.status, sitemap.as_deref()) {
            return self.failed_with(lease, answer, digest, (fault.code(), fault.to_string()));
        }
        let fate = if lease.is_sitemap() {
            Fate::Listed
        } else {
            Fate::Fetched
        };
        let earlier = self.earlier(url, &lease, answer, digest);
        let mut record = self.answer_record(&lease, answer, fate.as_str(), digest);
        record.duplicate_of = earlier.map(id);
        record.canonical = wishes.canonical.map(|url| url.as_str().to_owned());
        record.canonical_disputed = wishes.is_canonical_disputed;
        record.noindex = wishes.robots.noindex;
        record.nofollow = wishes.robots.nofollow;
        let (mut links, mut refused) = (Vec::new(), Vec::new());
        if let Some(page) = page {
            (links, refused) = self.links(&lease, &page);
            record.links = Some(page.links.len());
            record.charset = Some(page.charset.encoding.name());
            record.title = page.title;
            record.lang = page.lang;
        }
        if let Some(listed) = sitemap {
            links.extend(listed.tell(&mut record, &self.visitor.counts));
        }
        let mut visited = self.done(lease, fate, &record);
        visited.outcome = visited.outcome.with_links(links);
        visited.refused = refused;
        visited
    }

    /// Returns the first page with the same body, if that was another; an error page is none, nor is what has no body or is
    /// not whole.
    fn earlier(
        &self,
        url: &WebUrl,
        lease: &Lease,
        answer: &Answer,
        digest: Digest,
    ) -> Option<UrlHash> {
        let is_page = (200..300).contains(&answer.status) && !answer.body.bytes.is_empty();
        if !is_page || answer.body.truncated.is_some() {
            return None;
        }
        self.visitor.parts.fetched(lease, url, digest)
    }

    /// The links that may be new to the crawl, and which of them robots.txt refuses; those that it does not follow are counted
    /// by what keeps them out, and those that it follows last by what puts them there. A duplicate is followed as the first
    /// one was: what its links mean is for its own URL to say, and those that mean the same are known.
    fn links(&self, lease: &Lease, page: &Page) -> (Vec<NewUrl>, Vec<(UrlHash, &'static str)>) {
        let depth = lease.depth.saturating_add(1);
        let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut put_last: BTreeMap<&'static str, u64> = BTreeMap::new();
        let (mut links, mut all_refused) = (Vec::new(), Vec::new());
        let mut admission = Admission::new(&self.visitor.rules, depth);
        let mut robots = ReadRobots::new(&self.visitor.rules, &self.visitor.robots);
        let mut followed = Vec::with_capacity(page.links.len());
        followed.extend(page.followed());
        let admitted = admission.admit_new(&followed, &*self.visitor.frontier);
        for (Link { url, .. }, admitted) in followed.iter().zip(admitted) {
            match admitted {
                Ok(Some(mut new)) => {
                    new.referrer = Some(lease.hash);
                    if self.visitor.refuses_links
                        && let Some(refusal) = robots.refusal(url)
                    {
                        let why;
                        (new, why) = refused(new, self.started, &refusal);
                        all_refused.push(why);
                    } else if let Some(demotion) = self.visitor.parts.find(&new, url) {
                        *put_last.entry(demotion.code()).or_default() += 1;
                        new = new.demoted(demotion);
                    }
                    links.push(new);
                }
                Ok(None) => {}
                Err(code) => *left_out.entry(code).or_default() += 1,
            }
        }
        let not_followed = page.links.len() - followed.len();
        if not_followed > 0 {
            left_out.insert("nofollow", not_followed as u64);
        }
        for (code, count) in left_out {
            self.visitor.counts.left_out(code, count);
        }
        for (code, count) in put_last {
            self.visitor.counts.put_last(code, count);
        }
        (links, all_refused)
    }

    fn redirected(
        &self,
        url: &WebUrl,
        lease: Lease,
        answer: &Answer,
        to: &str,
        digest: Digest,
    ) -> Visited {
        let mut record = self.answer_record(&lease, answer, "redirected", digest);
        let target = match redirects::target(url, to, lease.hops) {
            Ok(target) => {
                record.location = Some(target.as_str().to_owned());
                let admitted = self.admit_as(&lease, &target);
                admitted.and_then(|new| lease.redirect(new).map_err(|refused| refused.code()))
            }
            Err(refused) => Err(refused.code()),
        };
        let link = match target {
            Ok(new) => Some(new),
            Err(code) => {
                record.reason = Some(code);
                self.visitor.counts.left_out(code, 1);
                None
            }
        };
        let mut visited = self.done(lease, Fate::Redirected, &record);
        visited.outcome = visited.outcome.with_links(link);
        visited
    }

    /// The site asks for less: the URL is tried again after the wait, if it has a try left.
    fn pushed_back(
        &self,
        lease: Lease,
        answer: &Answer,
        wait: Duration,
        digest: Digest,
    ) -> Visited {
        if lease.attempts < self.visitor.rules.retries {
            return self.retry(lease, Some(wait));
        }
        let message = "the site asks to be left alone".to_owned();
        self.failed_with(lease, answer, digest, (status_code(answer.status), message))
    }

    /// The site asked for less too often: its URLs fail unasked, with what its last answer was.
    pub(super) fn set_aside(&self, lease: Lease, status: u16) -> Visited {
        let record = self.record(&lease, "failed");
        self.set_aside_as(lease, status, record)
    }

    fn set_aside_as(&self, lease: Lease, status: u16, record: PageRecord) -> Visited {
        let record = PageRecord {
            reason: Some(Refusal::SetAside.code()),
            cause: Some(status_code(status)),
            message: Some(Refusal::SetAside.to_string()),
            ..record
        };
        self.done(lease, Fate::Failed, &record)
    }

    fn tell_of_set_aside(&self, url: &WebUrl, status: u16) {
        tracing::warn!(
            site = url.site(self.visitor.rules.grouping).name(),
            status,
            "a site is set aside, as it asked for less {PUSHBACKS_MAX} times in a row: its URLs fail unasked"
        );
    }

    fn retry(&self, lease: Lease, asked: Option<Duration>) -> Visited {
        let number = u32::from(lease.attempts) + 1;
        let after = asked.unwrap_or_else(|| retry::back_off(number, fastrand::u32(..)));
        Visited {
            tally: Tally::Retried,
            ..self.unfinished(Outcome::retry(lease, after))
        }
    }

    pub(super) fn failed(&self, lease: Lease, code: &'static str, message: &str) -> Visited {
        let record = PageRecord {
            reason: Some(code),
            message: Some(message.to_owned()),
            ..self.record(&lease, "failed")
        };
        self.done(lease, Fate::Failed, &record)
    }

    /// The URL has an answer, which is not what was asked for; why is told by a code and in words.
    fn failed_with(
        &self,
        lease: Lease,
        answer: &Answer,
        digest: Digest,
        (code, message): (&'static str, String),
    ) -> Visited {
        let record = PageRecord {
            reason: Some(code),
            message: Some(message),
            ..self.answer_record(&lease, answer, "failed", digest)
        };
        self.done(lease, Fate::Failed, &record)
    }

    fn done(&self, lease: Lease, fate: Fate, record: &PageRecord) -> Visited {
        let line = record.to_line();
        let mut kept = Record::new(fate);
        kept.status = record.status;
        line.trim_end().clone_into(&mut kept.about);
        let mut done = Done {
            fate,
            status: record.status.unwrap_or_default(),
            depth: lease.depth,
            code: record.reason.unwrap_or_default(),
            shown: String::new(),
            is_duplicate: record.duplicate_of.is_some(),
            again: None,
        };
        if fate == Fate::Failed {
            let message = record.message.as_deref().unwrap_or_default();
            done.shown = format!("{}: {message}", lease.url);
        }
        let outcome = match self.visitor.rules.every {
            // What a rule refuses it refuses the next time too.
            Some(every) if fate != Fate::Refused => {
                let took = record.millis.map(Duration::from_millis);
                let took = took.filter(|_| fate != Fate::Failed);
                done.again = Some((lease.url.clone(), took));
                Outcome::again(lease, kept, every)
            }
            _ => Outcome::done(lease, kept),
        };
        Visited {
            outcome,
            tally: Tally::Done(done),
            line: Some(line),
            refused: Vec::new(),
            capture: None,
            ended: Instant::now(),
        }
    }

    fn unfinished(&self, outcome: Outcome) -> Visited {
        Visited {
            outcome,
            tally: Tally::ToCome,
            line: None,
            refused: Vec::new(),
            capture: None,
            ended: Instant::now(),
        }
    }

    fn record(&self, lease: &Lease, fate: &'static str) -> PageRecord {
        PageRecord {
            url: lease.url.clone(),
            id: id(lease.hash),
            referrer: lease.referrer.map(id),
            fate,
            at: rfc3339(self.started),
            depth: lease.depth,
            put_last: lease.demotion().map(Demotion::code),
            retries: lease.attempts,
            ..PageRecord::default()
        }
    }

    fn answer_record(
        &self,
        lease: &Lease,
        answer: &Answer,
        fate: &'static str,
        digest: Digest,
    ) -> PageRecord {
        PageRecord {
            status: Some(answer.status),
            millis: u64::try_from(answer.time.as_millis()).ok(),
            bytes: Some(answer.body.bytes.len() as u64),
            wire_bytes: Some(answer.body.wire_bytes),
            truncated: answer.body.truncated.map(Truncated::as_str),
            content_type: answer.header("content-type").map(str::to_owned),
            digest: Some(digest.to_hex()),
            ..self.record(lease, fate)
        }
    }
}

/// Returns how welcome the crawl is after an answer, and how long the site asks to be left alone. The answers of a site
/// that is asked for several URLs at once are no row, and each is taken for itself.
fn welcome_after(lease: &Lease, answer: &Answer) -> (Welcome, Option<Duration>) {
    let asked = wait_asked(answer);
    let random = fastrand::u32(..);
    if lease.is_in_a_row() {
        return lease.welcome.after(answer.status, asked, random);
    }
    let number = u32::from(lease.attempts) + 1;
    let wait = is_pushback(answer.status).then(|| pushback_wait(asked, number, random));
    (lease.welcome, wait)
}

/// Returns the hash of a URL as it stands in records.
pub(super) fn id(hash: UrlHash) -> String {
    hex(&hash.0.to_be_bytes())
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
