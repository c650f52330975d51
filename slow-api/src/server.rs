//! The routes and the listening socket.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use warp::http::StatusCode;
use warp::{Filter, Reply};

use crate::stats::{Snapshot, Stats};

/// Connections that may wait to be accepted: thousands connect at once.
const BACKLOG: u32 = 16_384;

/// Where to listen and how slow to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// How long each answer takes.
    pub delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 4000,
            delay: Duration::from_secs(4),
        }
    }
}

/// Why the service did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}; choose another port with --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A service that listens; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stats: Stats,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Returns its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns its counts.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Stops listening and waits for the answers in flight.
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

/// Starts the service in a task.
///
/// # Errors
///
/// [`StartError::Listen`] when the address is in use or not ours.
pub async fn start(options: Options) -> Result<Server, StartError> {
    let wanted = SocketAddr::new(options.address, options.port);
    let failed = |source| StartError::Listen {
        address: wanted,
        source,
    };
    let listener = listen(wanted).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let stats = Stats::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = warp::serve(routes(stats.clone(), options.delay))
        .incoming(listener)
        .graceful(async {
            let _dropped = stopped.await;
        });
    let task = tokio::spawn(server.run());
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

fn routes(stats: Stats, delay: Duration) -> warp::filters::BoxedFilter<(impl Reply,)> {
    let (crawl_stats, show_stats, reset_stats) = (stats.clone(), stats.clone(), stats);
    let crawl = warp::path!("api" / "crawl")
        .and(warp::get())
        .and(warp::query::<HashMap<String, String>>())
        .then(move |query| crawl(crawl_stats.clone(), delay, query));
    let show = warp::path!("api" / "stats")
        .and(warp::get())
        .map(move || answer(StatusCode::OK, &json!(show_stats.snapshot())));
    let reset = warp::path!("api" / "stats" / "reset")
        .and(warp::post())
        .map(move || {
            reset_stats.reset();
            answer(StatusCode::OK, &json!({"reset": true}))
        });
    let health = warp::path!("healthz").and(warp::get()).map(|| {
        answer(
            StatusCode::OK,
            &json!({"service": "slow-api", "version": env!("CARGO_PKG_VERSION")}),
        )
    });
    crawl
        .or(show)
        .unify()
        .or(reset)
        .unify()
        .or(health)
        .unify()
        .boxed()
}

async fn crawl(
    stats: Stats,
    delay: Duration,
    query: HashMap<String, String>,
) -> warp::reply::Response {
    let Some(url) = query.get("url").filter(|url| !url.is_empty()) else {
        return answer(
            StatusCode::BAD_REQUEST,
            &json!({"error": "the query parameter 'url' is missing"}),
        );
    };
    let _in_flight = stats.begin(url);
    tokio::time::sleep(delay).await;
    answer(
        StatusCode::OK,
        &json!({"message": format!("Processed {url}")}),
    )
}

fn answer(status: StatusCode, body: &Value) -> warp::reply::Response {
    warp::reply::with_status(warp::reply::json(body), status).into_response()
}
