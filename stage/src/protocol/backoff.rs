//! How long to wait before the next try: doubled each time, up to a cap, spread by jitter.

use std::time::Duration;

/// A wait that doubles with each failed try.
///
/// The wait before try `n` (from 0) lies between the half and the whole of `min(first × 2ⁿ, most)`, where the jitter puts
/// it: what failed together does not come back together. One that is [exact](Backoff::exact) has no jitter.
///
/// ```
/// use std::time::Duration;
/// use stage::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
/// assert_eq!(backoff.delay(0, 1.0), Duration::from_millis(100));
/// assert_eq!(backoff.delay(2, 0.0), Duration::from_millis(200));
/// assert_eq!(backoff.delay(40, 1.0), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    is_exact: bool,
}

impl Backoff {
    /// Tries again at once.
    pub const AT_ONCE: Self = Self::new(Duration::ZERO, Duration::ZERO);

    /// Waits about `first` before the first try, then twice as long each time, never longer than `most`. A century counts
    /// as the longest wait there is, so that every clock can tell its end.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first: at_most_a_century(first),
            most: at_most_a_century(most),
            is_exact: false,
        }
    }

    /// Waits for the whole each time, whatever the jitter.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stage::Backoff;
    ///
    /// let second = Duration::from_secs(1);
    /// let exact = Backoff::new(second, 5 * second).exact();
    /// assert_eq!([0, 1, 2, 3].map(|n| exact.delay(n, 0.0).as_secs()), [1, 2, 4, 5]);
    /// ```
    #[must_use]
    pub const fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// The longest wait.
    #[must_use]
    pub const fn most(self) -> Duration {
        self.most
    }

    /// Returns the wait before try `attempt`, counted from 0; `jitter` is between 0 and 1, and cut to it.
    #[must_use]
    pub fn delay(self, attempt: u32, jitter: f64) -> Duration {
        let factor = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.most);
        if self.is_exact {
            return whole;
        }
        whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

const fn at_most_a_century(wait: Duration) -> Duration {
    if wait.as_secs() < CENTURY.as_secs() {
        wait
    } else {
        CENTURY
    }
}

impl Default for Backoff {
    /// 100 ms at first, 10 s at most.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_cap_and_jitter_only_shortens_it() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let waits = |jitter| [0, 1, 2, 3, u32::MAX].map(|n| backoff.delay(n, jitter).as_millis());
        assert_eq!(waits(1.0), [100, 200, 350, 350, 350]);
        assert_eq!(waits(0.0), [50, 100, 175, 175, 175]);
        assert_eq!(waits(f64::INFINITY), waits(1.0));
        assert_eq!(Backoff::AT_ONCE.delay(9, 1.0), Duration::ZERO);
    }

    #[test]
    fn the_longest_wait_is_one_that_a_clock_can_tell() {
        let endless = Backoff::new(Duration::MAX, Duration::MAX);
        let days = Duration::from_secs(36_600 * 86_400);
        assert_eq!(endless.most(), days);
        assert_eq!(endless.delay(u32::MAX, 1.0), days);
        assert!(std::time::Instant::now().checked_add(days).is_some());
        let longer = days + Duration::from_millis(1);
        assert_eq!(Backoff::new(longer, longer).most(), days);
        let short = Backoff::new(Duration::MAX, Duration::from_millis(5));
        assert_eq!(short.exact().delay(0, 0.0), Duration::from_millis(5));
    }
}
