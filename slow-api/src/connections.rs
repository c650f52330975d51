//! Takes connections in and sees each of them to its end; warp's own loop leaves them to themselves, without a
//! limit of time for those that never finish their request.

use std::convert::Infallible;
use std::io::{Error, ErrorKind};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::body::AnswerBody;
use crate::play::play;
use crate::respond::{Responded, Responder};

/// How long a request's head may take, and how long a connection may idle before it: past the idle time of the
/// usual clients, so that it is they who close.
const HEAD_TIME_MAX: Duration = Duration::from_secs(120);
/// The most bytes of a head: room for the longest URL with every byte percent-encoded, and its headers.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when no connection can be accepted, for a file descriptor to come free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Hears of the stop: by a word, or by the end of whoever could give it.
#[derive(Debug, Clone)]
pub(crate) struct Stop(pub(crate) watch::Receiver<bool>);

impl Stop {
    async fn heard(&mut self) {
        let _said_or_dropped = self.0.wait_for(|is_stopping| *is_stopping).await;
    }
}

/// Serves each listener by its responder until the stop; then finishes what is in flight, for at most `patience`.
pub(crate) async fn serve_all(
    doors: Vec<(TcpListener, Responder)>,
    stop: Stop,
    patience: Duration,
) {
    let mut served = JoinSet::new();
    for (listener, responder) in doors {
        served.spawn(serve(listener, responder, stop.clone(), patience));
    }
    // The first to end before its time ends all: the others are dropped.
    while let Some(Ok(())) = served.join_next().await {}
}

async fn serve(listener: TcpListener, responder: Responder, mut stop: Stop, patience: Duration) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // A stop comes first: when nothing can be accepted, the listener is always ready to say so.
            biased;
            () = stop.heard() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                connections.spawn(connection(stream, responder.clone(), stop.clone()));
            }
            Err(error) if is_peers(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept connections: {error}");
                let pause = tokio::time::timeout(ACCEPT_PAUSE, stop.heard());
                if pause.await.is_ok() {
                    break;
                }
            }
        }
    }
    drop(listener);
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let _in_time = tokio::time::timeout(patience, finish).await;
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

async fn connection(stream: TcpStream, responder: Responder, mut stop: Stop) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection answers late: {error}");
    }
    let (scripts, mut played) = mpsc::channel(1);
    // Boxed, so that the connection can be taken apart.
    let service = service_fn(move |request| {
        let responded = responder.clone().respond(request, scripts.clone());
        Box::pin(async move {
            Ok::<_, Infallible>(match responded.await {
                Responded::Api(response) => response.map(AnswerBody::Api),
                Responded::Web(response, visit) => {
                    response.map(|bytes| AnswerBody::web(bytes, visit))
                }
            })
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut is_stopping = false;
    let script = loop {
        tokio::select! {
            biased;
            Some(script) = played.recv() => break script,
            () = stop.heard(), if !is_stopping => {
                is_stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!("a connection broke: {error}");
                }
                return;
            }
        }
    };
    // The answers before it are written: the next request is not read before.
    let stream = connection.into_parts().io.into_inner();
    tokio::select! {
        () = play(stream, script) => {}
        () = stop.heard() => {}
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
