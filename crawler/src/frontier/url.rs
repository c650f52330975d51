//! What goes in: a URL with its site and the way it was found.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::{Record, SiteId, UrlHash};
use crate::policy::shares::Demotion;
use crate::policy::sitemaps::INDEXES_MAX;

/// How many priorities below 0 there are: one for each number of indexes that may lead to a sitemap, from none on.
pub(super) const SITEMAP_PRIORITIES: i16 = INDEXES_MAX as i16 + 1;

/// The priority of what a user asked for by its URL: before the sitemaps of its site, which may be many.
const ASKED_FOR: i16 = -SITEMAP_PRIORITIES - 1;

/// The first priority of what is demoted. No depth comes so far.
pub(super) const DEMOTED: i16 = 1 << 14;
/// The priority of what is demoted for its pages are alike: after all else.
pub(super) const DEMOTED_LAST: i16 = i16::MAX;

/// Of how many lanes of a site what is demoted is in one, in an engine without an order between lanes: as there are four
/// lanes for each place, enough are left to give all places work.
const LANES_FOR_ONE_DEMOTED: u16 = 4;

/// Returns why a URL of this priority was put behind the others of its site, if it was.
pub(super) fn demotion(priority: i16) -> Option<Demotion> {
    if priority == DEMOTED_LAST {
        return Some(Demotion::Equal);
    }
    let band = u16::try_from(priority.checked_sub(DEMOTED)?).ok()?;
    Some(Demotion::Share { band })
}

/// How many URLs of an unlimited site may be leased apart.
const UNLIMITED_LANES: NonZeroU16 = NonZeroU16::new(256).expect("it is not zero");

/// A politeness group and its pace. Delay and lanes are taken from the first URL of a site, and hold for the crawl.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use crawler::frontier::Site;
///
/// let polite = Site::polite("example.com", Duration::from_secs(1));
/// let typed = Site::unlimited("127.0.0.1");
/// assert_eq!((polite.lanes().get(), typed.lanes().get()), (1, 256));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    name: Arc<str>,
    id: SiteId,
    delay: Duration,
    lanes: NonZeroU16,
}

impl Site {
    /// Makes a site of one lane: one request at a time, and `delay` from the end of one to the start of the next.
    #[must_use]
    pub fn polite(name: impl Into<Arc<str>>, delay: Duration) -> Self {
        let name = name.into();
        Self {
            id: SiteId::of(&name),
            name,
            delay,
            lanes: NonZeroU16::MIN,
        }
    }

    /// Makes a site without delay or limit. In a file each of its URLs is leased by itself. In a database that others share
    /// two URLs of one lane are leased together or one after the other, never apart at the same time: with far fewer URLs
    /// than lanes that is rare.
    #[must_use]
    pub fn unlimited(name: impl Into<Arc<str>>) -> Self {
        Self {
            lanes: UNLIMITED_LANES,
            ..Self::polite(name, Duration::ZERO)
        }
    }

    /// Spreads it over so many lanes; with more than one it has no delay.
    #[must_use]
    pub fn in_lanes(self, lanes: NonZeroU16) -> Self {
        let is_polite = lanes == NonZeroU16::MIN;
        let delay = if is_polite {
            self.delay
        } else {
            Duration::ZERO
        };
        Self {
            lanes,
            delay,
            ..self
        }
    }

    /// Returns the name of the group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the group.
    #[must_use]
    pub const fn id(&self) -> SiteId {
        self.id
    }

    /// Returns the time from the end of one fetch to the start of the next in a lane.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns how many leases of this site there can be at once; in a file any number, where it is more than one.
    #[must_use]
    pub const fn lanes(&self) -> NonZeroU16 {
        self.lanes
    }
}

/// A URL to be fetched once a crawl.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use crawler::frontier::{NewUrl, Site};
///
/// let site = Site::polite("example.com", Duration::from_secs(1));
/// let seed = NewUrl::seed("http://example.com/", site);
/// assert_eq!((seed.depth, seed.priority), (0, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewUrl {
    /// What is requested.
    pub url: String,
    /// Its politeness group.
    pub site: Site,
    /// Which URL of the site it is.
    pub hash: UrlHash,
    /// How many links away from a seed.
    pub depth: u16,
    /// Its place in its lane: lower first, and first in, first out among equals. A queued URL keeps it.
    pub priority: i16,
    /// The page that led to it.
    pub referrer: Option<UrlHash>,
    /// How many redirects led to it in a row.
    pub hops: u8,
    /// The URL that its chain of redirects began with.
    pub chain: Option<UrlHash>,
    /// What is recorded of it when it is new, where a rule refuses it: it is done then, and never queued.
    pub record: Option<Box<Record>>,
}

