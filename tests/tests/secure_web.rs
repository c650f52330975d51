//! Sites over TLS: spoken to as they speak, and not at all where nobody vouches for them.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::collections::HashSet;
use std::convert::Infallible;
use std::future;
use std::path::Path;
use std::sync::{Arc, Mutex};

use h2::Reason;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tests::{Authority, Certificate, Crawler, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const HTTP_2: &[&str] = &["h2", "http/1.1"];
const HTTP_1: &[&str] = &["http/1.1"];

/// A site of two pages.
struct Site {
    port: u16,
    /// What was asked, and in which version.
    asked: Arc<Mutex<Vec<(String, Version)>>>,
}

/// Listens with this certificate, and serves each connection in one of these protocols; returns the port.
async fn listen<S>(
    certificate: &Certificate,
    protocols: &[&str],
    serve: impl Fn(TlsStream<TcpStream>) -> S + Clone + Send + 'static,
) -> u16
where
    S: Future<Output = ()> + Send + 'static,
{
    let mut tls = certificate.server();
    let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
    tls.alpn_protocols = protocols.collect();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    });
    port
}

impl Site {
    async fn start(certificate: &Certificate, protocols: &[&str]) -> Self {
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let told = Arc::clone(&asked);
        let port = listen(certificate, protocols, move |stream| {
            let asked = Arc::clone(&told);
            async move {
                let answer = service_fn(|request| {
                    future::ready(Ok::<_, Infallible>(answer(&request, &asked)))
                });
                let _hung_up = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            }
        });
        Self {
            port: port.await,
            asked,
        }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    fn asked(&self) -> Vec<(String, Version)> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(request: &Request<Incoming>, asked: &Mutex<Vec<(String, Version)>>) -> Response<String> {
    let path = request.uri().path().to_owned();
    let (status, body) = match path.as_str() {
        "/" => (200, "<a href=/next>"),
        "/next" => (200, "the end"),
        _ => (404, ""),
    };
    asked.lock().unwrap().push((path, request.version()));
    let answer = Response::builder()
        .status(status)
        .header("content-type", "text/html")
        .body(body.to_owned());
    answer.unwrap()
}

/// Runs the program with the certificates of this file as those of the system; returns its records.
async fn records(arguments: &[&str], trusted: Option<&Path>) -> Vec<Value> {
    let mut command = Command::new(program("crawler"));
    command.args(arguments);
    if let Some(file) = trusted {
        command.env("SSL_CERT_FILE", file);
    }
    let ended = Crawler::spawn(&mut command).ended().await;
    let records = ended.stdout.lines().map(serde_json::from_str);
    records.map(Result::unwrap).collect()
}

/// Fetches these URLs, each once.
async fn listed(urls: &[String], trusted: Option<&Path>) -> Vec<Value> {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&list, urls.join("\n")).unwrap();
    let fetch = ["--urls", list.path().to_str().unwrap(), "--retries", "0"];
    records(&fetch, trusted).await
}

async fn check_is_fetched(protocols: &[&str], expected: Version) {
    let authority = Authority::new();
    let site = Site::start(&authority.certify("DNS:localhost"), protocols).await;
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job");
    let crawl = [
        "crawl",
        &site.url(),
        "--delay",
        "0s",
        "--job",
        job.to_str().unwrap(),
    ];
    let records = records(&crawl, Some(&authority.file())).await;
    let fates: Vec<_> = records.iter().map(|record| &record["fate"]).collect();
    assert_eq!(fates, ["fetched", "fetched"], "{records:?}");
    let asked = site.asked();
    let pages = asked
        .iter()
        .filter(|(path, _)| ["/", "/next"].contains(&path.as_str()));
    assert_eq!(pages.count(), 2, "{asked:?}");
    assert!(
        asked.iter().all(|(_, version)| *version == expected),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_site_that_speaks_http_2_is_crawled_in_it() {
    check_is_fetched(HTTP_2, Version::HTTP_2).await;
}

#[tokio::test]
async fn a_site_that_speaks_http_1_alone_is_crawled_in_it() {
    check_is_fetched(HTTP_1, Version::HTTP_11).await;
}

async fn check_is_refused(name: &str, trusted: Option<&Authority>) {
    let own = Authority::new();
    let authority = trusted.unwrap_or(&own);
    let site = Site::start(&authority.certify(name), HTTP_2).await;
    let file = trusted.map(Authority::file);
    let records = listed(&[site.url()], file.as_deref()).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["reason"], "tls", "{records:?}");
    assert_eq!(site.asked(), []);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    check_is_refused("DNS:localhost", None).await;
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    check_is_refused("DNS:other.test", Some(&Authority::new())).await;
}

/// Answers each request of a connection in HTTP/2 but the first for each path, which it refuses to begin with.
async fn refuse_first(stream: TlsStream<TcpStream>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut refused = HashSet::new();
    while let Some(Ok((request, mut answer))) = connection.accept().await {
        if refused.insert(request.uri().path().to_owned()) {
            answer.send_reset(Reason::REFUSED_STREAM);
        } else {
            answer.send_response(Response::new(()), true).unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_that_the_server_did_not_begin_with_is_sent_again() {
    let authority = Authority::new();
    let certificate = authority.certify("DNS:localhost");
    let port = listen(&certificate, HTTP_2, refuse_first).await;
    let urls = [1, 2, 3].map(|n| format!("https://localhost:{port}/{n}"));
    let records = listed(&urls, Some(&authority.file())).await;
    let fates: Vec<_> = records.iter().map(|record| &record["fate"]).collect();
    assert_eq!(fates, ["fetched"; 3], "{records:?}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_one_without_a_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answered = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _hung_up = answered.and(stream.read_to_end(&mut Vec::new()).await);
        }
    });
    let records = listed(&[url], None).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["reason"], "connect", "{records:?}");
    let message = records[0]["message"].as_str().unwrap();
    assert!(message.contains("corrupt message"), "{message}");
}
