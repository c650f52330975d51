//! A disk that is full, or may not be written to: a small file system of its own, which the crawler's process mounts where
//! nobody else sees it. Where the system lets nobody do that, the stories have nothing to tell.

use std::path::Path;
use std::time::Duration;

use slow_api::WebOptions;
use tests::{Crawler, Ended, program, urls_in};
use tokio::process::Command;

use crate::world::{self, Job, text};

/// What the script ends with where nothing can be mounted.
const NO_MOUNT: i32 = 99;

/// Runs a script of a shell in which `$DISK` is an empty file system of 2 MiB, and `crawler` and `code` are there to be
/// called; the latter tells how the call before it ended.
async fn on_a_small_disk(folder: &Path, seed: &str, script: &str) -> Option<Ended> {
    let disk = folder.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let before = format!(
        "mount -t tmpfs -o size=2m crawl \"$DISK\" || exit {NO_MOUNT}
         crawler() {{ \"$CRAWLER\" \"$@\"; code=$?; }}
         code() {{ echo \"$1: $code\" >&2; }}"
    );
    let script = format!("{before}\n{script}");
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", &script])
        .envs([("DISK", text(&disk)), ("SEED", seed)])
        // The disk is smaller than what is left free without it.
        .env("CRAWLER_MIN_FREE", "0")
        .envs([
            ("CRAWLER", text(&program("crawler"))),
            ("OUT", text(folder)),
        ]);
    let ended = Crawler::spawn(&mut command)
        .ended_within(Duration::from_secs(60))
        .await;
    let is_mounted = ended.status.code() == Some(0);
    if !is_mounted {
        println!("no file system can be mounted here: {}", ended.stderr);
    }
    is_mounted.then_some(ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_ends_the_crawl_and_with_room_it_goes_on() {
    let site = world::site(2_000);
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let script = r#"
        crawler crawl "$SEED" --job "$DISK/job"; code begun
        crawler resume "$DISK/job"; code full
        mount -o remount,size=64m "$DISK"
        crawler resume "$DISK/job"; code roomy
        cp "$DISK/job/pages.jsonl" "$OUT/pages.jsonl""#;
    let seed = world::url(&server, 0, "/site/page/0");
    let folder = job.beside("");
    let Some(ended) = on_a_small_disk(&folder, &seed, script).await else {
        return;
    };
    for words in ["begun: 3", "roomy: 0", "room", "crawler resume"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let is_told = ["full: 3", "full: 2"].map(|words| ended.stderr.contains(words));
    assert!(is_told.contains(&true), "{}", ended.stderr);
    let records = std::fs::read_to_string(folder.join("pages.jsonl")).unwrap();
    world::assert_each_once(&urls_in(&records), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_may_not_be_written_to_is_told_and_left() {
    let site = world::site(50);
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let script = r#"
        crawler crawl "$SEED" --job "$DISK/job" --pages 5; code begun
        mount -o remount,ro "$DISK"
        crawler resume "$DISK/job"; code resumed
        crawler crawl "$SEED" --job "$DISK/job" --fresh; code anew
        crawler crawl "$SEED" --job "$DISK/other"; code other
        cp "$DISK/job/pages.jsonl" "$OUT/pages.jsonl""#;
    let seed = world::url(&server, 0, "/site/page/0");
    let folder = job.beside("");
    let Some(ended) = on_a_small_disk(&folder, &seed, script).await else {
        return;
    };
    for words in [
        "begun: 0",
        "resumed: 2",
        "anew: 2",
        "other: 2",
        "cannot make the folder",
        "may be written to",
        "Read-only file system",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert_eq!(world::pages_asked(&server, 0), 5);
    let records = std::fs::read_to_string(folder.join("pages.jsonl")).unwrap();
    assert!(urls_in(&records).len() >= 5, "{records}");
    server.stop().await;
}
