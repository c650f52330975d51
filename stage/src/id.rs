//! The names of stages and subscriptions: process-wide numbers that are never used twice.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::sync::atomic::AtomicU64;
use crate::sync::process_wide;

process_wide! { static NEXT: AtomicU64 = AtomicU64::new(1); }

/// Identifies one stage for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(NonZeroU64);

/// Identifies one subscription: one consumer's edge to one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(u64);

impl StageId {
    pub(crate) fn next() -> Self {
        let next = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed));
        Self(next.expect("ids are counted up from 1"))
    }
}

impl SubscriptionId {
    /// That of no subscription.
    pub(crate) const NONE: Self = Self(0);

    #[cfg(test)]
    pub(crate) const fn of(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// Returns an id that no other subscription of this process has.
    #[must_use]
    pub fn next() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage-{}", self.0)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription-{}", self.0)
    }
}

/// With fewer places a search takes no longer than a guess.
const MANY: usize = 64;

/// What belongs to each of a stage's subscriptions, in the order of their ids. Each batch looks some up: where there is
/// one, as mostly, that is one comparison, and a few more where there are thousands. Ids are counted up, so that a new
/// one goes to the end. Who leaves leaves its place empty, and the empty places are swept together when they are more
/// than half, so that a leaver costs no more where there are many.
#[derive(Debug)]
pub(crate) struct BySubscription<V> {
    /// Invariant: at most half of them are empty.
    places: Vec<(SubscriptionId, Option<V>)>,
    empty: usize,
}

