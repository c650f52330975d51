//! What authors ask for, by elements and by headers: what is not followed is not asked for, and the records tell why.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::{Answer, Crawler, Scripted};

use crate::world::{Job, text};

/// Returns an answer with a page, or a file, of that type.
fn answer(content_type: &str, headers: &str, body: &str) -> Answer {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let answer = format!("{head}content-type: {content_type}\r\n{headers}\r\n{body}");
    Answer::Raw(answer.into_bytes().leak())
}

fn script(path: &str, _: usize) -> Answer {
    let page = |headers, body| answer("text/html", headers, body);
    match path {
        "/" => page(
            "",
            "<a href=/tagged><a href=/named><a href=/file><a href=/free rel='ugc sponsored'>
            <a href=/never-1 rel='ugc nofollow'><link rel=canonical href=/1><link rel=canonical href=/2>",
        ),
        "/tagged" => page("x-robots-tag: noindex\r\nx-robots-tag: nofollow\r\n", "<a href=/never-2>"),
        "/named" => page(
            "x-robots-tag: otherbot: noindex\r\n",
            "<meta name=crawler content=nofollow><meta name=otherbot content=noindex><a href=/never-3>",
        ),
        "/free" => page(
            "x-robots-tag: otherbot: none\r\nlink: </3>; rel=canonical\r\n",
            "<meta name=otherbot content=none><a href=/last>",
        ),
        "/file" => answer(
            "application/pdf",
            "x-robots-tag: crawler: noindex\r\nlink: </4>; rel=\"canonical\"\r\n",
            "%PDF",
        ),
        "/robots.txt" => Answer::Status(404, ""),
        _ => page("", ""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_authors_ask_for_is_kept_and_told() {
    let server = Scripted::start(script).await;
    let base = server.url().to_owned();
    let job = Job::new();
    let ended = job.crawl(&format!("{base}/"), &[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("nofollow"), "{}", ended.stderr);
    let records = job.records().into_iter().map(|record| {
        let url = record["url"].as_str().unwrap();
        (url.trim_start_matches(&base).to_owned(), record)
    });
    let records: BTreeMap<_, _> = records.collect();
    let paths: Vec<_> = records.keys().map(String::as_str).collect();
    let expected = [
        "/", "/1", "/2", "/3", "/file", "/free", "/last", "/named", "/tagged",
    ];
    assert_eq!(paths, expected);

    let check = |path: &str, fields: [Value; 4]| {
        let names = ["canonical", "canonical_disputed", "noindex", "nofollow"];
        let found = names.map(|name| records[path][name].clone());
        assert_eq!(found, fields, "{path}");
    };
    let (yes, no) = (Value::from(true), Value::Null);
    let at = |path: &str| Value::from(format!("{base}{path}"));
    check("/", [at("/1"), yes.clone(), no.clone(), no.clone()]);
    check(
        "/tagged",
        [no.clone(), no.clone(), yes.clone(), yes.clone()],
    );
    check("/named", [no.clone(), no.clone(), no.clone(), yes.clone()]);
    check("/free", [at("/3"), no.clone(), no.clone(), no.clone()]);
    check("/file", [at("/4"), no.clone(), yes, no.clone()]);

    let folder = job.folder();
    let explain = async |path: &str| {
        let url = format!("{base}{path}");
        let ended = Crawler::start(&["explain", &url, "--job", text(&folder)])
            .ended()
            .await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        ended.stdout
    };
    let told = explain("/tagged").await;
    assert!(told.contains("none of its links be followed"), "{told}");
    let told = explain("/never-1").await;
    assert!(told.contains("each asked not to be followed"), "{told}");
}
