//! Ctrl-C in mid-run: what is in flight is finished and nothing else begun, a second one aborts, and `resume` does the
//! rest.

use std::path::Path;

use tests::{Answer, Crawler, Scripted, SlowApi, until, urls_in};

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
