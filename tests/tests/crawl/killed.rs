//! The crawl is killed again and again, and resumed: the same pages, each once in the output.
//!
//! `CRAWL_PAGES` is the size of the site, 2,000 without it, and `CRAWL_KILLS` how often it is killed, 5 without it.

use std::time::Duration;

use slow_api::WebOptions;
use tests::until;

use crate::world::{self, Job, LONG};

const CONCURRENCY: u64 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_is_killed_in_its_midst_ends_with_the_same_pages_each_once() {
    let site = world::site(world::number_of("CRAWL_PAGES", 2_000));
    let kills = world::number_of("CRAWL_KILLS", 5);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(5),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let flags = ["--concurrency", &CONCURRENCY.to_string()];
    let mut crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &flags);
    let share = site.reachable().len() as u64 / (kills + 1);
    for kill in 1..=kills {
        until("a share of the pages", async || {
            (world::pages_asked(&server, 0) >= kill * share).then_some(())
        })
        .await;
        crawler.kill().await;
        crawler = job.resume(&flags);
    }
    let ended = crawler.ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);

    let expected = world::reachable(&server, 0, &site);
    let urls = job.urls();
    world::assert_each_once(&urls, &expected);
    let refused = job.records().into_iter();
    let refused = refused.filter(|record| record["fate"] == "refused").count();
    assert_eq!(urls.len(), expected.len() + refused);
    let counts = world::counts(&server, 0);
    assert_eq!((counts.disallowed, counts.robots), (0, 1));
    for page in site.reachable() {
        assert!(counts.by_path.contains_key(&site.path(page)), "{page:?}");
    }
    assert_eq!(counts.distinct, expected.len() + 1);
    let again = counts.requests - counts.robots - expected.len() as u64;
    println!("{again} pages fetched again after {kills} kills");
    assert!(
        again <= kills * 2 * CONCURRENCY,
        "{again} fetched again after {kills} kills"
    );
    server.stop().await;
}

/// Kills a crawl as soon as this file of it is there, and sees it through.
async fn killed_once_there_is(file: &str) {
    let site = world::site(40);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(5),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let crawler = job.crawl(&seed, &[]);
    let path = job.folder().join(file);
    until(file, async || path.exists().then_some(())).await;
    crawler.kill().await;
    // It was killed before the crawl was there, or after.
    let ended = job.crawl(&seed, &[]).ended().await;
    if ended.code() != 0 {
        assert!(
            ended.stderr.contains("holds a crawl already"),
            "{}",
            ended.stderr
        );
        let ended = job.resume(&[]).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
    }
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_is_killed_while_it_begins_is_begun_or_resumed() {
    for file in [
        "",
        "crawl.db.lock",
        "crawl.db",
        "crawl.db-wal",
        "pages.jsonl",
    ] {
        killed_once_there_is(file).await;
    }
}
