//! A node that leaves.

use tests::{Postgres, until};

use crate::job::Job;

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