impl NewUrl {
    /// Makes a URL that a user gave.
    #[must_use]
    pub fn seed(url: impl Into<String>, site: Site) -> Self {
        let url = url.into();
        Self {
            hash: UrlHash::of(&url),
            url,
            site,
            depth: 0,
            priority: 0,
            referrer: None,
            hops: 0,
            chain: None,
            record: None,
        }
    }

    /// Makes it done when it is new, with this record.
    #[must_use]
    pub fn recorded(mut self, record: Record) -> Self {
        self.record = Some(Box::new(record));
        self
    }

    /// Lets it be known by this form, where that is not the form requested.
    #[must_use]
    pub fn known_as(mut self, canonical: &str) -> Self {
        self.hash = UrlHash::of(canonical);
        self
    }

    /// Puts it so many links away from a seed, and in its lane behind those that are nearer.
    #[must_use]
    pub fn at_depth(mut self, depth: u16) -> Self {
        self.depth = depth;
        self.priority = i16::try_from(depth).map_or(DEMOTED - 1, |depth| depth.min(DEMOTED - 1));
        self
    }

    /// Puts it before all else of its lane: a user asked for this very page.
    #[must_use]
    pub const fn asked_for(mut self) -> Self {
        self.priority = ASKED_FOR;
        self
    }

    /// Puts it behind all of its lane that are not demoted, and where there is no order between lanes into one of the few that
    /// what is demoted shares: the others of its site then have nothing to give but the rest.
    #[must_use]
    pub fn demoted(mut self, demotion: Demotion) -> Self {
        self.priority = match demotion {
            Demotion::Share { band } => {
                let band = i16::try_from(band).unwrap_or(i16::MAX);
                band.saturating_add(DEMOTED).min(DEMOTED_LAST - 1)
            }
            Demotion::Equal => DEMOTED_LAST,
        };
        self
    }

    /// Makes it a sitemap that so many indexes led to, at most [`INDEXES_MAX`]. It goes before all pages of its lane but those
    /// that were asked for, as the others have no priority below 0; where a site has one lane, its sitemaps so go before its
    /// pages.
    #[must_use]
    pub fn as_sitemap(mut self, indexes: u8) -> Self {
        self.priority = i16::from(indexes.min(INDEXES_MAX)) - SITEMAP_PRIORITIES;
        self
    }

    /// Returns the lane that it waits in where its site has so many.
    pub(crate) fn lane(&self, lanes: NonZeroU16) -> u16 {
        if self.priority < DEMOTED {
            return self.hash.lane(lanes);
        }
        let few = NonZeroU16::new(lanes.get() / LANES_FOR_ONE_DEMOTED);
        self.hash.lane(few.unwrap_or(NonZeroU16::MIN))
    }

    /// Returns its key in the whole crawl.
    pub(crate) const fn key(&self) -> (SiteId, UrlHash) {
        (self.site.id, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(n: usize) -> NewUrl {
        NewUrl::seed(format!("http://h/{n}"), Site::unlimited("h"))
    }

    #[test]
    fn what_is_demoted_goes_behind_the_deepest_page_in_its_order() {
        let deepest = url(0).at_depth(u16::MAX);
        let bands = [0, 1, u16::MAX].map(|band| url(0).demoted(Demotion::Share { band }));
        let last = url(0).demoted(Demotion::Equal);
        let all = [&[deepest], &bands[..], &[last]].concat();
        let places: Vec<_> = all.iter().map(|url| url.priority).collect();
        assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    }

    #[test]
    fn what_is_demoted_shares_a_quarter_of_the_lanes() {
        let check = |lanes: u16, expected: u16| {
            let lanes = NonZeroU16::new(lanes).unwrap();
            let used = (0..5_000).map(|n| url(n).demoted(Demotion::Equal).lane(lanes));
            assert_eq!(used.max(), Some(expected - 1), "{lanes}");
        };
        check(256, 64);
        check(4, 1);
        check(3, 1);
        check(1, 1);
        let lanes = (0..5_000).map(|n| url(n).lane(UNLIMITED_LANES));
        assert_eq!(lanes.max(), Some(255));
    }
}
