//! What time it is: handed in, so that a test moves it by hand. Inside the engines time is milliseconds since the Unix
//! epoch, for a politeness delay must hold over a restart of the program.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

/// Tells the time.
///
/// # Examples
///
/// ```
/// use crawler::frontier::{Clock, SystemClock};
///
/// let clock = SystemClock::default();
/// let before = clock.now();
/// assert!(clock.now() >= before);
/// ```
pub trait Clock: Debug + Send + Sync {
    /// Returns the time. An engine that is told an earlier time than before goes on with the one before.
    fn now(&self) -> SystemTime;
}

/// The wall's time at the start, moved on by the machine's uptime: who sets the wall's clock in between neither
/// stops a crawl nor lets it hurry.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    began: SystemTime,
    at: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            began: SystemTime::now(),
            at: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        self.began + self.at.elapsed()
    }
}

/// The time that never comes.
pub(crate) const NEVER: i64 = i64::MAX;

/// The longest span that counts, a century: with it any sum of a time and a few spans is before [`NEVER`].
const LONGEST_MS: i64 = 100 * 366 * 24 * 60 * 60 * 1_000;

/// Returns the time in milliseconds, the epoch for any before it.
pub(crate) fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).map_or(LONGEST_MS, |at| at.min(LONGEST_MS))
}

/// Returns the span in milliseconds, rounded up, for a promised wait is never cut short.
pub(crate) fn span_millis(span: Duration) -> i64 {
    let millis = span.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis).map_or(LONGEST_MS, |span| span.min(LONGEST_MS))
}

/// Returns the span of so many milliseconds, none if negative.
pub(crate) fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Returns the time of so many milliseconds since the epoch.
pub(crate) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + span(millis.min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_rounded_up_and_never_reaches_never() {
        assert_eq!(span_millis(Duration::ZERO), 0);
        assert_eq!(span_millis(Duration::from_nanos(1)), 1);
        assert_eq!(span_millis(Duration::from_millis(7)), 7);
        let far = millis(time(NEVER)) + 2 * span_millis(Duration::MAX);
        assert!(far < NEVER);
    }

    #[test]
    fn a_time_comes_back_as_it_was() {
        assert_eq!(millis(time(1_700_000_000_123)), 1_700_000_000_123);
        assert_eq!(millis(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
