//! Content codings: which an answer names, and how each is undone. Source: RFC 9110 §8.4, RFC 9659.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};

/// What is asked for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// Layers that are undone. One is what servers send, two is a proxy that does not look; more is an attack.
const LAYERS_MAX: usize = 2;

/// Decoded bytes behind the end of the coding that was applied first, in which the other is looked at: more than are decoded
/// at a time.
const BEYOND_BYTES_MAX: usize = 64 * 1024;

/// One content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Why a body can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum CodingError {
    #[error("the content coding {0:?} is not known")]
    Unknown(String),
    #[error("more than {LAYERS_MAX} content codings")]
    TooMany,
}

/// Returns the codings in the order they were applied.
pub(super) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, CodingError> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let names = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        for name in names.split(',').map(str::trim) {
            codings.push(match name {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                other => return Err(CodingError::Unknown(other.chars().take(40).collect())),
            });
        }
    }
    if codings.len() > LAYERS_MAX {
        return Err(CodingError::TooMany);
    }
    Ok(codings)
}

/// What a body is read from.
pub(super) type Reader<'a> = Pin<Box<dyn AsyncBufRead + Send + 'a>>;

/// Undoes the codings, the one applied last first. What is empty has none, whatever its head says.
pub(super) async fn undo<'a>(mut reader: Reader<'a>, codings: &[Coding]) -> io::Result<Reader<'a>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(reader);
    }
    for (layer, coding) in codings.iter().rev().enumerate() {
        let beyond = if layer > 0 { BEYOND_BYTES_MAX } else { 0 };
        reader = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                buffered(decoder, GzipDecoder::get_mut, beyond)
            }
            Coding::Brotli => buffered(BrotliDecoder::new(reader), BrotliDecoder::get_mut, beyond),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new(reader);
                decoder.multiple_members(true);
                buffered(decoder, ZstdDecoder::get_mut, beyond)
            }
            // Named for the format within zlib, and sent without zlib by some: the first byte tells.
            Coding::Deflate => {
                let is_zlib = reader
                    .fill_buf()
                    .await?
                    .first()
                    .is_some_and(|b| b & 0x0f == 8);
                if is_zlib {
                    buffered(ZlibDecoder::new(reader), ZlibDecoder::get_mut, beyond)
                } else {
                    buffered(DeflateDecoder::new(reader), DeflateDecoder::get_mut, beyond)
                }
            }
        };
    }
    Ok(reader)
}

fn buffered<'a, D>(decoder: D, beneath: fn(&mut D) -> &mut Reader<'a>, beyond: usize) -> Reader<'a>
where
    D: AsyncRead + Unpin + Send + 'a,
{
    Box::pin(BufReader::new(Beyond {
        decoder,
        beneath,
        left: beyond,
    }))
}

/// A decoder that reads on beneath it when it has come to its end. What is broken there would else be seen where it came in
/// one piece with that end, and not where it came later.
struct Beyond<'a, D> {
    decoder: D,
    beneath: fn(&mut D) -> &mut Reader<'a>,
    /// Bytes that are still looked at.
    left: usize,
}

impl<D: AsyncRead + Unpin> AsyncRead for Beyond<'_, D> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut this.decoder).poll_read(task, buffer))?;
        let is_end = buffer.filled().len() == filled && buffer.remaining() > 0;
        while is_end && this.left > 0 {
            let mut beneath = (this.beneath)(&mut this.decoder).as_mut();
            let piece = ready!(beneath.as_mut().poll_fill_buf(task))?.len();
            if piece == 0 {
                this.left = 0;
            }
            let seen = piece.min(this.left);
            beneath.consume(seen);
            this.left -= seen;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn check(values: &[&'static str], expected: &Result<Vec<Coding>, CodingError>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        assert_eq!(&codings(&headers), expected, "{values:?}");
    }

    #[test]
    fn codings_are_read_in_the_order_they_were_applied() {
        check(&[], &Ok(vec![]));
        check(&["identity"], &Ok(vec![]));
        check(&["GZip"], &Ok(vec![Coding::Gzip]));
        check(&["deflate, br"], &Ok(vec![Coding::Deflate, Coding::Brotli]));
        check(&["zstd", "x-gzip"], &Ok(vec![Coding::Zstd, Coding::Gzip]));
    }

    #[test]
    fn what_is_not_known_or_too_deep_is_refused() {
        check(&["rot13"], &Err(CodingError::Unknown("rot13".to_owned())));
        check(&["gzip, gzip, gzip"], &Err(CodingError::TooMany));
    }
}
