//! A site of nothing but faults: each answer is archived as it came, as far as it came.

use std::time::Duration;

use futures::StreamExt;
use reqwest::redirect::Policy;
use slow_api::WebOptions;
use tests::archive;
use tests::web::{start, url};

use crate::world::{Job, answer, assert_complete};

/// What the crawler asks for, so that servers answer as they answered it.
const CODINGS: &str = "gzip, deflate, br, zstd";

/// What a server answers, as it is on the wire but for the pieces that it is cut into, and the caps of the crawl.
async fn served(url: &str) -> Served {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let asked = client.get(url).header("accept-encoding", CODINGS).send();
    let answer = asked.await.unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut served = Served {
        status: answer.status().as_u16(),
        headers: headers.collect(),
        body: Vec::new(),
        is_whole: true,
    };
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => served.body.extend_from_slice(&piece),
            Err(_) => served.is_whole = false,
        }
    }
    served
}

/// An answer, as far as it came.
struct Served {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    is_whole: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_is_archived_as_it_is_served() {
    let server = start(WebOptions::default()).await;
    let faults = [
        "encoding/gzip",
        "encoding/x-gzip",
        "encoding/deflate",
        "encoding/deflate-raw",
        "encoding/br",
        "encoding/zstd",
        "encoding/identity",
        "encoding/two-layers",
        "encoding/members",
        "encoding/silent",
        "encoding/empty",
        "encoding/truncated",
        "encoding/checksum",
        "encoding/garbage",
        "body/truncated",
        "chunk/truncated",
        "chunk/cut",
        "chunk/size",
        "chunk/extension",
        "chunk/trailers",
        "length/short",
        "length/and-chunked",
        "redirect/2?status=302",
        "location/bytes",
        "location/missing",
        "loop/self",
        "status/204",
        "status/304",
        "status/404",
        "status/500",
        "header/bytes",
        "header/line-feeds",
        "connection/http-1.0",
        "charset/windows-1251",
        "type/image",
        "type/twice",
        "page/nuls",
        "page/empty",
    ];
    let urls: Vec<_> = faults
        .map(|fault| url(&server, 0, &format!("/fault/{fault}")))
        .into();
    let job = Job::new();
    let seeds: Vec<&str> = urls.iter().map(String::as_str).collect();
    let flags = [
        &seeds[1..],
        &["--depth", "0", "--retries", "0", "--timeout", "5s"],
    ]
    .concat();
    let ended = job
        .crawl(seeds[0], &flags, &["pages.jsonl", "pages.warc.gz"])
        .ended()
        .await;
    assert_eq!(ended.code(), 1, "status/500 is no answer: {}", ended.stderr);

    let records = job.records();
    let archive = archive::read(&archive::files(&job.beside(""), "pages")).await;
    assert_complete(&archive, &records);
    for url in &urls {
        let (archived, body) = answer(&archive, url);
        let served = served(url).await;
        let status = format!(" {} ", served.status);
        assert!(
            archived.status.contains(&status),
            "{url}: {}",
            archived.status
        );
        let lens = (body.len(), served.body.len());
        assert!(body == served.body, "{url}: {lens:?}");
        let record = records.iter().find(|record| record["url"] == *url).unwrap();
        // What can't be decoded to its end may have come to its end all the same.
        let cut = (!served.is_whole).then_some("disconnect");
        assert_eq!(archived.field("WARC-Truncated"), cut, "{url}");
        assert!(
            cut.is_none() || record["truncated"] == "disconnect",
            "{url}"
        );
        assert_eq!(
            archived.field("WARC-IP-Address"),
            Some("127.0.0.1"),
            "{url}"
        );
        assert_eq!(archived.field("WARC-Date"), record["at"].as_str(), "{url}");
        let names = |names: &mut dyn Iterator<Item = &String>| {
            let names = names.map(|name| name.trim_start_matches("X-Orig-").to_owned());
            names.collect::<Vec<_>>()
        };
        let kept = names(&mut archived.headers.iter().map(|(name, _)| name));
        assert_eq!(
            kept,
            names(&mut served.headers.iter().map(|(name, _)| name)),
            "{url}"
        );
        for (name, value) in &archived.headers {
            assert_ne!(name, "transfer-encoding", "{url}");
            let is_length = name == "content-length";
            assert!(!is_length || *value == body.len().to_string(), "{url}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_a_cap_or_a_clock_is_archived_as_far_as_it_came() {
    let server = start(WebOptions::default()).await;
    let faults = [
        ("body/stalled", "time"),
        ("body/huge?mib=3", "length"),
        ("body/endless-chunks?ms=0", "length"),
        ("bomb/gzip?mib=4", "length"),
        ("bomb/two-layers?mib=4", "length"),
    ];
    let urls = faults.map(|(fault, _)| url(&server, 0, &format!("/fault/{fault}")));
    let job = Job::new();
    let seeds: Vec<&str> = urls.iter().map(String::as_str).collect();
    let flags = [
        &seeds[1..],
        &["--depth", "0", "--timeout", "3s", "--max-body", "1"],
    ]
    .concat();
    let outputs = ["pages.jsonl", "pages.warc.gz"];
    let crawler = job.crawl(seeds[0], &flags, &outputs);
    let ended = crawler.ended_within(Duration::from_secs(60)).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let archive = archive::read(&archive::files(&job.beside(""), "pages")).await;
    assert_complete(&archive, &job.records());
    for (url, (_, why)) in urls.iter().zip(faults) {
        let (archived, body) = answer(&archive, url);
        assert_eq!(archived.field("WARC-Truncated"), Some(why), "{url}");
        assert!(body.len() <= 1 << 20, "{url}: {}", body.len());
        assert!(!body.is_empty(), "{url}");
    }
    server.stop().await;
}
