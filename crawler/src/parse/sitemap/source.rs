//! The text of a sitemap, uncompressed and in UTF-8, of which no more is read than there may be, and no more held at once.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

use super::decoded::Decoded;
use crate::policy::sitemaps::{BYTES_MAX, SitemapFault};

/// What begins a stream of gzip. Source: RFC 1952 §2.3.1.
const GZIP: &[u8] = b"\x1f\x8b";
/// How many times as long as it was sent a sitemap may become, once it is longer than a mebibyte: as any body may. What a
/// site generates shrinks to a thirtieth at most.
const RATIO_MAX: usize = 100;
const RATIO_FREE_BYTES: usize = 1024 * 1024;
/// How long one tag, one text or one line may be, in bytes: articles stand in feeds whole.
const TOKEN_BYTES_MAX: usize = 1024 * 1024;

/// The text of a body.
pub(super) struct Source<'b> {
    text: BufReader<Decoded<Capped<'b>>>,
    /// How much was taken since the token began.
    taken: usize,
}

impl<'b> Source<'b> {
    /// Opens a body.
    pub(super) fn open(body: &'b [u8]) -> Result<Self, SitemapFault> {
        let mut capped = Capped::new(body);
        let begin = capped.fill_buf().map_err(|error| fault_of(&error))?;
        let encoding = encoding(begin);
        Ok(Self {
            text: BufReader::new(Decoded::new(capped, encoding)),
            taken: 0,
        })
    }

    /// Skips blanks and returns what follows them, which is not taken.
    pub(super) fn first_byte(&mut self) -> Result<Option<u8>, SitemapFault> {
        loop {
            let text = self.text.fill_buf().map_err(|error| fault_of(&error))?;
            let Some(first) = text.first().copied() else {
                return Ok(None);
            };
            let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace());
            let blanks = blanks.count();
            if blanks == 0 {
                return Ok(Some(first));
            }
            self.text.consume(blanks);
        }
    }

    /// Says that what was taken so far is let go.
    pub(super) const fn begin_token(&mut self) {
        self.taken = 0;
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken > TOKEN_BYTES_MAX {
            return Err(io::Error::other(SitemapFault::TooLong));
        }
        self.text.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
        self.text.consume(amount);
    }
}

/// A body, uncompressed, up to where it may go.
struct Capped<'b> {
    bytes: Box<dyn BufRead + 'b>,
    left: usize,
    /// What it is when it goes beyond.
    beyond: SitemapFault,
}

impl<'b> Capped<'b> {
    fn new(body: &'b [u8]) -> Self {
        let bytes: Box<dyn BufRead + 'b> = if is_gzip(body) {
            Box::new(BufReader::new(MultiGzDecoder::new(body)))
        } else {
            Box::new(body)
        };
        let (left, beyond) = bytes_max(body);
        Self {
            bytes,
            left,
            beyond,
        }
    }
}

impl BufRead for Capped<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.bytes.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::Error::other(self.beyond));
        }
        Ok(&bytes[..bytes.len().min(self.left)])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount;
        self.bytes.consume(amount);
    }
}

impl Read for Capped<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

/// Returns what an error of a source says of the sitemap: what can't be uncompressed is broken.
pub(super) fn fault_of(error: &io::Error) -> SitemapFault {
    let fault = error.get_ref().and_then(|cause| cause.downcast_ref());
    fault.copied().unwrap_or(SitemapFault::Invalid)
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(GZIP)
}

/// Returns how much of a body is read, uncompressed, and what it is when it is longer.
fn bytes_max(body: &[u8]) -> (usize, SitemapFault) {
    let by_ratio = body.len().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
    if is_gzip(body) && by_ratio < BYTES_MAX {
        (by_ratio, SitemapFault::Bomb)
    } else {
        (BYTES_MAX, SitemapFault::TooLong)
    }
}

/// Returns the encoding of a text that begins so: by its mark, then by its declaration; UTF-8 without either.
fn encoding(begin: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(begin) {
        return encoding;
    }
    declared(begin)
        .and_then(Encoding::for_label)
        .unwrap_or(UTF_8)
}

/// Returns what an XML declaration says of the encoding.
fn declared(begin: &[u8]) -> Option<&[u8]> {
    let rest = begin.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = rest.iter().position(|byte| *byte == b'>')?;
    let declaration = &rest[..end];
    let name = b"encoding";
    let at = declaration
        .windows(name.len())
        .position(|word| word == name)?;
    let value = declaration[at + name.len()..].trim_ascii_start();
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    value.split(|byte| byte == quote).next()
}
