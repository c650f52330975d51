//! A site is crawled: each page that may be reached is asked for once, and nothing else.
//!
//! `CRAWL_PAGES` is the size of the site, 2,000 without it.

use slow_api::WebOptions;

use crate::world::{self, Job, LONG};

#[tokio::test(flavor = "multi_thread")]
async fn each_reachable_page_is_fetched_once_and_nothing_that_is_disallowed() {
    let site = world::site(world::number_of("CRAWL_PAGES", 2_000));
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &[]);
    let ended = crawler.ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);

    let counts = world::counts(&server, 0);
    assert_eq!((counts.disallowed, counts.robots), (0, 1));
    let mut by_path = counts.by_path;
    assert_eq!(by_path.remove("/robots.txt"), Some(1));
    for page in site.reachable() {
        let path = site.path(page);
        assert_eq!(by_path.remove(&path), Some(1), "{path}");
    }
    assert!(by_path.is_empty(), "asked for beside: {by_path:?}");

    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    let fetched = job.records().into_iter();
    let fetched = fetched.filter(|record| record["fate"] == "fetched").count();
    assert_eq!(fetched, site.reachable().len());
    server.stop().await;
}
