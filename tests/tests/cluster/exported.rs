//! The records of all nodes of a crawl, had from the database that they share; also why one of its URLs was refused.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::{Crawler, Postgres, SlowApi};

fn records(lines: &str) -> BTreeSet<String> {
    let records = lines.lines().map(|line| {
        let record: Value = serde_json::from_str(line).expect("each line is a record");
        record.to_string()
    });
    records.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_what_all_nodes_have_recorded() {
    let server = tokio::task::spawn_blocking(Postgres::shared)
        .await
        .expect("a server");
    let api = SlowApi::start(&["--delay-ms", "50"]).await;
    let (frontier, crawl) = (server.tcp_url(Postgres::PASSWORD), Postgres::crawl_name());
    let shared = ["--frontier", &frontier, "--crawl", &crawl];
    let list = ["--api", api.url(), "--count", "40", "--concurrency", "4"];
    let node = |name| Crawler::start(&[&shared[..], &list, &["--node", name]].concat());
    let nodes = [node("one"), node("two")];
    let mut told = BTreeSet::new();
    for node in nodes {
        let ended = node.ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        told.extend(records(&ended.stdout));
    }
    assert_eq!(told.len(), 40);
    let exported = Crawler::start(&[&["export"][..], &shared].concat())
        .ended()
        .await;
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    assert_eq!(exported.stdout.lines().count(), 40);
    assert_eq!(records(&exported.stdout), told);

    let status = Crawler::start(&[&["status"][..], &shared].concat())
        .ended()
        .await;
    assert!(
        status.stdout.starts_with("done: 40 fetched"),
        "{}",
        status.stdout
    );
    let asked = ["explain", "http://example.com/never", "--json"];
    let explained = Crawler::start(&[&asked[..], &shared].concat())
        .ended()
        .await;
    assert!(
        explained.stdout.contains("never seen"),
        "{}",
        explained.stdout
    );
}
