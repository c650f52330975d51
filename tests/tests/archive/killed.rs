//! A crawl that writes an archive of several files is killed again and again: its files hold each answer once, whole.

use std::collections::BTreeSet;
use std::time::Duration;

use slow_api::WebOptions;
use tests::web::{number_of, pages_asked, site, start, url};
use tests::{archive, until};

use crate::world::{Job, LONG, answer, assert_complete};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_each_answer_once_also_after_kills() {
    let (pages, kills) = (
        number_of("ARCHIVE_PAGES", 600),
        number_of("ARCHIVE_KILLS", 5),
    );
    let server = start(WebOptions {
        site: site(pages),
        page_delay: Duration::from_millis(5),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let flags = ["--concurrency", "16", "--warc-size", "100KiB"];
    let outputs = ["pages.jsonl", "pages.csv", "pages.warc.gz"];
    let mut crawler = job.crawl(&url(&server, 0, "/site/page/0"), &flags, &outputs);
    let share = site(pages).reachable().len() as u64 / (kills + 1);
    for kill in 1..=kills {
        until("a share of the pages", async || {
            (pages_asked(&server, 0) >= kill * share).then_some(())
        })
        .await;
        crawler.kill().await;
        // Where it writes, and how large its files become, is known of the job.
        crawler = job.resume(&[]);
    }
    let ended = crawler.ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);

    let files = archive::files(&job.beside(""), "pages");
    assert!(files.len() > 3, "{files:?}");
    let records = job.records();
    assert_eq!(job.sorted_lines("pages.csv").len(), records.len() + 1);
    let archive = archive::read(&files).await;
    assert_complete(&archive, &records);
    let ids: BTreeSet<_> = archive
        .iter()
        .map(|record| record.field("WARC-Record-ID"))
        .collect();
    assert_eq!(ids.len(), archive.len());
    for record in records.iter().filter(|record| record["status"].is_u64()) {
        let page = record["url"].as_str().unwrap();
        let served = reqwest::get(page).await.unwrap();
        let served = served.bytes().await.unwrap();
        assert!(answer(&archive, page).1 == served, "{page}");
    }
    server.stop().await;
}
