//! Ctrl-C in mid-run: what is in flight is finished and nothing else begun, a second one aborts, and `--resume` does
//! the rest.

use std::path::Path;

use tests::{Answer, Crawler, Scripted, SlowApi, until, urls_in};

fn records(file: &Path) -> std::collections::BTreeMap<String, usize> {
    urls_in(&std::fs::read_to_string(file).expect("the results are there"))
}

async fn drained_by(signal: &str) {
    let api = SlowApi::start(&["--delay-ms", "100"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("results.jsonl");
    let path = file.to_str().expect("UTF-8");
    let args = ["--api", api.url(), "--concurrency", "10", "-o", path];
    let crawler = Crawler::start(&args);
    until("20 requests", async || {
        (api.stats().await["requests"].as_u64() >= Some(20)).then_some(())
    })
    .await;
    crawler.signal(signal).await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("URLs are left; to go on, run the same command with --resume"),
        "{}",
        ended.stderr
    );
    let begun = api.stats().await["requests"].as_u64().expect("a count");
    let written = records(&file);
    assert_eq!(written.len() as u64, begun, "what was begun is finished");
    assert!(written.values().all(|times| *times == 1));

    // A run that was killed leaves half a line.
    let torn = std::fs::read_to_string(&file).expect("it is there") + "{\"url\":\"https://exa";
    std::fs::write(&file, torn).expect("room");
    let ended = Crawler::start(&[&args[..], &["--resume"]].concat())
        .ended()
        .await;
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
    let mut crawler = Crawler::start(&["--api", silent.url(), "--json", "--timeout", "10m"]);
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
        ended.stderr.contains("99 of 100 URLs are left"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_url_and_its_twin_with_a_password_each_have_their_record_after_a_resume() {
    let server = Scripted::start(|_, _| Answer::Status(200, "")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [list, file] = ["list", "results"].map(|name| folder.path().join(name));
    let args = [
        "--urls",
        list.to_str().expect("UTF-8"),
        "-o",
        file.to_str().expect("UTF-8"),
        "--resume",
    ];
    let public = format!("{}/a\n", server.url());
    let secret = public.replace("//", "//ann:hunter2@");
    // What a run left that ended before it came to the public one.
    for (urls, asked) in [
        (secret.clone(), 1),
        (format!("{secret}{public}"), 3),
        (format!("{secret}{public}"), 4),
    ] {
        std::fs::write(&list, &urls).expect("room");
        let ended = Crawler::start(&args).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert_eq!(server.asked().len(), asked, "{}", ended.stderr);
        let results = std::fs::read_to_string(&file).expect("the results are there");
        assert!(!results.contains("hunter2"), "{results}");
        let count = |words| results.matches(words).count();
        let (hidden, shown) = (count("\"hidden\":true"), count("\"hidden\":false"));
        assert_eq!((hidden, hidden + shown), (1, urls.lines().count()));
    }
}
