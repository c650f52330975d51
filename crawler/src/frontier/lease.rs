//! What comes out: URLs on lease, and when to ask for more.
//!
//! ```text
//!  queued ──claim──▶ leased ──settle──▶ done, or delayed until its next try
//!     ▲                 │
//!     └── release, or ──┘
//!         the lease ran out
//! ```

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use super::lane::Lane;
use super::url::{SITEMAP_PRIORITIES, demotion};
use super::{NewUrl, Site, SiteId, UrlHash};
use crate::policy::redirects::{HOPS_MAX, RefusedRedirect};
use crate::policy::shares::Demotion;
use crate::policy::welcome::Welcome;

/// How long a lease lasts from its claim or its last renewal; longer, where its site rests for longer from [`ABORT_AFTER`] on.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often its holder renews it.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How long after it sent its last renewal that succeeded a holder starts no more fetches, by its own clock.
pub const START_UNTIL: Duration = Duration::from_secs(15);
/// How long after it a holder aborts what runs: well before another may begin.
pub const ABORT_AFTER: Duration = Duration::from_secs(25);

/// How often a URL that was leased alone, as its lane was lost thrice already, is lost while it is asked for before it is no
/// longer worth a try.
pub const POISON: u16 = 3;

/// A URL to be fetched now. It is handed back by `settle` or by `release`; one that is dropped comes back when its
/// lease runs out.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// What is requested.
    pub url: String,
    /// Its politeness group.
    pub site: SiteId,
    /// Which URL of the site it is.
    pub hash: UrlHash,
    /// How many links away from a seed.
    pub depth: u16,
    /// Its place in its lane.
    pub priority: i16,
    /// How often it was tried before.
    pub attempts: u16,
    /// The page that led to it.
    pub referrer: Option<UrlHash>,
    /// How many redirects led to it in a row.
    pub hops: u8,
    /// The URL that its chain of redirects began with.
    pub chain: Option<UrlHash>,
    /// How often its lease ran out in a row while it was the only URL of it and was asked for, after the first three losses of
    /// its lane.
    pub lost: u16,
    /// Whether its lane was lost three times in a row, so that the frontier is to be told [what is asked
    /// for](super::Frontier::asks) before it is: only then it is to blame for a loss.
    pub is_suspect: bool,
    /// How welcome the crawl is at its site. One that is set aside is not asked: the URL is to be settled as failed.
    pub welcome: Welcome,
    pub(crate) key: LeaseKey,
    pub(crate) lanes: NonZeroU16,
    pub(crate) seq: i64,
    /// When its lease was asked for, or renewed last, where that was before the claim that handed it out.
    pub(crate) since: Option<Instant>,
}

/// What the visit of a suspect asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The URL itself.
    Page,
    /// Robots.txt, and then nothing: the URL is settled as one to come later.
    RobotsAlone,
}

/// What a lease is renewed by: all URLs that were claimed of one lane at once share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseKey {
    pub(crate) lane: Lane,
    pub(crate) token: i64,
}

#[cfg(test)]
impl LeaseKey {
    /// Makes one of nobody.
    pub(crate) fn of_nobody() -> Self {
        let site = SiteId::of("nobody");
        Self {
            lane: Lane { site, number: 0 },
            token: 0,
        }
    }
}

impl Lease {
    /// Returns what it is renewed by.
    #[must_use]
    pub const fn key(&self) -> LeaseKey {
        self.key
    }

    /// Returns whether nobody who fetched it came back, so often that it is to be settled as failed, unfetched.
    #[must_use]
    pub const fn is_poison(&self) -> bool {
        self.lost >= POISON
    }

    /// Returns whether its site is asked for one URL at a time, so that its answers come in a row.
    #[must_use]
    pub const fn is_in_a_row(&self) -> bool {
        self.lanes.get() == 1
    }

    /// Returns whether it was named as a sitemap.
    #[must_use]
    pub const fn is_sitemap(&self) -> bool {
        self.priority < 0 && self.priority >= -SITEMAP_PRIORITIES
    }

    /// Returns how many indexes led to it, if it was named as a sitemap.
    #[must_use]
    pub fn indexes(&self) -> Option<u8> {
        let indexes = self.priority.saturating_add(SITEMAP_PRIORITIES);
        self.is_sitemap()
            .then(|| u8::try_from(indexes).unwrap_or(0))
    }

    /// Returns why it was put behind the others of its site, if it was.
    #[must_use]
    pub fn demotion(&self) -> Option<Demotion> {
        demotion(self.priority)
    }

    /// Makes a link that was found on its page.
    #[must_use]
    pub fn link(&self, url: impl Into<String>, site: Site) -> NewUrl {
        let mut link = NewUrl::seed(url, site).at_depth(self.depth.saturating_add(1));
        link.referrer = Some(self.hash);
        link
    }

