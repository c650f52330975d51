//! The laws of the writer, each judged by a reader that shares nothing with it:
//!
//! * what is written is read back equal, each record from a member of its own;
//! * whatever bytes names and values hold, there are as many fields and headers as were given, and no others;
//! * a body's length is told by no header that does not hold.

use proptest::collection::vec;
use proptest::prelude::*;

use super::reader::read;
use super::{Digest, Kind, Record, RecordId, RequestHead, ResponseHead};

/// What a header must not hold, among what it may.
fn wild() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => vec(any::<u8>(), 0..8),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r\n\r\n".to_vec()),
        1 => Just(b"\r\nWARC-Type: response".to_vec()),
        1 => Just(b"\0".to_vec()),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("content-length".to_owned()),
        Just("Transfer-Encoding".to_owned()),
        "[a-z!#$-]{1,12}",
    ]
}

fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec((name(), wild()), 0..8)
}

fn spaced(bytes: &[u8]) -> Vec<u8> {
    let spaced = bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' | 0 => b' ',
        byte => *byte,
    });
    spaced.collect()
}

proptest! {
    #[test]
    fn records_are_read_back_equal(
        blocks in vec((vec(any::<u8>(), 0..2_000), vec(any::<u8>(), 0..2_000), any::<u128>()), 1..5),
        value in "\\PC{0,40}",
    ) {
        let date = "2024-01-02T03:04:05.678Z";
        let mut file = Vec::new();
        for (head, body, id) in &blocks {
            let record = Record::new(Kind::Response, RecordId::of(*id), date, [head, body]);
            file.extend(record.with("WARC-Target-URI", &value).to_member());
        }
        let found = read(&file);
        prop_assert_eq!(found.len(), blocks.len());
        for (found, (head, body, id)) in found.iter().zip(&blocks) {
            let block = [&head[..], body].concat();
            let digest = Digest::of(&[&block]).to_string();
            let id = RecordId::of(*id).to_string();
            prop_assert!(found.block == block);
            prop_assert_eq!(found.field("WARC-Block-Digest"), Some(&*digest));
            prop_assert_eq!(found.field("WARC-Record-ID"), Some(&*id));
            prop_assert_eq!(found.field("WARC-Date"), Some(date));
            prop_assert_eq!(found.field("WARC-Target-URI"), Some(&*value));
        }
    }

    #[test]
    fn no_value_forges_a_field(value in wild()) {
        let value = String::from_utf8_lossy(&value).into_owned();
        let record = Record::new(Kind::Metadata, RecordId::of(1), &value, [b"{}", b""]);
        let found = read(&record.with("WARC-Target-URI", &value).to_member());
        prop_assert_eq!(found[0].fields.len(), 7);
        prop_assert_eq!(found[0].field("WARC-Type"), Some("metadata"));
        let value = spaced(value.as_bytes());
        prop_assert_eq!(found[0].field("WARC-Target-URI").map(str::as_bytes), Some(&*value));
    }

    #[test]
    fn an_answer_is_read_back_with_just_its_headers(
        headers in headers(),
        reason in wild(),
        status in 100_u16..600,
        body in vec(any::<u8>(), 0..50),
    ) {
        let given: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let head = ResponseHead { is_http_1_0: false, status, reason: &reason, headers: &given, body_len: body.len() };
        let head = head.to_bytes();
        let record = Record::new(Kind::Response, RecordId::of(1), "", [&head, &body]);
        let (line, found, rest) = read(&record.to_member())[0].http();
        let expected = [b"HTTP/1.1 ", status.to_string().as_bytes(), b" ", &spaced(&reason)].concat();
        prop_assert!(line == expected);
        prop_assert!(rest == body);
        prop_assert_eq!(found.len(), headers.len());
        for ((name, value), (given, given_value)) in found.iter().zip(&headers) {
            let name = String::from_utf8_lossy(name);
            let is_length = given == "content-length";
            let may_not_hold = is_length || given == "Transfer-Encoding";
            prop_assert_eq!(name.trim_start_matches("X-Orig-"), given);
            prop_assert!(may_not_hold || !name.starts_with("X-Orig-"));
            prop_assert!(*value == spaced(given_value));
            prop_assert!(name != "Transfer-Encoding");
            prop_assert!(name != "content-length" || *value == body.len().to_string().as_bytes());
        }
    }

    #[test]
    fn a_request_is_read_back_with_just_its_headers(headers in headers(), target in wild()) {
        let given: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let target = String::from_utf8_lossy(&target).into_owned();
        let head = RequestHead { target: &target, headers: &given }.to_bytes();
        let record = Record::new(Kind::Request, RecordId::of(1), "", [&head, b""]);
        let (line, found, rest) = read(&record.to_member())[0].http();
        prop_assert!(line == [b"GET ", &*spaced(target.as_bytes()), b" HTTP/1.1"].concat());
        prop_assert!(rest.is_empty());
        let expected: Vec<_> = headers.iter().map(|(name, value)| (name.clone().into_bytes(), spaced(value))).collect();
        prop_assert!(found == expected);
    }
}
