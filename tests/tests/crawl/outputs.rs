//! The output: what is settled is never cut off, whatever file the next run writes to; and what its records tell.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use slow_api::WebOptions;
use tests::{until, urls_in};

use crate::world::{self, Job, text};

fn file_in(job: &Job, folder: &str) -> PathBuf {
    fs::create_dir(job.beside(folder)).unwrap();
    job.beside(folder).join("pages.jsonl")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_same_name_in_another_folder_is_another_output() {
    let site = world::site(200);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(20),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let [first, second, foreign] = ["a", "b", "c"].map(|folder| file_in(&job, folder));
    let seed = world::url(&server, 0, "/site/page/0");
    let crawler = job.crawl(&seed, &["--concurrency", "4", "-o", text(&first)]);
    until("40 pages", async || {
        (world::pages_asked(&server, 0) >= 40).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    let settled = fs::read_to_string(&first).unwrap();

    fs::write(&foreign, "somebody else's\n").unwrap();
    let ended = job.resume(&["-o", text(&foreign)]).ended().await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("this job has not written"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "somebody else's\n");

    let ended = job.resume(&["-o", text(&second)]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&first).unwrap(), settled);
    let rest = fs::read_to_string(&second).unwrap();
    let urls = urls_in(&(settled + &rest));
    world::assert_each_once(&urls, &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_names_the_page_that_led_to_it() {
    let server = world::start(WebOptions {
        site: world::site(100),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let ended = job.crawl(&seed, &[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = job.records();
    let ids: HashSet<_> = records.iter().map(|record| &record["id"]).collect();
    assert_eq!(ids.len(), records.len(), "each has an id of its own");
    for record in &records {
        let is_led_to = ids.contains(&record["referrer"]);
        assert_eq!(is_led_to, record["depth"] != 0, "{record}");
    }
    server.stop().await;
}
