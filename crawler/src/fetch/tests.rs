//! Fetches from a server that sends what it is told to, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_compression::tokio::bufread::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use super::places::PER_ADDRESS_MAX;
use super::{Answer, FetchError, Fetcher, Limits, Memory, Names, NoAnswer, Truncated, UserAgent};
use crate::policy::address::AllowedAddresses;
use crate::web_url::WebUrl;

const MIB: usize = 1024 * 1024;

/// What the server does after it has sent its bytes.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Stall,
}

fn fetcher(limits: Limits, memory: &Memory) -> Fetcher {
    let mut allowed = AllowedAddresses::default();
    allowed.allow_all();
    // Nobody is asked: all hosts here are addresses.
    let names = Names::of_server("127.0.0.1:9".parse().unwrap()).unwrap();
    let agent = UserAgent::parse("FooBot/1.0").unwrap();
    Fetcher::new(&agent, &names, allowed, limits, memory.clone()).unwrap()
}

/// Reads a request's head.
async fn asked(stream: &mut tokio::net::TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    head
}

async fn serve(answer: Vec<u8>, then: Then) -> WebUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                asked(&mut stream).await;
                let _hung_up = stream.write_all(&answer).await;
                if let Then::Stall = then {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    WebUrl::parse(&format!("http://{address}/")).unwrap()
}

async fn fetch_within(limits: Limits, answer: Vec<u8>, then: Then) -> Result<Answer, NoAnswer> {
    let url = serve(answer, then).await;
    fetcher(limits, &Memory::new(64 * MIB)).fetch(&url).await
}

async fn fetch(answer: Vec<u8>) -> Result<Answer, NoAnswer> {
    fetch_within(Limits::default(), answer, Then::Close).await
}

/// Makes an answer with a body in these codings.
fn answer(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(super) async fn encoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let written = match coding {
        "gzip" => GzipEncoder::new(bytes).read_to_end(&mut out).await,
        "zlib" => ZlibEncoder::new(bytes).read_to_end(&mut out).await,
        "deflate" => DeflateEncoder::new(bytes).read_to_end(&mut out).await,
        "br" => BrotliEncoder::new(bytes).read_to_end(&mut out).await,
        _ => ZstdEncoder::new(bytes).read_to_end(&mut out).await,
    };
    written.unwrap();
    out
}

/// Bytes that look like no others, so that they shrink little.
fn text(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..len).map(|_| random.alphanumeric() as u8).collect()
}

#[tokio::test]
async fn each_coding_is_undone() {
    let page = text(100_000);
    for (made, named) in [
        ("gzip", "gzip"),
        ("gzip", "x-gzip"),
        ("zlib", "deflate"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
    ] {
        let body = encoded(made, &page).await;
        let fetched = fetch(answer(named, &body)).await.unwrap().body;
        assert_eq!(fetched.truncated, None, "{named}");
        assert!(fetched.bytes == page, "{named}");
        assert_eq!(fetched.wire_bytes, body.len() as u64, "{named}");
    }
}

#[tokio::test]
async fn what_a_decoder_swallows_without_an_end_is_kept_within_the_memory() {
    // Members of nothing: a decoder reads them all before it gives a byte.
    let member = encoded("gzip", b"").await;
    let many = member.repeat(3 * MIB / member.len());
    let memory = Memory::new(MIB);
    let limits = Limits {
        wire_bytes_max: 2 * MIB,
        ..Limits::default()
    };
    let url = serve(answer("gzip", &many), Then::Close).await;
    let body = fetcher(limits, &memory).fetch(&url).await.unwrap().body;
    assert_eq!((body.bytes.len(), body.truncated), (0, None));
    let (wire, cut) = body.wire();
    assert_eq!(cut, Some(Truncated::Length));
    assert!(wire == &many[..2 * MIB]);
    assert_eq!(body.wire_bytes, many.len() as u64);
    drop(body);
    assert_eq!(memory.free_bytes(), MIB);
}

#[tokio::test]
async fn the_head_of_a_request_is_told_as_it_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a/b?c=d&e", listener.local_addr().unwrap());
    let url = WebUrl::parse(&url).unwrap();
    let fetcher = fetcher(Limits::default(), &Memory::new(MIB));
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = asked(&mut stream).await;
        let told = b"HTTP/1.0 200 Quite so\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(told).await.unwrap();
        head
    };
    let (answer, head) = tokio::join!(fetcher.fetch(&url), server);
    let (told, sent) = (fetcher.request_head(&url), head);
    assert_eq!(String::from_utf8(told), String::from_utf8(sent));
    let answer = answer.unwrap();
    assert_eq!(answer.reason, b"Quite so");
    assert_eq!(answer.address, Some([127, 0, 0, 1].into()));
}

