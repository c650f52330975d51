//! How many visits may begin now, so that no more begin in a time than was allowed.

use std::time::{Duration, Instant};

/// How far beginnings may run ahead together: what a timer can't tell apart.
const SLACK: Duration = Duration::from_millis(10);

/// One beginning in each period, and those of 10 ms at once where the period is shorter.
///
/// Invariant: in any time `t` at most `t / period + 10 ms / period + 1` begin. Source: the generic cell rate algorithm,
/// ITU-T I.371 annex A.
///
/// ```
/// use std::time::{Duration, Instant};
/// use crawler::policy::rate::Rate;
///
/// let now = Instant::now();
/// let mut pace = Rate::new(Duration::from_secs(2), now);
/// assert_eq!(pace.allowed(now), 1);
/// pace.on_begun(1, now);
/// assert_eq!(pace.wait(now), Some(Duration::from_secs(2)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    period: Duration,
    /// When the next one is due, if they came evenly.
    due: Instant,
}

impl Rate {
    /// Makes a rate of one in `period`, which is not zero; the first may begin `now`.
    #[must_use]
    pub fn new(period: Duration, now: Instant) -> Self {
        let period = period.max(Duration::from_nanos(1));
        Self { period, due: now }
    }

    /// Returns how many may begin now. What was not begun in time is not made up for.
    #[must_use]
    pub fn allowed(&self, now: Instant) -> usize {
        let due = self.due.max(now);
        let Some(room) = (now + self.slack()).checked_duration_since(due) else {
            return 0;
        };
        let more = room.as_nanos() / self.period.as_nanos();
        usize::try_from(more).map_or(usize::MAX, |more| more.saturating_add(1))
    }

    /// Notes that so many have begun.
    pub fn on_begun(&mut self, count: usize, now: Instant) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.due = self.due.max(now) + self.period.saturating_mul(count);
    }

    /// Returns how long until one may begin; none if one may now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        if self.allowed(now) > 0 {
            return None;
        }
        Some(self.due.saturating_duration_since(now) - self.slack())
    }

    /// A slow pace is kept to the moment.
    fn slack(&self) -> Duration {
        if self.period < SLACK {
            SLACK
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slow_pace_is_kept_to_the_moment() {
        let start = Instant::now();
        let mut pace = Rate::new(Duration::from_secs(2), start);
        pace.on_begun(1, start);
        let later = start + Duration::from_millis(1_999);
        assert_eq!(
            (pace.allowed(later), pace.wait(later)),
            (0, Some(Duration::from_millis(1)))
        );
        assert_eq!(pace.allowed(start + Duration::from_secs(2)), 1);
    }

    #[test]
    fn what_was_not_begun_in_time_is_not_made_up_for() {
        let start = Instant::now();
        let pace = Rate::new(Duration::from_millis(5), start);
        assert_eq!(pace.allowed(start + Duration::from_secs(60)), 3);
    }

    proptest! {
        /// Whenever all that may begin does, and the rest waits as long as it is told, the rate holds, and is reached.
        #[test]
        fn the_rate_holds_over_any_time(period_us in 50_u64..3_000_000, looks in prop::collection::vec(0_u64..20_000, 1..200)) {
            let (start, period) = (Instant::now(), Duration::from_micros(period_us));
            let (mut rate, mut now, mut begun) = (Rate::new(period, start), start, 0_u128);
            for look in looks {
                now += rate.wait(now).unwrap_or_default() + Duration::from_micros(look);
                let count = rate.allowed(now);
                prop_assert!(count > 0, "it waited as long as it was told");
                rate.on_begun(count, now);
                begun += count as u128;
                let most = ((now - start) + SLACK).as_nanos() / period.as_nanos() + 1;
                prop_assert!(begun <= most, "{begun} of {most}");
            }
        }
    }
}
