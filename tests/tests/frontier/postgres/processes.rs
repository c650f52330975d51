//! Several processes at one crawl: one is killed, one is frozen, and the others go on.

use std::process::Stdio;
use std::time::Duration;

use crawler::frontier::{Frontier, Next, PostgresFrontier, State};
use tests::{tree_page, tree_url};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{Crawl, until_locked};
use crate::world::names;

/// A process that fetches a tree of pages.
struct Worker {
    process: Child,
    settled: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(crawl: &Crawl, pages: usize) -> Self {
        let mut process = Command::new(tests::program("frontier-worker"))
            .args([&crawl.url, &pages.to_string(), &crawl.name])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it is built with the tests");
        let stdout = process.stdout.take().unwrap();
        Self {
            process,
            settled: BufReader::new(stdout).lines(),
        }
    }

    async fn signal(&self, name: &str) {
        let id = self.process.id().expect("it lives");
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &id.to_string()]).status().await;
        assert!(sent.unwrap().success());
    }

    /// Returns the URLs that it says it has settled, until its end.
    async fn rest(&mut self) -> Vec<String> {
        let mut urls = Vec::new();
        while let Some(url) = self.settled.next_line().await.unwrap() {
            urls.push(url);
        }
        urls
    }
}

/// Lets all leases that there are run out now.
async fn end_leases(crawl: &Crawl) {
    let raw = crawl.raw().await;
    let ended = "UPDATE site_lane SET next_at = 0 WHERE token <> 0";
    raw.batch_execute(ended).await.unwrap();
}

/// Fetches what is left.
async fn drain(frontier: &PostgresFrontier, pages: usize) -> Vec<String> {
    let mut urls = Vec::new();
    loop {
        let claims = frontier.claim(100).await.unwrap();
        if claims.next == Next::Done && claims.leases.is_empty() {
            return urls;
        }
        urls.extend(names(&claims.leases));
        let outcomes = claims.leases.into_iter().map(tree_page(pages));
        frontier.settle(outcomes.collect(), vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn two_processes_share_a_crawl_and_their_kill_loses_nothing_that_they_settled() {
    const PAGES: usize = 3_000;
    let crawl = Crawl::new();
    let mut workers = [Worker::start(&crawl, PAGES), Worker::start(&crawl, PAGES)];
    let mut settled = Vec::new();
    for _line in 0..60 {
        for worker in &mut workers {
            let line = worker.settled.next_line().await.unwrap();
            settled.push(line.expect("it goes on until it is killed"));
        }
    }
    for mut worker in workers {
        worker.process.kill().await.unwrap();
        settled.extend(worker.rest().await);
    }
    let frontier = crawl.open().await;
    end_leases(&crawl).await;
    settled.extend(drain(&frontier, PAGES).await);
    let stats = frontier.stats().await.unwrap();
    assert_eq!((stats.state, stats.queued), (State::Done, 0));
    assert_eq!((stats.known, stats.fetched), (PAGES as u64, PAGES as u64));
    // The settles that were not yet told as they were killed may be missing here, and nothing be here twice.
    let count = settled.len();
    settled.sort();
    settled.dedup();
    assert_eq!(settled.len(), count, "a URL was settled twice");
}

/// A process that is frozen in the middle of a transaction is thrown out by the server. Without
/// `idle_in_transaction_session_timeout` what it has locked stays so for as long as it is frozen.
#[tokio::test]
async fn a_process_that_is_frozen_with_a_lock_keeps_nobody_out_for_long() {
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    let (other, watch) = (crawl.raw().await, crawl.raw().await);
    // The last that it writes before its commit.
    let held = "BEGIN; SELECT FROM tally FOR UPDATE";
    other.batch_execute(held).await.unwrap();
    let worker = Worker::start(&crawl, 1);
    until_locked(&watch, &crawl, 1).await;
    worker.signal("STOP").await;
    other.batch_execute("ROLLBACK").await.unwrap();
    let add = frontier.add(vec![tree_url(1)]);
    let added = tokio::time::timeout(Duration::from_secs(30), add).await;
    let added = added.expect("it is thrown out").unwrap();
    assert_eq!(added.new, 1, "what it began was undone");
}
