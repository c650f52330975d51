//! A site that pushes back is given up as a whole, and no other with it.

use std::time::{Duration, Instant};

use slow_api::WebOptions;

use crate::world::{self, Job};

/// URLs of the site that pushes back: one delay for each would take longer than the test may.
const URLS: usize = 400;
const DELAY: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_pushes_back_three_times_fails_unasked_and_another_is_crawled() {
    let site = world::site(10);
    let server = world::start(WebOptions {
        hosts: world::hosts(2),
        site,
        ..WebOptions::default()
    })
    .await;
    let pushes_back = |n: usize| format!("/fault/status/503?after=0&n={n}");
    let seeds: Vec<_> = (1..=URLS)
        .map(|n| world::url(&server, 0, &pushes_back(n)))
        .collect();
    let other = world::url(&server, 1, "/site/page/0");
    let mut flags: Vec<_> = seeds.iter().map(String::as_str).collect();
    flags.extend(["--delay", "500ms"]);
    let (job, start) = (Job::new(), Instant::now());
    let ended = job.crawl(&other, &flags).ended().await;
    assert_eq!(ended.code(), 1, "seeds failed: {}", ended.stderr);
    let all = u32::try_from(URLS).unwrap() * DELAY;
    assert!(start.elapsed() < all / 4, "{:?}", start.elapsed());
    assert!(
        ended.stderr.contains("a site is set aside") && ended.stderr.contains("127.0.0.1"),
        "{}",
        ended.stderr
    );

    let counts = world::counts(&server, 0);
    assert_eq!((world::pages_asked(&server, 0), counts.robots), (3, 1));
    assert!(counts.gap_min_us.unwrap() >= 499_000, "{counts:?}");
    let urls = job.urls();
    world::assert_each_once(&urls, &seeds);
    assert_eq!(world::pages_asked(&server, 1), site.open());
    for record in job.records() {
        if seeds.iter().any(|seed| record["url"] == **seed) {
            let told = [&record["fate"], &record["reason"], &record["cause"]];
            assert_eq!(told, ["failed", "site-set-aside", "status-503"], "{record}");
        }
    }
    // The answer by which the site was set aside stands in its record; the others were not asked for any more.
    let records = job.records().into_iter();
    let answered = records.filter(|record| record["status"] == 503 && record["millis"].is_u64());
    assert_eq!(answered.count(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_503s_does_not_give_up_a_site_of_ones_own() {
    let server = world::start(WebOptions::default()).await;
    let seeds: Vec<_> = (1..=20)
        .map(|n| {
            world::url(
                &server,
                0,
                &format!("/fault/retry/503?tries=2&after=0&n={n}"),
            )
        })
        .collect();
    let flags: Vec<_> = seeds[1..].iter().map(String::as_str).collect();
    let job = Job::new();
    let ended = job.crawl(&seeds[0], &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for record in job.records() {
        let told = (&record["fate"], &record["retries"]);
        assert_eq!(told, (&"fetched".into(), &2.into()), "{record}");
    }
    assert_eq!(world::pages_asked(&server, 0), 60);
    server.stop().await;
}
