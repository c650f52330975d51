//! The main job against an API in a process of its own: each URL once, and never more in flight than asked.

use serde_json::json;
use tests::{Crawler, SlowApi, program, urls_in};
use tokio::process::Command;

#[tokio::test]
async fn a_hundred_urls_are_fetched_once_each_within_the_concurrency() {
    let api = SlowApi::start(&["--delay-ms", "20"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("results.jsonl");
    let ended = Crawler::start(&[
        "--api",
        api.url(),
        "--concurrency",
        "10",
        "-o",
        file.to_str().expect("its path is UTF-8"),
    ])
    .ended()
    .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, "");

    let stats = api.stats().await;
    let by_url = stats["by_url"].as_object().expect("counts by URL");
    assert_eq!((&stats["requests"], by_url.len()), (&json!(100), 100));
    for page in 1..=100 {
        assert_eq!(by_url[&format!("https://example.com/page{page}")], 1);
    }
    let most = stats["max_in_flight"].as_u64().expect("a count");
    assert!(most <= 10, "{most} in flight");

    let records = urls_in(&std::fs::read_to_string(&file).expect("the results are there"));
    assert_eq!(records.len(), 100);
    assert!(records.values().all(|times| *times == 1));

    for row in ["fetched 100", "URLs known 100", "failed 0"] {
        assert!(has_row(&ended.stderr, row), "{row}: {}", ended.stderr);
    }
    for edge in ["claims → visits", "visits → store"] {
        let line = ended.stderr.lines().find(|line| line.starts_with(edge));
        assert!(line.is_some_and(|line| line.ends_with(", delivered 100")));
    }
}

#[tokio::test]
async fn a_list_is_fetched_without_its_duplicates() {
    let api = SlowApi::start(&["--delay-ms", "0"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.txt");
    let page = format!("{}/api/crawl?url=a", api.url());
    std::fs::write(
        &list,
        format!("{page}\n# a comment\n\n{page}#top\n{page}b\n"),
    )
    .expect("room");
    let ended = Crawler::start(&["--urls", list.to_str().expect("UTF-8")])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 2, "it is piped");
    assert_eq!(api.stats().await["requests"], 2);
    assert!(has_row(&ended.stderr, "lines that repeat a URL 1"));
}

#[tokio::test]
async fn a_list_goes_to_every_output_that_is_named() {
    let api = SlowApi::start(&["--delay-ms", "0"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["a.jsonl", "b.jsonl"].map(|name| folder.path().join(name));
    let args = ["--api", api.url(), "--count", "5", "-o", "-"];
    let mut command = Command::new(program("crawler"));
    let command = command.args(args).arg("-o").arg(&first);
    let ended = Crawler::spawn(command.arg("-o").arg(&second)).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for file in [first, second] {
        let lines = std::fs::read_to_string(file).expect("the results are there");
        assert_eq!(lines, ended.stdout);
    }
    assert_eq!(urls_in(&ended.stdout).len(), 5);
}

/// Only lower bounds are looked at, so that a busy machine fails nothing.
#[tokio::test]
async fn a_pace_is_kept() {
    let api = SlowApi::start(&["--delay-ms", "0"]).await;
    let args = ["--api", api.url(), "--count", "6", "--pace", "100ms"];
    let start = std::time::Instant::now();
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let took = start.elapsed().as_millis();
    assert!(took >= 500, "five times 100 ms lie between six: {took}");
    assert_eq!(urls_in(&ended.stdout).len(), 6);
}

#[tokio::test]
async fn every_url_is_fetched_again_until_ctrl_c() {
    let api = SlowApi::start(&["--delay-ms", "5"]).await;
    let args = ["--api", api.url(), "--count", "3", "--every", "20ms"];
    let crawler = Crawler::start(&args);
    tests::until("each is fetched four times", async || {
        let stats = api.stats().await;
        let by_url = stats["by_url"].as_object().expect("counts by URL").clone();
        let is_enough = by_url.values().all(|times| times.as_u64() >= Some(4));
        (is_enough && by_url.len() == 3).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "it has no other end: {}", ended.stderr);
    let records = urls_in(&ended.stdout);
    assert_eq!(records.len(), 3);
    assert!(records.values().all(|times| *times >= 4), "{records:?}");
    for (url, times) in records {
        let told = format!("{times} answers, 0 failed");
        let history = ended.stderr.lines().find(|line| line.ends_with(&url));
        let history = history.expect("each has its history");
        assert!(history.starts_with(&told), "{told}: {history}");
    }
}

/// Returns whether the summary has this row, however many blanks are between name and number.
fn has_row(stderr: &str, row: &str) -> bool {
    stderr
        .lines()
        .any(|line| line.split_whitespace().eq(row.split(' ')))
}
