//! The main job against an API in a process of its own: each URL once, and never more in flight than asked.

use serde_json::json;
use tests::{Crawler, SlowApi, urls_in};

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

    for row in ["fetched 100", "distinct URLs requested 100", "failed 0"] {
        assert!(has_row(&ended.stderr, row), "{row}: {}", ended.stderr);
    }
    let (asked, delivered) = edge(&ended.stderr);
    assert!(asked >= delivered, "asked {asked}, delivered {delivered}");
    assert_eq!(delivered, 100);
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
    let ended = Crawler::start(&["--urls", list.to_str().expect("UTF-8"), "--json"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 2);
    assert_eq!(api.stats().await["requests"], 2);
}

/// Returns whether the summary has this row, however many blanks are between name and number.
fn has_row(stderr: &str, row: &str) -> bool {
    stderr
        .lines()
        .any(|line| line.split_whitespace().eq(row.split(' ')))
}

/// Returns what the summary says of its last edge.
fn edge(stderr: &str) -> (u64, u64) {
    let line = stderr
        .lines()
        .rfind(|line| line.contains("→ fetchers: asked"));
    let line = line.expect("the summary names the edge");
    let after = |word: &str| {
        let (_, rest) = line.split_once(word).expect("the word is there");
        let number = rest
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok());
        number.expect("a number follows it")
    };
    (after("asked "), after("delivered "))
}