    /// Makes the URL that it redirects to: as deep, as urgent, and one hop further.
    ///
    /// # Errors
    ///
    /// [`RefusedRedirect::TooMany`] after [`HOPS_MAX`] hops, [`RefusedRedirect::Loop`] when the chain comes back to its
    /// begin or stays where it is. Other loops end because each URL is fetched once.
    pub fn redirect(&self, target: NewUrl) -> Result<NewUrl, RefusedRedirect> {
        let begin = self.chain.unwrap_or(self.hash);
        if target.hash == begin || target.hash == self.hash {
            return Err(RefusedRedirect::Loop);
        }
        if self.hops >= HOPS_MAX {
            return Err(RefusedRedirect::TooMany);
        }
        Ok(NewUrl {
            depth: self.depth,
            priority: self.priority,
            referrer: Some(self.hash),
            hops: self.hops + 1,
            chain: Some(begin),
            ..target
        })
    }
}

/// The answer to a claim.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// What may be fetched at once, the most urgent first.
    pub leases: Vec<Lease>,
    /// When to ask again.
    pub next: Next,
    /// The state of the frontier that this answer tells of.
    pub round: Round,
}

/// When a claim may give more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// At once.
    Now,
    /// After this time, or when something has [changed](super::Frontier::changed).
    After(Duration),
    /// When something has changed: nothing is queued, but the seeds are not all in.
    Changed,
    /// Not with this budget of pages or of bytes, which is spent.
    Spent,
    /// Never: every URL is done.
    Done,
}

/// A state of the frontier. Each change of what could be claimed makes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Round(pub(crate) u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(url: &str) -> Lease {
        let site = SiteId::of("h");
        Lease {
            url: url.to_owned(),
            site,
            hash: UrlHash::of(url),
            depth: 2,
            priority: 2,
            attempts: 0,
            referrer: None,
            hops: 0,
            chain: None,
            lost: 0,
            is_suspect: false,
            welcome: Welcome::default(),
            key: LeaseKey {
                lane: Lane { site, number: 0 },
                token: 1,
            },
            lanes: NonZeroU16::MIN,
            seq: 1,
            since: None,
        }
    }

    fn url(url: &str) -> NewUrl {
        NewUrl::seed(url, Site::polite("h", Duration::ZERO))
    }

    #[test]
    fn a_link_is_one_deeper_and_knows_its_page() {
        let page = lease("http://h/");
        let link = page.link("http://h/a", url("").site);
        assert_eq!((link.depth, link.priority), (3, 3));
        assert_eq!(link.referrer, Some(page.hash));
    }

    #[test]
    fn why_it_is_demoted_is_told_by_its_place() {
        assert_eq!(lease("http://h/").demotion(), None);
        for demotion in [
            Demotion::Share { band: 0 },
            Demotion::Share { band: 9 },
            Demotion::Equal,
        ] {
            let mut demoted = lease("http://h/");
            demoted.priority = url("http://h/").demoted(demotion).priority;
            assert_eq!(demoted.demotion(), Some(demotion));
            let target = demoted.redirect(url("http://h/to")).unwrap();
            assert_eq!(target.priority, demoted.priority);
        }
    }

    #[test]
    fn a_sitemap_is_told_by_its_place_with_the_indexes_that_led_to_it() {
        assert_eq!(lease("http://h/").indexes(), None);
        for indexes in 0..=3 {
            let new = url("http://h/s").as_sitemap(indexes);
            let mut sitemap = lease("http://h/s");
            sitemap.priority = new.priority;
            assert!(sitemap.is_sitemap());
            assert_eq!(sitemap.indexes(), Some(indexes));
            let target = sitemap.redirect(url("http://h/t")).unwrap();
            assert_eq!(target.priority, new.priority);
        }
    }

    #[test]
    fn a_redirect_is_as_deep_as_its_page_and_keeps_the_begin_of_its_chain() {
        let page = lease("http://h/a");
        let hop = page.redirect(url("http://h/b")).unwrap();
        assert_eq!((hop.depth, hop.hops, hop.chain), (2, 1, Some(page.hash)));
    }

    #[test]
    fn a_chain_that_goes_round_or_on_and_on_is_refused() {
        let mut page = lease("http://h/b");
        page.chain = Some(UrlHash::of("http://h/a"));
        let to = |target| page.redirect(url(target));
        assert_eq!(to("http://h/a"), Err(RefusedRedirect::Loop));
        assert_eq!(to("http://h/b"), Err(RefusedRedirect::Loop));
        assert!(to("http://h/c").is_ok());
        page.hops = HOPS_MAX;
        let refused = page.redirect(url("http://h/c"));
        assert_eq!(refused, Err(RefusedRedirect::TooMany));
    }
}
