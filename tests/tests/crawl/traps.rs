//! Traps: an endless part of a site keeps a crawl from no page of it, and pages that are alike are told and go last.

use rusqlite::Connection;
use slow_api::{Server, Site, Trap, WebOptions};
use tests::Crawler;

use crate::world::{self, Job};

/// A site with a thousand pages that a crawl may reach.
const SITE: Site = world::site(1_052);
const PAGES: usize = 1_000;

async fn start(traps: &[Trap]) -> Server {
    world::start(WebOptions {
        site: SITE,
        traps: traps.to_vec(),
        ..WebOptions::default()
    })
    .await
}

/// Crawls so many pages and asserts that those of the site are among them, by the server's count; returns what was told.
async fn crawl_whole(traps: &[Trap], budget: usize) -> (Job, String) {
    let server = start(traps).await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let budget = budget.to_string();
    let crawler = job.crawl(&seed, &["--concurrency", "64", "--pages", &budget]);
    let ended = crawler.ended_within(world::LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let pages = SITE.reachable();
    assert_eq!(pages.len(), PAGES);
    let asked = world::counts(&server, 0).by_path;
    let missed: Vec<_> = pages
        .into_iter()
        .map(|page| SITE.path(page))
        .filter(|path| asked.get(path) != Some(&1))
        .collect();
    assert!(missed.is_empty(), "{} pages: {missed:?}", missed.len());
    server.stop().await;
    (job, ended.stderr)
}

/// Returns how many records have a field, of those whose URL is beneath a path.
fn count(job: &Job, path: &str, field: &str) -> usize {
    let records = job.records().into_iter();
    let of_path = records.filter(|record| {
        let url = record["url"].as_str().unwrap();
        url.contains(path)
    });
    of_path.filter(|record| !record[field].is_null()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_calendar_keeps_a_crawl_from_no_page() {
    let (job, told) = crawl_whole(&[Trap::Calendar], 3_000).await;
    assert!(told.contains("put last: trap-share"), "{told}");
    assert!(count(&job, "/calendar/", "put_last") > 500);
    // What the budget left out of it waits behind the rest, and says so.
    let database = Connection::open(job.folder().join("crawl.db")).unwrap();
    let last = "SELECT url FROM queue ORDER BY prio DESC LIMIT 1";
    let url: String = database.query_row(last, [], |row| row.get(0)).unwrap();
    for (flags, told) in [
        (&["--json"][..], r#""put_last":"trap-share""#),
        (&[], "put last  "),
    ] {
        let folder = job.folder();
        let args = [&["explain", &url, "--job", world::text(&folder)], flags].concat();
        let explained = Crawler::start(&args).ended().await.stdout;
        assert!(explained.contains(told), "{explained}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_facets_keep_a_crawl_from_no_page() {
    let (job, told) = crawl_whole(&[Trap::Facets], 3_000).await;
    assert!(told.contains("put last: trap-share"), "{told}");
    assert!(count(&job, "/shop?", "put_last") > 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endless_parts_take_no_more_each_than_the_pages() {
    crawl_whole(&[Trap::Calendar, Trap::Facets], 4_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_alike_are_told_and_go_last() {
    let (job, told) = crawl_whole(&[Trap::Same, Trap::Copies], 3_000).await;
    assert!(told.contains("put last: trap-equal"), "{told}");
    // Each copy repeats a page, or the page repeats the copy that came first.
    let copies = count(&job, "/copy/", "duplicate_of") + count(&job, "/site/", "duplicate_of");
    assert_eq!(copies, count(&job, "/copy/", "digest"));
    assert_eq!(
        count(&job, "/same/", "duplicate_of") + 1,
        count(&job, "/same/", "digest")
    );
}
