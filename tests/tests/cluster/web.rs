//! A site of the local web, one crawl of it, and the nodes that share that, each with an output of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use slow_api::{Server, Site, WebOptions};
use tempfile::TempDir;
use tests::web::{assert_each_once, counts, pages_asked, reachable, start, url};
use tests::{Crawler, Ended, Postgres, until_within, urls_in};

/// How long a crawl of any size may take.
const LONG: Duration = Duration::from_secs(900);

/// The crawl, and the folder of its outputs, which is gone with the test.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) frontier: String,
    site: Site,
    crawl: String,
    concurrency: u64,
    folder: TempDir,
}

impl Cluster {
    /// Makes a crawl in this database of a site whose pages take so long, for nodes with so many places each.
    pub(crate) async fn new(
        frontier: String,
        (site, takes): (Site, Duration),
        places: u64,
    ) -> Self {
        let web = WebOptions {
            site,
            page_delay: takes,
            ..WebOptions::default()
        };
        Self {
            server: start(web).await,
            frontier,
            site,
            crawl: Postgres::crawl_name(),
            concurrency: places,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts a node.
    pub(crate) fn node(&self, name: &str) -> Crawler {
        self.node_by(&self.frontier, name)
    }

    /// Starts a node that reaches the database by this URL.
    pub(crate) fn node_by(&self, frontier: &str, name: &str) -> Crawler {
        let seed = url(&self.server, 0, "/site/page/0");
        let shared = ["--frontier", frontier, "--crawl", &self.crawl];
        let (output, places) = (self.output(name), self.concurrency.to_string());
        let own = ["--node", name, "--concurrency", &places];
        let output = ["-o", output.to_str().unwrap()];
        Crawler::start(&[&["crawl", &seed][..], &shared, &own, &output].concat())
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.jsonl"))
    }

    /// Returns how many bytes of records a node has written.
    pub(crate) fn written(&self, name: &str) -> u64 {
        fs::metadata(self.output(name)).map_or(0, |about| about.len())
    }

    /// Waits until so many requests were for pages, and returns how many.
    pub(crate) async fn asked(&self, pages: u64) -> u64 {
        until_within(LONG, "so many pages are asked for", async || {
            // Each look copies all counts.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some(pages_asked(&self.server, 0)).filter(|asked| *asked >= pages)
        })
        .await
    }

    /// Returns how many pages were asked for more than once.
    pub(crate) fn asked_again(&self) -> u64 {
        let counts = counts(&self.server, 0);
        let again = counts.by_path.values().filter(|times| **times > 1);
        again.count() as u64
    }

    /// Waits for the end of nodes, each of which must be well; then asserts that each page was fetched, none that is not
    /// there or is disallowed, and that all outputs together hold one record of each. Returns how many were fetched again.
    pub(crate) async fn ended(self, nodes: Vec<(&str, Crawler)>) -> u64 {
        let mut urls: BTreeMap<String, usize> = BTreeMap::new();
        for (name, node) in nodes {
            let ended: Ended = node.ended_within(LONG).await;
            assert_eq!(ended.code(), 0, "{name}: {}", ended.stderr);
            for (url, times) in urls_in(&fs::read_to_string(self.output(name)).unwrap()) {
                *urls.entry(url).or_default() += times;
            }
        }
        let counts = counts(&self.server, 0);
        let expected = reachable(&self.server, 0, &self.site);
        for page in self.site.reachable() {
            assert!(
                counts.by_path.contains_key(&self.site.path(page)),
                "{page:?} is missing"
            );
        }
        // Its robots.txt is the only other path.
        assert_eq!(counts.distinct, expected.len() + 1, "extra");
        assert_eq!(counts.disallowed, 0);
        assert_each_once(&urls, &expected);
        self.server.stop().await;
        counts.requests - counts.robots - expected.len() as u64
    }
}
