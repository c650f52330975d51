//! The client: what it sends, whom it connects to, and how its answers are read.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Response, StatusCode, Version};
use hyper_util::client::legacy::connect::HttpInfo;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::client::{self, Client};
use super::places::{Place, Places};
use super::resolve::Checked;
use super::{Body, FetchError, Limits, Memory, Names, NoAnswer, coding, request};
use crate::policy::address::{AllowedAddresses, RefusedAddress, literal};
use crate::web_url::{WebUrl, push_octet};

/// Fetches URLs: no redirect is followed, and no proxy is taken from the environment. At most ten requests are in flight
/// to one address, but for hosts and ports that the user typed.
#[derive(Debug, Clone)]
pub struct Fetcher {
    /// Connects to allowed addresses alone.
    strict: Client,
    /// For hosts and ports that the user typed.
    typed: Client,
    allowed: Arc<AllowedAddresses>,
    checked: Checked,
    places: Places,
    limits: Limits,
    memory: Memory,
    /// What is sent with each request.
    headers: HeaderMap,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The version it came in.
    pub version: Version,
    /// The words beside the status: as they came, or the usual ones where none come.
    pub reason: Vec<u8>,
    /// The address it came from, if the client tells.
    pub address: Option<IpAddr>,
    /// Its body.
    pub body: Body,
    /// From the start of the request to the head of the answer.
    pub latency: Duration,
    /// From the start to the end of the body.
    pub time: Duration,
}

impl Answer {
    /// Returns a header's first value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns where it redirects to. Bytes that are no ASCII, as servers write them against RFC 9110 §10.2.2, stand as
    /// triplets: browsers read them so, whatever their encoding.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let value = self.headers.get(LOCATION)?;
        let mut location = String::with_capacity(value.len());
        for octet in value.as_bytes() {
            if octet.is_ascii() {
                location.push(char::from(*octet));
            } else {
                push_octet(&mut location, *octet);
            }
        }
        Some(location)
    }

    /// Returns all values of a header that are text.
    pub fn headers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }
}

/// What the crawler calls itself to servers.
#[derive(Debug, Clone)]
pub struct UserAgent(HeaderValue);

/// Why a name can't be sent.
#[derive(Debug, Error)]
#[error("the user agent {0:?} can't be sent in a header: use printable ASCII")]
pub struct UserAgentError(String);

impl UserAgent {
    /// Parses the text of a name.
    ///
    /// # Errors
    ///
    /// [`UserAgentError`] when it can't be sent in a header.
    pub fn parse(text: &str) -> Result<Self, UserAgentError> {
        let value = HeaderValue::from_str(text);
        value.map(Self).map_err(|_| UserAgentError(text.to_owned()))
    }
}

