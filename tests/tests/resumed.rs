//! What a job keeps for the day it is resumed, and what it does not take away from others.

use std::io::Write as _;
use std::path::Path;

use tests::{Answer, Crawler, Ended, Scripted, SlowApi, text, until, urls_in};

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
async fn a_resumed_job_tries_as_often_as_it_was_begun_with() {
    let server = Scripted::start(|path, before| match path {
        "/hangs" if before == 0 => Answer::Silence,
        "/hangs" => Answer::Status(200, ""),
        _ => Answer::Status(500, ""),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, job] = ["list", "job"].map(|name| folder.path().join(name));
    let lines = ["hangs", "fails"].map(|path| format!("{}/{path}\n", server.url()));
    std::fs::write(&list, lines.concat()).expect("room");
    let flags = ["--concurrency", "1", "--retries", "0", "--job", text(&job)];
    let crawler = Crawler::start(&[&["--urls", text(&list)], &flags[..]].concat());
    until("the first is asked", async || {
        server.counts().get("/hangs").copied()
    })
    .await;
    crawler.kill().await;
    let ended = Crawler::start(&["resume", text(&job)]).ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert_eq!(server.counts()["/fails"], 1);
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

/// Returns what a summary tells of the job as a whole: its rows up to those of the stages, or of the last run alone.
fn of_the_job(summary: &str) -> Vec<&str> {
    let lines = summary
        .lines()
        .skip_while(|line| !line.starts_with("fetched"));
    lines
        .take_while(|line| !line.contains('→') && !line.starts_with("in this run"))
        .collect()
}

#[tokio::test]
async fn a_job_that_was_killed_ends_as_if_nothing_had_been() {
    // What hangs is killed; what is asked for again is answered.
    let server = Scripted::start(|path, before| match path {
        "/fails" => Answer::Status(500, ""),
        "/hangs" if before == 0 => Answer::Silence,
        "/gone" => Answer::Status(404, ""),
        // What two runs have both is known by neither of them as the same.
        "/ok" => Answer::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\ngood",
        ),
        _ => Answer::Status(200, "content-type: text/plain\r\n"),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, job, whole] = ["list", "job", "whole"].map(|name| folder.path().join(name));
    let lines = ["ok", "hangs", "gone", "fails"].map(|path| format!("{}/{path}\n", server.url()));
    std::fs::write(&list, lines.concat()).expect("room");
    let flags = ["--urls", text(&list), "--retries", "1", "--job"];
    let crawler = Crawler::start(&[&flags[..], &[text(&job)]].concat());
    until("all but one have a record", async || {
        let records = std::fs::read_to_string(job.join("pages.jsonl")).unwrap_or_default();
        (records.lines().count() == 3).then_some(())
    })
    .await;
    crawler.kill().await;
    let resumed = Crawler::start(&["resume", text(&job), "--retries", "1"]);
    let resumed = resumed.ended().await;
    assert_eq!(resumed.code(), 1, "{}", resumed.stderr);
    let never_killed = Crawler::start(&[&flags[..], &[text(&whole)]].concat());
    let never_killed = never_killed.ended().await;
    assert_eq!(never_killed.code(), 1, "{}", never_killed.stderr);
    let [ours, theirs] = [&resumed, &never_killed].map(|ended| of_the_job(&ended.stderr));
    assert!(ours.len() > 4, "{}", resumed.stderr);
    assert_eq!(ours, theirs);
    // Of one that is done by now the same is said once more.
    let again = Crawler::start(&["resume", text(&job)]).ended().await;
    assert_eq!(again.code(), 1, "{}", again.stderr);
    let told = "1 failed (status-5xx)";
    assert!(again.stderr.contains(told), "{}", again.stderr);
}

#[tokio::test]
async fn a_line_without_a_url_is_told_by_a_later_run_too() {
    let api = SlowApi::start(&["--delay-ms", "50"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, job] = ["list", "job"].map(|name| folder.path().join(name));
    let page = |n: usize| format!("{}/api/crawl?url=http://h/{n}\n", api.url());
    let lines: String = (0..60).map(page).chain(["no url\n".to_owned()]).collect();
    std::fs::write(&list, lines).expect("room");
    let flags = ["--urls", text(&list), "--job", text(&job), "--pace", "50ms"];
    let crawler = Crawler::start(&flags);
    until("10 requests", async || {
        (api.stats().await["requests"].as_u64() >= Some(10)).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    let resumed = Crawler::start(&["resume", text(&job)]).ended().await;
    assert_eq!(resumed.code(), 1, "{}", resumed.stderr);
    let told = "lines without a URL (rejected)";
    assert!(resumed.stderr.contains(told), "{}", resumed.stderr);
}

#[tokio::test]
async fn a_list_that_was_not_read_to_its_end_is_begun_again_by_the_same_command() {
    let api = SlowApi::start(&["--delay-ms", "0"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, job] = ["list", "job"].map(|name| folder.path().join(name));
    let [csv, archive] = ["all.csv", "all.warc.gz"].map(|name| folder.path().join(name));
    let outputs = ["-o", text(&csv), "-o", text(&archive)];
    let args = [&["--urls", text(&list), "--job", text(&job)], &outputs[..]].concat();
    let page = |n: usize| format!("{}/api/crawl?url=http://h/{n}\n", api.url());
    let lines: String = (0..1_001).map(page).collect();
    // A pipe that is open to be written for as long as its other end is.
    let made = std::process::Command::new("mkfifo").arg(&list).status();
    assert!(made.is_ok_and(|made| made.success()));
    let mut pipe = std::fs::File::options();
    let mut pipe = pipe.read(true).write(true).open(&list).expect("a pipe");
    for signal in ["KILL", "INT"] {
        let crawler = Crawler::start(&args);
        pipe.write_all(lines.as_bytes()).expect("it is read");
        until("its first part is read", async || {
            let status = Crawler::start(&["status", "--json", text(&job)]);
            let status = status.ended().await.stdout;
            (status.contains("seeding") && status.contains("\"known\":1000")).then_some(())
        })
        .await;
        crawler.signal(signal).await;
        let ended = crawler.ended().await;
        if signal == "INT" {
            let told = "before all URLs were read; run the same command again";
            assert!(ended.stderr.contains(told), "{}", ended.stderr);
        }
        let resumed = Crawler::start(&["resume", text(&job)]).ended().await;
        assert_eq!(resumed.code(), 2, "{}", resumed.stderr);
        let told = "run the command that began it again";
        assert!(resumed.stderr.contains(told), "{}", resumed.stderr);
    }
    drop(pipe);
    std::fs::remove_file(&list).expect("it is ours");
    let few: String = (990..1_010).map(page).collect();
    std::fs::write(&list, few).expect("room");
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let written = std::fs::read_to_string(&csv).expect("it is there");
    assert_eq!(written.lines().count(), 21, "a head, and this list alone");
    // By now there is something to lose.
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("--fresh"), "{}", ended.stderr);
}
