//! A site of nothing but faults: each URL has its end, within the caps of time and bytes.

use std::time::{Duration, Instant};

use serde_json::Value;
use slow_api::WebOptions;

use crate::world::{self, Job};

const MIB: u64 = 1 << 20;

/// Returns the paths that the page of faults links to.
async fn faults(page: &str) -> Vec<String> {
    let text = reqwest::get(page).await.unwrap().text().await.unwrap();
    let links = text.split("<a href=\"").skip(1);
    let paths = links.filter_map(|link| link.split_once('"'));
    paths.map(|(path, _)| path.replace("&amp;", "&")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_recorded_with_its_class_within_the_caps() {
    let server = world::start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/fault/"));
    let faults = faults(&seed).await;
    assert!(faults.len() > 100, "{faults:?}");
    let start = Instant::now();
    // What speaks no TLS has no robots.txt either, and waits for it through five minutes of tries.
    let flags = [
        &["--depth", "1", "--timeout", "3s", "--max-body", "1"][..],
        &["--retries", "0", "--exclude", "^https:"],
    ]
    .concat();
    let ended = job
        .crawl(&seed, &flags)
        .ended_within(Duration::from_secs(120))
        .await;
    // All faults at once, and one after the other where one leads to the next.
    assert!(start.elapsed() < Duration::from_secs(90));
    assert_eq!(ended.code(), 0, "{}", ended.stderr);

    let urls = job.urls();
    assert!(urls.values().all(|times| *times == 1), "{urls:?}");
    for path in &faults {
        let url = world::url(&server, 0, path);
        assert!(urls.contains_key(&url), "{url} has no record");
    }
    let records = job.records();
    for record in &records {
        within_caps(record);
    }
    class_of(&records, "/fault/connection/silent", "failed");
    class_of(&records, "/fault/connection/empty", "failed");
    class_of(&records, "/fault/status/404", "fetched");
    class_of(&records, "/fault/status/500", "failed");
    class_of(&records, "/fault/location/ftp", "redirected");
    class_of(&records, "/fault/page/empty", "fetched");
    server.stop().await;
}

fn within_caps(record: &Value) {
    let fate = record["fate"].as_str().unwrap();
    if fate == "failed" || fate == "refused" {
        assert!(record["reason"].is_string(), "no class: {record}");
    } else {
        assert!(record["status"].is_u64(), "no status: {record}");
    }
    // The time of a busy machine is on top of the clock's.
    assert!(record["millis"].as_u64().unwrap_or(0) < 8_000, "{record}");
    assert!(record["bytes"].as_u64().unwrap_or(0) <= MIB, "{record}");
    let is_endless = record["url"].as_str().unwrap().contains("/body/endless");
    if is_endless {
        assert!(record["truncated"].is_string(), "{record}");
    }
}

fn class_of(records: &[Value], path: &str, fate: &str) {
    let of_path = |record: &&Value| record["url"].as_str().unwrap().ends_with(path);
    let record = records.iter().find(of_path).unwrap();
    assert_eq!(record["fate"], fate, "{record}");
}
