//! Which ends of a child are followed by a restart, and how many restarts are too many: a count within a sliding period;
//! the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::exit::Exit;

/// Which ends of a supervised child are followed by a restart. Source: OTP `restart`.
///
/// | the child | `Permanent` | `Transient` | `Temporary` |
/// |---|---|---|---|
/// | fails, or is stopped by the failure of an upstream | restarted | restarted | ends |
/// | completes, or stops itself | restarted | ends | ends |
/// | is stopped, drained or aborted by its handle | ends | ends | ends |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It always runs: a behaviour that completes is followed by a new one, and its consumers hear nothing of it.
    Permanent,
    /// It runs until it has completed.
    Transient,
    /// It runs once.
    Temporary,
}

impl Restart {
    /// Returns whether a child that ended so by itself is restarted.
    #[must_use]
    pub const fn restarts(self, exit: &Exit) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => exit.is_failure(),
            Self::Temporary => false,
        }
    }
}

/// Allows `max` restarts within `period`. Default 3 in 5 s. Source: GenStage 1.3 `max_restarts`, `max_seconds`.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use stage::Intensity;
///
/// let (mut two_in_a_minute, start) = (Intensity::new(2, Duration::from_secs(60)), Instant::now());
/// let allowed = [0, 10, 20, 90].map(|s| two_in_a_minute.allows(start + Duration::from_secs(s)));
/// assert_eq!(allowed, [true, true, false, true]);
/// ```
#[derive(Debug, Clone)]
pub struct Intensity {
    max: usize,
    period: Duration,
    at: VecDeque<Instant>,
}

impl Intensity {
    /// Makes a limit of `max` restarts within `period`; less than a millisecond counts as one, or no two restarts would
    /// ever be counted together.
    #[must_use]
    pub fn new(max: usize, period: Duration) -> Self {
        Self {
            max,
            period: period.max(Duration::from_millis(1)),
            at: VecDeque::new(),
        }
    }

    /// Notes a restart at `now` and returns whether it is allowed.
    #[must_use]
    pub fn allows(&mut self, now: Instant) -> bool {
        while self
            .at
            .front()
            .is_some_and(|at| now.duration_since(*at) > self.period)
        {
            self.at.pop_front();
        }
        if self.at.len() >= self.max {
            return false;
        }
        self.at.push_back(now);
        true
    }

    /// Counts from nothing again.
    pub fn forget(&mut self) {
        self.at.clear();
    }
}

impl Default for Intensity {
    fn default() -> Self {
        Self::new(3, Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_restarts_are_allowed_as_the_period_has_room_for() {
        let start = Instant::now();
        let mut intensity = Intensity::new(2, Duration::from_millis(5));
        let allowed =
            [0, 4, 4, 5, 6, 9, 10].map(|at| intensity.allows(start + Duration::from_millis(at)));
        assert_eq!(allowed, [true, true, false, false, true, false, true]);
    }
}
