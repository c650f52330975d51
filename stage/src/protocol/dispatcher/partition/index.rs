//! Which partition has a name. Each event looks for one, in a table of the names' own that is never more than a quarter
//! full, so that mostly the first look finds it. A place is four bytes, so that the table of thousands stays in the cache.
//! Names that are their own places, 0 and so on, are not looked for.

use std::any::Any;
use std::hash::{Hash, Hasher as _};

use crate::id::IdHasher;

/// The place of none.
const NONE: u32 = u32::MAX;

/// Names in their order. Invariant: there are a power of two of places, four for each name or more.
pub(super) struct Index<P> {
    names: Vec<P>,
    /// Where in `names`: from where its hash says on, the first place that was free.
    places: Vec<u32>,
    /// Whether each name is the number of its place.
    is_numbered: bool,
}

impl<P: Eq + Hash + 'static> Index<P> {
    pub(super) const fn new() -> Self {
        Self {
            names: Vec::new(),
            is_numbered: true,
            places: Vec::new(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn find(&self, name: &P) -> Option<usize> {
        Some(self.place(name)).filter(|at| *at < self.names.len())
    }

    /// As `find`; behind all of them where there is none.
    #[inline]
    pub(super) fn place(&self, name: &P) -> usize {
        if self.is_numbered {
            return number(name).unwrap_or(usize::MAX);
        }
        let mut hash = hash(name);
        loop {
            let place = hash & self.places.len().wrapping_sub(1);
            let at = *self.places.get(place).unwrap_or(&NONE) as usize;
            match self.names.get(at) {
                Some(other) if other != name => hash = hash.wrapping_add(1),
                _ => return at,
            }
        }
    }

    /// Adds a name that is not there.
    pub(super) fn add(&mut self, name: P) {
        self.is_numbered &= number(&name) == Some(self.names.len());
        self.names.push(name);
        let least = 4 * self.names.len();
        if least <= self.places.len() {
            self.put(self.names.len() - 1);
            return;
        }
        self.places = vec![NONE; least.next_power_of_two()];
        (0..self.names.len()).for_each(|at| self.put(at));
    }

    fn put(&mut self, at: usize) {
        let number = u32::try_from(at).expect("fewer partitions than there is memory for");
        let mut place = hash(&self.names[at]) & (self.places.len() - 1);
        while self.places[place] != NONE {
            place = (place + 1) & (self.places.len() - 1);
        }
        self.places[place] = number;
    }
}

/// The number that a name is, where it is one. Which types are is known when this is compiled.
#[inline]
fn number(name: &dyn Any) -> Option<usize> {
    name.downcast_ref().copied()
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower bits are as good as all"
)]
fn hash(name: &impl Hash) -> usize {
    let mut hasher = IdHasher::default();
    name.hash(&mut hasher);
    hasher.finish() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<P: Eq + Hash + Clone + 'static>(names: &[P], unknown: &[P]) {
        let mut index = Index::new();
        assert!(names.iter().all(|name| index.find(name).is_none()));
        for (at, name) in names.iter().enumerate() {
            index.add(name.clone());
            assert_eq!((index.find(name), index.len()), (Some(at), at + 1));
        }
        let found = names.iter().map(|name| index.find(name));
        assert!(found.eq((0..names.len()).map(Some)));
        assert!(unknown.iter().all(|name| index.find(name).is_none()));
        assert!(index.places.len() >= 4 * names.len());
    }

    #[test]
    fn each_name_is_found_where_it_was_added_and_no_other_is() {
        check(&["even", "odd", ""], &["eve", "add"]);
        check(&(0..1_000).collect::<Vec<u64>>(), &[1_000, u64::MAX]);
        let far_apart: Vec<u64> = (0..64).map(|bit| 1 << bit).collect();
        check(&far_apart, &[0, 3]);
        check(&(0..100).collect::<Vec<usize>>(), &[100, usize::MAX]);
        check::<usize>(&[0, 1, 3, 2], &[4]);
    }

    #[test]
    fn names_with_the_same_hash_are_told_apart() {
        #[derive(Clone, PartialEq, Eq)]
        struct Same(u8);
        impl Hash for Same {
            fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
                hasher.write_u8(u8::MAX);
            }
        }
        check(&[Same(0), Same(1), Same(2)], &[Same(3)]);
    }
}
