//! The running service: its socket, its counts, and the task that owns its connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connections::{Stop, serve_all};
use crate::counts::Snapshot;
use crate::options::Options;
use crate::respond::Responder;
use crate::routes::routes;
use crate::stats::Stats;
use crate::web::{Host, WebLog, WebSnapshot};

/// Connections that may wait to be accepted: thousands connect at once. The system may allow fewer.
const BACKLOG: u32 = 16_384;
/// How long a stop waits, past the longest answer, for that answer to be written and read.
const GRACE: Duration = Duration::from_secs(2);
/// How often a free port is picked anew because one of the further hosts has it taken.
const PORT_TRIES: usize = 20;

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
    hosts: Vec<SocketAddr>,
    stats: Stats,
    web: WebLog,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Returns the address it listens on, that of its first host, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.hosts[0]
    }

    /// Returns its base URL, that of its first host, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the addresses of all hosts of the local web, the first one included.
    #[must_use]
    pub fn hosts(&self) -> &[SocketAddr] {
        &self.hosts
    }

    /// Returns its counts; with a million URLs this takes a second, and holds requests up for some 40 ms.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Returns what was asked of the local web; with a million URLs this takes as long as [`stats`](Self::stats).
    #[must_use]
    pub fn web_stats(&self) -> WebSnapshot {
        self.web.snapshot()
    }

    /// Begins the counts of the local web anew; what is in flight stays in flight.
    pub fn reset_web_stats(&self) {
        self.web.reset();
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

    /// Stops listening and waits for the answers in flight, at most two seconds past the longest delay; faults that
    /// are played on a bare connection are cut off.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on when the future is dropped.
    pub async fn stop(self) {
        let _already_ended = self.stop.send(true);
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
    let (listeners, hosts) = listen_all(&options)?;
    let (stats, web) = (Stats::new(), WebLog::new(&hosts));
    let (stop, stopped) = watch::channel(false);
    let patience = options
        .delay
        .saturating_add(options.jitter)
        .max(options.web.page_delay)
        .saturating_add(GRACE);
    let routes = routes(options.clone(), stats.clone(), web.clone());
    let responder = |at| Responder {
        routes: routes.clone(),
        host: Arc::new(Host::new(&options, &hosts, at)),
        log: web.of(at),
    };
    let doors = listeners.into_iter().enumerate();
    let doors = doors.map(|(at, listener)| (listener, responder(at)));
    let task = tokio::spawn(serve_all(doors.collect(), Stop(stopped), patience));
    Ok(Server {
        hosts,
        stats,
        web,
        stop,
        task,
    })
}

/// Listens for each host; all have the port of the first.
fn listen_all(options: &Options) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let mut tries = if options.port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_once(options) {
            Err(StartError::PortInUse { .. }) if tries > 0 => {}
            listened => return listened,
        }
    }
}

fn listen_once(options: &Options) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let (mut listeners, mut hosts) = (Vec::new(), Vec::new());
    let mut port = options.port;
    for host in 0..options.web.hosts.as_usize() {
        let wanted = SocketAddr::new(address_of(options.address, host), port);
        let listener = listen(wanted).map_err(|source| refused(wanted, source))?;
        let address = listener.local_addr();
        let address = address.map_err(|source| refused(wanted, source))?;
        port = address.port();
        listeners.push(listener);
        hosts.push(address);
    }
    Ok((listeners, hosts))
}

/// Returns the address that comes so far after the first.
fn address_of(first: IpAddr, host: usize) -> IpAddr {
    match first {
        IpAddr::V4(first) => {
            let host = u32::try_from(host).unwrap_or(u32::MAX);
            Ipv4Addr::from_bits(first.to_bits().wrapping_add(host)).into()
        }
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().wrapping_add(host as u128)).into(),
    }
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
    use crate::web::{HostCount, WebOptions};

    #[tokio::test]
    async fn each_host_has_the_next_address_and_the_same_port() {
        let options = Options {
            port: 0,
            web: WebOptions {
                hosts: HostCount::new(3).expect("three are allowed"),
                ..WebOptions::default()
            },
            ..Options::default()
        };
        let server = start(options).await.expect("port 0 is free");
        let port = server.address().port();
        let expected = [1, 2, 3].map(|last| SocketAddr::from(([127, 0, 0, last], port)));
        assert_eq!(server.hosts(), expected);
        server.stop().await;
    }

    #[test]
    fn a_further_host_has_a_further_address() {
        fn check(first: &str, host: usize, expected: &str) {
            let first = first.parse().expect("it is an address");
            assert_eq!(address_of(first, host).to_string(), expected);
        }
        check("127.0.0.1", 0, "127.0.0.1");
        check("127.0.0.250", 10, "127.0.1.4");
        check("::1", 2, "::3");
    }

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
