//! How long a site is left alone between two fetches.

use std::time::Duration;

/// The longest `Crawl-delay` that is kept; a site that asks for more is still fetched, twice a minute.
pub const CRAWL_DELAY_MAX: Duration = Duration::from_secs(30);

/// By how much chance may lengthen a delay, as a divisor: a tenth.
const JITTER: u32 = 10;

/// How a site is treated: the delay from the end of one fetch to the start of the next.
///
/// ```text
/// delay = max(min_delay, the site's crawl delay up to CRAWL_DELAY_MAX, latency_times × the last latency) + jitter
/// ```
///
/// ```
/// use std::time::Duration;
/// use crawler::policy::politeness::Politeness;
///
/// let politeness = Politeness::default();
/// let second = Duration::from_secs(1);
/// assert_eq!(politeness.delay(None, Duration::from_millis(80), 0), second);
/// assert_eq!(politeness.delay(None, 3 * second, 0), 3 * second);
/// assert_eq!(politeness.delay(Some(5 * second), 3 * second, 0), 5 * second);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Politeness {
    /// The shortest delay.
    pub min_delay: Duration,
    /// How many times as long as the last answer took: a site that is slow is busy. Source: Heritrix's delay factor.
    pub latency_times: u32,
}

impl Default for Politeness {
    /// A second, and as long as the last answer took.
    fn default() -> Self {
        Self {
            min_delay: Duration::from_secs(1),
            latency_times: 1,
        }
    }
}

impl Politeness {
    /// No delay at all, for sites of one's own: loopback and private seeds that were typed.
    pub const NONE: Self = Self {
        min_delay: Duration::ZERO,
        latency_times: 0,
    };

    /// Returns the delay after a fetch that took so long. `random`, of all values alike, only adds.
    #[must_use]
    pub fn delay(self, crawl_delay: Option<Duration>, latency: Duration, random: u32) -> Duration {
        let asked = crawl_delay.unwrap_or_default().min(CRAWL_DELAY_MAX);
        let paced = latency.saturating_mul(self.latency_times);
        lengthened(self.min_delay.max(asked).max(paced), random)
    }
}

/// Returns whether the site asks for a longer delay than is kept, which is worth a word to the user.
#[must_use]
pub fn is_crawl_delay_cut(crawl_delay: Duration) -> bool {
    crawl_delay > CRAWL_DELAY_MAX
}

/// Returns the duration and up to a tenth more.
pub(super) fn lengthened(duration: Duration, random: u32) -> Duration {
    let share = f64::from(random) / f64::from(u32::MAX) / f64::from(JITTER);
    // A share of at most a tenth of a duration is a duration, unless the whole is near the longest there is.
    let more = Duration::try_from_secs_f64(duration.as_secs_f64() * share).unwrap_or_default();
    duration.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_longest_of_the_three_delays_holds() {
        fn check(crawl_delay: Option<u64>, latency_ms: u64, expected_ms: u64) {
            let crawl_delay = crawl_delay.map(Duration::from_secs);
            let delay =
                Politeness::default().delay(crawl_delay, Duration::from_millis(latency_ms), 0);
            assert_eq!(
                delay,
                Duration::from_millis(expected_ms),
                "{crawl_delay:?}, {latency_ms} ms"
            );
        }
        check(None, 10, 1_000);
        check(None, 4_000, 4_000);
        check(Some(0), 10, 1_000);
        check(Some(2), 10, 2_000);
        check(Some(2), 4_000, 4_000);
        check(Some(30), 10, 30_000);
        check(Some(31), 10, 30_000);
        check(Some(u64::MAX), 10, 30_000);
    }

    #[test]
    fn a_crawl_delay_that_is_cut_is_known() {
        assert!(!is_crawl_delay_cut(CRAWL_DELAY_MAX));
        assert!(is_crawl_delay_cut(
            CRAWL_DELAY_MAX + Duration::from_nanos(1)
        ));
    }

    #[test]
    fn a_site_of_ones_own_has_no_delay_but_the_one_it_asks_for() {
        assert_eq!(
            Politeness::NONE.delay(None, 9 * SECOND, u32::MAX),
            Duration::ZERO
        );
        assert_eq!(Politeness::NONE.delay(Some(SECOND), 9 * SECOND, 0), SECOND);
    }

    #[test]
    fn chance_adds_a_tenth_at_most() {
        let delay = |random| Politeness::default().delay(None, SECOND, random);
        assert_eq!(delay(0), SECOND);
        assert_eq!(delay(u32::MAX), Duration::from_millis(1_100));
    }

    proptest! {
        #[test]
        fn a_delay_is_never_shorter_than_any_of_the_three(
            crawl_delay: Option<Duration>, latency: Duration, random: u32, min_delay: Duration, latency_times: u32,
        ) {
            let politeness = Politeness { min_delay, latency_times };
            let delay = politeness.delay(crawl_delay, latency, random);
            prop_assert!(delay >= min_delay);
            prop_assert!(delay >= crawl_delay.unwrap_or_default().min(CRAWL_DELAY_MAX));
            prop_assert!(delay >= latency.saturating_mul(latency_times));
        }
    }
}
