//! The two numbers of a subscription, checked once at the door.

use thiserror::Error;

/// How many events a consumer lets be outstanding, and when it asks again.
///
/// `max` bounds what is asked and not yet handled; at `min` outstanding or fewer it asks again up to `max`. Batches
/// handed to a callback hold at most `max − min` events.
///
/// ```
/// let demand = stage::Demand::new(100, 80)?;
/// assert_eq!((demand.max(), demand.min(), demand.batch_max()), (100, 80, 20));
/// # Ok::<(), stage::DemandError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    max: usize,
    min: usize,
}

/// Why a pair of numbers is not a [`Demand`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DemandError {
    /// Nothing would ever be asked.
    #[error("max_demand must be at least 1, got 0")]
    MaxIsZero,
    /// The consumer would ask again before it handled anything.
    #[error("min_demand must be at most {most}, got {min}")]
    MinTooLarge {
        /// `max − 1`.
        most: usize,
        /// What was given.
        min: usize,
    },
}

impl Demand {
    /// Checks `1 ≤ max` and `min ≤ max − 1`.
    ///
    /// # Errors
    ///
    /// [`DemandError`] names the number that is out of its range.
    pub const fn new(max: usize, min: usize) -> Result<Self, DemandError> {
        if max == 0 {
            return Err(DemandError::MaxIsZero);
        }
        if min >= max {
            return Err(DemandError::MinTooLarge { most: max - 1, min });
        }
        Ok(Self { max, min })
    }

    /// Asks for `max`, and again at half of it.
    ///
    /// # Errors
    ///
    /// [`DemandError::MaxIsZero`].
    pub const fn up_to(max: usize) -> Result<Self, DemandError> {
        Self::new(max, max / 2)
    }

    /// Asks for `max`, and again for each event that was handled: a batch is one event. For supervisors of a task for
    /// each event, where it means `max` at a time; a consumer pays with a message an event.
    ///
    /// # Errors
    ///
    /// [`DemandError::MaxIsZero`].
    pub const fn one_by_one(max: usize) -> Result<Self, DemandError> {
        Self::new(max, max.saturating_sub(1))
    }

    /// The most events outstanding.
    #[must_use]
    pub const fn max(self) -> usize {
        self.max
    }

    /// The outstanding count at which it asks again.
    #[must_use]
    pub const fn min(self) -> usize {
        self.min
    }

    /// The most events in one call of `handle_events`.
    #[must_use]
    pub const fn batch_max(self) -> usize {
        self.max - self.min
    }
}

impl Default for Demand {
    /// 1000 and 500. Source: GenStage 1.3 subscription options.
    fn default() -> Self {
        Self {
            max: 1000,
            min: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_checks_and_keeps_its_numbers() {
        let check = |made: Result<Demand, DemandError>, expected| {
            let numbers = made.map(|demand| (demand.max(), demand.min(), demand.batch_max()));
            assert_eq!(numbers, expected);
        };
        check(Demand::new(10, 7), Ok((10, 7, 3)));
        check(Demand::new(1, 0), Ok((1, 0, 1)));
        check(Demand::new(0, 0), Err(DemandError::MaxIsZero));
        let (most, min) = (3, 4);
        check(
            Demand::new(4, 4),
            Err(DemandError::MinTooLarge { most, min }),
        );
        check(Demand::up_to(9), Ok((9, 4, 5)));
        check(Demand::up_to(0), Err(DemandError::MaxIsZero));
        check(Demand::one_by_one(3), Ok((3, 2, 1)));
        check(Demand::one_by_one(0), Err(DemandError::MaxIsZero));
        check(Ok(Demand::default()), Ok((1000, 500, 500)));
    }
}
