//! A disk that is full, or may not be written to: a small file system of its own, which the crawler's process mounts where
//! nobody else sees it. That needs a system that lets root, or a user in a namespace of their own, do so.

use std::path::Path;
use std::time::Duration;

use slow_api::WebOptions;
use tests::{Crawler, Ended, program, urls_in};
use tokio::process::Command;

use crate::world::{self, Job, text};

/// Runs a script of a shell in which `$DISK` is an empty file system of 2 MiB, and `crawler` and `code` are there to be
/// called; the latter tells how the call before it ended.
async fn on_a_small_disk(folder: &Path, seed: &str, script: &str) -> Ended {
    let disk = folder.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let before = r#"
        mount -t tmpfs -o size=2m crawl "$DISK" || exit
        crawler() { "$CRAWLER" "$@"; code=$?; }
        code() { echo "$1: $code" >&2; }"#;
    let script = format!("{before}\n{script}");
    let mut command = Command::new("sh");
    // Root needs no namespace of users, and may not be let have one.
    let run = r#"
        unshare --mount true 2>/dev/null || user="--user --map-root-user"
        exec unshare $user --mount sh -c "$SCRIPT""#;
    command
        .args(["-c", run])
        .envs([("SCRIPT", &*script), ("DISK", text(&disk)), ("SEED", seed)])
        // The disk is smaller than what is left free without it.
        .env("CRAWLER_MIN_FREE", "0")
        .envs([
            ("CRAWLER", text(&program("crawler"))),
            ("OUT", text(folder)),
        ]);
    let ended = Crawler::spawn(&mut command)
        .ended_within(Duration::from_secs(60))
        .await;
    let code = ended.status.code();
    assert_eq!(code, Some(0), "the disk can't be mounted: {}", ended.stderr);
    ended
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
    let ended = on_a_small_disk(&folder, &seed, script).await;
    for words in ["begun: 3", "full: 3", "roomy: 0", "room", "crawler resume"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let records = std::fs::read_to_string(folder.join("pages.jsonl")).unwrap();
    world::assert_each_once(&urls_in(&records), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_to_begin_or_to_go_on_that_is_told_and_work_is_left() {
    let site = world::site(50);
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let script = r#"
        crawler crawl "$SEED" --job "$DISK/job" --pages 5; code begun
        cat /dev/zero >"$DISK/fill" 2>/dev/null
        for page in 1 2 3 4 5 6 7 8 9 10 11 12; do
            crawler resume "$DISK/job" --pages 1; code resumed
            truncate -s -4096 "$DISK/fill"
        done
        cat /dev/zero >"$DISK/fill" 2>/dev/null
        crawler crawl "$SEED" --job "$DISK/other"; code other
        rm "$DISK/fill"
        crawler resume "$DISK/job" --pages 1000; code roomy
        cp "$DISK/job/pages.jsonl" "$OUT/pages.jsonl""#;
    let seed = world::url(&server, 0, "/site/page/0");
    let folder = job.beside("");
    let ended = on_a_small_disk(&folder, &seed, script).await;
    for words in [
        "begun: 0",
        "resumed: 3\n",
        "no room left",
        "other: 3",
        "roomy: 0",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    // However much room there is, it is no bad usage.
    assert!(!ended.stderr.contains("resumed: 2"), "{}", ended.stderr);
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
    let ended = on_a_small_disk(&folder, &seed, script).await;
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
