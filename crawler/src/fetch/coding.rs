//! Content codings: which an answer names, and how each is undone. Source: RFC 9110 §8.4, RFC 9659.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

/// What is asked for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// Layers that are undone. One is what servers send, two is a proxy that does not look; more is an attack.
const LAYERS_MAX: usize = 2;

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
    for coding in codings.iter().rev() {
        reader = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                buffered(decoder)
            }
            Coding::Brotli => buffered(BrotliDecoder::new(reader)),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new(reader);
                decoder.multiple_members(true);
                buffered(decoder)
            }
            // Named for the format within zlib, and sent without zlib by some: the first byte tells.
            Coding::Deflate => {
                let is_zlib = reader
                    .fill_buf()
                    .await?
                    .first()
                    .is_some_and(|b| b & 0x0f == 8);
                if is_zlib {
                    buffered(ZlibDecoder::new(reader))
                } else {
                    buffered(DeflateDecoder::new(reader))
                }
            }
        };
    }
    Ok(reader)
}

fn buffered<'a>(decoder: impl AsyncRead + Send + 'a) -> Reader<'a> {
    Box::pin(BufReader::new(decoder))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

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
