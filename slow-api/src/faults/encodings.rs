//! Bodies with a content encoding: right, wrong, lying, and so dense that they burst whoever decodes them.

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
use hyper::body::Bytes;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use warp::http::Response;
use warp::http::header::{CONTENT_ENCODING, HeaderValue};

use crate::web::{Asked, Refusal, Reply, html};

/// What is encoded.
const PAGE: &str = "<!DOCTYPE html>\n<title>Encoded</title>\n<a href=\"/site/page/0\">Page 0</a>\n";
/// Decoded, a bomb has up to 1 GiB: a few seconds of work here.
const MIB_MAX: u64 = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// What `deflate` names. Source: RFC 9110 §8.4.1.2, the zlib format.
    Zlib,
    /// What some servers send for it.
    Deflate,
    Brotli,
    Zstd,
}

pub(crate) fn reply(asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let response = match *rest {
        ["encoding", name] => encoded(name)?,
        ["bomb", name] => bomb(name, asked.number("mib", 1..=MIB_MAX, 32)?)?,
        _ => return Err(Refusal::Unknown),
    };
    Ok(response.into())
}

fn encoded(name: &str) -> Result<Response<Bytes>, Refusal> {
    let gzip = || encode(Coding::Gzip, PAGE.as_bytes());
    let (says, body) = match name {
        "gzip" => ("gzip", gzip()),
        "x-gzip" => ("X-GZip", gzip()),
        "deflate" => ("deflate", encode(Coding::Zlib, PAGE.as_bytes())),
        "deflate-raw" => ("deflate", encode(Coding::Deflate, PAGE.as_bytes())),
        "br" => ("br", encode(Coding::Brotli, PAGE.as_bytes())),
        "zstd" => ("zstd", encode(Coding::Zstd, PAGE.as_bytes())),
        "identity" => ("identity", PAGE.into()),
        "two-layers" => ("gzip, br", encode(Coding::Brotli, &gzip()[..])),
        "ten-layers" => {
            let layers = (1..10).fold(gzip(), |body, _| encode(Coding::Gzip, &body[..]));
            ("gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip", layers)
        }
        "members" => ("gzip", [gzip(), gzip()].concat()),
        "lying" => ("gzip", PAGE.into()),
        "lying-br" => ("br", gzip()),
        "silent" => return Ok(html(gzip())),
        "unknown" => ("rot13", PAGE.into()),
        "empty" => ("gzip", Vec::new()),
        "truncated" => {
            let body = gzip();
            ("gzip", body[..body.len() - 12].to_vec())
        }
        "checksum" => {
            let mut body = gzip();
            // The last eight bytes are the checksum and the length. Source: RFC 1952 §2.3.1.
            let at = body.len() - 8;
            body[at] ^= 0xff;
            ("gzip", body)
        }
        "garbage" => (
            "gzip",
            [gzip(), b"and more that is no gzip".to_vec()].concat(),
        ),
        _ => return Err(Refusal::Unknown),
    };
    Ok(response(says, body))
}

fn bomb(name: &str, mib: u64) -> Result<Response<Bytes>, Refusal> {
    let spaces = || PAGE.as_bytes().chain(std::io::repeat(b' ').take(mib << 20));
    let (says, body) = match name {
        "gzip" => ("gzip", encode(Coding::Gzip, spaces())),
        "deflate" => ("deflate", encode(Coding::Zlib, spaces())),
        "br" => ("br", encode(Coding::Brotli, spaces())),
        "zstd" => ("zstd", encode(Coding::Zstd, spaces())),
        "two-layers" => {
            let inner = encode(Coding::Gzip, spaces());
            ("gzip, gzip", encode(Coding::Gzip, &inner[..]))
        }
        _ => return Err(Refusal::Unknown),
    };
    Ok(response(says, body))
}

fn response(says: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = html(body);
    let says = HeaderValue::from_static(says);
    let _none = response.headers_mut().insert(CONTENT_ENCODING, says);
    response
}

fn encode(coding: Coding, source: impl Read) -> Vec<u8> {
    let best = Compression::best();
    let mut encoded = Vec::new();
    let read = match coding {
        Coding::Gzip => GzEncoder::new(source, best).read_to_end(&mut encoded),
        Coding::Zlib => ZlibEncoder::new(source, best).read_to_end(&mut encoded),
        Coding::Deflate => DeflateEncoder::new(source, best).read_to_end(&mut encoded),
        // Quality 5 of 11, and the usual window of 4 MiB.
        Coding::Brotli => {
            brotli::CompressorReader::new(source, 1 << 16, 5, 22).read_to_end(&mut encoded)
        }
        Coding::Zstd => return compress_to_vec(source, CompressionLevel::Fastest),
    };
    read.expect("what is in memory can be read");
    encoded
}

#[cfg(test)]
mod tests {
    use flate2::read::{DeflateDecoder, GzDecoder, MultiGzDecoder, ZlibDecoder};
    use ruzstd::decoding::StreamingDecoder;

    use super::*;

    fn body(name: &str) -> Bytes {
        encoded(name).expect("it is an encoding").into_body()
    }

    fn read(mut decoder: impl Read) -> Result<String, std::io::Error> {
        let mut text = String::new();
        decoder.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_is_right_decodes_to_the_page() {
        fn check(name: &str, decoded: Result<String, std::io::Error>) {
            assert_eq!(decoded.expect(name), PAGE, "{name}");
        }
        check("gzip", read(GzDecoder::new(&body("gzip")[..])));
        check("deflate", read(ZlibDecoder::new(&body("deflate")[..])));
        check(
            "deflate-raw",
            read(DeflateDecoder::new(&body("deflate-raw")[..])),
        );
        check("br", read(brotli::Decompressor::new(&body("br")[..], 4096)));
        let zstd = body("zstd");
        check(
            "zstd",
            read(StreamingDecoder::new(&zstd[..]).expect("it is a frame")),
        );
        let layers = body("two-layers");
        check(
            "two-layers",
            read(GzDecoder::new(brotli::Decompressor::new(&layers[..], 4096))),
        );
    }

    #[test]
    fn what_is_wrong_does_not_decode() {
        for name in ["truncated", "checksum", "lying", "lying-br", "empty"] {
            let read = read(GzDecoder::new(&body(name)[..]));
            let is_page = read.is_ok_and(|text| text == PAGE);
            // What lies about brotli is a gzip.
            assert_eq!(is_page, name == "lying-br", "{name}");
        }
        assert!(read(brotli::Decompressor::new(&body("lying-br")[..], 4096)).is_err());
        let members = read(MultiGzDecoder::new(&body("members")[..]));
        assert_eq!(members.expect("both are right"), PAGE.repeat(2));
        assert!(read(MultiGzDecoder::new(&body("garbage")[..])).is_err());
    }

    #[test]
    fn a_bomb_is_a_thousandth_of_what_it_holds() {
        let held = (8 << 20) + PAGE.len();
        for name in ["gzip", "deflate", "br", "zstd"] {
            let body = bomb(name, 8).expect("it is a bomb").into_body();
            assert!(body.len() < held / 900, "{name}: {}", body.len());
        }
        let body = bomb("two-layers", 8).expect("it is a bomb").into_body();
        assert!(body.len() < 1_000, "{}", body.len());
        let decoded = std::io::copy(
            &mut GzDecoder::new(GzDecoder::new(&body[..])),
            &mut std::io::sink(),
        );
        assert_eq!(decoded.expect("it is right"), held as u64);
    }
}
