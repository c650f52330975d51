//! Who may join a crawl, and who is there.

use serde_json::json;
use tests::{Postgres, until};

use crate::job::{Job, pages};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_listed_while_they_work_and_gone_when_they_have_left() {
    let job = Job::new("1500").await;
    let [one, two] = ["node1", "node2"].map(|name| job.node(name, &[]));
    let (nodes, total) = until("both are at work", async || {
        // Before the first has begun it there is no crawl to look at.
        if job.requests().await == 0 {
            return None;
        }
        let (nodes, total) = job.nodes().await;
        let busy = nodes.iter().all(|node| node["in_flight"] != 0);
        (nodes.len() == 2 && busy).then_some((nodes, total))
    })
    .await;
    let in_flight: u64 = nodes
        .iter()
        .filter_map(|node| node["in_flight"].as_u64())
        .sum();
    let expected = json!({"crawl": job.crawl, "state": "running", "nodes": 2, "capacity": 20, "in_flight": in_flight});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&total[name], value, "{name}");
    }
    for (node, name) in nodes.iter().zip(["node1", "node2"]) {
        assert_eq!(
            (&node["name"], &node["capacity"]),
            (&name.into(), &10.into())
        );
    }
    tokio::join!(job.ended(one), job.ended(two));
    let (nodes, total) = job.nodes().await;
    assert!(nodes.is_empty());
    assert_eq!(
        (&total["state"], &total["fetched"], &total["queued"]),
        (&"done".into(), &100.into(), &0.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_is_done_says_so_and_one_begun_otherwise_is_not_joined() {
    let job = Job::new("0").await;
    let first = job.node("node1", &[]);
    assert_eq!(pages(&job.ended(first).await), 100);

    let again = job.ended(job.node("node1", &[])).await;
    assert!(again.stderr.contains("the crawl is done; --fresh"));
    assert_eq!(pages(&again), 0);

    let other = job.node("node2", &["--delay", "3s"]).ended().await;
    assert_eq!(other.code(), 2, "{}", other.stderr);
    for words in [
        "was begun otherwise: delay is not given there, and 3s here",
        "--fresh",
    ] {
        assert!(other.stderr.contains(words), "{}", other.stderr);
    }
    let more = job.node("node2", &["--count", "101"]).ended().await;
    assert_eq!(more.code(), 2, "{}", more.stderr);
    assert!(more.stderr.contains("of 101 pages"), "{}", more.stderr);
    let anew = job.node("node2", &["--fresh"]);
    assert_eq!(pages(&job.ended(anew).await), 100);
    assert_eq!(job.requests().await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_in_use_and_a_database_that_is_none_are_told_without_the_password() {
    let job = Job::new("2000").await;
    let one = job.node("node1", &[]);
    until("it is at work", async || {
        (job.requests().await > 0).then_some(())
    })
    .await;
    let twin = job.node("node1", &[]).ended().await;
    assert_eq!(twin.code(), 2, "{}", twin.stderr);
    assert!(twin.stderr.contains("node1"), "{}", twin.stderr);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.jsonl");
    std::fs::write(&file, "of the time before\n").unwrap();
    let anew = ["--fresh", "-o", file.to_str().unwrap()];
    let anew = job.node("node2", &anew).ended().await;
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "of the time before\n"
    );
    assert_eq!(anew.code(), 2, "{}", anew.stderr);
    assert!(anew.stderr.contains("node1 at work"), "{}", anew.stderr);
    one.kill().await;

    let wrong = job.frontier.replace(Postgres::PASSWORD, "hunter2");
    let nowhere = "postgres://ann:hunter2@127.0.0.1:1/web";
    for frontier in [wrong.as_str(), nowhere, "http://ann:hunter2@h/", "hunter2"] {
        let ended = job.node("node2", &["--frontier", frontier]);
        let ended = ended.ended().await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}