/// Why a client can't be set up.
#[derive(Debug, Error)]
#[error("cannot set up the HTTP client")]
pub struct FetcherError(#[source] rustls::Error);

impl Fetcher {
    /// Makes a fetcher that calls itself `user_agent`.
    ///
    /// # Errors
    ///
    /// [`FetcherError`] when the certificates that the system trusts can't be read.
    pub fn new(
        user_agent: &UserAgent,
        names: &Names,
        allowed: AllowedAddresses,
        limits: Limits,
        memory: Memory,
    ) -> Result<Self, FetcherError> {
        let allowed = Arc::new(allowed);
        let headers = request::headers(user_agent.0.clone());
        let tls = client::tls().map_err(FetcherError)?;
        let client = |allowed| {
            let names = names.clone();
            Client::new(Checked { names, allowed }, limits.connect, tls.clone())
        };
        let checked = Checked {
            names: names.clone(),
            allowed: Some(Arc::clone(&allowed)),
        };
        Ok(Self {
            checked,
            places: Places::default(),
            strict: client(Some(Arc::clone(&allowed))),
            typed: client(None),
            allowed,
            limits,
            memory,
            headers,
        })
    }

    /// Makes one that reads bodies of at least so many bytes, for those that are longer than pages; all else is as it is
    /// here.
    #[must_use]
    pub(crate) fn reading(&self, body_bytes: usize) -> Self {
        let limits = Limits {
            body_bytes_max: self.limits.body_bytes_max.max(body_bytes),
            ..self.limits
        };
        Self {
            limits,
            ..self.clone()
        }
    }

    /// Returns the head of the request for a URL, as HTTP/1.1 writes it.
    #[must_use]
    pub fn request_head(&self, url: &WebUrl) -> Vec<u8> {
        request::head(url, &self.headers)
    }

    /// Fetches a URL and reads its body.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], with its reason and how long it was waited for; any status is an answer.
    ///
    /// # Cancel safety
    ///
    /// A fetch that is dropped ends its request.
    pub async fn fetch(&self, url: &WebUrl) -> Result<Answer, NoAnswer> {
        let ready = self.client(url).await;
        let (client, _place) = ready.map_err(|error| NoAnswer {
            error,
            asked: Duration::ZERO,
        })?;
        let start = Instant::now();
        let answer = self.ask(client, url, start).await;
        answer.map_err(|error| NoAnswer {
            error,
            asked: start.elapsed(),
        })
    }

    /// Returns the client for a URL, with a place at its address.
    async fn client(&self, url: &WebUrl) -> Result<(&Client, Option<Place>), FetchError> {
        if self.allowed.is_typed(url) {
            return Ok((&self.typed, None));
        }
        let checked = self.allowed.check_literal(url);
        checked.map_err(FetchError::Address)?;
        Ok((&self.strict, Some(self.place(url).await?)))
    }

    async fn ask(
        &self,
        client: &Client,
        url: &WebUrl,
        start: Instant,
    ) -> Result<Answer, FetchError> {
        let asked = client.get(url, &self.headers);
        let response = timeout_at(start + self.limits.first_byte, asked).await;
        let mut response = response.map_err(|_| FetchError::Timeout)??;
        let latency = start.elapsed();
        let (status, version) = (response.status(), response.version());
        let connection = response.extensions().get::<HttpInfo>();
        let address = connection.map(|connection| connection.remote_addr().ip());
        let reason = reason(&response);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let told =
                "the server answered 101 and speaks another protocol, which it was not asked to";
            return Err(FetchError::Protocol(told.to_owned()));
        }
        let headers = std::mem::take(response.headers_mut());
        let codings =
            coding::codings(&headers).map_err(|error| FetchError::Coding(error.to_string()))?;
        let reserved = self.memory.reserve();
        let body = Body::read(
            response.into_body(),
            &codings,
            &self.limits,
            start,
            reserved,
        )
        .await?;
        Ok(Answer {
            status: status.as_u16(),
            headers,
            version,
            reason,
            address,
            body,
            latency,
            time: start.elapsed(),
        })
    }

    /// Waits for a place at the address of a URL.
    async fn place(&self, url: &WebUrl) -> Result<Place, FetchError> {
        let address = match literal(url) {
            Some(address) => address,
            None => timeout_at(Instant::now() + self.limits.first_byte, self.address(url))
                .await
                .map_err(|_| FetchError::Timeout)??,
        };
        Ok(self.places.at(address).await)
    }

    /// Returns one address of a name. With several it is the least: servers give them in any order, and the hosts of one
    /// farm share its places.
    async fn address(&self, url: &WebUrl) -> Result<IpAddr, FetchError> {
        let found = self.checked.addresses(url.host_str()).await;
        let found = found.map_err(|error| match error.downcast::<RefusedAddress>() {
            Ok(refused) => FetchError::Address(*refused),
            Err(error) => FetchError::Name(error.to_string()),
        })?;
        let least = found.iter().map(|address| address.ip()).min();
        least.ok_or_else(|| FetchError::Name("it has no address".to_owned()))
    }
}

/// Returns the words beside the status; HTTP/2 has none.
fn reason(response: &Response<Incoming>) -> Vec<u8> {
    let usual = response.status().canonical_reason().unwrap_or_default();
    let told = response.extensions().get::<ReasonPhrase>();
    told.map_or_else(
        || usual.as_bytes().to_vec(),
        |told| told.as_bytes().to_vec(),
    )
}