impl<V> Default for BySubscription<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> BySubscription<V> {
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            empty: 0,
        }
    }

    fn place(&self, id: SubscriptionId) -> Result<usize, usize> {
        self.places.binary_search_by_key(&id, |(other, _)| *other)
    }

    /// As `get`, for where there may be thousands, of which each step of a search would miss the cache: it looks first where
    /// the id is if they are evenly spaced, as they are where subscriptions were made in a row.
    #[inline]
    pub(crate) fn find(&self, id: SubscriptionId) -> Option<&V> {
        match self.places.first() {
            Some((first, value)) if *first == id => value.as_ref(),
            _ => self.find_further(id),
        }
    }

    #[inline(never)]
    fn find_further(&self, id: SubscriptionId) -> Option<&V> {
        if self.places.len() < MANY {
            return self.get(id);
        }
        // The guess is rounded down.
        let before_last = self.places.len() - 2;
        let near = self.guess(id).map(|at| at.min(before_last));
        let near = near.and_then(|at| self.places.get(at..=at + 1));
        let found = near.and_then(|near| near.iter().find(|(other, _)| *other == id));
        match found {
            Some((_, value)) => value.as_ref(),
            None => self.get(id),
        }
    }

    fn guess(&self, id: SubscriptionId) -> Option<usize> {
        let (first, last) = (self.places.first()?.0, self.places.last()?.0);
        let ahead = id.0.checked_sub(first.0)?;
        let gaps = self.places.len() - 1;
        let at = ahead.checked_mul(gaps as u64)? / (last.0 - first.0).max(1);
        usize::try_from(at).ok()
    }

    pub(crate) fn get(&self, id: SubscriptionId) -> Option<&V> {
        let at = self.place(id).ok()?;
        self.places[at].1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut V> {
        let at = self.place(id).ok()?;
        self.places[at].1.as_mut()
    }

    /// Adds what belongs to `id`, in the place of what did.
    pub(crate) fn insert(&mut self, id: SubscriptionId, value: V) {
        match self.place(id) {
            Ok(at) => {
                if self.places[at].1.replace(value).is_none() {
                    self.empty -= 1;
                }
            }
            Err(at) => {
                if self.places.is_empty() {
                    // Most stages never have a second.
                    self.places.reserve_exact(1);
                }
                self.places.insert(at, (id, Some(value)));
            }
        }
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<V> {
        let at = self.place(id).ok()?;
        let removed = self.places[at].1.take()?;
        self.empty += 1;
        if self.empty > self.places.len() / 2 {
            self.places.retain(|(_, value)| value.is_some());
            self.empty = 0;
        }
        Some(removed)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        // The last to leave empties more than half, so that all are swept.
        self.places.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SubscriptionId, &V)> {
        let places = self.places.iter();
        places.filter_map(|(id, value)| Some((*id, value.as_ref()?)))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.places
            .iter_mut()
            .filter_map(|(_, value)| value.as_mut())
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (SubscriptionId, V)> {
        self.empty = 0;
        let places = self.places.drain(..);
        places.filter_map(|(id, value)| Some((id, value?)))
    }
}

/// A map by ids, or by other names that the program itself chose. They come from no peer, so they need no keyed hash.
pub(crate) type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads each number over the whole word by one multiplication.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

/// 2^64 divided by the golden ratio: consecutive ids land far apart. Source: Knuth, TAOCP 3, §6.4.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let word = word.iter().rev();
            self.write_u64(word.fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(SPREAD).rotate_left(32);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_subscriptions_is_found_in_the_order_of_their_ids() {
        let [first, second, third] = [(); 3].map(|()| SubscriptionId::next());
        let mut names = BySubscription::default();
        for (id, name) in [(third, 'c'), (first, 'x'), (second, 'b'), (first, 'a')] {
            names.insert(id, name);
        }
        assert_eq!(names.get(first), Some(&'a'));
        assert_eq!(names.remove(second), Some('b'));
        assert_eq!(names.remove(second), None);
        assert_eq!(names.get(second), None);
        names
            .values_mut()
            .for_each(|name| name.make_ascii_uppercase());
        assert!(names.iter().eq([(first, &'A'), (third, &'C')]));
        assert!(names.drain().eq([(first, 'A'), (third, 'C')]));
        assert!(names.is_empty() && names.get_mut(first).is_none());
    }

    #[test]
    fn each_is_found_among_many_however_they_are_spaced() {
        let check = |ids: &mut dyn Iterator<Item = u64>| {
            let ids: Vec<_> = ids.map(SubscriptionId).collect();
            let mut numbers = BySubscription::new();
            for (n, id) in ids.iter().enumerate() {
                numbers.insert(*id, n);
            }
            let found = ids.iter().map(|id| numbers.find(*id).copied());
            assert!(found.eq((0..ids.len()).map(Some)));
            let none = ids.iter().map(|id| SubscriptionId(id.0 ^ 1));
            assert!(none.filter_map(|id| numbers.find(id)).next().is_none());
        };
        check(&mut (10..40_000).step_by(4));
        check(&mut (1..200).map(|n| n * n * 2));
        check(&mut (0..70).map(|n| 2 * n).chain([u64::MAX - 1]));
        check(&mut (0..100).map(|n| (n + 1) * (u64::MAX / 128 / 2) * 2));
    }

    #[test]
    fn leavers_are_swept_and_who_stays_is_found() {
        let ids: Vec<_> = (0..100).map(|_| SubscriptionId::next()).collect();
        let mut numbers = BySubscription::new();
        for (n, id) in ids.iter().enumerate() {
            numbers.insert(*id, n);
        }
        for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 10 != 3) {
            assert_eq!(numbers.remove(*id), Some(n));
            assert_eq!((numbers.remove(*id), numbers.get(*id)), (None, None));
            let alive = numbers.iter().count();
            assert!(numbers.places.len() <= 2 * alive, "at most half are empty");
        }
        let stay = (3..100).step_by(10);
        assert!(numbers.iter().map(|(_, n)| *n).eq(stay.clone()));
        assert!(stay.into_iter().all(|n| numbers.get(ids[n]) == Some(&n)));
        let first = ids[3];
        numbers.remove(first);
        numbers.insert(first, 0);
        assert_eq!(numbers.iter().next(), Some((first, &0)));
        assert_eq!(numbers.drain().count(), 10);
        assert!(numbers.is_empty());
    }
}
