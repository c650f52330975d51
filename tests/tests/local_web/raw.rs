//! The faults that no library of HTTP would send, byte by byte on a bare connection.

use std::time::{Duration, Instant};

use slow_api::{Options, Server, WebOptions};
use tests::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::visitor::{Ended, counts, get, in_time, read, request, start};

/// More than any fault sends that ends by itself.
const ENOUGH: u64 = 64 << 20;

#[tokio::test]
async fn each_broken_answer_is_sent_as_it_is_meant() {
    let server = start(WebOptions::default()).await;
    let check = async |path: &str, part: &str, ended: Ended| {
        let (bytes, how) = read(server.address(), &format!("/fault/{path}"), ENOUGH).await;
        let text = String::from_utf8_lossy(&bytes);
        let shown: String = text.chars().take(300).collect();
        assert!(text.contains(part), "{path}: {shown}");
        assert_eq!(how, ended, "{path}: {shown}");
    };
    let (closed, reset) = (Ended::Closed, Ended::Reset);
    check(
        "body/truncated",
        "Content-Length: 10000\r\n\r\n<!DOCTYPE",
        closed,
    )
    .await;
    check(
        "body/reset",
        "Content-Length: 10000\r\n\r\n<!DOCTYPE",
        reset,
    )
    .await;
    check("chunk/truncated", "chunked\r\n\r\n23\r\n<!DOCTYPE", closed).await;
    check("chunk/cut", "\r\n\r\nff\r\n<!DOCTYPE", closed).await;
    check("chunk/size", "</title>\n\r\nxyz\r\n", closed).await;
    check("chunk/negative", "</title>\n\r\n-5\r\n", closed).await;
    check("chunk/overflow", "\r\n\r\nfffffffffffffffff\r\n", closed).await;
    check("chunk/no-line-end", "</title>\n0\r\n\r\n", closed).await;
    check("chunk/extension", "\r\n\r\n23;xxxx", closed).await;
    check("chunk/trailers", "0\r\nX-Trailer: 1\r\nX-Trailer", closed).await;
    check(
        "length/short",
        "Content-Length: 25\r\n\r\n<!DOCTYPE html>\n<title>Raw</title>\n",
        closed,
    )
    .await;
    check(
        "length/twice",
        "Content-Length: 35\r\nContent-Length: 25\r\n",
        closed,
    )
    .await;
    check("length/negative", "Content-Length: -5\r\n", closed).await;
    check("length/nonsense", "Content-Length: many\r\n", closed).await;
    check(
        "length/overflow",
        "Content-Length: 99999999999999999999\r\n",
        closed,
    )
    .await;
    check(
        "length/huge",
        "Content-Length: 9223372036854775807\r\n",
        closed,
    )
    .await;
    check(
        "length/and-chunked",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        closed,
    )
    .await;
    check("header/bytes", "X-Bytes: \u{fffd}", closed).await;
    check("header/nul", "X-Nul: a\0b\r\n", closed).await;
    check("header/name", "X N\u{fffd}me: 1\r\n", closed).await;
    check("header/no-colon", "\r\nThis line has no colon\r\n", closed).await;
    check("header/no-name", "\r\n: 1\r\n", closed).await;
    check("header/folded", "one\r\n\ttwo\r\n", closed).await;
    check("header/return", "a\rb\r\n", closed).await;
    check("header/line-feeds", "200 OK\nContent-Type", closed).await;
    check("header/space", "X-Space : 1\r\n", closed).await;
    check("connection/empty", "", closed).await;
    check("connection/reset", "", reset).await;
    check("connection/reset-in-head", "OK\r\nContent-", reset).await;
    check("connection/reset-after-head", "10000\r\n\r\n", reset).await;
    check("connection/slow-head?ms=0", "</title>", closed).await;
    check("connection/cut-head", "\r\nX-Cut", closed).await;
    check("connection/garbage", "\u{fffd}", closed).await;
    check("connection/http-0.9", "<!DOCTYPE html>", closed).await;
    check("connection/http-9.9", "HTTP/9.9 200 OK", closed).await;
    check("connection/http-1.0", "HTTP/1.0 200 OK", closed).await;
    check("connection/no-status", "HTTP/1.1 abc OK", closed).await;
    check("connection/status-999", "HTTP/1.1 999 Odd", closed).await;
    check(
        "connection/continues",
        "100 Continue\r\n\r\nHTTP/1.1 200 OK",
        closed,
    )
    .await;
    check(
        "connection/more",
        "</title>\nHTTP/1.1 200 OK\r\n\r\nstray",
        closed,
    )
    .await;
    check("connection/ssh", "SSH-2.0-", closed).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_large_is_as_large_as_asked() {
    let server = start(WebOptions::default()).await;
    let check = async |path: &str, bytes_min: u64| {
        let (bytes, how) = read(server.address(), path, ENOUGH).await;
        let room = 1_000;
        assert_eq!(how, Ended::Closed, "{path}");
        assert!(
            (bytes_min..bytes_min + room).contains(&(bytes.len() as u64)),
            "{path}: {}",
            bytes.len()
        );
    };
    check("/fault/body/huge?mib=20", 20 << 20).await;
    check("/fault/header/huge?kib=1024", 1 << 20).await;
    check("/fault/header/many?count=10000", 110_000).await;
    check("/fault/body/slow?ms=0&bytes=10000", 10_000).await;
    for path in ["body/endless", "body/endless-chunks", "header/endless"] {
        let (_, how) = read(server.address(), &format!("/fault/{path}"), 4 << 20).await;
        assert_eq!(how, Ended::Enough, "{path}");
    }
    until_none_is_in_flight(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_slow_takes_its_time() {
    let server = start(WebOptions::default()).await;
    let start = Instant::now();
    let (bytes, how) = read(server.address(), "/fault/body/slow?ms=10&bytes=20", ENOUGH).await;
    assert!(bytes.ends_with(&[b'x'; 20]));
    assert_eq!(how, Ended::Closed);
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn what_stalls_is_in_flight_until_its_caller_hangs_up() {
    let server = start(WebOptions::default()).await;
    for (path, last) in [
        ("body/stalled", "</title>\n"),
        ("connection/stalled-head", "Content-"),
    ] {
        let path = format!("/fault/{path}");
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request(&path).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(last.as_bytes()) {
            in_time(&path, stream.read_buf(&mut answer)).await.unwrap();
        }
        assert_eq!(counts(&server).in_flight, 1, "{path}");
        drop(stream);
        until_none_is_in_flight(&server).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_kept_connection_meets_a_fault_after_a_page_also_when_both_are_asked_at_once() {
    let server = start(WebOptions::default()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let both = request("/fault/status/204") + &request("/fault/connection/ssh");
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut answers = String::new();
    in_time("both", stream.read_to_string(&mut answers))
        .await
        .unwrap();
    assert!(answers.starts_with("HTTP/1.1 204 "), "{answers}");
    assert!(
        answers.ends_with("\r\n\r\nSSH-2.0-OpenSSH_9.6\r\n"),
        "{answers}"
    );
    server.stop().await;
}

#[tokio::test]
async fn no_fault_holds_a_stop() {
    // Its patience with what is in flight is past its longest delay: longer than the test's.
    let options = Options {
        port: 0,
        delay: Duration::from_secs(3600),
        ..Options::default()
    };
    let server = slow_api::start(options).await.unwrap();
    let mut streams = Vec::new();
    let faults = [
        "body/endless",
        "body/slow?ms=3600000",
        "connection/silent",
        "header/endless",
    ];
    for fault in faults {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = request(&format!("/fault/{fault}"));
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    until("all are in flight", async || {
        (counts(&server).in_flight == 4).then_some(())
    })
    .await;
    let health = get(&server, "/healthz").await;
    assert_eq!(health.status(), 200);
    in_time("the stop", server.stop()).await;
}

async fn until_none_is_in_flight(server: &Server) {
    until("none is in flight", async || {
        (counts(server).in_flight == 0).then_some(())
    })
    .await;
}
