//! What a job keeps for the day it is resumed, and what it does not take away from others.

use std::path::Path;

use tests::{Crawler, Ended, SlowApi, text, until, urls_in};

/// Begins a list of 60 pages with these flags, and interrupts it after 10.
async fn interrupted(api: &SlowApi, job: &Path, flags: &[&str]) -> Ended {
    let given = ["--api", api.url(), "--count", "60", "--job", text(job)];
    let crawler = Crawler::start(&[&given[..], flags].concat());
    until("10 requests", async || {
        (api.stats().await["requests"].as_u64() >= Some(10)).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    ended
}

#[tokio::test]
async fn a_resumed_job_goes_on_with_its_outputs_and_its_concurrency() {
    let api = SlowApi::start(&["--delay-ms", "50"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [job, file] = ["job", "results.jsonl"].map(|name| folder.path().join(name));
    interrupted(&api, &job, &["--concurrency", "3", "-o", text(&file)]).await;
    let ended = Crawler::start(&["resume", text(&job)]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(api.stats().await["max_in_flight"], 3);
    let records = std::fs::read_to_string(&file).expect("the results are there");
    assert_eq!(urls_in(&records).len(), 60);
    assert!(!job.join("pages.jsonl").exists());
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_kept_unless_the_job_begins_anew() {
    let api = SlowApi::start(&["--delay-ms", "0"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine");
    std::fs::write(&file, "mine\n").expect("room");
    let args = ["--api", api.url(), "--count", "3", "-o", text(&file)];
    let refused = Crawler::start(&args).ended().await;
    assert_eq!(refused.code(), 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("--fresh"), "{}", refused.stderr);
    assert_eq!(
        std::fs::read_to_string(&file).expect("it is there"),
        "mine\n"
    );
    assert_eq!(api.stats().await["requests"], 0);

    let anew = Crawler::start(&[&args[..], &["--fresh"]].concat());
    assert_eq!(anew.ended().await.code(), 0);
    let records = std::fs::read_to_string(&file).expect("it is there");
    assert_eq!(urls_in(&records).len(), 3);
}

#[tokio::test]
async fn a_database_is_no_output_and_no_file_has_two_writers() {
    let api = SlowApi::start(&["--delay-ms", "50"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let job = folder.path().join("job");
    interrupted(&api, &job, &["--concurrency", "3"]).await;
    // Under another name, whose ending is that of an output.
    let database = job.join("database.jsonl");
    std::fs::hard_link(job.join("crawl.db"), &database).expect("one disk");
    let args = ["--api", api.url(), "--count", "3", "--fresh", "-o"];
    let refused = Crawler::start(&[&args[..], &[text(&database)]].concat());
    let refused = refused.ended().await;
    assert_eq!(refused.code(), 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("database"), "{}", refused.stderr);

    let file = folder.path().join("results.jsonl");
    let asked = api.stats().await["requests"].as_u64();
    let slow = ["--api", api.url(), "--pace", "1s", "-o", text(&file)];
    let writer = Crawler::start(&slow);
    until("it is at work", async || {
        (api.stats().await["requests"].as_u64() > asked).then_some(())
    })
    .await;
    let second = Crawler::start(&[&args[..], &[text(&file)]].concat());
    let second = second.ended().await;
    assert_eq!(second.code(), 2, "{}", second.stderr);
    let told = "another process writes to it";
    assert!(second.stderr.contains(told), "{}", second.stderr);
    writer.kill().await;
}

#[tokio::test]
async fn a_host_whose_name_is_none_fails_at_once_by_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list");
    std::fs::write(&list, "http://nosuch.invalid/\n").expect("room");
    let args = ["--urls", text(&list), "--retries", "0"];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let told = "1 failed (name-not-found)";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
