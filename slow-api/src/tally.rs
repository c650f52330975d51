//! Counts how often each text was seen, within a bound on what is remembered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Distinct texts remembered: ten times the largest crawl that is counted URL by URL.
const TEXTS_MAX: usize = 1_000_000;
/// Bytes of texts remembered: room for [`TEXTS_MAX`] of usual length, not for as many of the greatest length.
const BYTES_MAX: usize = 128 << 20;

/// The counts by text. What would go over a bound is not remembered, but counted as unlisted.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    counts: HashMap<Arc<str>, u64>,
    bytes: usize,
    unlisted: u64,
    texts_max: usize,
    bytes_max: usize,
}

impl Tally {
    /// Makes a tally that may remember a `share`-th of what one alone may.
    pub(crate) fn with_share(share: usize) -> Self {
        Self {
            counts: HashMap::new(),
            bytes: 0,
            unlisted: 0,
            texts_max: TEXTS_MAX / share.max(1),
            bytes_max: BYTES_MAX / share.max(1),
        }
    }

    /// Counts a text and returns the how-manieth time this is; always 1 for a text that is not remembered.
    pub(crate) fn count(&mut self, text: &str) -> u64 {
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
            return *count;
        }
        let bytes = self.bytes + text.len();
        if self.counts.len() < self.texts_max && bytes <= self.bytes_max {
            self.counts.insert(text.into(), 1);
            self.bytes = bytes;
        } else {
            self.unlisted += 1;
        }
        1
    }

    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Forgets everything but the bounds.
    pub(crate) fn clear(&mut self) {
        // Not `HashMap::clear`, which keeps the room of a million texts.
        self.counts = HashMap::new();
        self.bytes = 0;
        self.unlisted = 0;
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::with_share(1)
    }
}

impl From<Tally> for BTreeMap<String, u64> {
    fn from(tally: Tally) -> Self {
        let counts = tally.counts.into_iter();
        counts
            .map(|(text, count)| (text.as_ref().to_owned(), count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_in_bytes() {
        let mut tally = Tally {
            bytes: BYTES_MAX - 1,
            ..Tally::default()
        };
        let nth = ["a", "b", "a", "b"].map(|text| tally.count(text));
        assert_eq!(nth, [1, 1, 2, 1]);
        assert_eq!((tally.distinct(), tally.unlisted()), (1, 2));
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number() {
        let mut tally = Tally::with_share(TEXTS_MAX / 2);
        let nth = ["a", "b", "c", "b", "c"].map(|text| tally.count(text));
        assert_eq!(nth, [1, 1, 1, 2, 1]);
        assert_eq!((tally.distinct(), tally.unlisted()), (2, 2));
    }

    #[test]
    fn a_clear_makes_room_within_the_same_bounds() {
        let mut tally = Tally::with_share(TEXTS_MAX);
        let nth = ["a", "b"].map(|text| tally.count(text));
        assert_eq!((nth, tally.unlisted()), ([1, 1], 1));
        tally.clear();
        let nth = ["b", "b", "a"].map(|text| tally.count(text));
        assert_eq!((nth, tally.unlisted()), ([1, 2, 1], 1));
        let counts: BTreeMap<String, u64> = tally.into();
        assert_eq!(counts, BTreeMap::from([("b".to_owned(), 2)]));
    }
}
