//! One record: its named fields and its block, as a gzip member.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::http::push_guarded;
use super::{Digest, RecordId};

/// The profile of a revisit whose payload an earlier record holds. Source: WARC 1.1 §6.7.2.
pub const IDENTICAL_PAYLOAD: &str =
    "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The first of a file: who wrote it, and how.
    Warcinfo,
    /// What a server answered.
    Response,
    /// What a server answered, but for a payload that an earlier record holds.
    Revisit,
    /// What it was asked.
    Request,
    /// What else is known.
    Metadata,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Warcinfo => "warcinfo",
            Self::Response => "response",
            Self::Revisit => "revisit",
            Self::Request => "request",
            Self::Metadata => "metadata",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Warcinfo => "application/warc-fields",
            Self::Response | Self::Revisit => "application/http; msgtype=response",
            Self::Request => "application/http; msgtype=request",
            Self::Metadata => "application/json",
        }
    }
}

/// One record.
///
/// ```
/// use crawler::warc::{Kind, Record, RecordId};
///
/// let record = Record::new(Kind::Metadata, RecordId::of(1), "2024-01-01T00:00:00Z", [b"{}", b""])
///     .with("WARC-Target-URI", "http://h/\r\nWARC-Type: forged");
/// let text = String::from_utf8(record.to_bytes())?;
/// assert!(text.starts_with("WARC/1.1\r\nWARC-Type: metadata\r\n"));
/// assert!(text.contains("\r\nWARC-Target-URI: http://h/  WARC-Type: forged\r\n"));
/// assert!(text.ends_with("\r\nContent-Length: 2\r\n\r\n{}\r\n\r\n"));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Record<'a> {
    head: Vec<u8>,
    block: [&'a [u8]; 2],
}

impl<'a> Record<'a> {
    /// Makes a record whose block is these two parts in a row. The date is as RFC 3339 has it, in UTC.
    #[must_use]
    pub fn new(kind: Kind, id: RecordId, date: &str, block: [&'a [u8]; 2]) -> Self {
        let head = b"WARC/1.1\r\n".to_vec();
        let record = Self { head, block };
        let record = record.with("WARC-Type", kind.as_str());
        let record = record.with("WARC-Record-ID", &id.to_string());
        let record = record.with("WARC-Date", date);
        record.with("Content-Type", kind.content_type())
    }

    /// Adds a field. What would end it, or forge another, is written as a space.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.head.extend_from_slice(name.as_bytes());
        self.head.extend_from_slice(b": ");
        push_guarded(&mut self.head, value.as_bytes());
        self.head.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a field, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Writes it as it is.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = self.head.len() + self.block.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(len + 150);
        bytes.extend_from_slice(&self.whole_head());
        for part in self.block {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(END);
        bytes
    }

    /// Writes it as a gzip member, which has neither time nor name.
    #[must_use]
    pub fn to_member(&self) -> Vec<u8> {
        let mut member = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        for part in [&*self.whole_head(), self.block[0], self.block[1], END] {
            // Writing to memory does not fail.
            let _written = member.write_all(part);
        }
        member.finish().unwrap_or_default()
    }

    fn whole_head(&self) -> Vec<u8> {
        let len: usize = self.block.iter().map(|part| part.len()).sum();
        let mut whole = self.clone();
        whole = whole.with("WARC-Block-Digest", &Digest::of(&self.block).to_string());
        whole = whole.with("Content-Length", &len.to_string());
        whole.head.extend_from_slice(b"\r\n");
        whole.head
    }
}

/// What ends a record. Source: WARC 1.1 §4.
const END: &[u8] = b"\r\n\r\n";

/// How hard gzip tries. On pages of 2 to 100 kB the usual 6 takes up to twice as long for three in a hundred less.
const LEVEL: u32 = 4;
