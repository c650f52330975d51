//! A reader of archives for tests, which shares nothing with what writes them.

use std::io::Read;

use flate2::bufread::GzDecoder;

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) fields: Vec<(String, String)>,
    pub(super) block: Vec<u8>,
}

/// The name and the value of a header, as they stand.
pub(super) type Header = (Vec<u8>, Vec<u8>);

impl Found {
    /// Returns the only field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|(found, _)| found == name);
        let (first, second) = (all.next(), all.next());
        assert_eq!(second, None, "{name} stands there twice");
        first.map(|(_, value)| value.as_str())
    }

    /// Splits the block of an answer or a request: its first line, its headers, its body.
    pub(super) fn http(&self) -> (Vec<u8>, Vec<Header>, Vec<u8>) {
        let (head, body) = split(&self.block, b"\r\n\r\n");
        let mut lines = lines(head);
        let first = lines.remove(0);
        let headers = lines.iter().map(|line| {
            let (name, value) = split(line, b": ");
            (name.to_vec(), value.to_vec())
        });
        (first, headers.collect(), body.to_vec())
    }
}

/// Reads all records of a file.
pub(super) fn read(mut file: &[u8]) -> Vec<Found> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let mut member = GzDecoder::new(file);
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        file = member.into_inner();
        records.push(record(&bytes));
    }
    records
}

fn record(bytes: &[u8]) -> Found {
    let (head, rest) = split(bytes, b"\r\n\r\n");
    let mut lines = lines(head);
    assert_eq!(lines.remove(0), b"WARC/1.1");
    let fields = lines.into_iter().map(|line| {
        let line = String::from_utf8(line).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    });
    let found = Found {
        fields: fields.collect(),
        block: Vec::new(),
    };
    let len: usize = found.field("Content-Length").unwrap().parse().unwrap();
    assert_eq!(&rest[len..], b"\r\n\r\n");
    let block = rest[..len].to_vec();
    Found { block, ..found }
}

fn lines(head: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut rest) = (Vec::new(), head);
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(rest[..at].to_vec());
        rest = &rest[at + 2..];
    }
    lines.push(rest.to_vec());
    lines
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = bytes.windows(at.len()).position(|part| part == at).unwrap();
    (&bytes[..found], &bytes[found + at.len()..])
}
