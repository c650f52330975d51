//! How long to wait before another try: longer each time, and never all nodes at once.

use std::time::Duration;

/// The wait after the first failure: a deadlock or a restart of a pooler is over by then.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait: a database that is back is found within it.
const LONGEST: Duration = Duration::from_secs(2);

/// The tries so far.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the wait before the next try, with `jitter` from 0 to 1: from half the time to all of it.
    pub(super) fn on_failure(&mut self, jitter: f64) -> Duration {
        let wait = FIRST
            .saturating_mul(2u32.saturating_pow(self.failures))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// Returns whether it is time to say that there is nothing but failures: the 5th, then each 30th, a minute or less
    /// apart.
    pub(super) const fn is_worth_a_word(&self) -> bool {
        self.failures % 30 == 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_bound_and_jitter_only_shortens_it() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8)
            .map(|_| backoff.on_failure(1.0).as_millis())
            .collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(backoff.on_failure(0.0), LONGEST / 2);
    }

    #[test]
    fn a_long_failure_is_told_now_and_then() {
        let mut backoff = Backoff::default();
        let told: Vec<_> = (1..=70)
            .filter(|_| {
                let _wait = backoff.on_failure(0.5);
                backoff.is_worth_a_word()
            })
            .collect();
        assert_eq!(told, [5, 35, 65]);
    }
}
