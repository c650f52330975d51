//! The HTTP client: connections that are kept, to addresses that its names allow, over TLS where the URL asks for it.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::resolve::Checked;
use super::{FetchError, causes};
use crate::web_url::WebUrl;

/// How long an idle connection is kept.
const KEPT_IDLE: Duration = Duration::from_secs(30);
/// All headers of an answer in HTTP/2 together. Source: the order of what browsers and servers bear.
const HEAD_BYTES_MAX: u32 = 256 * 1024;
/// A connection on which nothing is acknowledged for so long is given up: in HTTP/2 all requests to its host would go on it.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// How often a request is sent again that its server did not begin with.
const AGAIN_MAX: usize = 2;

/// Asks for URLs. Its clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct Client(legacy::Client<Connector, Empty<Bytes>>);

impl Client {
    /// Makes one that gives up a connection that is not made within `connect`.
    pub(super) fn new(names: Checked, connect: Duration, tls: ClientConfig) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(KEPT_IDLE)
            .pool_timer(TokioTimer::new())
            .http2_max_header_list_size(HEAD_BYTES_MAX);
        Self(builder.build(Connector::new(names, connect, tls)))
    }

    /// Asks for a URL with these headers and its host; returns the answer when its head is there.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when none comes.
    pub(super) async fn get(
        &self,
        url: &WebUrl,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, FetchError> {
        let uri = Uri::try_from(url.as_str());
        let uri = uri.map_err(|error| FetchError::Protocol(error.to_string()))?;
        let mut again = 0;
        loop {
            let mut request = Request::new(Empty::new());
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            match self.0.request(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) if again < AGAIN_MAX && causes::was_not_begun(&error) => again += 1,
                Err(error) => return Err(FetchError::of(&error)),
            }
        }
    }
}

/// Returns how connections are secured: with certificates that the system trusts.
///
/// # Errors
///
/// [`rustls::Error`] when those can't be read.
pub(super) fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?;
    Ok(builder.with_no_client_auth())
}

type Https = HttpsConnector<HttpConnector<Checked>>;
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type AnyError = Box<dyn Error + Send + Sync>;

/// Makes connections within their time, which the name and the handshake of TLS are part of.
#[derive(Clone)]
struct Connector(Arc<Connecting>);

struct Connecting {
    https: Https,
    time: Duration,
}

impl Connector {
    fn new(names: Checked, time: Duration, tls: ClientConfig) -> Self {
        let mut http = HttpConnector::new_with_resolver(names);
        http.enforce_http(false);
        http.set_nodelay(true);
        #[cfg(target_os = "linux")]
        http.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
        // Each address of a name has its share.
        http.set_connect_timeout(Some(time));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        Self(Arc::new(Connecting { https, time }))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("time", &self.0.time)
            .finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, AnyError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = Arc::clone(&self.0);
        Box::pin(async move {
            let mut https = connecting.https.clone();
            let made = async {
                poll_fn(|task| https.poll_ready(task)).await?;
                https.call(uri).await
            };
            let made = timeout(connecting.time, made).await;
            made.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        })
    }
}
