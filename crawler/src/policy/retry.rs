//! Which tries are worth another, and how long to wait before it.
//!
//! | what came of a try | another? |
//! |---|---|
//! | no connection, no answer in time, a body cut short | yes |
//! | what is no proper HTTP answer: garbage, a broken or too large head, a 101 | yes, as Scrapy does and no browser |
//! | 408, 429, 500, 502, 503, 504 | yes, and its `Retry-After` goes before the back-off |
//! | another status of 500 to 599 | no: it failed |
//! | a coding that can't be read, a certificate that is not valid, a panic | no |
//! | any other status | no: it is the answer |
//!
//! What is no proper answer may be the rest of the one before it on the same connection, which another try does not
//! share; a browser leaves that try to its user. Source: Scrapy `RETRY_EXCEPTIONS`, `ResponseFailed`.

use std::time::Duration;

/// The first back-off.
const FIRST_MS: u64 = 1_000;
/// The longest back-off.
const LONGEST_MS: u64 = 60_000;

/// Returns whether the status is no final answer: the server did not get to the question.
pub(crate) const fn is_failure(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Returns whether a status that is a failure may be another one at the next try.
pub(crate) const fn is_retried(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Returns the wait before retry `number` (from 1): 1 s doubled each time, half less to half more by `random`, and at
/// most a minute.
pub(crate) fn back_off(number: u32, random: u32) -> Duration {
    let doubled = FIRST_MS << number.saturating_sub(1).min(6);
    let base = doubled.min(LONGEST_MS);
    let jittered = base / 2 + base * u64::from(random) / u64::from(u32::MAX);
    Duration::from_millis(jittered.min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u32 = u32::MAX / 2 + 1;

    #[test]
    fn the_back_off_doubles_up_to_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 7, 90]
            .map(|n| back_off(n, MIDDLE).as_secs())
            .into();
        assert_eq!(seconds, [1, 2, 4, 60, 60]);
    }

    #[test]
    fn chance_takes_half_or_adds_half_and_never_exceeds_a_minute() {
        assert_eq!(back_off(1, 0), Duration::from_millis(500));
        assert_eq!(back_off(1, u32::MAX), Duration::from_millis(1500));
        assert_eq!(back_off(9, u32::MAX), Duration::from_secs(60));
    }

    #[test]
    fn a_404_is_an_answer_and_a_503_is_not() {
        assert!(!is_failure(404) && !is_failure(301));
        assert!(is_failure(503) && is_failure(429));
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(is_retried(status), "{status}");
        }
        assert!(!is_retried(501) && !is_retried(404));
    }
}
