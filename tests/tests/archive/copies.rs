//! What an archive writes once, and the copies of it.

use std::time::Duration;

use slow_api::WebOptions;
use tests::web::{pages_asked, site, start, url};
use tests::{archive, until};

use crate::world::{Job, LONG, answer, assert_complete};

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_was_there_before_is_a_revisit() {
    let server = start(WebOptions::default()).await;
    let job = Job::new();
    // The same page under three URLs.
    let urls =
        ["a", "b", "c"].map(|query| url(&server, 0, &format!("/fault/encoding/gzip?{query}")));
    let flags = [
        &urls[1],
        &urls[2],
        "--depth",
        "0",
        "--contact",
        "https://bot.example",
    ];
    let ended = job
        .crawl(&urls[0], &flags, &["pages.jsonl", "pages.warc.gz"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let archive = archive::read(&archive::files(&job.beside(""), "pages")).await;
    assert_complete(&archive, &job.records());
    let of = |kind: &str| archive.iter().filter(|record| record.kind == kind).count();
    assert_eq!((of("response"), of("revisit"), of("warcinfo")), (1, 2, 1));
    let profile = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
    for record in archive.iter().filter(|record| record.kind == "revisit") {
        assert_eq!(record.field("WARC-Profile"), Some(profile));
        assert!(
            record
                .headers
                .iter()
                .any(|(name, _)| name == "content-encoding"),
            "{record:?}"
        );
        assert!(!answer(&archive, record.url()).1.is_empty());
    }
    let info = archive
        .iter()
        .find(|record| record.kind == "warcinfo")
        .unwrap();
    let told = String::from_utf8(info.body.clone()).unwrap();
    for words in [
        "software: crawler/",
        "robots: obey",
        "(+https://bot.example)",
        "format: WARC File Format 1.1",
    ] {
        assert!(told.contains(words), "{told}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_copied_as_far_as_it_is_settled_also_while_it_is_written() {
    let server = start(WebOptions {
        site: site(300),
        page_delay: Duration::from_millis(10),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let flags = ["--concurrency", "4", "--warc-size", "50KiB"];
    let seed = url(&server, 0, "/site/page/0");
    let crawler = job.crawl(&seed, &flags, &["pages.jsonl", "pages.warc.gz"]);
    until("100 pages", async || {
        (pages_asked(&server, 0) >= 100).then_some(())
    })
    .await;
    let early = job.export(&[], &["early.warc.gz"]).await;
    assert_eq!(early.code(), 0, "{}", early.stderr);
    let ended = crawler.ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let early = archive::read(&archive::files(&job.beside(""), "early")).await;
    assert!(
        early
            .iter()
            .filter(|record| record.kind == "response")
            .count()
            > 20
    );

    let again = job.export(&[], &["again.warc.gz"]).await;
    assert_eq!(again.code(), 0, "{}", again.stderr);
    let [own, copy] = ["pages", "again"].map(|stem| {
        let files = archive::files(&job.beside(""), stem).into_iter();
        files
            .map(|file| std::fs::read(file).unwrap())
            .collect::<Vec<_>>()
    });
    assert!(
        own.len() > 2 && own == copy,
        "{} files and {}",
        own.len(),
        copy.len()
    );
    server.stop().await;
}
