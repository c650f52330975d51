//! A node that is killed half-way: its pages come back when its lease runs out, and the other ends all of them.

use tests::until;

use crate::job::{Job, pages};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_loses_no_page_and_what_it_had_is_fetched_again() {
    let job = Job::new("100").await;
    let [one, two] = ["node1", "node2"].map(|name| job.node(name, &[]));
    until("both are half-way", async || {
        (job.requests().await >= 50).then_some(())
    })
    .await;
    two.kill().await;
    let one = job.ended(one).await;
    let stats = job.api.stats().await;
    assert_eq!(stats["distinct"], 100, "no page is missing");
    let twice = job.requests().await - 100;
    // Its ten places, and as many on their way into the frontier.
    assert!(twice <= 20, "{twice} were fetched twice");
    assert!(pages(&one) < 100, "the other had some");
    let all = "fetched by all nodes";
    let row = one.stderr.lines().find(|line| line.starts_with(all));
    assert!(row.is_some_and(|row| row.ends_with(" 100")), "{row:?}");
}
