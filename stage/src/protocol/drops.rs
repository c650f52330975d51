//! Events that are dropped here rather than by who made them: a `Drop` that panics harms nothing but its own event.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops events, and returns how many they were.
pub(crate) fn drop_all<T>(events: impl IntoIterator<Item = T>) -> usize {
    let mut events = events.into_iter();
    let mut dropped = 0;
    let mut drop_the_rest = || {
        for event in events.by_ref() {
            dropped += 1;
            drop(event);
        }
    };
    // Those behind one that panics are dropped by the next round.
    while catch_unwind(AssertUnwindSafe(&mut drop_the_rest)).is_err() {}
    dropped
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Bomb<'a>(&'a Cell<usize>);

    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            panic!("on purpose");
        }
    }

    #[test]
    fn each_is_dropped_and_counted_whichever_panics() {
        let dropped = Cell::new(0);
        let mut events: Vec<_> = (0..5).map(|_| Bomb(&dropped)).collect();
        assert_eq!((drop_all(events.drain(2..)), dropped.get()), (3, 3));
        assert_eq!((drop_all(events), dropped.get()), (2, 5));
    }
}
