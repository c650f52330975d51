//! The API is killed in mid-run: the crawl ends by itself, with every URL accounted for once.

use tests::{Crawler, SlowApi, until, urls_in};

#[tokio::test]
async fn every_url_is_accounted_for_when_the_api_dies() {
    let mut api = SlowApi::start(&["--delay-ms", "50"]).await;
    let url = api.url().to_owned();
    let crawler = Crawler::start(&["--api", &url, "--concurrency", "20", "--retries", "1"]);
    until("40 requests", async || {
        let stats = api.stats().await;
        (stats["requests"].as_u64() >= Some(40)).then_some(())
    })
    .await;
    api.kill().await;

    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let records = urls_in(&ended.stdout);
    assert_eq!(records.len(), 100);
    assert!(records.values().all(|times| *times == 1));
    assert!(ended.stderr.contains("(connect)"), "{}", ended.stderr);
    assert!(
        ended.stdout.contains(r#""fate":"fetched""#),
        "some were fetched before"
    );
}
