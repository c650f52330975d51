//! What the stories share: servers, a client that follows nothing, and one that reads bare bytes.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use slow_api::{HostCount, HostSnapshot, Options, Server, WebOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before the test has failed.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn start(web: WebOptions) -> Server {
    let options = Options {
        port: 0,
        delay: Duration::from_millis(50),
        web,
        ..Options::default()
    };
    slow_api::start(options).await.unwrap()
}

pub(crate) fn hosts(count: usize) -> HostCount {
    HostCount::new(count).unwrap()
}

/// Returns the counts of the first host.
pub(crate) fn counts(server: &Server) -> HostSnapshot {
    counts_of(server, 0)
}

pub(crate) fn counts_of(server: &Server, host: usize) -> HostSnapshot {
    let address = server.hosts()[host].to_string();
    server.web_stats().hosts.remove(&address).unwrap()
}

/// Makes a client that follows no redirects.
pub(crate) fn client() -> Client {
    let client = Client::builder().no_proxy().redirect(Policy::none());
    client.build().unwrap()
}

pub(crate) async fn get(server: &Server, path: &str) -> Response {
    let url = format!("{}{path}", server.url());
    in_time(path, client().get(url).send()).await.unwrap()
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name);
    value.map(|value| value.to_str().unwrap())
}

/// How a bare connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Reset,
    /// Not before the reader had read enough.
    Enough,
}

/// Asks by a bare connection and reads at most so many bytes.
pub(crate) async fn read(address: SocketAddr, path: &str, bytes_max: u64) -> (Vec<u8>, Ended) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request(path).as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let mut limited = stream.take(bytes_max);
    let ended = match in_time(path, limited.read_to_end(&mut bytes)).await {
        Ok(_) if limited.limit() == 0 => Ended::Enough,
        Ok(_) => Ended::Closed,
        Err(_) => Ended::Reset,
    };
    (bytes, ended)
}

pub(crate) fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

pub(crate) async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} took over {DEADLINE:?}"))
}
