//! The slow API, in this process and as the real program: what it answers, what it counts, and how it ends.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::join_all;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use slow_api::{FailureRate, Options, Server};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

/// How long anything may take before the test has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// A delay that no test lives to see the end of.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_answer_names_its_url_and_every_request_is_counted() {
    let server = start(Duration::from_millis(10), Options::default()).await;
    let url = "https://example.com/?a=1&b=ü \u{7}\"";
    for _ in 0..2 {
        let (status, body) = crawl(&server.url(), url).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, json!({"message": format!("Processed {url}")}));
    }
    crawl(&server.url(), "other").await;
    let stats = get_json(&format!("{}/api/stats", server.url())).await;
    assert_eq!(stats["requests"], 3);
    assert_eq!(stats["distinct"], 2);
    assert_eq!(stats["in_flight"], 0);
    assert_eq!(stats["max_in_flight"], 1);
    assert_eq!(stats["by_url"], json!({url: 2, "other": 1}));
    let (first, last) = (&stats["first_request_ms"], &stats["last_answer_ms"]);
    assert!(first.as_u64() < last.as_u64(), "{first} to {last}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_refused_in_json_and_not_counted() {
    let server = start(FOR_EVER, Options::default()).await;
    let check = async |method: Method, path: &str, status: u16, allow: Option<&str>| {
        let answer = client()
            .request(method.clone(), format!("{}{path}", server.url()))
            .send()
            .await
            .unwrap();
        let shown = path.get(..40).unwrap_or(path);
        assert_eq!(answer.status(), status, "{method} {shown}");
        let allowed = answer.headers().get("allow").cloned();
        assert_eq!(allowed.as_ref().map(|a| a.to_str().unwrap()), allow);
        let body: Value = answer.json().await.unwrap();
        assert!(body["error"].is_string(), "{method} {shown}: {body}");
    };
    check(Method::GET, "/api/crawl", 400, None).await;
    check(Method::GET, "/api/crawl?url=", 400, None).await;
    check(Method::GET, "/api/crawl?url=%zz", 400, None).await;
    check(Method::GET, "/api/crawl?url=%ff", 400, None).await;
    check(Method::GET, "/api/crawl?url=a&url=b", 400, None).await;
    let huge = format!("/api/crawl?url={}", "a".repeat(8193));
    check(Method::GET, &huge, 414, None).await;
    check(Method::GET, "/", 404, None).await;
    check(Method::GET, "/api", 404, None).await;
    check(Method::DELETE, "/api/crawl/x", 404, None).await;
    let read = Some("GET, HEAD");
    check(Method::POST, "/api/crawl?url=a", 405, read).await;
    check(Method::DELETE, "/api/stats", 405, read).await;
    check(Method::PUT, "/healthz", 405, read).await;
    check(Method::GET, "/api/stats/reset", 405, Some("POST")).await;
    assert_eq!(server.stats().requests, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_head_is_counted_and_answered_without_a_body() {
    let server = start(Duration::ZERO, Options::default()).await;
    let url = format!("{}/api/crawl?url=a", server.url());
    let answer = client().head(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(server.stats().by_url["a"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_reset_forgets_what_was_asked_but_not_what_is_in_flight() {
    let server = start(Duration::from_secs(1), Options::default()).await;
    let in_flight = tokio::spawn({
        let base = server.url();
        async move { join_all(["a", "b"].map(|url| crawl(&base, url))).await }
    });
    until("two are in flight", async || server.stats().in_flight == 2).await;
    let answer = client()
        .post(format!("{}/api/stats/reset", server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({"reset": true})
    );
    let stats = server.stats();
    assert_eq!((stats.requests, stats.distinct), (0, 0));
    assert_eq!((stats.in_flight, stats.max_in_flight), (2, 2));
    for (status, _) in in_flight.await.unwrap() {
        assert_eq!(status, StatusCode::OK);
    }
    let stats = server.stats();
    assert_eq!((stats.in_flight, stats.max_in_flight), (0, 2));
    assert_eq!(stats.last_answer_ms, None);
    server.stop().await;
}

#[tokio::test]
async fn the_same_seed_fails_the_same_requests_whatever_their_order() {
    let urls: Vec<_> = (0..40)
        .map(|n| format!("https://example.com/{n}"))
        .collect();
    let statuses = async |urls: Vec<String>, seed| {
        let options = Options {
            failure_rate: FailureRate::new(0.5).unwrap(),
            seed,
            ..Options::default()
        };
        let server = start(Duration::ZERO, options).await;
        let mut statuses = Vec::new();
        for url in urls.iter().chain(&urls) {
            let (status, _) = crawl(&server.url(), url).await;
            statuses.push((url.clone(), status));
        }
        server.stop().await;
        // Stable, so that the first request of a URL stays before its second.
        statuses.sort_by(|one, other| one.0.cmp(&other.0));
        statuses
    };
    let first = statuses(urls.clone(), 7).await;
    let backwards = urls.iter().rev().cloned().collect();
    assert_eq!(first, statuses(backwards, 7).await);
    assert_ne!(first, statuses(urls, 8).await);
}

#[tokio::test]
async fn callers_who_hang_up_are_no_longer_in_flight_and_have_no_answer() {
    let server = start(FOR_EVER, Options::default()).await;
    let callers = join_all((0..200).map(|n| ask(server.address(), n))).await;
    until("all are in flight", async || {
        server.stats().in_flight == 200
    })
    .await;
    drop(callers);
    until("none is in flight", async || server.stats().in_flight == 0).await;
    let stats = server.stats();
    assert_eq!((stats.hung_up, stats.max_in_flight), (200, 200));
    assert_eq!(stats.last_answer_ms, None);
    server.stop().await;
}

#[tokio::test]
async fn garbage_hurts_nobody_and_an_unfinished_head_does_not_hold_a_stop() {
    let server = start(Duration::ZERO, Options::default()).await;
    let check = async |sent: &[u8], expected: &str| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut line = String::new();
        let mut answer = BufReader::new(stream);
        answer.read_line(&mut line).await.unwrap();
        assert!(line.contains(expected), "{line}");
    };
    check(b"\x00\xff\xfe\r\n\r\n", "400").await;
    check(b"GET /healthz HTTP/9.9\r\n\r\n", "400").await;
    check(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "404").await;
    check(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "404").await;
    let long = format!("GET /api/crawl?url={}", "a".repeat(66_000));
    check(long.as_bytes(), "4").await;
    let mut unfinished = TcpStream::connect(server.address()).await.unwrap();
    unfinished.write_all(b"GET /healthz HT").await.unwrap();
    let health = get_json(&format!("{}/healthz", server.url())).await;
    assert_eq!(health["service"], "slow-api");
    in_time("the stop", server.stop()).await;
}

#[tokio::test]
async fn at_rate_one_the_program_fails_every_request_as_it_was_told() {
    let service = Service::spawn(&[
        "--delay-ms=10",
        "--jitter-ms=10",
        "--failure-rate=1.0",
        "--failure-status=503",
        "--retry-after=7",
    ])
    .await;
    for n in 0..10 {
        let url = format!("{}/api/crawl?url={n}", service.url);
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "7");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    assert_eq!(service.stats().await["failures"], 10);
}

#[tokio::test]
async fn a_port_in_use_and_a_bad_flag_are_clear_errors() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let check = async |flag: &str, value: &str, expected: &[&str]| {
        let ended = Command::new(tests::program("slow-api"))
            .args([flag, value])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        for part in expected {
            assert!(said.contains(part), "{said}");
        }
    };
    check(
        "--port",
        &port,
        &[&port, "in use", "another port with --port"],
    )
    .await;
    check("--failure-rate", "2", &["'2' is no number from 0.0 to 1.0"]).await;
    check("--failure-status", "200", &["'200' is no status"]).await;
    check("--address", "192.0.2.1", &["192.0.2.1", "--address"]).await;
}

#[tokio::test]
async fn a_signal_lets_the_answers_in_flight_be_finished() {
    for signal in ["INT", "TERM"] {
        let mut service = Service::spawn(&["--delay-ms=1000"]).await;
        let base = service.url.clone();
        let answer = tokio::spawn(async move { crawl(&base, "a").await });
        service.until_in_flight(1).await;
        service.signal(signal).await;
        assert!(service.said().await.contains("1 in flight"));
        let (status, body) = answer.await.unwrap();
        assert_eq!(
            (status, &body["message"]),
            (StatusCode::OK, &json!("Processed a"))
        );
        assert_eq!(service.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_program_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut service = Service::spawn(&["--delay-ms=3600000"]).await;
        let address = service.address();
        let _caller = ask(address, 0).await;
        service.until_in_flight(1).await;
        service.signal("INT").await;
        service.said().await;
        service.signal(signal).await;
        assert_eq!(service.ended().await.code(), Some(code));
    }
}

#[tokio::test]
async fn without_file_descriptors_the_program_says_so_and_still_stops() {
    let path = tests::program("slow-api");
    let script = format!("ulimit -n 40 && exec '{}' --port=0", path.display());
    let mut service = Service::of(Command::new("sh").args(["-c", &script])).await;
    assert!(service.said().await.contains("only 40 files may be open"));
    let callers = (0..60).map(|_| TcpStream::connect(service.address()));
    let _callers = join_all(callers).await;
    assert!(service.said().await.contains("cannot accept connections"));
    service.signal("TERM").await;
    assert_eq!(service.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_closed_stdout_does_not_end_the_program() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let _child = Command::new(tests::program("slow-api"))
        .args(["--port", &port.to_string()])
        .stdout(writer)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let health = format!("http://127.0.0.1:{port}/healthz");
    for _ in 0..2 {
        until("it answers", async || {
            client().get(&health).send().await.is_ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_standard_error_that_takes_nothing_does_not_end_the_service() {
    let path = tests::program("slow-api");
    for target in ["2>&-", "2>/dev/full"] {
        let script = format!(
            "RUST_LOG=trace exec '{}' --port=0 --delay-ms=0 {target}",
            path.display()
        );
        let mut service = Service::of(Command::new("sh").args(["-c", &script])).await;
        for url in ["a", "b"] {
            let (status, _) = crawl(&service.url, url).await;
            assert_eq!(status, StatusCode::OK, "{target}");
        }
        service.signal("TERM").await;
        assert_eq!(service.ended().await.code(), Some(0), "{target}");
    }
}

#[tokio::test]
async fn ten_thousand_requests_are_in_flight_at_once() {
    let open_files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let callers = 10_000;
    assert!(
        open_files >= callers + 500,
        "the hard limit of open files is {open_files}; raise it with 'ulimit -n 11000' as root"
    );
    // A process of its own: both ends here would take twice the open files.
    let service = Service::spawn(&["--delay-ms=4000"]).await;
    let address = service.address();
    let mut streams = Vec::new();
    for _ in 0..callers {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&request(n)).await.unwrap();
    }
    let answers = streams.into_iter().map(async |mut stream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 200")
    });
    let answers = in_time("all answers", join_all(answers)).await;
    assert!(answers.into_iter().all(|is_success| is_success));
    let stats = service.stats().await;
    assert_eq!(stats["max_in_flight"], callers);
    assert_eq!(stats["requests"], callers);
    assert_eq!(stats["distinct"], callers);
}

/// The program as a process of its own, on a free port.
struct Service {
    child: Child,
    url: String,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl Service {
    async fn spawn(flags: &[&str]) -> Self {
        let program = tests::program("slow-api");
        Self::of(Command::new(program).args(["--port=0"]).args(flags)).await
    }

    async fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo build --bins has run");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = in_time("the first line", lines.next_line()).await.unwrap();
        let line = line.expect("it says where it listens");
        let url = line.strip_prefix("slow-api listening on ").unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            url: url.to_owned(),
            child,
            stderr,
        }
    }

    fn address(&self) -> SocketAddr {
        let address = self.url.strip_prefix("http://").unwrap();
        address.parse().unwrap()
    }

    async fn stats(&self) -> Value {
        get_json(&format!("{}/api/stats", self.url)).await
    }

    async fn until_in_flight(&self, count: u64) {
        until("they are in flight", async || {
            self.stats().await["in_flight"] == count
        })
        .await;
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(sent.unwrap().success());
    }

    async fn said(&mut self) -> String {
        let line = in_time("a line on stderr", self.stderr.next_line()).await;
        line.unwrap().expect("it says something")
    }

    async fn ended(&mut self) -> ExitStatus {
        in_time("the end", self.child.wait()).await.unwrap()
    }
}

async fn start(delay: Duration, options: Options) -> Server {
    let options = Options {
        port: 0,
        delay,
        ..options
    };
    slow_api::start(options).await.expect("port 0 is free")
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn crawl(base: &str, url: &str) -> (StatusCode, Value) {
    let answer = client()
        .get(format!("{base}/api/crawl"))
        .query(&[("url", url)])
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn get_json(url: &str) -> Value {
    let answer = client().get(url).send().await.unwrap();
    answer.json().await.unwrap()
}

/// Sends a request and leaves its answer to the caller.
async fn ask(address: SocketAddr, n: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request(n)).await.unwrap();
    stream
}

fn request(n: usize) -> Vec<u8> {
    format!("GET /api/crawl?url={n} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    in_time(what, async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took over {DEADLINE:?}"))
}
