//! Demand by the crawl's own log: at no moment have more URLs been claimed and not completed than there are places.

use std::path::Path;
use std::time::Duration;

use slow_api::WebOptions;
use tests::{Crawler, program, urls_in};
use tokio::process::Command;

use crate::world::{self, Job, text};

const PLACES: u64 = 10;

/// Reads the count of an event out of a line of the log; lines of other events have none.
fn count(line: &str, event: &str) -> Option<u64> {
    let (_, after) = line.split_once(&format!("crawler::demand: {event} count="))?;
    after.trim().parse().ok()
}

/// Crawls, to a file or to the job's and a pipe, and returns the records with how many URLs were claimed and completed.
async fn crawl(output: Option<&Path>) -> (String, [u64; 2]) {
    let site = world::site(500);
    let server = world::start(WebOptions {
        site,
        // Long enough that ten are asked for before the first is done, on a busy machine too.
        page_delay: Duration::from_millis(50),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let folder = job.folder();
    let mut command = Command::new(program("crawler"));
    command
        .args(["crawl", &seed, "--job", text(&folder)])
        .args(["--concurrency", &PLACES.to_string(), "--quiet"])
        .args(output.iter().flat_map(|file| ["-o", text(file)]))
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
    let records = match output {
        Some(file) => std::fs::read_to_string(file).unwrap(),
        None => job.output(),
    };
    world::assert_each_once(&urls_in(&records), &world::reachable(&server, 0, &site));
    server.stop().await;
    (records, [claimed, completed])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_claimed_than_there_are_places() {
    let (records, [claimed, completed]) = crawl(None).await;
    let records = records.lines().count() as u64;
    assert_eq!((claimed, completed), (records, records));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_robots_txt_refuses_is_done_with_its_page_where_it_can_be_taken_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (records, [claimed, completed]) = crawl(Some(file.path())).await;
    let is_asked = |line: &&str| !line.contains("\"fate\":\"refused\"");
    let asked = records.lines().filter(is_asked).count() as u64;
    assert!(asked < records.lines().count() as u64, "none is refused");
    assert_eq!((claimed, completed), (asked, asked));
}
