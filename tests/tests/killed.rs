//! Whom a crawl that is killed again and again blames: a page that kills it each time, and no other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tests::{Answer, Crawler, Scripted, text, until};

/// Writes a list of pages of a server, and returns where it is.
fn list(folder: &Path, server: &Scripted, count: usize) -> String {
    let list = folder.join("list");
    let page = |page: usize| format!("{}/{page}\n", server.url());
    std::fs::write(&list, (0..count).map(page).collect::<String>()).expect("room");
    text(&list).to_owned()
}

/// Returns how many records a job has, and which of them say that nobody came back.
fn records(job: &Path) -> (usize, Vec<String>) {
    // Nothing before the first.
    let records = std::fs::read_to_string(job.join("pages.jsonl")).unwrap_or_default();
    let crashed = records.lines().filter(|line| line.contains("\"crashed\""));
    let crashed = crashed.map(str::to_owned).collect();
    (records.lines().count(), crashed)
}

#[tokio::test]
async fn many_quick_kills_with_many_places_blame_no_page() {
    const PAGES: usize = 400;
    const PLACES: usize = 50;
    let answers = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&answers);
    let server = Scripted::start(move |_, _| match told.load(Ordering::Relaxed) {
        true => Answer::Status(200, ""),
        false => Answer::Silence,
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (list, job) = (
        list(folder.path(), &server, PAGES),
        folder.path().join("job"),
    );
    let flags = ["--urls", &list, "--concurrency", "50", "--job", text(&job)];
    let mut crawler = Crawler::start(&flags);
    for kill in 1..=9 {
        until("all places are at work", async || {
            (server.asked().len() == PLACES * kill).then_some(())
        })
        .await;
        crawler.kill().await;
        answers.store(kill == 9, Ordering::Relaxed);
        crawler = Crawler::start(&["resume", text(&job)]);
    }
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(records(&job), (PAGES, vec![]), "{}", ended.stderr);
}

#[tokio::test]
async fn a_page_that_kills_each_time_is_found_among_many_in_a_few_runs() {
    const PAGES: usize = 200;
    let killer = |path: &str| path == "/37";
    let server = Scripted::start(move |path, _| match killer(path) {
        true => Answer::Silence,
        false => Answer::Status(200, ""),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (list, job) = (
        list(folder.path(), &server, PAGES),
        folder.path().join("job"),
    );
    let flags = ["--urls", &list, "--concurrency", "20", "--job", text(&job)];
    let mut crawler = Crawler::start(&flags);
    let mut asked = 1;
    // It is asked once more, or it is not and all is recorded.
    while until("the killer is asked, or all is done", async || {
        let is_asked = server.counts().get("/37") == Some(&asked);
        let is_done = || records(&job).0 == PAGES;
        (is_asked || is_done()).then_some(is_asked)
    })
    .await
    {
        asked += 1;
        crawler.kill().await;
        crawler = Crawler::start(&["resume", text(&job)]);
    }
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let (count, crashed) = records(&job);
    assert_eq!((count, crashed.len()), (PAGES, 1), "{crashed:?}");
    assert!(crashed[0].contains("/37\""), "{crashed:?}");
    // Once more where others were suspects beside it.
    let asked = server.counts()["/37"];
    assert!((6..=7).contains(&asked), "{asked}");
}

#[tokio::test]
async fn no_seed_is_blamed_that_waits_for_a_robots_txt() {
    const PAGES: usize = 30;
    let answers = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&answers);
    let server = Scripted::start(move |_, _| match told.load(Ordering::Relaxed) {
        true => Answer::Status(404, ""),
        false => Answer::Silence,
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (list, job) = (
        list(folder.path(), &server, PAGES),
        folder.path().join("job"),
    );
    let mut crawler = Crawler::start(&["crawl", "--urls", &list, "--job", text(&job)]);
    for kill in 1..=9 {
        until("its robots.txt is asked for", async || {
            (server.asked().len() == kill).then_some(())
        })
        .await;
        crawler.kill().await;
        answers.store(kill == 9, Ordering::Relaxed);
        crawler = Crawler::start(&["resume", text(&job)]);
    }
    let ended = crawler.ended().await;
    assert_eq!(records(&job), (PAGES, vec![]), "{}", ended.stderr);
    assert_eq!(server.counts()["/robots.txt"], 10, "and all pages once");
    assert_eq!(server.asked().len(), 10 + PAGES);
}