#[tokio::test]
async fn two_layers_are_undone_in_the_reverse_order() {
    let page = text(100_000);
    let body = encoded("br", &encoded("gzip", &page).await).await;
    let fetched = fetch(answer("gzip, br", &body)).await.unwrap().body;
    assert!(fetched.bytes == page);
}

#[tokio::test]
async fn an_unknown_coding_a_third_layer_and_a_broken_body_are_refused() {
    for coding in ["rot13", "gzip, gzip, gzip", "gzip", "deflate", "br", "zstd"] {
        let fetched = fetch(answer(coding, &[0xff; 1000])).await;
        let error = fetched.map(|answer| answer.body).unwrap_err().error;
        assert_eq!(error.code(), "coding", "{coding}");
    }
}

#[tokio::test]
async fn a_body_past_its_cap_is_kept_up_to_it() {
    let limits = Limits {
        body_bytes_max: 50_000,
        ..Limits::default()
    };
    let page = text(100_000);
    for (coding, body) in [
        ("identity", page.clone()),
        ("gzip", encoded("gzip", &page).await),
    ] {
        let fetched = fetch_within(limits, answer(coding, &body), Then::Close).await;
        let body = fetched.unwrap().body;
        assert_eq!(body.truncated, Some(Truncated::Length), "{coding}");
        assert!(body.bytes == page[..50_000], "{coding}");
    }
    let fetched = fetch_within(limits, answer("", &page[..50_000]), Then::Close).await;
    assert_eq!(fetched.unwrap().body.truncated, None);
}

#[tokio::test]
async fn an_empty_body_is_whole_whatever_its_coding() {
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
        let body = fetch(answer(coding, b"")).await.unwrap().body;
        assert_eq!((body.truncated, body.bytes.len()), (None, 0), "{coding}");
    }
}

