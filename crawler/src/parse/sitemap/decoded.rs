//! A body that is read piece by piece, as one that is uncompressed on the way, as UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

/// How much is decoded at once, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// Reads a body as UTF-8; what is wrong in it becomes U+FFFD. It fails only where the body can't be read, so never where
/// that is in memory.
pub(super) struct Decoded<R> {
    rest: R,
    decoder: Decoder,
    piece: Box<[u8]>,
    /// The part of the piece that was not taken yet.
    ready: std::ops::Range<usize>,
    is_done: bool,
}

impl<R: BufRead> Decoded<R> {
    /// Begins after the byte order mark of the encoding, if there is one.
    pub(super) fn new(body: R, encoding: &'static Encoding) -> Self {
        Self {
            rest: body,
            decoder: encoding.new_decoder_with_bom_removal(),
            piece: vec![0; PIECE_BYTES].into_boxed_slice(),
            ready: 0..0,
            is_done: false,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        let rest = self.rest.fill_buf()?;
        let is_last = rest.is_empty();
        let (result, read, written, _) =
            self.decoder.decode_to_utf8(rest, &mut self.piece, is_last);
        self.rest.consume(read);
        self.ready = 0..written;
        self.is_done = is_last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.is_done {
            self.decode()?;
        }
        let ready = &self.piece[self.ready.clone()];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.ready.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::decode::laws::{assert_as_at_once, assert_whole, encodings};

    /// Decodes a body in reads of so many bytes.
    fn decoded(body: &[u8], encoding: &'static Encoding, step: usize) -> Vec<u8> {
        let mut reader = Decoded::new(body, encoding);
        let (mut all, mut into) = (Vec::new(), vec![0; step]);
        loop {
            match reader.read(&mut into).unwrap() {
                0 => return all,
                length => all.extend_from_slice(&into[..length]),
            }
        }
    }

    #[test]
    fn a_body_is_decoded_in_pieces() {
        for step in [9, 1000] {
            assert_whole(|body, encoding| decoded(body, encoding, step));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_steps_are_what_they_are_at_once(
            body: Vec<u8>,
            step in 1_usize..9,
            encoding in encodings(),
        ) {
            assert_as_at_once(&body, encoding, |body, encoding| decoded(body, encoding, step));
        }
    }
}
