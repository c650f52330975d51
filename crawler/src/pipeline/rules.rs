//! What the crawl was told: which URLs are its own, and how their sites are treated.

use std::collections::HashSet;
use std::num::NonZeroU16;
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
    /// Whose robots.txt is obeyed.
    pub obeys: Obeys,
    /// How often a failed URL is tried again.
    pub retries: u16,
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

/// Returns how many lanes a site of one's own has where so many fetches run at once: enough that few of them share one.
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
    #[must_use]
    pub fn site(&self, url: &WebUrl) -> Site {
        let site = url.site(self.grouping);
        if self.is_own(url) {
            Site::unlimited(site.name()).in_lanes(self.lanes)
        } else {
            Site::polite(site.name(), self.politeness.min_delay)
        }
    }

    /// Returns whether the URL is of a host of one's own.
    #[must_use]
    pub fn is_own(&self, url: &WebUrl) -> bool {
        self.own_hosts.contains(url.host_str())
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
        self.scope
            .check(url, u32::from(depth))
            .map_err(|refused| refused.code())?;
        // What was given by hand is meant, whatever it looks like.
        if depth > 0 {
            traps::check(url).map_err(|trap| trap.code())?;
        }
        let url = if self.strips_tracking {
            &url.without_tracking()
        } else {
            url
        };
        let new = NewUrl::seed(url.as_str(), self.site(url)).known_as(&url.identity());
        Ok(new.at_depth(depth))
    }
}
