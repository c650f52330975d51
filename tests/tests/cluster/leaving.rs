//! A node that leaves: it lets its fetches end, tells that it takes nothing new meanwhile, and leaves nothing behind.

use tests::{Postgres, until};

use crate::job::{Job, pages};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_interrupted_is_draining_until_its_fetches_end() {
    let job = Job::new("5000").await;
    let count = ["--count", "30"];
    let [leaves, stays] = ["leaves", "stays"].map(|name| job.node(name, &count));
    until("both are at work", async || {
        (job.requests().await == 20).then_some(())
    })
    .await;
    leaves.signal("INT").await;
    let states = until("it is seen to be draining", async || {
        let (nodes, _) = job.nodes().await;
        let states: Vec<_> = nodes.iter().map(|node| node["draining"] == true).collect();
        states.contains(&true).then_some(states)
    })
    .await;
    assert_eq!(states, [true, false]);
    let left = leaves.ended().await;
    assert_eq!(left.code(), 3, "{}", left.stderr);
    assert_eq!(pages(&left), 10, "what it had begun is done");
    // What it had not begun is given back, and waits for no lease to run out.
    let (nodes, _) = job.nodes().await;
    assert_eq!(nodes.len(), 1);
    let stayed = job.ended(stays).await;
    assert_eq!(pages(&stayed), 20);
    assert_eq!(job.requests().await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_interrupted_while_the_database_is_away_says_how_to_go_on() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let job = Job::on(&server, "300").await;
    let mut node = job.node("node1", &[]);
    until("it is at work", async || {
        (job.requests().await >= 20).then_some(())
    })
    .await;
    server.kill();
    node.signal("INT").await;
    node.says("Ctrl-C again to abort").await;
    node.signal("INT").await;
    let ended = node.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("run the same command again"),
        "{}",
        ended.stderr
    );
}
