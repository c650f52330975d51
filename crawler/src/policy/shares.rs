//! What each part of a site gets of it, so that an endless part, such as a calendar, keeps nobody from the rest.
//!
//! A part that has more than its share, or whose pages are all alike, is **demoted**: what else is found of it is
//! fetched after the rest of its site, and nothing is lost.
//!
//! A part is what lies beneath one path segment, or beneath two, with a query or without one:
//!
//! | URL | beneath one | beneath two |
//! |---|---|---|
//! | `/calendar/2026/05/17` | `/calendar` | `/calendar/2026` |
//! | `/calendar?month=5` | `/calendar` | `/calendar` with a query |
//! | `/en/wiki/Page` | `/en` | `/en/wiki` |
//!
//! Each URL has a **turn**: how many URLs its part had when it was found, itself included. Which part that is depends on
//! where the endless part can be: `/en/calendar` is one among others of `/en`, while of `/calendar` each year is as small
//! as a part may be.
//!
//! | beneath the first segment | the turn of a URL is its number among |
//! |---|---|
//! | more than half lie beneath two segments together, and it does not | all that do not |
//! | else | all |
//!
//! Of a site of which [`KNOWN_MIN`] URLs are known, those are demoted whose turn is beyond [`SHARE_MIN`] and beyond the
//! share that one of [`PARTS`] equal parts has of the pages that were fetched: of the links that are known, a part that has
//! many on each page would make any other seem small. Those go in the order of their turns, [`BAND`] at a time, so that two parts that both
//! have more than their share get as much as each other, and of a site that is one part each URL is fetched as it was
//! found. A part is counted by the links that were found: an endless one is told by what it leads to before it has cost as
//! many requests. The same links and pages in the same order are always decided alike.
//!
//! It is bad at two endless parts beneath one segment, which hide what is there beside them, and at a part whose first
//! segments are endless; and what it knows is gone with the process.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::recent::Recent;
use crate::web_url::{SiteId, UrlHash, WebUrl};

/// How many URLs of a site are known before any of them is demoted.
pub const KNOWN_MIN: u32 = 1_000;
/// What every part of a site has: half of as many.
pub const SHARE_MIN: u32 = 500;
/// Of a site of which more is fetched, a part has the share of one of so many: two endless parts of four would each get a
/// quarter, and never seem to be too much.
pub const PARTS: u32 = 8;
/// How many turns of demoted URLs go together.
pub const BAND: u32 = 250;
/// How many pages of a part repeat another before it is demoted, if they are half of what was fetched of it: a large part
/// may well have as many empty pages.
pub const EQUAL_MIN: u32 = 20;

/// How many sites are told apart at most, and parts of all sites beneath one segment and beneath two, and URLs that were
/// found lately. All together takes some 16 MiB at most.
const SITES_MAX: usize = 1 << 12;
const PARTS_MAX: usize = 1 << 14;
const PREFIXES_MAX: usize = 1 << 16;
const FOUND_MAX: usize = 1 << 15;

/// Why a URL is fetched after the others of its site.
///
/// ```
/// use crawler::policy::shares::Demotion;
///
/// assert_eq!(Demotion::Share { band: 3 }.code(), "trap-share");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demotion {
    /// Its part has more than its share of the site.
    Share {
        /// Its place among those: lower first.
        band: u16,
    },
    /// The pages of its part repeat each other, or those of another.
    Equal,
}

impl Demotion {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Share { .. } => "trap-share",
            Self::Equal => "trap-equal",
        }
    }
}

/// The parts of its site that a URL lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// By host and first segment.
    one: u64,
    /// By both segments.
    two: u64,
}

impl Prefix {
    /// Returns that of a URL.
    #[must_use]
    pub fn of(url: &WebUrl) -> Self {
        let mut segments = url.path().split('/').skip(1);
        let mut next = || segments.next().unwrap_or_default().as_bytes();
        let one = xxh3_64_with_seed(next(), xxh3_64(url.host_str().as_bytes()));
        // What a program answers stands apart from what is a file beside it.
        let two = xxh3_64_with_seed(next(), one ^ u64::from(url.query().is_some()));
        Self { one, two }
    }
}

