//! Floor H: a connection of hyper for each worker, and the scanner.

use std::sync::Arc;

use floors::{Args, Failure, Frontier, crawl, decode, may_follow, resolve, scan};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Connection = SendRequest<Empty<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::read()?;
    let (seed, authority) = args.seed()?;
    crawl(seed.path(), args.workers, |frontier| {
        work(frontier, authority.clone())
    })
    .await
}

async fn work(frontier: Arc<Frontier>, authority: String) -> Result<u64, Failure> {
    let mut connection = connect(&authority).await?;
    let mut bytes = 0;
    while let Some(path) = frontier.next().await {
        let body = fetch(&mut connection, &authority, &path).await?;
        bytes += body.len() as u64;
        let html = str::from_utf8(&body)?;
        let links: Vec<_> = scan(html).map(decode).collect();
        let paths: Vec<_> = links
            .iter()
            .filter_map(|link| resolve(&authority, &path, link))
            .filter(|path| may_follow(path))
            .collect();
        frontier.done(&paths);
    }
    Ok(bytes)
}

async fn connect(authority: &str) -> Result<Connection, Failure> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn fetch(connection: &mut Connection, authority: &str, path: &str) -> Result<Bytes, Failure> {
    connection.ready().await?;
    let request = Request::get(path)
        .header(HOST, authority)
        .body(Empty::new())?;
    let response = connection.send_request(request).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}
