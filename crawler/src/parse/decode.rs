//! A body as UTF-8, piece by piece, so that a page in another encoding takes no more room than one in UTF-8.

use encoding_rs::{CoderResult, Encoding};

use super::scanner::IsLast;

/// How much is decoded at once, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// Decodes a body, without the byte order mark of the encoding; what is wrong in it becomes U+FFFD.
///
/// `take` is given each piece, and returns how much of it it takes: the rest comes again at the beginning of the next.
/// It leaves less than half a piece, and nothing of the last.
pub(super) fn decode(
    body: &[u8],
    encoding: &'static Encoding,
    mut take: impl FnMut(&[u8], IsLast) -> usize,
) {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut piece = vec![0; PIECE_BYTES].into_boxed_slice();
    let (mut rest, mut left) = (body, 0);
    loop {
        let (result, read, written, _) = decoder.decode_to_utf8(rest, &mut piece[left..], true);
        rest = &rest[read..];
        let length = left + written;
        if result == CoderResult::InputEmpty {
            take(&piece[..length], IsLast::Yes);
            return;
        }
        let taken = take(&piece[..length], IsLast::No);
        piece.copy_within(taken..length, 0);
        left = length - taken;
        debug_assert!(left < PIECE_BYTES / 2, "{left} bytes are left of a piece");
    }
}

#[cfg(test)]
pub(super) mod laws;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::laws::{assert_as_at_once, assert_whole, encodings};
    use super::*;

    /// Decodes a body of which so much is left of each piece.
    fn decoded(body: &[u8], encoding: &'static Encoding, left: usize) -> Vec<u8> {
        let mut all = Vec::new();
        decode(body, encoding, |piece, is_last| {
            let left = if is_last == IsLast::Yes { 0 } else { left };
            let taken = &piece[..piece.len() - left];
            all.extend_from_slice(taken);
            taken.len()
        });
        all
    }

    #[test]
    fn a_body_is_decoded_in_pieces() {
        for left in [0, 100] {
            assert_whole(|body, encoding| decoded(body, encoding, left));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_pieces_are_what_they_are_at_once(
            part: Vec<u8>,
            times in 0_usize..900,
            left in 0_usize..1_000,
            encoding in encodings(),
        ) {
            let body = part.repeat(times);
            assert_as_at_once(&body, encoding, |body, encoding| decoded(body, encoding, left));
        }
    }
}
