//! How large the local web is and how its hosts behave.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::web::robots::RobotsMode;
use crate::web::site::Site;
use crate::web::trap::Trap;

/// The local web: how many hosts, what site each has, and how each answers for `/robots.txt`.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use slow_api::{HostCount, Options, RobotsMode, Site, WebOptions};
///
/// let web = WebOptions {
///     hosts: HostCount::new(2)?,
///     site: Site { pages: 50, ..Site::default() },
///     robots: vec![RobotsMode::Ok, RobotsMode::Missing],
///     ..WebOptions::default()
/// };
/// let server = slow_api::start(Options { port: 0, web, ..Options::default() }).await?;
/// let robots = format!("http://{}/robots.txt", server.hosts()[1]);
/// assert_eq!(reqwest::get(robots).await?.status(), 404);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// How many hosts there are: the address listened on and those that follow it, all on one port; 1 by default.
    pub hosts: HostCount,
    /// The site of the first host; each further one has a seed one higher.
    pub site: Site,
    /// How the hosts answer for `/robots.txt`, in their order; the last goes for all further ones. All are
    /// [`RobotsMode::Ok`] by default, and when there is none.
    pub robots: Vec<RobotsMode>,
    /// What `Crawl-delay` says in the rules; without it there is no such line.
    pub crawl_delay_seconds: Option<u64>,
    /// Whether the rules name the sitemap, which lists every reachable page; they do by default.
    pub names_sitemap: bool,
    /// How long an answer of `/site/` takes at least; none by default.
    pub page_delay: Duration,
    /// What a crawler may lose itself in on each host, beside the site; nothing by default.
    pub traps: Vec<Trap>,
}

impl WebOptions {
    /// Returns the site of the host with this index, from 0.
    #[must_use]
    pub fn site_of(&self, host: usize) -> Site {
        Site {
            seed: self.site.seed.wrapping_add(host as u64),
            ..self.site
        }
    }

    /// Returns how the host with this index, from 0, answers for `/robots.txt`.
    #[must_use]
    pub fn robots_of(&self, host: usize) -> RobotsMode {
        let mode = self.robots.get(host).or(self.robots.last());
        mode.copied().unwrap_or_default()
    }
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            hosts: HostCount::ONE,
            site: Site::default(),
            robots: vec![RobotsMode::Ok],
            crawl_delay_seconds: None,
            names_sitemap: true,
            page_delay: Duration::ZERO,
            traps: Vec::new(),
        }
    }
}

/// How many hosts there are: from 1 to 250, both inclusive.
///
/// # Examples
///
/// ```
/// use slow_api::HostCount;
///
/// assert_eq!("3".parse::<HostCount>()?.as_usize(), 3);
/// assert!("0".parse::<HostCount>().is_err());
/// # Ok::<(), slow_api::HostCountError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCount(u8);

impl HostCount {
    /// One host, the default.
    pub const ONE: Self = Self(1);
    /// The most, so that those from 127.0.0.1 on stay in 127.0.0.0/24.
    const MAX: u8 = 250;

    /// Makes a count of a number.
    ///
    /// # Errors
    ///
    /// [`HostCountError`] when the number is 0 or over 250.
    pub fn new(count: usize) -> Result<Self, HostCountError> {
        match u8::try_from(count) {
            Ok(count @ 1..=Self::MAX) => Ok(Self(count)),
            _ => Err(HostCountError(count.to_string())),
        }
    }

    /// Returns the count as a number.
    #[must_use]
    pub fn as_usize(self) -> usize {
        self.0.into()
    }
}

impl FromStr for HostCount {
    type Err = HostCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map_err(|_| HostCountError(text.to_owned()))
            .and_then(Self::new)
    }
}

/// What was given is no count of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no number from 1 to 250")]
pub struct HostCountError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_hosts_is_from_one_to_the_most() {
        fn check(text: &str, expected: Option<usize>) {
            let count = text.parse::<HostCount>().ok().map(HostCount::as_usize);
            assert_eq!(count, expected, "{text}");
        }
        check("1", Some(1));
        check("250", Some(250));
        check("0", None);
        check("251", None);
        check("256", None);
        check("-1", None);
        check("many", None);
    }

    #[test]
    fn the_last_mode_goes_for_all_further_hosts() {
        let options = WebOptions {
            robots: vec![RobotsMode::Missing, RobotsMode::Huge],
            ..WebOptions::default()
        };
        let modes = [0, 1, 2].map(|host| options.robots_of(host));
        assert_eq!(
            modes,
            [RobotsMode::Missing, RobotsMode::Huge, RobotsMode::Huge]
        );
        assert_eq!(WebOptions::default().robots_of(3), RobotsMode::Ok);
        let none = WebOptions {
            robots: Vec::new(),
            ..WebOptions::default()
        };
        assert_eq!(none.robots_of(0), RobotsMode::Ok);
    }

    #[test]
    fn each_host_has_a_site_of_its_own() {
        let options = WebOptions::default();
        assert_eq!(options.site_of(0), options.site);
        assert_ne!(options.site_of(1), options.site_of(2));
    }
}
