//! The memory for bodies: a crawl holds no more of them than it may, and none waits for ever for its share.

use std::time::Duration;

use slow_api::{Server, WebOptions};

use crate::world::{self, Job};

const MIB: u64 = 1 << 20;
const PLACES: usize = 64;

/// Begins a crawl of that many bodies, all at once, and lets it end; returns the most memory that it held.
async fn peak(server: &Server, bodies: usize, fault: &str, flags: &[&str]) -> (u64, Job) {
    let job = Job::new();
    let seeds: Vec<String> = (0..bodies)
        .map(|n| world::url(server, 0, &format!("{fault}&n={n}")))
        .collect();
    let mut given: Vec<&str> = seeds[1..].iter().map(String::as_str).collect();
    given.extend(["--depth", "0", "--max-body", "10"]);
    given.extend(flags);
    let crawler = job.crawl(&seeds[0], &given);
    let (ended, peak) = crawler.ended_with_peak(Duration::from_secs(110)).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    (peak, job)
}

fn assert_whole(job: &Job, bodies: usize, bytes: u64) {
    let records = job.records();
    assert_eq!(records.len(), bodies);
    for record in records {
        assert_eq!(record["bytes"], bytes, "{record}");
        assert_eq!(record["truncated"], serde_json::Value::Null, "{record}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_ten_mebibytes_at_all_places_stay_within_the_memory() {
    let server = world::start(WebOptions::default()).await;
    let (peak, job) = peak(
        &server,
        PLACES,
        "/fault/body/blob?mib=10",
        &["--memory", "32"],
    )
    .await;
    println!("the most memory: {} MiB", peak / MIB);
    assert_whole(&job, PLACES, 10 * MIB);
    // The bound, one body beyond it, and for each place what its connection has read ahead; the program is in it.
    let most = 32 + 10 + 2 * PLACES as u64;
    assert!(peak <= most * MIB, "{} MiB", peak / MIB);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_that_share_too_little_memory_all_end() {
    let server = world::start(WebOptions::default()).await;
    // A byte each 20 ms holds a share for two seconds, and all together far more than there is.
    let fault = "/fault/body/slow?ms=20&bytes=100";
    let (_, job) = peak(&server, 2 * PLACES, fault, &["--memory", "1"]).await;
    assert_whole(&job, 2 * PLACES, 100);
    server.stop().await;
}
