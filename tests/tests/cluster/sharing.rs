//! The list of 100 pages on two terminals.

use serde_json::json;
use tests::{Pooler, Postgres, until};

use crate::job::{Job, pages};

/// Half of what the nodes hold: each of them has five connections, one of which is in a transaction for as long as it works.
const SESSIONS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_a_list_through_a_pooler_that_mixes_their_sessions() {
    let start = || Pooler::start(Postgres::shared(), SESSIONS);
    let pooler = tokio::task::spawn_blocking(start).await;
    let pooler = pooler.expect("a pooler starts");
    let job = Job::at(pooler.url(), "200").await;
    let [one, two] = ["node1", "node2"].map(|name| job.node(name, &[]));
    until("both are at work", async || {
        let is_begun = job.requests().await > 0;
        (is_begun && job.nodes().await.0.len() == 2).then_some(())
    })
    .await;
    let (one, two) = tokio::join!(job.ended(one), job.ended(two));
    assert_eq!(job.requests().await, 100);
    assert_eq!(pages(&one) + pages(&two), 100);
    for ended in [one, two] {
        assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
    }
    assert!(job.nodes().await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_fetch_each_page_once_and_about_half_of_them_each() {
    let job = Job::new("200").await;
    let [one, two] = ["node1", "node2"].map(|name| job.node(name, &[]));
    let (one, two) = tokio::join!(job.ended(one), job.ended(two));
    let stats = job.api.stats().await;
    assert_eq!(
        (&stats["requests"], &stats["distinct"]),
        (&json!(100), &json!(100))
    );
    let (first, second) = (pages(&one), pages(&two));
    assert_eq!(first + second, 100);
    for (ended, share) in [(&one, first), (&two, second)] {
        assert!((30..=70).contains(&share), "{share}: {}", ended.stderr);
        let rows: Vec<Vec<_>> = ended
            .stderr
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let own = share.to_string();
        assert!(rows.contains(&vec!["fetched", &own]), "{}", ended.stderr);
        let all = vec!["fetched", "by", "all", "nodes", "100"];
        assert!(rows.contains(&all), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_later_shares_what_is_left() {
    let job = Job::new("200").await;
    let one = job.node("node1", &[]);
    until("the first is at work", async || {
        (job.requests().await >= 20).then_some(())
    })
    .await;
    let two = job.node("node2", &[]);
    let (one, two) = tokio::join!(job.ended(one), job.ended(two));
    assert_eq!(job.requests().await, 100);
    assert_eq!(pages(&one) + pages(&two), 100);
    assert!(pages(&two) >= 10, "it took its share: {}", pages(&two));
}
