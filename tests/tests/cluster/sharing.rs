//! The list of 100 pages on two terminals.

use serde_json::json;
use tests::until;

use crate::job::{Job, pages};

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
