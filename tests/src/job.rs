//! The folder of a crawl, and what its output says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Crawler, urls_in};

/// A crawl's folder, with room beside it, gone with the test.
#[derive(Debug)]
pub struct Job(TempDir);

impl Default for Job {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("there is room"))
    }
}

impl Job {
    /// Makes room for one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns its folder, which the crawl makes.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.0.path().join("job")
    }

    /// Returns the path of something beside its folder.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Begins the crawl.
    #[must_use]
    pub fn crawl(&self, seed: &str, flags: &[&str]) -> Crawler {
        let folder = self.folder();
        let args = ["crawl", seed, "--job", text(&folder)];
        Crawler::start(&[&args, flags].concat())
    }

    /// Goes on with it, as it was begun.
    #[must_use]
    pub fn resume(&self, flags: &[&str]) -> Crawler {
        let folder = self.folder();
        Crawler::start(&[&["resume", text(&folder)], flags].concat())
    }

    /// Returns how often each URL stands in the output, each of whose lines must be whole.
    #[must_use]
    pub fn urls(&self) -> BTreeMap<String, usize> {
        urls_in(&self.output())
    }

    /// Returns the text of the output in its folder.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder().join("pages.jsonl")).expect("it has an output")
    }

    /// Returns the records of the output.
    ///
    /// # Panics
    ///
    /// When a line is none.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let output = self.output();
        let records = output.lines().map(serde_json::from_str);
        records
            .collect::<Result<_, _>>()
            .expect("each line is a record")
    }
}

/// Returns a path as an argument has it.
///
/// # Panics
///
/// When it is not UTF-8.
#[must_use]
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
