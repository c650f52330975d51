//! The main job as a real process against a real API: each URL once, and never more in flight than asked.

use std::time::Duration;

use slow_api::Options;

#[tokio::test]
async fn every_url_is_fetched_once_within_the_concurrency() {
    let options = Options {
        port: 0,
        delay: Duration::from_millis(20),
        ..Options::default()
    };
    let server = slow_api::start(options).await.expect("port 0 is free");
    let ended = tokio::process::Command::new(tests::program("crawler"))
        .args([
            "--api",
            &server.url(),
            "--count",
            "100",
            "--concurrency",
            "10",
        ])
        .output()
        .await
        .expect("cargo build --bins has run");
    let stats = server.stats();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!((stats.requests, stats.distinct), (100, 100));
    assert!(
        stats.max_in_flight <= 10,
        "{} in flight",
        stats.max_in_flight
    );
    server.stop().await;
}
