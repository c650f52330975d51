//! What the stories share: the server, the crawl's folder, and what must hold of every crawl that ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use slow_api::{HostCount, HostSnapshot, Options, Server, Site, WebOptions};
use tempfile::TempDir;
use tests::{Crawler, urls_in};

/// How long a crawl of any size may take.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A site whose pages cost little, so that a crawl of it is mostly the crawler's work.
pub(crate) fn site(pages: u64) -> Site {
    Site {
        seed: 7,
        pages,
        links: 10,
        page_bytes: 2_000,
    }
}

/// Returns a number of the environment, or `usual` without it.
pub(crate) fn number_of(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

pub(crate) async fn start(web: WebOptions) -> Server {
    let options = Options {
        port: 0,
        web,
        ..Options::default()
    };
    slow_api::start(options).await.unwrap()
}

pub(crate) fn hosts(count: usize) -> HostCount {
    HostCount::new(count).unwrap()
}

/// Returns the counts of the host with this index.
pub(crate) fn counts(server: &Server, host: usize) -> HostSnapshot {
    let address = server.hosts()[host].to_string();
    server.web_stats().hosts.remove(&address).unwrap()
}

/// Returns how many requests were for pages.
pub(crate) fn pages_asked(server: &Server, host: usize) -> u64 {
    let counts = counts(server, host);
    counts.requests - counts.robots
}

pub(crate) fn url(server: &Server, host: usize, path: &str) -> String {
    format!("http://{}{path}", server.hosts()[host])
}

/// Returns the URLs of all pages that a crawl must reach.
pub(crate) fn reachable(server: &Server, host: usize, site: &Site) -> Vec<String> {
    let pages = site.reachable().into_iter();
    pages
        .map(|page| url(server, host, &site.path(page)))
        .collect()
}

/// A crawl's folder, gone with the test.
#[derive(Debug)]
pub(crate) struct Job(TempDir);

impl Job {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("job")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Begins the crawl.
    pub(crate) fn crawl(&self, seed: &str, flags: &[&str]) -> Crawler {
        let folder = self.folder();
        let args = ["crawl", seed, "--job", text(&folder)];
        Crawler::start(&[&args, flags].concat())
    }

    /// Goes on with it.
    pub(crate) fn resume(&self, flags: &[&str]) -> Crawler {
        let folder = self.folder();
        Crawler::start(&[&["resume", text(&folder)], flags].concat())
    }

    /// Returns how often each URL stands in the output, each of whose lines must be whole.
    pub(crate) fn urls(&self) -> BTreeMap<String, usize> {
        urls_in(&self.output())
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.folder().join("pages.jsonl")).unwrap()
    }

    /// Returns the records of the output.
    pub(crate) fn records(&self) -> Vec<Value> {
        let output = self.output();
        let records = output.lines().map(serde_json::from_str);
        records.collect::<Result<_, _>>().unwrap()
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Asserts that these URLs stand in the output, each once and no other fetched.
pub(crate) fn assert_each_once(urls: &BTreeMap<String, usize>, expected: &[String]) {
    for url in expected {
        assert_eq!(urls.get(url), Some(&1), "{url}");
    }
    assert!(urls.values().all(|times| *times == 1), "{urls:?}");
}