#[tokio::test]
async fn a_location_of_any_bytes_is_read() {
    for (location, expected) in [
        (&b"/a?b"[..], "/a?b"),
        (b"/\xc3\xbc", "/%C3%BC"),
        (b"/\xfc%fc", "/%FC%fc"),
    ] {
        let head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ";
        let answer = fetch([head, location, b"\r\n\r\n"].concat()).await.unwrap();
        assert_eq!(answer.location().as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_bomb_is_not_blown_up() {
    for coding in ["gzip", "br", "zstd"] {
        let bomb = encoded(coding, &vec![0; 9 * MIB]).await;
        let body = fetch(answer(coding, &bomb)).await.unwrap().body;
        assert_eq!(body.truncated, Some(Truncated::Length), "{coding}");
        assert!(body.bytes.len() < 2 * MIB, "{coding}: {}", body.bytes.len());
    }
    // Below a mebibyte it is no harm.
    let small = encoded("gzip", &vec![0; MIB]).await;
    let body = fetch(answer("gzip", &small)).await.unwrap().body;
    assert_eq!((body.truncated, body.bytes.len()), (None, MIB));
}

#[tokio::test]
async fn a_body_that_ends_early_is_kept_as_far_as_it_came() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello".to_vec();
    let body = fetch(half).await.unwrap().body;
    assert_eq!(body.truncated, Some(Truncated::Disconnect));
    assert_eq!(body.bytes, b"hello");
    let page = text(100_000);
    let gzip = encoded("gzip", &page).await;
    let body = fetch(answer("gzip", &gzip[..gzip.len() / 2]))
        .await
        .unwrap()
        .body;
    assert_eq!(body.truncated, Some(Truncated::Disconnect));
    assert!(!body.bytes.is_empty() && page.starts_with(&body.bytes));
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_by_the_idle_and_by_the_total_clock() {
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(600));
    for (idle, total) in [(short, long), (long, short)] {
        let limits = Limits {
            idle,
            total,
            ..Limits::default()
        };
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello".to_vec();
        let body = fetch_within(limits, half, Then::Stall).await.unwrap().body;
        assert_eq!(body.truncated, Some(Truncated::Time));
        assert_eq!(body.bytes, b"hello");
    }
}

#[tokio::test]
async fn what_is_no_answer_has_its_class() {
    let limits = Limits {
        first_byte: Duration::from_millis(100),
        ..Limits::default()
    };
    let late = fetch_within(limits, Vec::new(), Then::Stall).await;
    let late = late.map(|answer| answer.status).unwrap_err();
    assert_eq!(late.error, FetchError::Timeout);
    assert!(late.asked >= limits.first_byte, "{late:?}");
    let check = async |answer: Vec<u8>, code| {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
        let error = fetch(answer).await.map(|answer| answer.status);
        let error = error.unwrap_err().error;
        assert_eq!(error.code(), code, "{shown:?}: {error}");
    };
    check(Vec::new(), "connection-lost").await;
    check(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(), "protocol").await;
    check(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_vec(), "protocol").await;
    let lines = |n: usize, len: usize| {
        let head: String = (0..n)
            .map(|i| format!("x-{i}: {}\r\n", "y".repeat(len)))
            .collect();
        format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes()
    };
    check(lines(1_000, 1), "protocol").await;
    check(lines(1, 2 * MIB), "protocol").await;
    check(lines(50_000, 100), "protocol").await;
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let fetcher = fetcher(Limits::default(), &Memory::new(MIB));
    let error = fetcher
        .fetch(&WebUrl::parse(&url).unwrap())
        .await
        .unwrap_err()
        .error;
    assert_eq!(
        error,
        FetchError::Connect("the connection was refused".to_owned())
    );
}

#[tokio::test]
async fn bodies_that_are_held_stay_within_the_memory_and_one_body_more() {
    let (bound, len) = (256 * 1024, 200 * 1024);
    let memory = Memory::new(bound);
    let limits = Limits {
        total: Duration::from_millis(500),
        ..Limits::default()
    };
    let fetcher = fetcher(limits, &memory);
    let url = serve(answer("", &text(len)), Then::Close).await;
    let answers = join_all((0..6).map(|_| fetcher.fetch(&url))).await;
    let held: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().body)
        .collect();
    let bytes: usize = held.iter().map(|body| body.bytes.len()).sum();
    assert!(bytes <= bound + len, "{bytes}");
    assert!(
        held.iter()
            .any(|body| body.truncated == Some(Truncated::Time))
    );
    drop(held);
    assert_eq!(memory.free_bytes(), bound);
}

#[tokio::test]
async fn one_address_is_asked_ten_times_at_once_at_most() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Nobody is answered before ten have asked.
    let ten = Arc::new(Barrier::new(PER_ADDRESS_MAX));
    let (noted_now, noted_most) = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, most) = (Arc::clone(&noted_now), Arc::clone(&noted_most));
            let ten = Arc::clone(&ten);
            tokio::spawn(async move {
                asked(&mut stream).await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                ten.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                let end = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                let _hung_up = stream.write_all(end).await;
            });
        }
    });
    let fetcher = fetcher(Limits::default(), &Memory::new(MIB));
    let url = WebUrl::parse(&url).unwrap();
    let answers = join_all((0..3 * PER_ADDRESS_MAX).map(|_| fetcher.fetch(&url))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), PER_ADDRESS_MAX);
}
