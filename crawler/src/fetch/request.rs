//! What a server is sent: the same headers for every URL, and its host.

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};

use super::coding::ACCEPTED;
use crate::warc::RequestHead;
use crate::web_url::WebUrl;

/// What pages are asked for as: markup first, anything else all the same.
const ACCEPTED_TYPES: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

/// Returns the headers of each request, in the order in which the client sends them.
pub(super) fn headers(agent: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED_TYPES));
    headers.insert(USER_AGENT, agent);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    headers
}

/// Writes the head of the request for a URL as HTTP/1.1 has it, with the host at its end, as the client has it.
pub(super) fn head(url: &WebUrl, headers: &HeaderMap) -> Vec<u8> {
    let url = url.to_url();
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut host = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        host.push_str(&format!(":{port}"));
    }
    let all = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let all: Vec<_> = all.chain([(HOST.as_str(), host.as_bytes())]).collect();
    let head = RequestHead {
        target: &target,
        headers: &all,
    };
    head.to_bytes()
}
