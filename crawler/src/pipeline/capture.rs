//! What a visit leaves for an archive: its records, made where the page is read, so that many are made at once.

use std::time::SystemTime;

use hyper::Version;

use super::record::rfc3339;
use crate::fetch::{Answer, Reserved, Truncated};
use crate::warc::{Digest, IDENTICAL_PAYLOAD, Kind, Record, RecordId, ResponseHead};

/// What was asked and answered.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) url: String,
    /// When, as records have it.
    pub(super) date: String,
    pub(super) id: RecordId,
    pub(super) payload: Digest,
    /// Whether the payload is there to its end, and not empty.
    pub(super) is_whole: bool,
    /// The members of the answer and of what was asked.
    pub(super) response: Vec<u8>,
    pub(super) request: Vec<u8>,
    head: Vec<u8>,
    address: Option<String>,
    protocol: Option<&'static str>,
    /// Its share of the memory for bodies.
    reserved: Option<Reserved>,
}

/// An answer that an archive holds already, with the same payload.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) url: String,
    pub(super) date: String,
    pub(super) id: RecordId,
}

impl Exchange {
    /// Makes the records of an answer, and of the head of its request.
    pub(super) fn of(url: &str, date: &str, answer: &Answer, request: &[u8]) -> Self {
        let (body, truncated) = answer.body.wire();
        let mut exchange = Self {
            url: url.to_owned(),
            date: date.to_owned(),
            id: random_id(),
            payload: Digest::of(&[body]),
            is_whole: truncated.is_none() && !body.is_empty(),
            response: Vec::new(),
            request: Vec::new(),
            head: head(answer, body.len()),
            address: answer.address.map(|address| address.to_string()),
            protocol: (answer.version == Version::HTTP_2).then_some("h2"),
            reserved: None,
        };
        let response = exchange.record(Kind::Response, exchange.id, [&exchange.head, body]);
        let response = response
            .with("WARC-Payload-Digest", &exchange.payload.to_string())
            .with_some("WARC-Truncated", truncated.map(Truncated::as_str))
            .to_member();
        let asked = exchange.record(Kind::Request, random_id(), [request, b""]);
        let asked = asked
            .with("WARC-Concurrent-To", &exchange.id.to_string())
            .to_member();
        (exchange.response, exchange.request) = (response, asked);
        exchange
    }

    /// Takes over the memory of its body, as far as its records take it.
    pub(super) fn hold(&mut self, mut reserved: Option<Reserved>) {
        if let Some(reserved) = &mut reserved {
            reserved.shrink_to(self.response.len() + self.head.len() + self.request.len());
        }
        self.reserved = reserved;
    }

    /// Makes the record that stands in place of the answer's, where an earlier one holds its payload.
    pub(super) fn revisit(&self, of: &Earlier) -> Vec<u8> {
        self.record(Kind::Revisit, self.id, [&self.head, b""])
            .with("WARC-Payload-Digest", &self.payload.to_string())
            .with("WARC-Profile", IDENTICAL_PAYLOAD)
            .with("WARC-Refers-To", &of.id.to_string())
            .with("WARC-Refers-To-Target-URI", &of.url)
            .with("WARC-Refers-To-Date", &of.date)
            .to_member()
    }

    fn record<'a>(&self, kind: Kind, id: RecordId, block: [&'a [u8]; 2]) -> Record<'a> {
        Record::new(kind, id, &self.date, block)
            .with("WARC-Target-URI", &self.url)
            .with_some("WARC-IP-Address", self.address.as_deref())
            .with_some("WARC-Protocol", self.protocol)
    }
}

/// What is archived of one URL: what was asked and answered, if it was, and what is told of it in any case.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    pub(super) exchange: Option<Exchange>,
    /// The member of what is told.
    pub(super) metadata: Vec<u8>,
}

impl Capture {
    /// Begins with what was asked and answered.
    pub(super) fn of(exchange: Exchange) -> Self {
        Self {
            exchange: Some(exchange),
            metadata: Vec::new(),
        }
    }

    /// Adds what is told of the URL as a line of JSON.
    pub(super) fn tell(&mut self, url: &str, line: &str) {
        let exchange = self.exchange.as_ref();
        let now = || rfc3339(SystemTime::now());
        let date = exchange.map_or_else(now, |exchange| exchange.date.clone());
        let concurrent = exchange.map(|exchange| exchange.id.to_string());
        let block = [line.trim_end().as_bytes(), b""];
        let metadata = Record::new(Kind::Metadata, random_id(), &date, block)
            .with("WARC-Target-URI", url)
            .with_some("WARC-Concurrent-To", concurrent.as_deref());
        self.metadata = metadata.to_member();
    }
}

fn head(answer: &Answer, body_len: usize) -> Vec<u8> {
    let headers = answer.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let head = ResponseHead {
        is_http_1_0: answer.version == Version::HTTP_10,
        status: answer.status,
        reason: &answer.reason,
        headers: &headers,
        body_len,
    };
    head.to_bytes()
}

pub(super) fn random_id() -> RecordId {
    RecordId::of(fastrand::u128(..))
}
