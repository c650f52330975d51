//! The places bound everything: what the server sees at once, and what is fetched when nobody takes the records.

use std::process::Command;
use std::time::{Duration, Instant};

use slow_api::{Server, Site, WebOptions};
use tests::{until, urls_in};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use crate::world::{self, Job, text};

const CONCURRENCY: u64 = 10;
const FLAGS: [&str; 2] = ["--concurrency", "10"];

async fn start(site: Site) -> Server {
    world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(10),
        ..WebOptions::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_never_sees_more_at_once_than_there_are_places() {
    let site = world::site(400);
    let server = start(site).await;
    let job = Job::new();
    let crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &FLAGS);
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(world::counts(&server, 0).max_in_flight, CONCURRENCY);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
}

/// Makes a pipe with a name, opened by a reader that does not read.
fn pipe_beside(job: &Job) -> (String, pipe::Receiver) {
    let path = job.beside("records");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let reader = pipe::OpenOptions::new().open_receiver(&path).unwrap();
    (text(&path).to_owned(), reader)
}

/// Waits until the server has not been asked for anything for a second.
async fn until_it_stalls(server: &Server) -> u64 {
    let (mut asked, mut since) = (0, Instant::now());
    until("the crawl stalls", async || {
        let now = world::pages_asked(server, 0);
        if now != asked || now == 0 {
            (asked, since) = (now, Instant::now());
        }
        (since.elapsed() >= Duration::from_secs(1)).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_beyond_the_places_while_nobody_takes_the_records() {
    let site = world::site(1_000);
    let server = start(site).await;
    let job = Job::new();
    let (path, mut reader) = pipe_beside(&job);
    let flags = [&FLAGS[..], &["-o", &path]].concat();
    let crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &flags);
    let asked = until_it_stalls(&server).await;
    assert!(asked < site.reachable().len() as u64, "it does not stall");

    // What the pipe holds was taken, and the crawl goes on; at its end, so does the pipe.
    let mut records = String::new();
    let mut held = vec![0; 1 << 20];
    reader.readable().await.unwrap();
    let bytes = reader.try_read(&mut held).unwrap();
    let held = std::str::from_utf8(&held[..bytes]).unwrap();
    let fetched = held.matches("\"fate\":\"fetched\"").count() as u64;
    // The batch that is being written, and the places.
    assert!(
        asked <= fetched + 2 * CONCURRENCY,
        "{asked} asked for, {fetched} written"
    );
    records.push_str(held);
    reader.read_to_string(&mut records).await.unwrap();
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    world::assert_each_once(&urls_in(&records), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_twice_ends_a_crawl_whose_records_nobody_takes() {
    let site = world::site(1_000);
    let server = start(site).await;
    let job = Job::new();
    let (path, _reader) = pipe_beside(&job);
    let flags = [&FLAGS[..], &["-o", &path]].concat();
    let mut crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &flags);
    let _asked = until_it_stalls(&server).await;
    let begun = Instant::now();
    crawler.signal("INT").await;
    crawler.says("Ctrl-C again to abort").await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(ended.code(), 3, "{}", ended.stderr);

    let other = job.beside("other.jsonl");
    let ended = job.resume(&["-o", text(&other)]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_crawl_and_with_another_output_nothing_is_lost() {
    let site = world::site(300);
    let server = start(site).await;
    let job = Job::new();
    let flags = [&FLAGS[..], &["-o", "/dev/full"]].concat();
    let crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &flags);
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    for words in ["cannot write /dev/full: make room", "crawler resume"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(world::pages_asked(&server, 0) <= 2 * CONCURRENCY);

    let other = job.beside("other.jsonl");
    let ended = job.resume(&["-o", text(&other)]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = std::fs::read_to_string(&other).unwrap();
    world::assert_each_once(&urls_in(&records), &world::reachable(&server, 0, &site));
    server.stop().await;
}
