//! How far visits may run ahead of what is settled, which is what a kill lets be fetched again.

use std::num::NonZeroUsize;

/// What may be ready in front of the places or behind them, besides what is in them: as many as there are places, up to
/// this, or a quarter of them where they are many, whose answers may come all at once.
const SPARE: usize = 64;

/// Returns that of so many places.
pub(super) fn spare(places: NonZeroUsize) -> usize {
    SPARE.min(places.get()).max(places.get() / 4)
}

/// How many outcomes the store asks for, and how many make a batch.
///
/// With `n` places it asks for `n + s`, where `s` is [`spare`], and again for those that are settled; `b = min(s, 64) / 2`
/// are a full batch. Of these `n + s`, each is in one place: asked of the visits and not begun, being fetched, fetched and on its way,
/// or in the store, where it waits or is settled.
///
/// * *Bound:* a visit begins only for an outcome that was asked for, and the store asks for another only after it has
///   settled one, so what is begun and not settled is at most `n + s`. That is all that is fetched again after a kill.
/// * *Speed:* a batch is settled as soon as it is full. While `b` are settled, and at most `b − 1` wait to be settled after
///   them, `n + s − 2b + 1 ≥ n` are asked for besides, and no place is empty for it.
///
/// On lease may be `n` more, which wait in front of the places and are not asked for, and `s` that were claimed ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SettleWindow {
    /// Asked for and not settled.
    pub(super) max: usize,
    /// Outcomes that are worth a settle at once.
    pub(super) batch: usize,
}

impl SettleWindow {
    /// Returns that of so many places.
    pub(crate) fn of(places: NonZeroUsize) -> Self {
        let spare = spare(places);
        Self {
            max: places.get().saturating_add(spare),
            batch: (spare.min(SPARE) / 2).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_empty_while_a_batch_is_settled() {
        fn check(places: usize, max: usize, batch: usize) {
            let window = SettleWindow::of(NonZeroUsize::new(places).unwrap());
            assert_eq!((window.max, window.batch), (max, batch));
            // The batch that is settled now, and what waits behind it.
            let besides = max - batch - (batch - 1);
            assert!(besides >= places, "{places} places");
        }
        check(1, 2, 1);
        check(10, 20, 5);
        check(64, 128, 32);
        check(1_000, 1_250, 32);
    }
}
