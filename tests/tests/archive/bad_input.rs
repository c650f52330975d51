//! What can't be written is said clearly, with exit code 2, and nothing is lost or overwritten by it.

use std::fs;

use slow_api::WebOptions;
use tests::web::{start, url};
use tests::{Crawler, archive};

use crate::world::{Job, text};

/// Nobody listens there, and nothing that is refused gets so far.
const SEED: &str = "http://127.0.0.1:9/";

async fn refused(crawler: Crawler, words: &[&str]) {
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    for words in words {
        assert!(ended.stderr.contains(words), "{words:?}: {}", ended.stderr);
    }
    for secret in ["ann:", "secret"] {
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn outputs_that_cannot_be_are_told_before_a_job_is_made() {
    let agent = ["--user-agent", "Bot (+http://ann:secret@h/)"];
    for (flags, outputs, words) in [
        (
            &[][..],
            &["pages.xml"][..],
            "end -o with .jsonl, .csv or .warc.gz",
        ),
        (&[], &["pages.warc"], "end -o with .jsonl, .csv or .warc.gz"),
        (&[], &[".warc.gz"], "such as -o pages.warc.gz"),
        (&[], &[".csv"], "such as -o pages.csv"),
        (&[], &["a.csv", "b.jsonl", "./a.csv"], "twice"),
        (&[], &["a.warc.gz", "a.warc.gz"], "twice"),
        (&[], &["no/such/folder/pages.warc.gz"], "cannot write"),
        (&[], &["no/such/folder/pages.csv"], "cannot write"),
        (&["--warc-size", "0"], &["a.warc.gz"], "--warc-size"),
        (&agent, &["a.warc.gz"], "would be sent to every server"),
    ] {
        let job = Job::new();
        refused(job.crawl(SEED, flags, outputs), &[words]).await;
        assert!(!job.folder().exists(), "{outputs:?}");
        let made = fs::read_dir(job.beside("")).unwrap().count();
        assert_eq!(made, 0, "{outputs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_job_has_archived_is_left_and_an_export_overwrites_nothing() {
    let server = start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), url(&server, 0, "/site/page/0"));
    let once = ["--depth", "0"];
    let ended = job
        .crawl(&seed, &once, &["pages.jsonl", "pages.warc.gz"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let file = job.beside("pages-00000.warc.gz");
    let before = fs::read(&file).unwrap();

    let other = job.beside("other");
    let args = ["crawl", &*seed, "--depth", "0", "--job", text(&other)];
    refused(
        job.run(&args, &["pages.warc.gz"]),
        &["has not written", "--fresh"],
    )
    .await;
    assert!(fs::read(&file).unwrap() == before);

    let folder = job.folder();
    for (output, words) in [
        ("pages.jsonl", "the job's own output"),
        ("pages.warc.gz", "the job's own archive"),
        ("pages.pdf", "end -o with .jsonl, .csv or .warc.gz"),
    ] {
        refused(
            job.run(&["export", text(&folder), "--fresh"], &[output]),
            &[words],
        )
        .await;
    }
    fs::write(job.beside("diary.csv"), "mine").unwrap();
    refused(
        job.run(&["export", text(&folder)], &["diary.csv"]),
        &["--fresh"],
    )
    .await;
    assert_eq!(fs::read_to_string(job.beside("diary.csv")).unwrap(), "mine");
    let ended = job.export(&["--fresh"], &["diary.csv"]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(fs::read(&file).unwrap() == before);
    refused(
        job.run(&["export", text(&other)], &["a.csv"]),
        &["crawl.db"],
    )
    .await;

    // Begun anew, it is another archive.
    let ended = job
        .crawl(&seed, &["--depth", "0", "--fresh"], &["pages.warc.gz"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let archive = archive::read(&archive::files(&job.beside(""), "pages")).await;
    assert_eq!(
        archive
            .iter()
            .filter(|record| record.kind == "response")
            .count(),
        1
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_exported_only_where_there_is_one() {
    let server = start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), url(&server, 0, "/site/page/0"));
    let ended = job
        .crawl(&seed, &["--depth", "0"], &["pages.jsonl"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let folder = job.folder();
    let export = job.run(&["export", text(&folder)], &["copy.warc.gz"]);
    refused(export, &["no archive", "-o NAME.warc.gz"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_of_archives_without_one_is_told() {
    let server = start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), url(&server, 0, "/site/page/0"));
    let flags = ["--depth", "0", "--warc-size", "1MiB", "--fresh"];
    for (outputs, is_told) in [(["pages.jsonl"], true), (["pages.warc.gz"], false)] {
        let ended = job.crawl(&seed, &flags, &outputs).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let told = ended.stderr.contains("--warc-size is of no use");
        assert_eq!(told, is_told, "{}", ended.stderr);
    }
    server.stop().await;
}
