//! Ctrl-C in mid-run: what is in flight is finished and nothing else begun, a second one aborts, and `resume` does the
//! rest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Answer, Crawler, Scripted, SlowApi, text, until, urls_in};
use tokio::task::{JoinHandle, spawn_blocking};

fn records(file: &Path) -> std::collections::BTreeMap<String, usize> {
    urls_in(&std::fs::read_to_string(file).expect("the results are there"))
}

async fn drained_by(signal: &str) {
    let api = SlowApi::start(&["--delay-ms", "100"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let job = folder.path().join("job");
    let (file, job) = (job.join("pages.jsonl"), job.to_str().expect("UTF-8"));
    let args = ["--api", api.url(), "--concurrency", "10", "--job", job];
    let crawler = Crawler::start(&args);
    until("20 requests", async || {
        (api.stats().await["requests"].as_u64() >= Some(20)).then_some(())
    })
    .await;
    crawler.signal(signal).await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let to_go_on = format!("URLs are left; to go on: crawler resume {job}");
    assert!(ended.stderr.contains(&to_go_on), "{}", ended.stderr);
    let begun = api.stats().await["requests"].as_u64().expect("a count");
    let written = records(&file);
    assert_eq!(written.len() as u64, begun, "what was begun is finished");
    assert!(written.values().all(|times| *times == 1));

    // A run that was killed leaves half a line.
    let torn = std::fs::read_to_string(&file).expect("it is there") + "{\"url\":\"https://exa";
    std::fs::write(&file, torn).expect("room");
    let ended = Crawler::start(&["resume", job]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let written = records(&file);
    assert_eq!(written.len(), 100);
    assert!(written.values().all(|times| *times == 1));
    assert_eq!(
        api.stats().await["requests"],
        100,
        "nothing is fetched twice"
    );
}

#[tokio::test]
async fn ctrl_c_drains_and_resume_fetches_the_rest() {
    drained_by("INT").await;
}

#[tokio::test]
async fn sigterm_does_as_ctrl_c() {
    drained_by("TERM").await;
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait_for_answers() {
    let silent = Scripted::start(|path, _| match path {
        "/api/crawl?url=https%3A%2F%2Fexample.com%2Fpage1" => Answer::Status(200, ""),
        _ => Answer::Silence,
    })
    .await;
    // An answer that never comes would hold the drain for its 30 s, which is the deadline of `ended` too.
    let mut crawler = Crawler::start(&["--api", silent.url(), "--timeout", "10m"]);
    until("all are asked", async || {
        (silent.asked().len() == 100).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    crawler
        .says("in flight, for 30 s at most; Ctrl-C again to abort")
        .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 1, "what was finished is kept");
    assert!(
        ended.stderr.contains("99 URLs are left"),
        "{}",
        ended.stderr
    );
}

/// A job whose records go to a named pipe.
struct Piped {
    pipe: PathBuf,
    job: PathBuf,
    _folder: TempDir,
}

impl Piped {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pages.jsonl");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|made| made.success()));
        Self {
            pipe,
            job: folder.path().join("job"),
            _folder: folder,
        }
    }

    fn begin(&self, server: &Scripted) -> Crawler {
        let (pipe, job) = (text(&self.pipe), text(&self.job));
        Crawler::start(&["--api", server.url(), "-o", pipe, "--job", job])
    }

    fn resume(&self) -> Crawler {
        Crawler::start(&["resume", text(&self.job)])
    }

    /// Opens the pipe as a reader who reads nothing.
    async fn hold(&self) -> File {
        let path = self.pipe.clone();
        let opened = spawn_blocking(move || File::open(path)).await;
        opened.expect("it ends").expect("it is opened")
    }

    /// Begins a job whose records do not fit into the pipe, and waits until all is fetched.
    async fn begin_too_much(&self, server: &Scripted) -> (Crawler, File) {
        let (pipe, job) = (text(&self.pipe), text(&self.job));
        let flags = ["--count", "600", "--concurrency", "600"];
        let args = ["--api", server.url(), "-o", pipe, "--job", job];
        let mut crawler = Crawler::start(&[&args[..], &flags].concat());
        crawler.says("waiting for a reader").await;
        let held = self.hold().await;
        until("all are asked", async || {
            (server.asked().len() == 600).then_some(())
        })
        .await;
        (crawler, held)
    }

    /// Reads the pipe to its end.
    fn read(&self) -> JoinHandle<std::io::Result<String>> {
        let path = self.pipe.clone();
        spawn_blocking(move || std::fs::read_to_string(path))
    }
}

#[tokio::test]
async fn ctrl_c_is_heard_while_nobody_reads_the_pipe_that_records_go_to() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let piped = Piped::new();
    for signal in ["INT", "TERM"] {
        let mut crawler = piped.begin(&server);
        let waits = format!("waiting for a reader of {}", piped.pipe.display());
        crawler.says(&waits).await;
        crawler.signal(signal).await;
        let ended = crawler.ended().await;
        assert_eq!(ended.code(), 3, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("run the same command again"),
            "{}",
            ended.stderr
        );
        assert!(!piped.job.exists(), "nothing was begun");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_run_waits_for_the_reader_of_a_pipe_also_where_it_is_resumed() {
    let silent = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&silent);
    let server = Scripted::start(move |_, _| match told.load(Ordering::Relaxed) {
        true => Answer::Silence,
        false => Answer::Status(200, ""),
    })
    .await;
    let piped = Piped::new();
    let mut crawler = piped.begin(&server);
    crawler.says("waiting for a reader").await;
    let read = piped.read();
    until("it is at work", async || {
        (server.asked().len() == 100).then_some(())
    })
    .await;
    crawler.kill().await;
    assert_eq!(read.await.expect("it ends").expect("it is read"), "");
    silent.store(false, Ordering::Relaxed);

    let mut crawler = piped.resume();
    crawler.says("waiting for a reader").await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);

    let mut crawler = piped.resume();
    crawler.says("waiting for a reader").await;
    let read = piped.read();
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = read.await.expect("it ends").expect("it is read");
    assert_eq!(urls_in(&records).len(), 100);
}

/// What is not settled is fetched again, and so not done.
#[tokio::test]
async fn what_a_run_says_it_has_done_is_what_its_job_has_recorded() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let piped = Piped::new();
    let (mut crawler, held) = piped.begin_too_much(&server).await;
    crawler.signal("INT").await;
    crawler.says("Ctrl-C again to abort").await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    drop(held);
    let status = Crawler::start(&["status", text(&piped.job), "--json"]);
    let status = status.ended().await.stdout;
    let status: Value = serde_json::from_str(&status).expect("it is JSON");
    let fetched = status["fetched"].as_u64().expect("a count");
    assert!((1..600).contains(&fetched), "{fetched}");
    for (name, number) in [("fetched", fetched), ("status 200", fetched)] {
        let row = format!("{name} {number}");
        assert!(has_row(&ended.stderr, &row), "{row}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_reader_who_reads_nothing_is_told_when_he_is_waited_for() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let piped = Piped::new();
    let (mut crawler, _held) = piped.begin_too_much(&server).await;
    crawler.signal("INT").await;
    let pipe = text(&piped.pipe);
    let waits = format!("waiting for {pipe} to take what was fetched, within those 30 s");
    crawler.says(&waits).await;
    let start = Instant::now();
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    // The drain would have gone on for 30 s.
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn an_export_says_that_it_waits_for_the_reader_of_a_pipe() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let piped = Piped::new();
    let (pipe, job) = (text(&piped.pipe), text(&piped.job));
    let list = Crawler::start(&["--api", server.url(), "--job", job]);
    assert_eq!(list.ended().await.code(), 0);
    let mut crawler = Crawler::start(&["export", job, "-o", pipe]);
    crawler
        .says(&format!("waiting for a reader of {pipe}"))
        .await;
    let read = piped.read();
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = read.await.expect("it ends").expect("it is read");
    assert_eq!(urls_in(&records).len(), 100);
}

/// Returns whether a table has this row, however it is filled with spaces.
fn has_row(table: &str, row: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    table.lines().any(|line| words(line) == row)
}

#[tokio::test]
async fn a_password_in_a_list_is_neither_sent_nor_kept() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, job] = ["list", "job"].map(|name| folder.path().join(name));
    let public = format!("{}/a\n", server.url());
    let secret = public.replace("//", "//ann:hunter2@");
    std::fs::write(&list, format!("{secret}{public}")).expect("room");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let args = ["--urls", &path(&list), "--job", &path(&job)];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(server.asked().len(), 1, "it is the same URL");
    for file in ["pages.jsonl", "crawl.db"] {
        let kept = std::fs::read(job.join(file)).expect("it is there");
        let kept = String::from_utf8_lossy(&kept);
        assert!(!kept.contains("hunter2"), "{file}");
    }
    assert!(!ended.stderr.contains("hunter2") && !ended.stdout.contains("hunter2"));
}
