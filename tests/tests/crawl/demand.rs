//! Demand by the crawl's own log: at no moment have more URLs been claimed and not completed than there are places.

use std::time::Duration;

use slow_api::WebOptions;
use tests::{Crawler, program};
use tokio::process::Command;

use crate::world::{self, Job, text};

const PLACES: u64 = 10;

/// Reads the count of an event out of a line of the log; lines of other events have none.
fn count(line: &str, event: &str) -> Option<u64> {
    let (_, after) = line.split_once(&format!("crawler::demand: {event} count="))?;
    after.trim().parse().ok()
}

/// What a crawl claimed and completed, and the most that was claimed and not completed.
async fn crawl(flags: &[&str]) -> (Job, [u64; 3]) {
    let site = world::site(500);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(10),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let folder = job.folder();
    let mut command = Command::new(program("crawler"));
    command
        .args(["crawl", &seed, "--job", text(&folder)])
        .args(["--concurrency", &PLACES.to_string(), "--quiet"])
        .args(flags)
        .env("RUST_LOG", "crawler::demand=debug");
    let ended = Crawler::spawn(&mut command).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);

    let (mut claimed, mut completed, mut most) = (0, 0, 0);
    for line in ended.stderr.lines() {
        claimed += count(line, "claimed").unwrap_or(0);
        completed += count(line, "completed").unwrap_or(0);
        assert!(completed <= claimed, "{line}");
        most = most.max(claimed - completed);
    }
    assert_eq!(
        most, PLACES,
        "ahead by another number than there are places"
    );
    assert_eq!(world::counts(&server, 0).max_in_flight, PLACES);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
    (job, [claimed, completed, most])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_claimed_than_there_are_places() {
    let (job, [claimed, completed, _]) = crawl(&[]).await;
    let records = job.records().len() as u64;
    assert_eq!((claimed, completed), (records, records));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_robots_txt_refuses_is_done_with_its_page_where_it_can_be_taken_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_job, [claimed, completed, _]) = crawl(&["-o", text(file.path())]).await;
    let records = std::fs::read_to_string(file.path()).unwrap();
    let is_asked = |line: &&str| !line.contains("\"fate\":\"refused\"");
    let asked = records.lines().filter(is_asked).count() as u64;
    assert!(asked < records.lines().count() as u64, "none is refused");
    assert_eq!((claimed, completed), (asked, asked));
}
