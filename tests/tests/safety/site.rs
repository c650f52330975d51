//! A site at an address of one's choice, whose answers are made for each request.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The site; dropping it ends it.
pub(crate) struct Site {
    port: u16,
    task: JoinHandle<()>,
}

impl Site {
    /// Starts one; `reply` is given the host and the path, and each connection bears one request.
    pub(crate) async fn start(
        address: Ipv4Addr,
        reply: impl Fn(&str, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0))
            .await
            .expect("the port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let reply = Arc::new(reply);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let reply = Arc::clone(&reply);
                tokio::spawn(async move {
                    let (reader, mut writer) = stream.split();
                    let mut lines = BufReader::new(reader).lines();
                    let (mut path, mut host) = (String::new(), String::new());
                    while let Ok(Some(line)) = lines.next_line().await
                        && !line.is_empty()
                    {
                        if path.is_empty() {
                            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                        } else if let Some(named) = line.to_lowercase().strip_prefix("host: ") {
                            host = named.split(':').next().unwrap_or_default().to_owned();
                        }
                    }
                    let _hung_up = writer.write_all(reply(&host, &path).as_bytes()).await;
                });
            }
        });
        Self { port, task }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a page that links to these URLs.
pub(crate) fn page(links: &[String]) -> String {
    let links: String = links
        .iter()
        .map(|url| format!("<a href=\"{url}\">x</a>\n"))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{links}",
        links.len()
    )
}

/// An answer that leads elsewhere.
pub(crate) fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 X\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

/// An answer that there is nothing.
pub(crate) fn nothing() -> String {
    "HTTP/1.1 404 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()
}
