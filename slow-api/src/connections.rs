//! Takes connections in and sees each of them to its end; warp's own loop leaves them to themselves, without a
//! limit of time for those that never finish their request.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// How long a request's head may take, and how long a connection may idle before it: past the idle time of the
/// usual clients, so that it is they who close.
const HEAD_TIME_MAX: Duration = Duration::from_secs(120);
/// The most bytes of a head: room for the longest URL with every byte percent-encoded, and its headers.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when no connection can be accepted, for a file descriptor to come free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves the routes until `stop` resolves; then finishes what is in flight, for at most `patience`.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    mut stop: oneshot::Receiver<()>,
    patience: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // A stop comes first: when nothing can be accepted, the listener is always ready to say so.
            biased;
            _sent_or_dropped = &mut stop => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                connections.spawn(connection(stream, routes.clone(), graceful.watcher()));
            }
            Err(error) if is_peers(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept connections: {error}");
                let pause = tokio::time::timeout(ACCEPT_PAUSE, &mut stop);
                if pause.await.is_ok() {
                    break;
                }
            }
        }
    }
    drop(listener);
    let _in_time = tokio::time::timeout(patience, graceful.shutdown()).await;
    connections.abort_all();
    let mut cut_off = 0;
    while let Some(ended) = connections.join_next().await {
        cut_off += usize::from(ended.as_ref().is_err_and(JoinError::is_cancelled));
        report(ended);
    }
    if cut_off > 0 {
        tracing::warn!("connections cut off by the stop: {cut_off}");
    }
}

async fn connection(stream: TcpStream, routes: BoxedFilter<(Response,)>, watcher: Watcher) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection answers late: {error}");
    }
    let service = TowerToHyperService::new(warp::service(routes));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection broke: {error}");
    }
}

fn is_peers(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked: {error}");
    }
}
