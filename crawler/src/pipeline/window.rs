//! How far visits may run ahead of what is settled, which is what a kill lets be fetched again.

use std::num::NonZeroUsize;

use stage::{Demand, DemandError};

/// Outcomes that are settled together at most. One transaction of so many costs little more than one of one.
const SETTLED_MAX: usize = 64;

/// Returns the demand of the store for the outcomes of so many places.
///
/// With `n` places it asks for `n + b`, and again by `b = min(n, 64)`. Of these `n + b`, each is in one place: asked of the
/// visits and not begun, being fetched, fetched and on its way, or in the batch that is settled.
///
/// * *Bound:* a visit begins only for an outcome that was asked for, and the store asks anew for `b` only after it has
///   settled `b`, so what is begun and not settled is at most `n + b`: the places and one batch. A batch holds at most
///   `max − min = b`. That is all that is fetched again after a kill.
/// * *Speed:* while a batch of `b` is settled, `n` are asked for besides, so no place is empty for it.
///
/// On lease may be `n` more, which wait in front of the places and are not asked for.
///
/// # Errors
///
/// [`DemandError`] when the places are more than can be counted.
pub(crate) fn settle_window(places: NonZeroUsize) -> Result<Demand, DemandError> {
    let batch = SETTLED_MAX.min(places.get());
    Demand::new(places.get().saturating_add(batch), places.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_begun_and_not_settled_than_the_places_and_one_batch() {
        fn check(places: usize, max: usize, batch_max: usize) {
            let demand = settle_window(NonZeroUsize::new(places).unwrap()).unwrap();
            assert_eq!((demand.max(), demand.batch_max()), (max, batch_max));
            assert_eq!(demand.min(), places, "none is empty during a settle");
        }
        check(1, 2, 1);
        check(10, 20, 10);
        check(64, 128, 64);
        check(1_000, 1_064, 64);
    }
}
