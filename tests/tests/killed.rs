//! Whom a crawl that is killed again and again blames: a page that kills it each time, and no other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tests::{Answer, Crawler, Ended, Scripted, text, until};

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

/// A server that says nothing until it is told to answer, and a job that it is asked for.
struct Held {
    server: Scripted,
    answers: Arc<AtomicBool>,
    folder: TempDir,
    job: PathBuf,
}

impl Held {
    /// With the status of its answers.
    async fn start(status: u16) -> Self {
        let answers = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&answers);
        let server = Scripted::start(move |_, _| match told.load(Ordering::Relaxed) {
            true => Answer::Status(status, ""),
            false => Answer::Silence,
        })
        .await;
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            server,
            answers,
            job: folder.path().join("job"),
            folder,
        }
    }

    /// Begins the job, and kills it so many times, each when so many more requests have come.
    async fn kill(&self, times: usize, requests: usize, flags: &[&str]) {
        let mut args = [flags, &["--job", text(&self.job)]].concat();
        for kill in 1..=times {
            let crawler = Crawler::start(&args);
            until("it is at work", async || {
                (self.server.asked().len() == requests * kill).then_some(())
            })
            .await;
            crawler.kill().await;
            args = vec!["resume", text(&self.job)];
        }
    }

    /// Answers from now on, and lets a run that goes on with the job end.
    async fn answered(&self) -> Ended {
        self.answers.store(true, Ordering::Relaxed);
        Crawler::start(&["resume", text(&self.job)]).ended().await
    }

    /// Begins the job, kills it so many times, each when so many more requests have come, and lets the last run end.
    async fn killed(&self, times: usize, requests: usize, flags: &[&str]) -> Ended {
        self.kill(times, requests, flags).await;
        self.answered().await
    }

    /// Asks the program about the job, and returns what it says.
    async fn told(&self, args: &[&str]) -> String {
        let ended = Crawler::start(args).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        ended.stdout
    }
}

#[tokio::test]
async fn who_is_killed_again_and_again_blames_no_url_that_it_never_asked_for() {
    let held = Held::start(200).await;
    let url = held.server.url();
    let flags = ["--api", url, "--concurrency", "2", "--count", "12"];
    let ended = held.killed(6, 2, &flags).await;
    // Who was killed was not killed by one of them.
    assert_eq!(records(&held.job), (12, vec![]), "{}", ended.stderr);
    assert_eq!(held.server.counts().len(), 12, "all the others are asked");
}

#[tokio::test]
async fn many_quick_kills_with_many_places_blame_no_page() {
    const PAGES: usize = 400;
    let held = Held::start(200).await;
    let list = list(held.folder.path(), &held.server, PAGES);
    let flags = ["--urls", &list, "--concurrency", "50"];
    let ended = held.killed(9, 50, &flags).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(records(&held.job), (PAGES, vec![]), "{}", ended.stderr);
}

#[tokio::test]
async fn what_is_tried_few_at_a_time_after_kills_is_told_until_it_is_done() {
    let held = Held::start(200).await;
    let list = list(held.folder.path(), &held.server, 40);
    let flags = ["--urls", &list, "--concurrency", "40"];
    let (job, url) = (text(&held.job), format!("{}/7", held.server.url()));
    let status = ["status", job];
    let suspects = async || {
        let json = held.told(&["status", job, "--json"]).await;
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        json["suspects"].as_u64()
    };
    held.kill(2, 40, &flags).await;
    assert!(!held.told(&status).await.contains("killed"));
    assert_eq!(suspects().await, Some(0));
    let mut crawler = Crawler::start(&["resume", job]);
    until("all are asked for again", async || {
        (held.server.asked().len() == 120).then_some(())
    })
    .await;
    assert_eq!(suspects().await, Some(0), "they may yet be answered");
    crawler.kill().await;

    let words =
        "40 URLs were being fetched each of the last 3 times, or more, that the crawl was killed";
    let told = held.told(&status).await;
    assert!(told.contains(words), "{told}");
    assert_eq!(suspects().await, Some(40));
    let told = held.told(&["explain", &url, "--job", job]).await;
    let suspect = "was being fetched the last 3 times that the crawl was killed";
    assert!(told.contains(suspect), "{told}");
    assert!(told.contains("with up to 15 other"), "{told}");
    crawler = Crawler::start(&["resume", job]);
    until("some are asked for", async || {
        (held.server.asked().len() == 136).then_some(())
    })
    .await;
    assert_eq!(suspects().await, Some(40));
    crawler.kill().await;
    let told = held
        .told(&["explain", "--json", "--job", job, "--", &url])
        .await;
    assert!(told.contains("\"kills\":4"), "{told}");

    let ended = held.answered().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert!(!held.told(&status).await.contains("killed"));
    assert_eq!(suspects().await, Some(0));
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
    let held = Held::start(404).await;
    let list = list(held.folder.path(), &held.server, PAGES);
    let ended = held.killed(9, 1, &["crawl", "--urls", &list]).await;
    assert_eq!(records(&held.job), (PAGES, vec![]), "{}", ended.stderr);
    let counts = held.server.counts();
    assert_eq!(counts["/robots.txt"], 10, "and all pages once");
    assert_eq!(held.server.asked().len(), 10 + PAGES);
}
