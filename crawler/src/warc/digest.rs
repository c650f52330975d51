//! Digests, as records name them.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256. It is written in base 16, as in the other outputs; two bodies of one digest are taken for the same, and a
/// stranger can't make such two, as one can for SHA-1.
///
/// ```
/// use crawler::warc::Digest;
///
/// let empty = Digest::of(&[]);
/// assert!(empty.to_string().starts_with("sha256:e3b0c44298fc1c149afbf4c8996fb924"));
/// assert_eq!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"abc"]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of these parts in a row.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// Returns it in base 16.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Returns its first half, which nobody finds twice either.
    pub(crate) fn half(&self) -> u128 {
        let (halves, _) = self.0.as_chunks();
        u128::from_be_bytes(halves[0])
    }
}

/// Returns bytes in base 16.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let fours = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut hex = String::with_capacity(2 * bytes.len());
    hex.extend(fours.map(|four| char::from(DIGITS[usize::from(four)])));
    hex
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}
