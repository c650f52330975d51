//! Outputs that lost what was settled, by a power cut or by hand: a text is written again, and an archive is told.

use std::fs;
use std::time::Duration;

use slow_api::{Server, WebOptions};
use tests::web::{assert_each_once, pages_asked, reachable, site, start, url};
use tests::{Crawler, Ended, archive, until, urls_in};

use crate::world::{Job, LONG, text};

const PAGES: u64 = 60;

async fn server() -> Server {
    start(WebOptions {
        site: site(PAGES),
        ..WebOptions::default()
    })
    .await
}

/// Begins a crawl that ends after some pages, for it to be resumed.
async fn begun(server: &Server, job: &Job, outputs: &[&str]) {
    // Few at once, so that there is more than one batch: an archive begins a file only between two.
    let few = ["--pages", "20", "--concurrency", "2"];
    let flags = [&few[..], &["--warc-size", "20KiB"]].concat();
    let ended = job.crawl(&url(server, 0, "/site/page/0"), &flags, outputs);
    let ended = ended.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
}

async fn resumed(job: &Job, flags: &[&str]) -> Ended {
    let flags = [&["--pages", "1000"], flags].concat();
    job.resume(&flags).ended_within(LONG).await
}

async fn assert_whole(server: &Server, job: &Job) {
    let lines = fs::read_to_string(job.beside("pages.jsonl")).unwrap();
    let pages = reachable(server, 0, &site(PAGES));
    assert_each_once(&urls_in(&lines), &pages);
    let exported = job
        .export(&["--fresh"], &["again.csv", "again.jsonl"])
        .await;
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    for (own, again) in [("pages.jsonl", "again.jsonl"), ("pages.csv", "again.csv")] {
        assert_eq!(job.sorted_lines(own), job.sorted_lines(again));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_short_or_gone_is_written_again() {
    let (server, job) = (server().await, Job::new());
    begun(&server, &job, &["pages.jsonl", "pages.csv"]).await;
    let settled = fs::read(job.beside("pages.jsonl")).unwrap();
    fs::write(job.beside("pages.jsonl"), &settled[..settled.len() - 9]).unwrap();
    fs::remove_file(job.beside("pages.csv")).unwrap();
    let ended = resumed(&job, &[]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for words in ["pages.jsonl holds", "pages.csv is gone"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert_whole(&server, &job).await;

    // Also of a job that is done.
    fs::write(job.beside("pages.csv"), "").unwrap();
    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let told = "is done; the command that began it begins it anew with --fresh";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_whole(&server, &job).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_held_a_part_of_the_records_is_written_again_with_all_of_them() {
    let (server, job) = (server().await, Job::new());
    begun(&server, &job, &["first.jsonl"]).await;
    let outputs = job.outputs(&["pages.jsonl", "pages.csv"]);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let more = [&["--pages", "10"], &outputs[..]].concat();
    let ended = job.resume(&more).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    fs::write(job.beside("pages.jsonl"), "").unwrap();
    fs::remove_file(job.beside("pages.csv")).unwrap();
    let first = fs::read(job.beside("first.jsonl")).unwrap();
    let ended = resumed(&job, &[]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &job).await;
    assert!(fs::read(job.beside("first.jsonl")).unwrap() == first);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_was_killed_before_its_first_page_goes_on_with_its_outputs() {
    let server = start(WebOptions {
        site: site(PAGES),
        page_delay: Duration::from_secs(1),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let seed = url(&server, 0, "/site/page/0");
    let crawler = job.crawl(&seed, &[], &["pages.csv"]);
    until("a request", async || {
        (pages_asked(&server, 0) > 0).then_some(())
    })
    .await;
    crawler.kill().await;
    let ended = job.resume(&["--pages", "1"]).ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(job.sorted_lines("pages.csv").len(), 2);
    assert!(!job.folder().join("pages.jsonl").exists());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lost_something_is_told_and_another_can_go_on() {
    let (server, job) = (server().await, Job::new());
    begun(
        &server,
        &job,
        &["pages.jsonl", "pages.csv", "pages.warc.gz"],
    )
    .await;
    let files = archive::files(&job.beside(""), "pages");
    assert!(files.len() > 1, "{files:?}");
    let (closed, last) = (&files[0], &files[files.len() - 1]);
    let spoil = async |file, bytes: &[u8], words: &str| {
        let before = fs::read(file).unwrap();
        fs::write(file, bytes).unwrap();
        let ended = resumed(&job, &[]).await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        for words in [words, text(file), "an archive can't be written again", "-o"] {
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        }
        let status = Crawler::start(&["status", text(&job.folder())])
            .ended()
            .await;
        assert!(status.stdout.contains(words), "{}", status.stdout);
        fs::write(file, before).unwrap();
    };
    let folder = job.folder();
    let status = Crawler::start(&["status", text(&folder)]).ended().await;
    assert_eq!(status.stdout.lines().count(), 1, "{}", status.stdout);
    let longer = [&fs::read(closed).unwrap()[..], b"more"].concat();
    spoil(closed, &longer, "were written").await;
    spoil(last, b"less", "holds 4 bytes").await;
    let kept = fs::read(closed).unwrap();
    fs::remove_file(closed).unwrap();
    let ended = resumed(&job, &[]).await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("is gone"), "{}", ended.stderr);
    assert!(!job.folder().join("pages.jsonl").exists());

    let outputs = job.outputs(&["pages.jsonl", "pages.csv", "rest.warc.gz"]);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let ended = resumed(&job, &outputs).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &job).await;
    fs::write(closed, kept).unwrap();
    let [first, rest] = ["pages", "rest"].map(|stem| archive::files(&job.beside(""), stem));
    let records = archive::read(&[first, rest].concat()).await;
    let responses = records.iter().filter(|record| record.kind == "response");
    assert!(responses.count() >= reachable(&server, 0, &site(PAGES)).len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_whose_open_file_is_taken_away_ends_the_crawl_with_what_to_do() {
    let server = start(WebOptions {
        site: site(PAGES),
        page_delay: Duration::from_millis(20),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let outputs = ["pages.jsonl", "pages.csv", "pages.warc.gz"];
    let flags = ["--concurrency", "2"];
    let crawler = job.crawl(&url(&server, 0, "/site/page/0"), &flags, &outputs);
    let [open, away] = ["pages-00000.warc.gz.open", "away"].map(|name| job.beside(name));
    until("a record", async || {
        (fs::metadata(&open).ok()?.len() > 2_000).then_some(())
    })
    .await;
    fs::rename(&open, &away).unwrap();
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let told = "was removed or renamed while it was written";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("is gone"), "{}", ended.stderr);
    fs::rename(&away, &open).unwrap();
    let ended = job.resume(&[]).ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &job).await;
    archive::read(&archive::files(&job.beside(""), "pages")).await;
    server.stop().await;
}
