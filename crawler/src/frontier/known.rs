//! The URLs that the frontier is known to know: a page's links that repeat never reach the engine.
//!
//! Invariant: it holds only what the engine has acknowledged, and at most its bound. Old entries go half by half, so
//! that none needs an age of its own; a forgotten one costs the engine one look.
//!
//! Of a URL 64 bits are kept, of a hash with a key that nobody else knows: among a million URLs one is taken for another
//! once in 40 million crawls, and nobody can make his page stand for that of another site.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::{NewUrl, SiteId, UrlHash};

/// What one URL is known by.
pub(crate) type Key = (SiteId, UrlHash);

/// What is kept of a URL.
type Mark = u64;
type Marks = HashSet<Mark, BuildHasherDefault<AsItIs>>;

/// Takes a mark, which is a hash, for its hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }
}

/// A bounded set of URLs.
#[derive(Debug)]
pub(crate) struct Known {
    half_max: usize,
    secret: RandomState,
    young: Marks,
    old: Marks,
}

impl Known {
    /// Makes a set that holds at most `max` URLs.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            half_max: max / 2,
            secret: RandomState::new(),
            young: Marks::default(),
            old: Marks::default(),
        }
    }

    /// Takes out of `urls` those that are known, but for those with a record, which may be in a file.
    pub(crate) fn strip(&mut self, urls: &mut Vec<NewUrl>) {
        let keys: Vec<Key> = urls.iter().map(NewUrl::key).collect();
        let mut known = self.holds(&keys).into_iter();
        urls.retain(|url| known.next() != Some(true) || url.record.is_some());
    }

    /// Notes URLs that the engine has acknowledged.
    pub(crate) fn learn(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            self.keep(self.secret.hash_one(key));
        }
        debug_assert!(self.young.len() <= self.half_max && self.old.len() <= self.half_max);
    }

    /// Returns of each URL whether it is held.
    pub(crate) fn holds(&mut self, keys: &[Key]) -> Vec<bool> {
        // All are hashed first: each look waits for the memory, and looks right after one another wait together.
        let marks: Vec<Mark> = keys.iter().map(|key| self.secret.hash_one(key)).collect();
        marks.into_iter().map(|mark| self.has(mark)).collect()
    }

    fn has(&mut self, mark: Mark) -> bool {
        if self.young.contains(&mark) {
            return true;
        }
        let is_old = self.old.contains(&mark);
        if is_old {
            // What is asked for stays.
            self.keep(mark);
        }
        is_old
    }

    fn keep(&mut self, mark: Mark) {
        if self.half_max == 0 {
            return;
        }
        if self.young.len() >= self.half_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(mark);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::frontier::Site;

    fn url(n: usize) -> NewUrl {
        let site = Site::polite("h", Duration::ZERO);
        NewUrl::seed(format!("http://h/{n}"), site)
    }

    fn is_known(known: &mut Known, n: usize) -> bool {
        let mut urls = vec![url(n)];
        known.strip(&mut urls);
        urls.is_empty()
    }

    #[test]
    fn what_was_learnt_is_stripped_and_the_rest_stays() {
        let mut known = Known::new(10);
        known.learn([url(1).key()]);
        let mut urls = vec![url(1), url(2)];
        known.strip(&mut urls);
        assert_eq!(urls, [url(2)]);
    }

    #[test]
    fn it_never_holds_more_than_its_bound_and_keeps_what_is_asked_for() {
        let mut known = Known::new(100);
        for n in 0..1000 {
            known.learn([url(n).key()]);
            assert!(is_known(&mut known, 0), "after {n}");
            assert!(known.young.len() + known.old.len() <= 100);
        }
        assert!(!is_known(&mut known, 500));
    }

    #[test]
    fn without_room_it_knows_nothing() {
        let mut known = Known::new(0);
        known.learn([url(1).key()]);
        assert!(!is_known(&mut known, 1));
    }
}
