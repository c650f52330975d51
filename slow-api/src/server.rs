//! The running service: its socket, its counts, and the task that owns its connections.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connections::serve;
use crate::counts::Snapshot;
use crate::options::Options;
use crate::routes::routes;
use crate::stats::Stats;

/// Connections that may wait to be accepted: thousands connect at once. The system may allow fewer.
const BACKLOG: u32 = 16_384;
/// How long a stop waits, past the longest answer, for that answer to be written and read.
const GRACE: Duration = Duration::from_secs(2);

/// A service that listens; dropping it stops it.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use slow_api::Options;
///
/// let server = slow_api::start(Options { port: 0, ..Options::default() }).await?;
/// let health = reqwest::get(format!("{}/healthz", server.url())).await?.text().await?;
/// assert!(health.contains("slow-api"));
/// server.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stats: Stats,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Returns the address it listens on, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns its counts; with a million URLs this takes a second, and holds requests up for some 40 ms.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Waits until it has ended by itself: it never does, unless its task panicked.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn ended(&mut self) {
        // The task holds the other end for as long as it lives.
        self.stop.closed().await;
    }

    /// Stops listening and waits for the answers in flight, at most two seconds past the longest delay.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on when the future is dropped.
    pub async fn stop(self) {
        let _already_ended = self.stop.send(());
        if self.task.await.is_err() {
            tracing::error!("the service panicked");
        }
    }
}

/// Why the service did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("port {} is in use on {}", .address.port(), .address.ip())]
    PortInUse {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Starts the service in a task.
///
/// Each request in flight takes a file descriptor: a process that wants thousands raises its limit first, as the
/// program `slow-api` does.
///
/// # Errors
///
/// [`StartError::PortInUse`] when another program listens there, [`StartError::Listen`] when the address is not
/// ours or the port is not for us.
///
/// # Panics
///
/// Outside a Tokio runtime.
///
/// # Cancel safety
///
/// It does not wait: once it was polled, it is done.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::time::Duration;
/// use slow_api::Options;
///
/// let server = slow_api::start(Options {
///     port: 0,
///     delay: Duration::from_millis(10),
///     ..Options::default()
/// })
/// .await?;
/// let url = format!("{}/api/crawl?url=https%3A%2F%2Fexample.com", server.url());
/// let answer = reqwest::get(url).await?.text().await?;
/// assert_eq!(answer, r#"{"message":"Processed https://example.com"}"#);
/// assert_eq!(server.stats().by_url["https://example.com"], 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn start(options: Options) -> Result<Server, StartError> {
    let wanted = SocketAddr::new(options.address, options.port);
    let listener = listen(wanted).map_err(|source| refused(wanted, source))?;
    let address = listener
        .local_addr()
        .map_err(|source| refused(wanted, source))?;
    let stats = Stats::new();
    let (stop, stopped) = oneshot::channel();
    let patience = options
        .delay
        .saturating_add(options.jitter)
        .saturating_add(GRACE);
    let routes = routes(options, stats.clone());
    let task = tokio::spawn(serve(listener, routes, stopped, patience));
    Ok(Server {
        address,
        stats,
        stop,
        task,
    })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn refused(address: SocketAddr, source: std::io::Error) -> StartError {
    if source.kind() == std::io::ErrorKind::AddrInUse {
        StartError::PortInUse { address, source }
    } else {
        StartError::Listen { address, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ended_by_itself_is_noticed_and_one_that_serves_is_not() {
        let options = Options {
            port: 0,
            ..Options::default()
        };
        let mut server = start(options).await.expect("port 0 is free");
        let at_once = tokio::time::timeout(Duration::ZERO, server.ended());
        assert!(at_once.await.is_err(), "it serves");
        server.task.abort();
        let noticed = tokio::time::timeout(Duration::from_secs(10), server.ended());
        assert!(noticed.await.is_ok(), "nobody serves");
    }
}
