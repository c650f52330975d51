//! What a frontier knows sites and URLs by: 63 bits of a hash each, so that they are small, spread evenly, and fit the
//! signed integers of an SQL engine.

use std::num::NonZeroU16;

use xxhash_rust::xxh3::xxh3_64;

/// A site, by its name.
///
/// # Examples
///
/// ```
/// use crawler::web_url::SiteId;
///
/// assert_eq!(SiteId::of("example.com"), SiteId::of("example.com"));
/// assert_ne!(SiteId::of("example.com"), SiteId::of("example.org"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub(crate) i64);

impl SiteId {
    /// Returns the id of the group with this name.
    #[must_use]
    pub fn of(group: &str) -> Self {
        Self(hash(group))
    }

    /// Returns the logical shard of a shared frontier that holds this site.
    #[must_use]
    pub fn shard(self) -> u8 {
        // Of 63 bits the upper eight.
        self.0.to_be_bytes()[0] << 1 | self.0.to_be_bytes()[1] >> 7
    }
}

/// A URL within its site, by its identity.
///
/// # Examples
///
/// ```
/// use crawler::web_url::UrlHash;
///
/// assert_ne!(UrlHash::of("http://h/a"), UrlHash::of("http://h/A"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UrlHash(pub(crate) i64);

impl UrlHash {
    /// Returns the hash of a URL's [identity](super::WebUrl::identity).
    #[must_use]
    pub fn of(identity: &str) -> Self {
        Self(hash(identity))
    }

    /// Returns the lane of its site, out of `lanes`, that the URL waits in, from 0.
    ///
    /// # Panics
    ///
    /// Never: the remainder has as few bits as its divisor.
    #[must_use]
    pub fn lane(self, lanes: NonZeroU16) -> u16 {
        let lane = self.0.cast_unsigned() % u64::from(lanes.get());
        u16::try_from(lane).expect("a remainder is less than its divisor, which has 16 bits")
    }

    /// Returns the hash as a column that is 0 for none.
    pub(crate) fn column(hash: Option<Self>) -> i64 {
        hash.map_or(0, |hash| hash.0)
    }

    /// Returns the hash of a column that is 0 for none.
    pub(crate) fn from_column(column: i64) -> Option<Self> {
        (column != 0).then_some(Self(column))
    }
}

fn hash(text: &str) -> i64 {
    (xxh3_64(text.as_bytes()) >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_half_of_xxh3_and_so_the_same_on_every_machine() {
        // xxh3_64("") is 0x2d06800538d394c2.
        assert_eq!(UrlHash::of("").0, 0x2d06_8005_38d3_94c2 >> 1);
    }

    #[test]
    fn a_shard_is_the_upper_eight_of_63_bits() {
        for name in ["a.example", "b.example", "127.0.0.1"] {
            let site = SiteId::of(name);
            assert_eq!(i64::from(site.shard()), site.0 >> 55, "{name}");
        }
    }

    #[test]
    fn every_url_has_a_lane_and_all_urls_of_a_polite_site_the_same() {
        let many = NonZeroU16::new(256).unwrap();
        let lanes = (0..1000).map(|n| UrlHash::of(&format!("http://h/{n}")));
        assert!(lanes.clone().all(|hash| hash.lane(NonZeroU16::MIN) == 0));
        let used: std::collections::BTreeSet<_> = lanes.map(|hash| hash.lane(many)).collect();
        assert!(used.len() > 200 && used.iter().all(|lane| *lane < 256));
    }
}
