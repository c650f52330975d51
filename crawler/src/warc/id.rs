//! What a record is known by.

use std::fmt;

/// The name of one record: a random UUID, of whose 128 bits six say that it is one. Source: RFC 9562 §5.4.
///
/// ```
/// use crawler::warc::RecordId;
///
/// let id = RecordId::of(0);
/// assert_eq!(id.to_string(), "<urn:uuid:00000000-0000-4000-8000-000000000000>");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordId(u128);

/// Where the version and the variant of a UUID stand.
const MARKS: u128 = 0xf000_c000_0000_0000_0000;
const VERSION_4: u128 = 0x4000_8000_0000_0000_0000;

impl RecordId {
    /// Makes one of a random number.
    #[must_use]
    pub const fn of(random: u128) -> Self {
        Self(random & !MARKS | VERSION_4)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
        write!(f, "<urn:uuid:{a}-{b}-{c}-{d}-{e}>")
    }
}