/// The sites of a crawl and their parts, as far as this process came upon them lately.
///
/// ```
/// use crawler::policy::shares::{Demotion, Prefix, Shares};
/// use crawler::web_url::{SiteId, UrlHash, WebUrl};
///
/// let mut shares = Shares::default();
/// let mut find = |text: &str| {
///     let url = WebUrl::parse(text).expect("it is a URL");
///     shares.find(SiteId::of("h"), UrlHash::of(text), Prefix::of(&url))
/// };
/// for day in 1..1_000 {
///     assert_eq!(find(&format!("http://h/calendar?day={day}")), None);
/// }
/// assert_eq!(find("http://h/calendar?day=1000"), Some(Demotion::Share { band: 4 }));
/// assert_eq!(find("http://h/pages/1"), None);
/// ```
#[derive(Debug)]
pub struct Shares {
    sites: Recent<SiteId, Whole>,
    parts: Recent<(SiteId, u64), Part>,
    prefixes: Recent<(SiteId, u64), Tally>,
    /// What was found, and perhaps is found again before the frontier knows it.
    found: Recent<(SiteId, UrlHash), Option<Demotion>>,
}

/// How many URLs of a site are known, and how many pages of it were fetched.
#[derive(Debug, Default)]
struct Whole {
    known: u32,
    fetched: u32,
}

/// What lies beneath one segment.
#[derive(Debug, Default)]
struct Part {
    tally: Tally,
    /// The largest part of it beneath two segments, and its URLs.
    largest: (u64, u32),
}

#[derive(Debug, Default)]
struct Tally {
    /// URLs that were found.
    known: u32,
    /// Pages that were fetched, and those of them that repeat another.
    fetched: u32,
    equal: u32,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            sites: Recent::new(SITES_MAX),
            parts: Recent::new(PARTS_MAX),
            prefixes: Recent::new(PREFIXES_MAX),
            found: Recent::new(FOUND_MAX),
        }
    }
}

impl Shares {
    /// Counts a link that was found, and decides whether it is demoted. The same URL is counted once and decided alike, as
    /// long as it is remembered.
    pub fn find(&mut self, site: SiteId, url: UrlHash, prefix: Prefix) -> Option<Demotion> {
        let mut is_new = false;
        let known_as = self.found.entry((site, url), || {
            is_new = true;
            None
        });
        if !is_new {
            return *known_as;
        }
        let demotion = self.count(site, prefix);
        *self.found.entry((site, url), || None) = demotion;
        demotion
    }

    /// Notes that a page was fetched, and whether it repeats another.
    pub fn fetched(&mut self, site: SiteId, prefix: Prefix, is_equal: bool) {
        let whole = self.sites.entry(site, Whole::default);
        whole.fetched = whole.fetched.saturating_add(1);
        let part = self.parts.entry((site, prefix.one), Part::default);
        part.tally.fetch(is_equal);
        let beneath = self.prefixes.entry((site, prefix.two), Tally::default);
        beneath.fetch(is_equal);
    }

    fn count(&mut self, site: SiteId, prefix: Prefix) -> Option<Demotion> {
        let whole = self.sites.entry(site, Whole::default);
        whole.known = whole.known.saturating_add(1);
        let has_enough = whole.known >= KNOWN_MIN;
        let share = SHARE_MIN.max(whole.fetched / PARTS);
        let beneath = self.prefixes.entry((site, prefix.two), Tally::default);
        beneath.known = beneath.known.saturating_add(1);
        let part = self.parts.entry((site, prefix.one), Part::default);
        let turn = part.turn(prefix.two, beneath.known);
        if part.tally.is_equal() || beneath.is_equal() {
            return Some(Demotion::Equal);
        }
        (has_enough && turn > share).then(|| Demotion::Share {
            band: u16::try_from(turn / BAND).unwrap_or(u16::MAX),
        })
    }
}

impl Part {
    /// Counts a URL, of which so many lie beneath its two segments now, and returns its turn.
    fn turn(&mut self, two: u64, beneath: u32) -> u32 {
        self.tally.known = self.tally.known.saturating_add(1);
        let (largest, count) = &mut self.largest;
        if *largest == two {
            // Not what is counted beneath, which may have been forgotten.
            *count = count.saturating_add(1);
        } else if beneath > *count {
            self.largest = (two, beneath);
        }
        let (largest, count) = self.largest;
        let others = self.tally.known.saturating_sub(count);
        if largest != two && count > others {
            others
        } else {
            self.tally.known
        }
    }
}

impl Tally {
    const fn fetch(&mut self, is_equal: bool) {
        self.fetched = self.fetched.saturating_add(1);
        if is_equal {
            self.equal = self.equal.saturating_add(1);
        }
    }

    /// Returns whether its pages are all alike.
    const fn is_equal(&self) -> bool {
        self.equal >= EQUAL_MIN && self.equal >= self.fetched / 2
    }
}

#[cfg(test)]
mod tests;
