//! An export that can't be ended: what it could not write whole is not there, and what was there before still is.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use slow_api::WebOptions;
use tests::web::{site, start, url};
use tests::{archive, program};
use tokio::process::Command;

use crate::world::{Job, text};

/// Asserts that nothing in the folder is of this name, or was to be.
fn assert_none(folder: &Path, stem: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with(stem), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_leaves_nothing_and_replaces_nothing() {
    let server = start(WebOptions {
        site: site(60),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), url(&server, 0, "/site/page/0"));
    // Few at once, so that there are many batches: an archive begins a file only between two.
    let flags = ["--concurrency", "4", "--warc-size", "20KiB"];
    let ended = job.crawl(&seed, &flags, &["pages.jsonl", "pages.warc.gz"]);
    let ended = ended.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let copied = job.export(&[], &["kept.warc.gz"]).await;
    assert_eq!(copied.code(), 0, "{}", copied.stderr);
    let kept = || {
        let files = archive::files(&job.beside(""), "kept").into_iter();
        files
            .map(|file| fs::read(file).unwrap())
            .collect::<Vec<_>>()
    };
    let before = kept();
    let files = archive::files(&job.beside(""), "pages");
    assert!(files.len() > 2, "{files:?}");
    fs::write(&files[1], "less").unwrap();
    let failed = job.export(&[], &["copy.warc.gz"]).await;
    assert_ne!(failed.code(), 0, "{}", failed.stderr);
    assert!(failed.stderr.contains("were written"), "{}", failed.stderr);
    assert_none(&job.beside(""), "copy");
    let failed = job.export(&["--fresh"], &["kept.warc.gz"]).await;
    assert_ne!(failed.code(), 0, "{}", failed.stderr);
    assert!(kept() == before);
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_finds_no_room_or_no_reader_could_not_go_on() {
    let server = start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), url(&server, 0, "/site/page/0"));
    let ended = job.crawl(&seed, &["--depth", "0"], &["pages.jsonl"]);
    assert_eq!(ended.ended().await.code(), 0);
    let folder = job.folder();
    let export = |to: Stdio| {
        let mut command = Command::new(program("crawler"));
        let command = command.args(["export", text(&folder)]).stdout(to);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    for (to, words) in [
        (Stdio::from(writer), "was closed"),
        (Stdio::from(full), "cannot write"),
    ] {
        let ended = export(to).wait_with_output().await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(3), "{said}");
        assert!(said.contains(words), "{said}");
    }
    server.stop().await;
}
