//! A whole site, crawled by a real process against a real server: every page once, by the server's own count, also when
//! the crawler is killed in mid-crawl and resumed.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use slow_api::{Site, WebOptions};
use tests::{Crawler, SlowApi, until};

const PAGES: u64 = 600;
const CONCURRENCY: u64 = 16;
const KILLS: u64 = 5;

/// The paths that a crawl of the site has to request.
fn expected() -> BTreeSet<String> {
    let options = WebOptions {
        site: Site {
            pages: PAGES,
            ..Site::default()
        },
        ..WebOptions::default()
    };
    let site = options.site_of(0);
    site.reachable()
        .into_iter()
        .map(|page| site.path(page))
        .collect()
}

/// How often each path of the site was requested, and how many requests were disallowed.
async fn requested(api: &SlowApi) -> (BTreeMap<String, u64>, u64) {
    let stats: Value = reqwest::get(format!("{}/stats", api.url()))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let host = stats["hosts"].as_object().unwrap().values().next().unwrap();
    let paths = host["by_path"].as_object().unwrap().iter();
    let pages = paths
        .filter(|(path, _)| path.starts_with("/site/"))
        .map(|(path, count)| (path.clone(), count.as_u64().unwrap()));
    (pages.collect(), host["disallowed"].as_u64().unwrap())
}

/// The URLs of the output by their fate, each of which must be there once.
fn fates(job: &Path) -> BTreeMap<String, String> {
    let lines = std::fs::read_to_string(job.join("pages.jsonl")).unwrap();
    assert!(lines.ends_with('\n'), "the last line is whole");
    let mut fates = BTreeMap::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let url = record["url"].as_str().unwrap().to_owned();
        let fate = record["fate"].as_str().unwrap().to_owned();
        assert_eq!(
            fates.insert(url.clone(), fate),
            None,
            "{url} is there twice"
        );
    }
    fates
}

fn fetched(fates: &BTreeMap<String, String>, api: &SlowApi) -> BTreeSet<String> {
    let fetched = fates.iter().filter(|(_, fate)| *fate == "fetched");
    fetched
        .map(|(url, _)| url.strip_prefix(api.url()).unwrap().to_owned())
        .collect()
}

async fn start_api(delay_ms: &str) -> SlowApi {
    let pages = PAGES.to_string();
    SlowApi::start(&["--pages", &pages, "--page-delay-ms", delay_ms]).await
}

#[tokio::test]
async fn every_reachable_page_is_fetched_once_and_no_disallowed_path_is_requested() {
    let api = start_api("0").await;
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let seed = format!("{}/site/page/0", api.url());
    let ended = Crawler::start(&["crawl", &seed, "--job", job.to_str().unwrap()])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let (requests, disallowed) = requested(&api).await;
    assert_eq!(disallowed, 0);
    assert!(requests.values().all(|count| *count == 1), "{requests:?}");
    assert_eq!(requests.into_keys().collect::<BTreeSet<_>>(), expected());
    assert_eq!(fetched(&fates(&job), &api), expected());
}

#[tokio::test]
async fn a_crawl_that_is_killed_and_resumed_fetches_the_same_pages() {
    let api = start_api("20").await;
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let (path, concurrency) = (job.to_str().unwrap(), CONCURRENCY.to_string());
    let seed = format!("{}/site/page/0", api.url());
    let how = ["--concurrency", &concurrency, "--quiet"];
    let mut crawler = Crawler::start(&[&["crawl", &seed, "--job", path], &how[..]].concat());
    for kill in 1..=KILLS {
        let pages = kill * PAGES / (2 * KILLS);
        until("it goes on", async || {
            let (requests, _) = requested(&api).await;
            (requests.len() as u64 >= pages).then_some(())
        })
        .await;
        crawler.signal("KILL").await;
        crawler = Crawler::start(&[&["resume", path], &how[..]].concat());
    }
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let (requests, disallowed) = requested(&api).await;
    assert_eq!(disallowed, 0);
    let again: u64 = requests.values().map(|count| count - 1).sum();
    // What was claimed and not settled: the places, and as many outcomes that waited to be settled.
    assert!(again <= KILLS * 2 * CONCURRENCY, "{again} fetched again");
    assert_eq!(requests.into_keys().collect::<BTreeSet<_>>(), expected());
    assert_eq!(fetched(&fates(&job), &api), expected());
}

#[tokio::test]
async fn a_crawl_that_is_interrupted_says_how_to_go_on() {
    let api = start_api("50").await;
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let path = job.to_str().unwrap();
    let seed = format!("{}/site/page/0", api.url());
    let crawler = Crawler::start(&["crawl", &seed, "--job", path]);
    until("it begins", async || {
        let (requests, _) = requested(&api).await;
        (requests.len() > 20).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!("crawler resume {path}")),
        "{}",
        ended.stderr
    );
    let ended = Crawler::start(&["resume", path]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let (requests, _) = requested(&api).await;
    assert!(
        requests.values().all(|count| *count == 1),
        "a drain finishes what it began"
    );
    assert_eq!(fetched(&fates(&job), &api), expected());
}

#[tokio::test]
async fn what_can_not_be_begun_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let path = job.to_str().unwrap();
    for (args, says) in [
        (
            &["crawl", "ftp://ann:secret@h/", "--job", path][..],
            "seed 1 is no URL",
        ),
        (
            &[
                "crawl",
                "http://127.0.0.1:1/",
                "--job",
                path,
                "--include",
                "(",
            ],
            "(",
        ),
        (&["resume", path], "there is no crawl"),
        (&["crawl"], "<URL>"),
        (
            &["crawl", "http://127.0.0.1:1/", "--delay", "soon"],
            "--delay",
        ),
    ] {
        let ended = Crawler::start(args).ended().await;
        assert_eq!(ended.code(), 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
    let api = start_api("0").await;
    let seed = format!("{}/site/page/0", api.url());
    let begin = ["crawl", &seed, "--job", path, "--depth", "0", "--quiet"];
    assert_eq!(Crawler::start(&begin).ended().await.code(), 0);
    let again = Crawler::start(&begin).ended().await;
    assert_eq!(again.code(), 2);
    assert!(again.stderr.contains("--fresh"), "{}", again.stderr);
    let anew = [&begin[..], &["--fresh"]].concat();
    assert_eq!(Crawler::start(&anew).ended().await.code(), 0);
    assert_eq!(fates(&job).len(), 1);
}
