//! The counts: what was asked, how many at once, and the gaps between requests, against what a client measured.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slow_api::{Server, WebOptions};
use tests::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::visitor::{client, counts, get, in_time, request, start};

/// A delay that no test lives to see the end of.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_gap_is_between_what_the_client_waited_and_what_it_all_took() {
    let server = start(WebOptions::default()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let start = Instant::now();
    ask(&mut stream, "/site/page/1").await;
    assert_eq!(counts(&server).gap_min_us, None);
    let mut least = Duration::MAX;
    for pause in [40, 5, 20].map(Duration::from_millis) {
        let answered = Instant::now();
        until("the pause is over", async || {
            (answered.elapsed() >= pause).then_some(())
        })
        .await;
        least = least.min(answered.elapsed());
        // robots.txt has no part in it.
        ask(&mut stream, "/robots.txt").await;
        ask(&mut stream, "/site/page/2").await;
        let gap = Duration::from_micros(counts(&server).gap_min_us.unwrap());
        // Only whole microseconds are told.
        assert!(
            gap + Duration::from_micros(1) > least,
            "{gap:?}, though it waited {least:?}"
        );
        // It began no earlier than the first request.
        assert!(gap <= start.elapsed(), "{gap:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_before_the_end_of_another_has_no_gap() {
    let server = start(WebOptions {
        page_delay: FOR_EVER,
        ..WebOptions::default()
    })
    .await;
    let mut streams = Vec::new();
    for in_flight in 1..=2 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream
            .write_all(request("/site/page/1").as_bytes())
            .await
            .unwrap();
        streams.push(stream);
        until_in_flight(&server, in_flight).await;
    }
    assert_eq!(counts(&server).gap_min_us, Some(0));
    drop(streams);
    until_in_flight(&server, 0).await;
    let counts = counts(&server);
    assert_eq!(
        (counts.max_in_flight, counts.by_path["/site/page/1"]),
        (2, 2)
    );
    server.stop().await;
}

#[tokio::test]
async fn the_counts_are_shown_and_begun_anew_by_http() {
    let server = start(WebOptions::default()).await;
    for path in [
        "/site/page/1?q=2",
        "/site/private/3",
        "/robots.txt",
        "/fault/status/404",
    ] {
        get(&server, path).await;
    }
    let shown = async || -> Value {
        let mut stats: Value = get(&server, "/stats").await.json().await.unwrap();
        stats["hosts"][server.address().to_string()].take()
    };
    let stats = shown().await;
    for (name, expected) in [
        ("requests", 4),
        ("robots", 1),
        ("disallowed", 1),
        ("in_flight", 0),
        ("max_in_flight", 1),
        ("distinct", 4),
        ("unlisted", 0),
    ] {
        assert_eq!(stats[name], expected, "{name}");
    }
    assert!(stats["gap_min_us"].is_u64(), "{stats}");
    let by_path = json!({"/site/page/1?q=2": 1, "/site/private/3": 1, "/robots.txt": 1, "/fault/status/404": 1});
    assert_eq!(stats["by_path"], by_path);
    let reset = client().post(format!("{}/stats/reset", server.url()));
    let answer: Value = reset.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"reset": true}));
    let stats = shown().await;
    assert_eq!(
        (&stats["requests"], &stats["by_path"]),
        (&json!(0), &json!({}))
    );
    // The counts of the API are others.
    assert_eq!(server.stats().requests, 0);
    server.stop().await;
}

/// Asks on a connection that is kept, and reads the whole answer.
async fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(request(path).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        let read = in_time(path, stream.read_buf(&mut answer)).await.unwrap();
        assert!(read > 0, "the answer has an end");
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap().parse().unwrap()
}

async fn until_in_flight(server: &Server, expected: u64) {
    until("they are in flight", async || {
        (counts(server).in_flight == expected).then_some(())
    })
    .await;
}
