//! Emptied lists that go back to who fills them, so that a producer makes none for each batch.

use crate::rare::Rare;

/// Bytes of a list that is kept; a larger one costs little for each of its events.
const SPARE_BYTES_MAX: usize = 8 * 1024;

/// Empty lists that have room: two at most, as many messages as are mostly on their way at once. Lists without room stand
/// for those that are not there; the second is there only with the first, and its place once it was there.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    first: Vec<T>,
    second: Rare<Vec<T>>,
}

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            second: Rare::default(),
        }
    }
}

impl<T> Spares<T> {
    /// Whether an emptied list is worth keeping: one that has room, and is not too large.
    #[inline]
    pub(crate) const fn is_spare(list: &Vec<T>) -> bool {
        let bytes = list.capacity() * size_of::<T>();
        1 <= bytes && bytes <= SPARE_BYTES_MAX
    }

    /// Keeps an emptied list, unless there are enough or it is too large.
    #[inline]
    pub(crate) fn keep(&mut self, spare: Vec<T>) {
        debug_assert!(spare.is_empty(), "its events were handled");
        if Self::is_spare(&spare) {
            self.add(spare);
        }
    }

    #[inline]
    fn add(&mut self, spare: Vec<T>) {
        if self.first.capacity() == 0 {
            self.first = spare;
        } else {
            let second = self.second.make();
            if second.capacity() == 0 {
                *second = spare;
            }
        }
    }

    /// The second, where it is there.
    #[inline]
    fn second(&mut self) -> Option<&mut Vec<T>> {
        self.second.get_mut().filter(|list| list.capacity() > 0)
    }

    /// Moves them to where there are not enough.
    #[inline]
    pub(super) fn move_to(&mut self, others: &mut Self) {
        if self.first.capacity() == 0 {
            return;
        }
        if others.first.capacity() == 0 {
            std::mem::swap(self, others);
        } else if others.second().is_none() {
            *others.second.make() = self.take();
        }
    }

    /// Takes one; where there is none, a list without room.
    #[inline]
    pub(super) fn take(&mut self) -> Vec<T> {
        match self.second() {
            Some(second) => std::mem::take(second),
            None => std::mem::take(&mut self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(mut spares: Spares<u64>) -> Vec<usize> {
        let capacities = std::iter::from_fn(|| Some(spares.take().capacity()));
        capacities.take_while(|capacity| *capacity > 0).collect()
    }

    #[test]
    fn a_few_small_lists_are_kept() {
        let check = |capacities: &[usize], kept: &[usize]| {
            let mut spares = Spares::default();
            for capacity in capacities {
                spares.keep(Vec::with_capacity(*capacity));
            }
            assert_eq!(taken(spares), kept);
        };
        check(&[0, 1_025], &[]);
        check(&[4, 1_024], &[1_024, 4]);
        check(&[4, 5, 6], &[5, 4]);
    }

    #[test]
    fn those_that_have_no_place_stay() {
        let [mut from, mut to] = [[4, 5], [6, 0]].map(|capacities| {
            let mut spares = Spares::<u64>::default();
            for capacity in capacities {
                spares.keep(Vec::with_capacity(capacity));
            }
            spares
        });
        from.move_to(&mut to);
        assert_eq!((taken(from), taken(to)), (vec![4], vec![5, 6]));
    }
}
