//! One list of pages, an API, and the nodes that share it.

use std::time::Duration;

use serde_json::Value;
use tests::{Crawler, Ended, Postgres, SlowApi, urls_in};

/// A lease runs out after 30 s, and who waits for that has time.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Job {
    pub(crate) api: SlowApi,
    pub(crate) frontier: String,
    pub(crate) crawl: String,
}

impl Job {
    /// Makes a job whose pages take so long.
    pub(crate) async fn new(delay_ms: &str) -> Self {
        let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        Self::on(server, delay_ms).await
    }

    /// Makes one in the database of this server.
    pub(crate) async fn on(server: &Postgres, delay_ms: &str) -> Self {
        Self::at(server.tcp_url(Postgres::PASSWORD), delay_ms).await
    }

    /// Makes one in the database of this URL.
    pub(crate) async fn at(frontier: String, delay_ms: &str) -> Self {
        Self {
            api: SlowApi::start(&["--delay-ms", delay_ms]).await,
            frontier,
            crawl: Postgres::crawl_name(),
        }
    }

    /// Starts a node with ten places, and these flags besides.
    pub(crate) fn node(&self, name: &str, flags: &[&str]) -> Crawler {
        let own = ["--api", self.api.url(), "--concurrency", "10"];
        let shared = ["--frontier", &self.frontier, "--crawl", &self.crawl];
        let named = ["--node", name];
        Crawler::start(&[&own[..], &shared, &named, flags].concat())
    }

    /// Lists the nodes, as JSON, and what they come to.
    pub(crate) async fn nodes(&self) -> (Vec<Value>, Value) {
        let shared = ["--frontier", &self.frontier, "--crawl", &self.crawl];
        let ended = Crawler::start(&[&["nodes", "--json"][..], &shared].concat())
            .ended()
            .await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let lines = ended.stdout.lines();
        let lines = lines.map(|line| serde_json::from_str(line).unwrap());
        let mut nodes: Vec<_> = lines.collect();
        let total = nodes.pop().unwrap();
        (nodes, total)
    }

    pub(crate) async fn requests(&self) -> u64 {
        self.api.stats().await["requests"]
            .as_u64()
            .expect("a count")
    }

    /// Waits for the end of a node, which must be well and tell no password.
    pub(crate) async fn ended(&self, node: Crawler) -> Ended {
        let ended = node.ended_within(DEADLINE).await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert!(
            !ended.stderr.contains(Postgres::PASSWORD),
            "{}",
            ended.stderr
        );
        ended
    }
}

/// Returns how many URLs a node has records of.
pub(crate) fn pages(ended: &Ended) -> usize {
    urls_in(&ended.stdout).len()
}
