//! A disk that is full, or may not be written to: a small file system of its own, which the crawler's process mounts where
//! nobody else sees it. That needs a system that lets root, or a user in a namespace of their own, do so.

use std::time::Duration;

use slow_api::{Server, Site, WebOptions};
use tests::{Crawler, program, urls_in};
use tokio::process::Command;

use crate::world::{self, Job, text};

/// What came of a script.
struct Tried {
    site: Site,
    server: Server,
    stderr: String,
    /// The output of the job.
    records: String,
}

impl Tried {
    /// Crawls a site of so many pages by a script of a shell in which `$DISK` is an empty file system of 2 MiB, `$SEED` the site's
    /// first page, and `crawler` and `code` are there to be called; the latter tells how the call before it ended. The job is
    /// in `$DISK/job`.
    async fn on_a_small_disk(pages: u64, script: &str) -> Self {
        let site = world::site(pages);
        let server = world::start(WebOptions {
            site,
            ..WebOptions::default()
        })
        .await;
        let job = Job::new();
        let [disk, kept] = ["disk", "pages.jsonl"].map(|name| job.beside(name));
        std::fs::create_dir(&disk).unwrap();
        let before = r#"
            mount -t tmpfs -o size=2m crawl "$DISK" || exit
            crawler() { "$CRAWLER" "$@"; code=$?; }
            code() { echo "$1: $code" >&2; }"#;
        let after = r#"cp "$DISK/job/pages.jsonl" "$KEPT""#;
        let script = format!("{before}\n{script}\n{after}");
        // Root needs no namespace of users, and may not be let have one.
        let run = r#"
            unshare --mount true 2>/dev/null || user="--user --map-root-user"
            exec unshare $user --mount sh -c "$SCRIPT""#;
        let (seed, program) = (world::url(&server, 0, "/site/page/0"), program("crawler"));
        let mut command = Command::new("sh");
        command
            .args(["-c", run])
            .envs([("SCRIPT", &*script), ("DISK", text(&disk)), ("SEED", &seed)])
            .envs([("CRAWLER", text(&program)), ("KEPT", text(&kept))])
            // The disk is smaller than what is left free without it.
            .env("CRAWLER_MIN_FREE", "0");
        let ended = Crawler::spawn(&mut command)
            .ended_within(Duration::from_secs(60))
            .await;
        let code = ended.status.code();
        assert_eq!(code, Some(0), "the disk can't be mounted: {}", ended.stderr);
        Self {
            site,
            server,
            stderr: ended.stderr,
            records: std::fs::read_to_string(kept).unwrap(),
        }
    }

    /// Asserts that it says all of this.
    fn says(&self, all: &[&str]) {
        for words in all {
            assert!(self.stderr.contains(words), "{words}: {}", self.stderr);
        }
    }

    fn assert_each_once(&self) {
        let reachable = world::reachable(&self.server, 0, &self.site);
        world::assert_each_once(&urls_in(&self.records), &reachable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_ends_the_crawl_and_with_room_it_goes_on() {
    let script = r#"
        crawler crawl "$SEED" --job "$DISK/job"; code begun
        crawler resume "$DISK/job"; code full
        mount -o remount,size=64m "$DISK"
        crawler resume "$DISK/job"; code roomy"#;
    let tried = Tried::on_a_small_disk(2_000, script).await;
    tried.says(&["begun: 3", "full: 3", "roomy: 0", "room", "crawler resume"]);
    tried.assert_each_once();
    tried.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_to_begin_or_to_go_on_that_is_told_and_work_is_left() {
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
        crawler resume "$DISK/job" --pages 1000; code roomy"#;
    let tried = Tried::on_a_small_disk(50, script).await;
    tried.says(&[
        "begun: 0",
        "resumed: 3\n",
        "no room left",
        "other: 3",
        "roomy: 0",
    ]);
    // However much room there is, it is no bad usage.
    assert!(!tried.stderr.contains("resumed: 2"), "{}", tried.stderr);
    tried.assert_each_once();
    tried.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_may_not_be_written_to_is_told_and_left() {
    let script = r#"
        crawler crawl "$SEED" --job "$DISK/job" --pages 5; code begun
        mount -o remount,ro "$DISK"
        crawler resume "$DISK/job"; code resumed
        crawler crawl "$SEED" --job "$DISK/job" --fresh; code anew
        crawler crawl "$SEED" --job "$DISK/other"; code other"#;
    let tried = Tried::on_a_small_disk(50, script).await;
    tried.says(&[
        "begun: 0",
        "resumed: 2",
        "anew: 2",
        "other: 2",
        "cannot make the folder",
        "may be written to",
        "Read-only file system",
    ]);
    assert_eq!(world::pages_asked(&tried.server, 0), 5);
    let records = &tried.records;
    assert!(urls_in(records).len() >= 5, "{records}");
    tried.server.stop().await;
}
