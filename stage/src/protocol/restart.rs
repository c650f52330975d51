//! How many restarts are too many: a count within a sliding period; the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Allows `max` restarts within `period`. Default 3 in 5 s. Source: GenStage 1.3 `max_restarts`, `max_seconds`.
#[derive(Debug, Clone)]
pub struct Intensity {
    max: usize,
    period: Duration,
    at: VecDeque<Instant>,
}

impl Intensity {
    /// Makes a limit of `max` restarts within `period`.
    #[must_use]
    pub const fn new(max: usize, period: Duration) -> Self {
        Self {
            max,
            period,
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
}

impl Default for Intensity {
    fn default() -> Self {
        Self::new(3, Duration::from_secs(5))
    }
}
