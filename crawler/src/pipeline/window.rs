//! How far visits may run ahead of what is settled, which is what a kill lets be fetched again.

use std::num::NonZeroUsize;

use stage::{Demand, DemandError};

/// Outcomes that are not settled yet, besides those of the places, at most.
const UNSETTLED_MAX: usize = 64;

/// Returns the demand of the store for the outcomes of so many places.
///
/// With `n` places it asks for `n + s`, where `s = min(n, 64)`, and again by `b = s / 2`. Of these `n + s`, each is in one
/// place: asked of the visits and not begun, being fetched, fetched and on its way, or in the batch that is settled.
///
/// * *Bound:* a visit begins only for an outcome that was asked for, and the store asks anew for `b` only after it has
///   settled `b`, so what is begun and not settled is at most `n + s`. That is all that is fetched again after a kill.
/// * *Speed:* a batch holds at most `max − min = b`. While one is settled, fewer than `b` before it are settled and not
///   asked for again, so more than `n + s − 2b ≥ n` are asked for besides, and no place is empty for it.
///
/// On lease may be `n` more, which wait in front of the places and are not asked for.
///
/// # Errors
///
/// [`DemandError`] when the places are more than can be counted.
pub(crate) fn settle_window(places: NonZeroUsize) -> Result<Demand, DemandError> {
    let spare = UNSETTLED_MAX.min(places.get());
    let max = places.get().saturating_add(spare);
    Demand::new(max, max - (spare / 2).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_empty_while_a_batch_is_settled() {
        fn check(places: usize, max: usize, batch_max: usize) {
            let demand = settle_window(NonZeroUsize::new(places).unwrap()).unwrap();
            assert_eq!((demand.max(), demand.batch_max()), (max, batch_max));
            // What is settled and not asked for again, and the batch that is settled now.
            let besides = max - (batch_max - 1) - batch_max;
            assert!(places == 1 || besides > places, "{places} places");
        }
        check(1, 2, 1);
        check(10, 20, 5);
        check(64, 128, 32);
        check(1_000, 1_064, 32);
    }
}
