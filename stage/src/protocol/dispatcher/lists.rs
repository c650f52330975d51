//! Emptied lists that consumers gave back, for batches to come.

/// Lists kept. Each is small, and a dispatcher needs one for each consumer that it serves at a time.
const LISTS_MAX: usize = 32;

/// Empty lists that have room.
#[derive(Debug)]
pub(crate) struct Lists<T>(Vec<Vec<T>>);

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Lists<T> {
    /// Returns an empty list; where there is none with room, one without.
    #[must_use]
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps a list, unless there are enough or it has no room.
    #[inline]
    pub(crate) fn keep(&mut self, list: Vec<T>) {
        debug_assert!(list.is_empty(), "its events were handled");
        if list.capacity() > 0 && self.0.len() < LISTS_MAX {
            self.0.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lists_that_have_room_are_kept_for_batches() {
        let mut lists = Lists::<u32>::default();
        let given_back = std::iter::repeat_n(4, LISTS_MAX + 1);
        for capacity in [0].into_iter().chain(given_back) {
            lists.keep(Vec::with_capacity(capacity));
        }
        let taken = std::iter::from_fn(|| Some(lists.take().capacity()));
        let with_room = taken.take_while(|capacity| *capacity > 0);
        assert_eq!(with_room.count(), LISTS_MAX);
    }
}
