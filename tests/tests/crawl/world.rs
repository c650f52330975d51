//! What the stories share: the web that is crawled, and the crawl's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
pub(crate) use tests::web::{
    assert_each_once, counts, hosts, number_of, pages_asked, reachable, site, start, url,
};
use tests::{Crawler, urls_in};

/// How long a crawl of any size may take.
pub(crate) const LONG: Duration = Duration::from_secs(600);

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
