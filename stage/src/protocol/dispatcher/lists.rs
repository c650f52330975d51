//! Emptied lists that consumers gave back, for batches to come.

/// Bytes that the lists which are kept have room for. A dispatcher needs a list for each consumer that it serves at a time:
/// as many as have windows of a few events are thousands, and of large ones it is enough to keep a few.
const LISTS_BYTES_MAX: usize = 1024 * 1024;

/// Empty lists that have room.
#[derive(Debug)]
pub(crate) struct Lists<T> {
    lists: Vec<Vec<T>>,
    bytes: usize,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            lists: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T> Lists<T> {
    /// Returns an empty list; where there is none with room, one without.
    #[must_use]
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<T> {
        let list = self.lists.pop().unwrap_or_default();
        self.bytes -= Self::bytes(&list);
        list
    }

    /// Keeps a list, unless there are enough or it has no room.
    #[inline]
    pub(crate) fn keep(&mut self, list: Vec<T>) {
        debug_assert!(list.is_empty(), "its events were handled");
        let bytes = Self::bytes(&list);
        if bytes > 0 && bytes <= LISTS_BYTES_MAX - self.bytes {
            self.bytes += bytes;
            self.lists.push(list);
        }
    }

    const fn bytes(list: &Vec<T>) -> usize {
        list.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_have_room_are_kept_for_batches_up_to_some_bytes() {
        let check = |room: usize| {
            let mut lists = Lists::<u32>::default();
            let enough = LISTS_BYTES_MAX / (room * size_of::<u32>());
            let given_back = std::iter::repeat_n(room, enough + 1);
            for capacity in [0].into_iter().chain(given_back) {
                lists.keep(Vec::with_capacity(capacity));
            }
            let taken = std::iter::from_fn(|| Some(lists.take().capacity()));
            let with_room = taken.take_while(|capacity| *capacity > 0);
            assert_eq!(with_room.count(), enough);
            assert_eq!(lists.bytes, 0);
        };
        check(4);
        check(1_024);
    }
}
