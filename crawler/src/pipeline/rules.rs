//! What the crawl was told: which URLs are its own, and how their sites are treated.

use std::num::NonZeroU16;
use std::time::Duration;

use super::{Admission, OwnHosts};
use crate::frontier::{NewUrl, Site};
use crate::parse::Follow;
use crate::policy::politeness::Politeness;
use crate::policy::robots::Product;
use crate::policy::scope::Scope;
use crate::policy::traps;
use crate::web_url::{Grouping, WebUrl};

/// The rules that decide about every URL of one crawl.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Which URLs belong to it.
    pub scope: Scope,
    /// How sites are treated.
    pub politeness: Politeness,
    /// What is one site.
    pub grouping: Grouping,
    /// Hosts of one's own: without delay and without limit.
    pub own_hosts: OwnHosts,
    /// What it calls itself to robots.txt.
    pub product: Product,
    /// Whose robots.txt is obeyed.
    pub obeys: Obeys,
    /// How often a robots.txt that was never reached is tried before the URLs under it fail.
    pub robots_tries: u32,
    /// How often a failed URL is tried again.
    pub retries: u16,
    /// Whether the sitemaps are read that a robots.txt names.
    pub reads_sitemaps: bool,
    /// What is followed of a page besides its links.
    pub follow: Follow,
    /// Whether parameters that only track are taken off links.
    pub strips_tracking: bool,
    /// How long after its answer each URL is fetched again, if it is.
    pub every: Option<Duration>,
    /// Lanes of a site of one's own.
    pub lanes: NonZeroU16,
}

/// Whose robots.txt is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obeys {
    /// Every site's.
    All,
    /// That of all but hosts of one's own.
    Others,
    /// No site's.
    Nobody,
}

/// Returns how many lanes a site of one's own has where so many fetches run at once: enough that few of them share one, in a
/// frontier that deals URLs to lanes.
#[must_use]
pub fn lanes_for(concurrency: usize) -> NonZeroU16 {
    let wanted = concurrency.saturating_mul(4).clamp(256, 1 << 15);
    u16::try_from(wanted)
        .ok()
        .and_then(NonZeroU16::new)
        .unwrap_or(NonZeroU16::MIN)
}

impl Rules {
    /// Returns the politeness group of a URL, and its pace.
    ///
    /// A host and port of one's own is a group by itself. The frontier lays a site out as its first URL says: in one group
    /// with them, another port of that host, or another host of that domain, would be hurried as they are, or they be
    /// held back as it is, by which of them came first.
    #[must_use]
    pub fn site(&self, url: &WebUrl) -> Site {
        if self.is_own(url) {
            let name = format!("{}:{}", url.host_str(), url.port());
            return Site::unlimited(name).in_lanes(self.lanes);
        }
        Site::polite(url.site_name(self.grouping), self.politeness.min_delay)
    }

    /// Returns whether the URL is of a host and port of one's own.
    #[must_use]
    pub fn is_own(&self, url: &WebUrl) -> bool {
        self.own_hosts.has(url)
    }

    /// Returns whether the robots.txt of the URL's authority is to be asked.
    #[must_use]
    pub fn asks_robots(&self, url: &WebUrl) -> bool {
        match self.obeys {
            Obeys::All => true,
            Obeys::Others => !self.is_own(url),
            Obeys::Nobody => false,
        }
    }

    /// Returns how long to leave the site of a URL alone after a fetch that took so long.
    #[must_use]
    pub fn rest(&self, url: &WebUrl, crawl_delay: Option<Duration>, latency: Duration) -> Duration {
        if self.is_own(url) {
            return Duration::ZERO;
        }
        self.politeness
            .delay(crawl_delay, latency, fastrand::u32(..))
    }

    /// Makes a URL that was found one for the frontier, or says by a code why it is none of this crawl.
    ///
    /// # Errors
    ///
    /// The code of the scope's rule, or of the trap; what was given by hand is no trap.
    pub fn admit(&self, url: &WebUrl, depth: u16) -> Result<NewUrl, &'static str> {
        Admission::new(self, depth).admit(url)
    }

    /// Makes a sitemap that so many indexes led to a URL for the frontier, or says by a code why it is none of this crawl.
    ///
    /// # Errors
    ///
    /// The code of the scope's rule, or of the trap; what was given by hand is no trap.
    pub fn admit_sitemap(
        &self,
        url: &WebUrl,
        depth: u16,
        indexes: u8,
    ) -> Result<NewUrl, &'static str> {
        self.scope
            .check_sitemap(url)
            .map_err(|refused| refused.code())?;
        if depth > 0 {
            traps::check(url).map_err(|trap| trap.code())?;
        }
        let new = NewUrl::seed(url.as_str(), self.site(url)).known_as(&url.identity());
        Ok(new.at_depth(depth).as_sitemap(indexes))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::policy::scope::Reach;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    pub(in crate::pipeline) fn rules(own: &[&str]) -> Rules {
        let own: Vec<_> = own.iter().map(|seed| url(seed)).collect();
        Rules {
            scope: Scope::new(Reach::Any, []),
            politeness: Politeness::default(),
            grouping: Grouping::RegistrableDomain,
            own_hosts: own.iter().collect(),
            product: Product::of("FooBot").unwrap(),
            obeys: Obeys::All,
            robots_tries: 4,
            retries: 0,
            reads_sitemaps: true,
            follow: Follow::LINKS,
            strips_tracking: false,
            every: None,
            lanes: lanes_for(64),
        }
    }

    #[test]
    fn what_was_typed_is_a_site_of_its_own_and_its_neighbours_are_polite() {
        let rules = rules(&["http://127.0.0.1:4000/", "https://wiki.example.com/"]);
        let check = |text: &str, name: &str, lanes: u16, rest: Duration| {
            let (url, latency) = (url(text), Duration::from_secs(9));
            let site = rules.site(&url);
            assert_eq!((site.name(), site.lanes().get()), (name, lanes), "{text}");
            assert!(rules.rest(&url, None, latency) >= rest, "{text}");
            assert_eq!(rules.is_own(&url), rest.is_zero(), "{text}");
        };
        let (none, long) = (Duration::ZERO, Duration::from_secs(9));
        check("http://127.0.0.1:4000/a", "127.0.0.1:4000", 256, none);
        check("http://127.0.0.1:5000/", "127.0.0.1", 1, long);
        check("http://127.0.0.1/", "127.0.0.1", 1, long);
        check(
            "https://wiki.example.com/a",
            "wiki.example.com:443",
            256,
            none,
        );
        check("http://wiki.example.com/", "example.com", 1, long);
        check("https://www.example.com/", "example.com", 1, long);
    }
}
