//! The names of stages and subscriptions: process-wide numbers that are never used twice.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::Ordering;

use crate::sync::atomic::AtomicU64;
use crate::sync::process_wide;

process_wide! { static NEXT: AtomicU64 = AtomicU64::new(1); }

/// Identifies one stage for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(u64);

/// Identifies one subscription: one consumer's edge to one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(u64);

impl StageId {
    pub(crate) fn next() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl SubscriptionId {
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

/// What belongs to each of a stage's subscriptions, in the order of their ids. Each batch looks some up: where there is
/// one, as mostly, that is one comparison, and a few more where there are thousands. Ids are counted up, so that a new
/// one goes to the end; who leaves has all behind it moved.
#[derive(Debug)]
pub(crate) struct BySubscription<V>(Vec<(SubscriptionId, V)>);

impl<V> Default for BySubscription<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> BySubscription<V> {
    fn place(&self, id: SubscriptionId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(other, _)| *other)
    }

    pub(crate) fn get(&self, id: SubscriptionId) -> Option<&V> {
        let at = self.place(id).ok()?;
        Some(&self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut V> {
        let at = self.place(id).ok()?;
        Some(&mut self.0[at].1)
    }

    /// Adds what belongs to `id`, in the place of what did.
    pub(crate) fn insert(&mut self, id: SubscriptionId, value: V) {
        match self.place(id) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (id, value)),
        }
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<V> {
        let at = self.place(id).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SubscriptionId, &V)> {
        self.0.iter().map(|(id, value)| (*id, value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (SubscriptionId, V)> {
        self.0.drain(..)
    }
}

/// A map by id. Ids are counted up and come from no peer, so they need no keyed hash.
pub(crate) type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads a number over the whole word by one multiplication.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

/// 2^64 divided by the golden ratio: consecutive ids land far apart. Source: Knuth, TAOCP 3, §6.4.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n.wrapping_mul(SPREAD).rotate_left(32);
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
}
