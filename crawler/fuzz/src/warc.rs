//! The laws of the writer of archives, judged by a reader that shares nothing with it:
//!
//! * what is written is read back equal, each record from a member of its own;
//! * whatever bytes a URI, a date, a line, a name or a value holds, there are as many fields and headers as were given, and
//!   no others;
//! * a body's length is told by no header that does not hold.

use crawler::warc::{Digest, Kind, Record, RecordId, RequestHead, ResponseHead};

use super::parts::Parts;
use reader::{Found, read};

mod reader;

/// The most headers of one head.
const HEADERS_MAX: u8 = 12;

/// What was asked and answered.
#[derive(Debug)]
struct Exchange<'d> {
    uri: String,
    date: String,
    target: String,
    status: u16,
    is_http_1_0: bool,
    reason: &'d [u8],
    headers: Vec<(String, &'d [u8])>,
    body: &'d [u8],
}

impl<'d> Exchange<'d> {
    fn of(data: &'d [u8]) -> Self {
        let mut parts = Parts::new(data);
        let (uri, date, target) = (parts.text(), parts.text(), parts.text());
        let (status, is_http_1_0) = (100 + u16::from(parts.byte()), parts.byte() % 2 == 1);
        let (reason, count) = (parts.part(), parts.byte() % HEADERS_MAX);
        let headers = (0..count).map(|_| (parts.text(), parts.part())).collect();
        let body = parts.rest();
        Self {
            uri,
            date,
            target,
            status,
            is_http_1_0,
            reason,
            headers,
            body,
        }
    }
}

/// Writes what the bytes make an exchange of, and reads it back.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(data: &[u8]) {
    let exchange = Exchange::of(data);
    let headers: Vec<_> = exchange
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let answer = ResponseHead {
        is_http_1_0: exchange.is_http_1_0,
        status: exchange.status,
        reason: exchange.reason,
        headers: &headers,
        body_len: exchange.body.len(),
    };
    let answer = answer.to_bytes();
    let request = RequestHead {
        target: &exchange.target,
        headers: &headers,
    };
    let request = request.to_bytes();
    let written = [
        (Kind::Response, [&*answer, exchange.body]),
        (Kind::Request, [&*request, b""]),
        (Kind::Metadata, [exchange.body, data]),
    ];
    let mut file = Vec::new();
    for (number, (kind, block)) in (1..).zip(written) {
        let record = Record::new(kind, RecordId::of(number), &exchange.date, block);
        file.extend(record.with("WARC-Target-URI", &exchange.uri).to_member());
    }

    let found = read(&file);
    assert_eq!(found.len(), written.len());
    let kinds = ["response", "request", "metadata"];
    for (number, ((found, kind), (_, block))) in (1..).zip(found.iter().zip(kinds).zip(written)) {
        assert_eq!(found.field("WARC-Type"), Some(kind));
        check_record(found, &exchange, RecordId::of(number), &block.concat());
    }
    let version = if exchange.is_http_1_0 { "1.0" } else { "1.1" };
    let first = format!("HTTP/{version} {} ", exchange.status).into_bytes();
    let first = [&*first, &spaced(exchange.reason)].concat();
    let kept = |name: &str, value: &[u8]| {
        let is_length = name.eq_ignore_ascii_case("content-length");
        let is_wrong = is_length && value != exchange.body.len().to_string().as_bytes();
        !is_wrong && !name.eq_ignore_ascii_case("transfer-encoding")
    };
    check_http(&found[0], &first, &headers, kept);
    assert!(found[0].http().2 == exchange.body);
    let first = [b"GET ", &*spaced(exchange.target.as_bytes()), b" HTTP/1.1"].concat();
    check_http(&found[1], &first, &headers, |_, _| true);
    assert!(found[1].http().2.is_empty());
}

fn check_record(found: &Found, exchange: &Exchange<'_>, id: RecordId, block: &[u8]) {
    assert!(found.block == block, "the block of {id}");
    let names: Vec<_> = found.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, FIELDS);
    let value = |name| found.field(name).map(str::as_bytes);
    assert_eq!(
        value("WARC-Target-URI"),
        Some(&*spaced(exchange.uri.as_bytes()))
    );
    assert_eq!(value("WARC-Date"), Some(&*spaced(exchange.date.as_bytes())));
    assert_eq!(found.field("WARC-Record-ID"), Some(&*id.to_string()));
    let digest = Digest::of(&[block]).to_string();
    assert_eq!(found.field("WARC-Block-Digest"), Some(&*digest));
}

/// The fields of a record, in their order.
const FIELDS: [&str; 7] = [
    "WARC-Type",
    "WARC-Record-ID",
    "WARC-Date",
    "Content-Type",
    "WARC-Target-URI",
    "WARC-Block-Digest",
    "Content-Length",
];

/// Holds a head against its first line and its headers, of which some are kept under another name.
fn check_http(
    found: &Found,
    first: &[u8],
    headers: &[(&str, &[u8])],
    is_kept: impl Fn(&str, &[u8]) -> bool,
) {
    let (line, lines, _) = found.http();
    assert!(line == first, "{}", line.escape_ascii());
    assert_eq!(lines.len(), headers.len());
    for ((found_name, found_value), (name, value)) in lines.iter().zip(headers) {
        let before: &[u8] = if is_kept(name, value) {
            b""
        } else {
            b"X-Orig-"
        };
        let expected = [before, &spaced(name.as_bytes()), b": ", &spaced(value)].concat();
        // A name may hold what separates it from its value.
        let found = [&**found_name, b": ", found_value].concat();
        assert!(found == expected, "{}", found.escape_ascii());
    }
}

/// Returns what is written of bytes that could end a line.
fn spaced(bytes: &[u8]) -> Vec<u8> {
    let spaced = bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' | 0 => b' ',
        byte => *byte,
    });
    spaced.collect()
}
