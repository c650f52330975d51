//! The local web as tests crawl it: its server, what that counted, and what must hold of a crawl that ended.

use std::collections::BTreeMap;

use slow_api::{HostCount, HostSnapshot, Options, Server, Site, WebOptions};

/// A site whose pages cost little, so that a crawl of it is mostly the crawler's work.
#[must_use]
pub const fn site(pages: u64) -> Site {
    Site {
        seed: 7,
        pages,
        links: 10,
        page_bytes: 2_000,
    }
}

/// Returns a number of the environment, or `usual` without it.
///
/// # Panics
///
/// When it is no number.
#[must_use]
pub fn number_of(name: &str, usual: u64) -> u64 {
    let number = |text: String| text.parse().unwrap_or_else(|_| panic!("{name}={text}"));
    std::env::var(name).map_or(usual, number)
}

/// Starts a server on a free port. Its robots.txt names no sitemap, whatever is asked for, so that each page is found over
/// links and no request is for anything else.
///
/// # Panics
///
/// When there is none.
pub async fn start(web: WebOptions) -> Server {
    let web = WebOptions {
        names_sitemap: false,
        ..web
    };
    start_as_it_is(web).await
}

/// Starts a server on a free port, whose robots.txt names its sitemap unless it is told not to.
///
/// # Panics
///
/// When there is none.
pub async fn start_as_it_is(web: WebOptions) -> Server {
    let options = Options {
        port: 0,
        web,
        ..Options::default()
    };
    slow_api::start(options).await.expect("a port is free")
}

/// Returns so many hosts.
///
/// # Panics
///
/// When there can't be so many.
#[must_use]
pub fn hosts(count: usize) -> HostCount {
    HostCount::new(count).expect("there may be so many")
}

/// Returns the counts of the host with this index.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn counts(server: &Server, host: usize) -> HostSnapshot {
    let address = server.hosts()[host].to_string();
    let counts = server.web_stats().hosts.remove(&address);
    counts.expect("each host is counted")
}

/// Returns how many requests to a host were for pages.
#[must_use]
pub fn pages_asked(server: &Server, host: usize) -> u64 {
    let counts = counts(server, host);
    counts.requests - counts.robots
}

/// Returns the URL of a path on the host with this index.
#[must_use]
pub fn url(server: &Server, host: usize, path: &str) -> String {
    format!("http://{}{path}", server.hosts()[host])
}

/// Returns the URLs of all pages of a host that a crawl must reach.
#[must_use]
pub fn reachable(server: &Server, host: usize, site: &Site) -> Vec<String> {
    let pages = site.reachable().into_iter();
    pages
        .map(|page| url(server, host, &site.path(page)))
        .collect()
}

/// Asserts that these URLs stand in the output, and no URL twice.
///
/// # Panics
///
/// When that is not so.
pub fn assert_each_once(urls: &BTreeMap<String, usize>, expected: &[String]) {
    for url in expected {
        assert_eq!(urls.get(url), Some(&1), "{url}");
    }
    let twice: Vec<_> = urls.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
