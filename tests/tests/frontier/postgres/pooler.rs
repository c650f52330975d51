//! Through a real pooler that gives each transaction one of few sessions of the server, which nodes share so.

use crawler::frontier::{Frontier, FrontierError, PostgresFrontier, PostgresOptions, Pulse};
use futures::future::join_all;
use tests::{Pooler, Postgres, tree_url};
use tokio::process::Command;
use tokio_postgres::SimpleQueryMessage;

use super::Crawl;

impl Crawl {
    /// One that is reached through a pooler.
    fn through(pooler: &Pooler) -> Self {
        Self {
            url: pooler.url(),
            name: Postgres::crawl_name(),
        }
    }
}

/// Nodes of several processes: those of one share the numbers of their statements, and never take one for another.
async fn fetch_by_processes(crawl: &Crawl, count: usize, pages: usize) -> Vec<String> {
    let workers = (0..count).map(|_| {
        let mut worker = Command::new(tests::program("frontier-worker"));
        let worker = worker.args([&crawl.url, &pages.to_string(), &crawl.name]);
        worker.kill_on_drop(true).output()
    });
    let mut urls = Vec::new();
    for output in join_all(workers).await {
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        urls.extend(stdout.lines().map(str::to_owned));
    }
    urls
}

#[tokio::test]
async fn several_processes_share_a_crawl_through_few_sessions() {
    const PAGES: usize = 600;
    let pooler = Pooler::start(Postgres::shared(), 3);
    let crawl = Crawl::through(&pooler);
    let mut urls = fetch_by_processes(&crawl, 4, PAGES).await;
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), PAGES);
    let stats = crawl.open().await.stats().await.unwrap();
    assert_eq!((stats.known, stats.fetched), (PAGES as u64, PAGES as u64));
}

/// The first statement of each transaction, as another node may have prepared one of its own under that name.
const OTHER: &str =
    "(bigint, bigint) AS SELECT 0::bigint, 'done', 0::bigint, 0::bigint, 0::bigint, false, 1";

/// What a node prepared in one session may have the name of another node's statement in the next: each counts its own.
#[tokio::test]
async fn a_connection_that_is_given_another_session_uses_no_statement_of_another_node() {
    let pooler = Pooler::start(Postgres::shared(), 2);
    let crawl = Crawl::through(&pooler);
    let frontier = crawl.create().await;
    frontier.add(vec![tree_url(1)]).await.unwrap();
    let [first, second] = [crawl.raw().await, crawl.raw().await];
    first.batch_execute("BEGIN").await.unwrap();
    let prepared = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%FROM crawl c,%'";
    let prepared = first.simple_query(prepared).await.unwrap();
    let names = prepared.iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 1, "it holds the session that the node had");
    let other = format!("PREPARE {}{OTHER}", names[0]);
    second.batch_execute(&other).await.unwrap();
    assert_eq!(frontier.stats().await.unwrap().known, 1);
    first.batch_execute("ROLLBACK").await.unwrap();
}

async fn node(crawl: &Crawl) -> PostgresFrontier {
    let options = PostgresOptions::new(&crawl.url, &crawl.name).unwrap();
    options.node("same").unwrap().open().await.unwrap()
}

/// A lock of a session would stay with the pooler's when a node has left, and be had by each who is lent that session.
#[tokio::test]
async fn a_name_is_one_nodes_and_free_again_when_it_leaves_or_ends() {
    let pooler = Pooler::start(Postgres::shared(), 5);
    let crawl = Crawl::through(&pooler);
    crawl.create().await;
    let (first, second) = (node(&crawl).await, node(&crawl).await);
    let joined = first.join("here").await.unwrap();
    joined.beat(Pulse::default()).await.unwrap();
    for _try in 0..3 {
        let refused = second.join("there").await.unwrap_err();
        assert!(
            matches!(refused, FrontierError::NodeInUse { .. }),
            "{refused}"
        );
        second.stats().await.unwrap();
    }
    joined.beat(Pulse::default()).await.unwrap();
    joined.leave().await.unwrap();
    for _turn in 0..3 {
        let joined = second.join("there").await.unwrap();
        joined.beat(Pulse::default()).await.unwrap();
        assert_eq!(first.nodes().await.unwrap()[0].address, "there");
        joined.leave().await.unwrap();
    }
    // As if its process had been killed.
    drop(second.join("there").await.unwrap());
    let joined = tests::until("the name is free", async || first.join("here").await.ok());
    joined.await.leave().await.unwrap();
}
