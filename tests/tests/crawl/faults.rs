//! A site of nothing but faults: each URL has its end, within the caps of time and bytes.

use std::time::{Duration, Instant};

use regex::Regex;
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

/// How the faults end that do not end as pages do: fetched, and whole.
const ENDS: [(&str, &[&str]); 16] = [
    (
        "failed coding",
        &[
            "encoding/lying",
            "encoding/lying-br",
            "encoding/ten-layers",
            "encoding/unknown",
        ],
    ),
    (
        "failed connection-lost",
        &[
            "connection/cut-head",
            "connection/empty",
            "connection/reset",
            "connection/reset-in-head",
        ],
    ),
    (
        "failed protocol",
        &[
            "connection/garbage",
            "connection/http-0.9",
            "connection/http-9.9",
            "connection/no-status",
            "connection/ssh",
            "header/endless",
            "header/folded",
            "header/huge",
            "header/many",
            "header/name",
            "header/no-colon",
            "header/no-name",
            "header/nul",
            "header/return",
            "header/space",
            "length/negative",
            "length/nonsense",
            "length/overflow",
            "length/twice",
        ],
    ),
    (
        "failed timeout",
        &[
            "connection/silent",
            "connection/slow-head",
            "connection/stalled-head",
        ],
    ),
    ("failed status-408", &["status/408"]),
    ("failed status-429", &["status/429", "retry/429"]),
    ("failed status-503", &["status/503", "retry/503"]),
    ("failed status-5xx", &["status/500", "retry/500"]),
    ("fetched cut by time", &["body/slow", "body/stalled"]),
    (
        "fetched cut by length",
        &[
            "body/endless",
            "body/endless-chunks",
            "body/blob",
            "body/huge",
            "bomb/",
            "page/deep",
            "page/links",
        ],
    ),
    (
        "fetched cut by disconnect",
        &[
            "body/reset",
            "body/truncated",
            "chunk/",
            "connection/reset-after-head",
            "encoding/checksum",
            "encoding/garbage",
            "encoding/truncated",
            "length/huge",
        ],
    ),
    (
        "redirected redirect-invalid",
        &[
            "location/data",
            "location/file",
            "location/ftp",
            "location/long",
            "location/mail",
            "location/no-url",
            "location/script",
        ],
    ),
    ("redirected redirect-loop", &["location/empty", "loop/self"]),
    ("redirected scope-site", &["location/host"]),
    ("redirected scope-excluded", &["location/https"]),
    ("redirected", &["location/", "loop/", "redirect/"]),
];
/// Those among them that end as pages do all the same.
const PAGES: [&str; 1] = ["location/missing"];
/// Those that have crawls of their own: the bombs take the server long to make, and the others ask for the whole site to
/// be left alone.
const APART: &str = "/bomb/|/429|/503";

fn expected(path: &str) -> &'static str {
    let path = path.trim_start_matches("/fault/");
    let name = path.split('?').next().unwrap();
    if PAGES.contains(&name) {
        return "fetched";
    }
    let is_of = |fault: &&str| name == *fault || (fault.ends_with('/') && name.starts_with(*fault));
    let mut ends = ENDS.iter();
    ends.find(|(_, faults)| faults.iter().any(is_of))
        .map_or("fetched", |(end, _)| end)
}

/// How a record says that its URL ended.
fn end(record: &Value) -> String {
    let word = |field: &str| record[field].as_str();
    let mut end = word("fate").unwrap().to_owned();
    if let Some(reason) = word("reason") {
        end = format!("{end} {reason}");
    }
    match word("truncated") {
        Some(cut) => format!("{end} cut by {cut}"),
        None => end,
    }
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
        &["--retries", "0", "--exclude", "^https:", "--exclude", APART],
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
    let records = job.records();
    let mut wrong = Vec::new();
    let apart = Regex::new(APART).unwrap();
    for path in faults.iter().filter(|path| !apart.is_match(path)) {
        let url = world::url(&server, 0, path);
        let record = records.iter().find(|record| record["url"] == url);
        let found = record.map_or("no record".to_owned(), end);
        if found != expected(path) {
            wrong.push(format!("{path}: {found}, and not {}", expected(path)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    records.iter().for_each(within_caps);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_to_be_left_alone_is_recorded_with_its_status() {
    let server = world::start(WebOptions::default()).await;
    for path in [
        "/fault/status/429?after=1",
        "/fault/status/503?date=1",
        "/fault/retry/429?tries=2&after=1",
        "/fault/retry/503?tries=2&date=1",
    ] {
        let job = Job::new();
        let crawler = job.crawl(&world::url(&server, 0, path), &["--retries", "0"]);
        let ended = crawler.ended().await;
        assert_eq!(ended.code(), 1, "{}", ended.stderr);
        let records = job.records();
        assert_eq!(records.len(), 1);
        assert_eq!(end(&records[0]), expected(path), "{}", records[0]);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_twice_is_fetched_at_its_third_try() {
    let server = world::start(WebOptions::default()).await;
    let (job, path) = (Job::new(), "/fault/retry/500?tries=2");
    let ended = job.crawl(&world::url(&server, 0, path), &[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(world::counts(&server, 0).by_path[path], 3);
    let records = job.records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (end(&records[0]).as_str(), &records[0]["retries"]),
        ("fetched", &2.into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bomb_is_cut_at_the_cap() {
    let server = world::start(WebOptions::default()).await;
    let seeds = ["br", "deflate", "gzip", "two-layers", "zstd"]
        .map(|name| world::url(&server, 0, &format!("/fault/bomb/{name}?mib=4")));
    let job = Job::new();
    let others: Vec<&str> = seeds[1..].iter().map(String::as_str).collect();
    let flags = [&others[..], &["--depth", "0", "--max-body", "1"]].concat();
    let ended = job.crawl(&seeds[0], &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = job.records();
    assert_eq!(records.len(), seeds.len());
    for record in &records {
        assert_eq!(end(record), expected("bomb/"), "{record}");
        assert_eq!(record["bytes"], MIB, "{record}");
    }
    server.stop().await;
}

fn within_caps(record: &Value) {
    // The time of a busy machine is on top of the clock's.
    assert!(record["millis"].as_u64().unwrap_or(0) < 8_000, "{record}");
    assert!(record["bytes"].as_u64().unwrap_or(0) <= MIB, "{record}");
    let has_status = record["status"].is_u64();
    let is_answered = matches!(record["fate"].as_str(), Some("fetched" | "redirected"));
    assert!(has_status || !is_answered, "no status: {record}");
}
