//! What holds of whatever decodes a body piece by piece, however the pieces are asked for.

use encoding_rs::{Encoding, GB18030, REPLACEMENT, SHIFT_JIS, UTF_8, UTF_16LE, WINDOWS_1252};
use proptest::prelude::*;

use super::PIECE_BYTES;

/// Encodings of each kind: of bytes, of several bytes, with a state, and with nothing to decode.
pub(in crate::parse) fn encodings() -> impl Strategy<Value = &'static Encoding> {
    prop::sample::select(vec![
        UTF_8,
        UTF_16LE,
        SHIFT_JIS,
        GB18030,
        WINDOWS_1252,
        REPLACEMENT,
    ])
}

/// Asserts that a body is as it is when it is decoded at once.
pub(in crate::parse) fn assert_as_at_once(
    body: &[u8],
    encoding: &'static Encoding,
    decoded: impl Fn(&[u8], &'static Encoding) -> Vec<u8>,
) {
    let (expected, _) = encoding.decode_with_bom_removal(body);
    assert_eq!(decoded(body, encoding), expected.as_bytes());
}

/// Asserts that a body of several pieces is decoded, and that a byte order mark is no text.
pub(in crate::parse) fn assert_whole(decoded: impl Fn(&[u8], &'static Encoding) -> Vec<u8>) {
    let text = "ü".repeat(PIECE_BYTES);
    for encoding in [UTF_8, WINDOWS_1252, GB18030] {
        let (body, ..) = encoding.encode(&text);
        assert_eq!(decoded(&body, encoding), text.as_bytes());
    }
    assert_eq!(decoded(b"\xef\xbb\xbfa", UTF_8), b"a");
    assert_eq!(decoded(b"\xff\xfea\0", UTF_16LE), b"a");
    assert_eq!(decoded(b"", UTF_8), b"");
}
