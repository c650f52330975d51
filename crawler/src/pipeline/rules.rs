//! What the crawl was told: which URLs are its own, and how their sites are treated.

use std::collections::HashSet;
use std::time::Duration;

use crate::frontier::{NewUrl, Site};
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
    /// Hosts of one's own, typed as seeds: without delay and without limit.
    pub own_hosts: HashSet<String>,
    /// What it calls itself to robots.txt.
    pub product: Product,
    /// Whether robots.txt is obeyed.
    pub obeys_robots: bool,
    /// How often a failed URL is tried again.
    pub retries: u16,
    /// Whether parameters that only track are taken off links.
    pub strips_tracking: bool,
}

impl Rules {
    /// Returns the politeness group of a URL, and its pace.
    #[must_use]
    pub fn site(&self, url: &WebUrl) -> Site {
        let site = url.site(self.grouping);
        if self.is_own(url) {
            Site::unlimited(site.name())
        } else {
            Site::polite(site.name(), self.politeness.min_delay)
        }
    }

    /// Returns whether the URL is of a host of one's own.
    #[must_use]
    pub fn is_own(&self, url: &WebUrl) -> bool {
        self.own_hosts.contains(url.host_str())
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
    /// The code of the scope's rule, or of the trap.
    pub fn admit(&self, url: &WebUrl, depth: u16) -> Result<NewUrl, &'static str> {
        self.scope
            .check(url, u32::from(depth))
            .map_err(|refused| refused.code())?;
        traps::check(url).map_err(|trap| trap.code())?;
        let url = if self.strips_tracking {
            &url.without_tracking()
        } else {
            url
        };
        let new = NewUrl::seed(url.as_str(), self.site(url)).known_as(&url.identity());
        Ok(new.at_depth(depth))
    }
}
