//! A map of a bounded size: what was not asked for lately is forgotten. Its old entries go half by half, so that none needs
//! an age of its own.
//!
//! Invariant: it holds at most its bound, and what was asked for stays while less than half of the bound of others are.

use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    half_max: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Makes a map that holds at most `max` entries, and at least two.
    pub(super) fn new(max: usize) -> Self {
        Self {
            half_max: (max / 2).max(1),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Returns what is kept for a key, or keeps what is `made` for it.
    pub(super) fn entry(&mut self, key: K, made: impl FnOnce() -> V) -> &mut V {
        // What it is asked for stays, so that an old entry becomes a young one.
        let kept = if self.old.is_empty() {
            // Which `remove` would find out by a hash.
            None
        } else {
            self.old.remove(&key)
        };
        if self.young.len() >= self.half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        debug_assert!(self.young.len() <= self.half_max && self.old.len() <= self.half_max);
        self.young
            .entry(key)
            .or_insert_with(|| kept.unwrap_or_else(made))
    }

    /// Returns how many entries it holds.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut recent = Recent::new(100);
        *recent.entry(0, || 0) = 7;
        for key in 1..1_000 {
            recent.entry(key, || 0);
            assert_eq!(*recent.entry(0, || 0), 7, "after {key}");
            assert!(recent.len() <= 100);
        }
        *recent.entry(999, || 0) += 1;
        assert_eq!(*recent.entry(999, || 5), 1);
        assert_eq!(*recent.entry(500, || 5), 5);
    }

    #[test]
    fn the_least_that_it_holds_is_two() {
        let mut recent = Recent::new(0);
        recent.entry("a", || 1);
        recent.entry("b", || 2);
        assert_eq!((*recent.entry("a", || 3), *recent.entry("b", || 3)), (1, 2));
    }
}
