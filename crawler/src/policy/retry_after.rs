//! How long a server asks to be left alone. Source: RFC 9110 §10.2.3.

use std::time::{Duration, SystemTime};

/// The longest wait a server may ask for; a URL that should wait longer is not worth the crawl's time.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Returns the wait of a `Retry-After` header, at most an hour: seconds, or an HTTP date of any of the three forms. A
/// date that has passed is no wait, and anything else says nothing.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // All digits and yet no number: more seconds than there ever will be.
        value.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the date of the RFC's examples.
    const EXAMPLE: Duration = Duration::from_secs(784_111_777);

    fn check(value: &str, expected: Option<u64>) {
        let a_minute_before = SystemTime::UNIX_EPOCH + EXAMPLE - Duration::from_secs(60);
        let wait = retry_after(value, a_minute_before);
        assert_eq!(wait, expected.map(Duration::from_secs), "{value:?}");
    }

    #[test]
    fn seconds_are_taken_as_they_are_up_to_an_hour() {
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("3601", Some(3600));
        check("99999999999999999999999", Some(3600));
    }

    #[test]
    fn a_date_is_the_time_until_it() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(60));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(60));
        check("Sun Nov  6 08:49:37 1994", Some(60));
        check("Sat, 06 Nov 2094 08:49:37 GMT", Some(3600));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
    }

    #[test]
    fn anything_else_says_nothing() {
        for value in ["", "-1", "1.5", "soon", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            check(value, None);
        }
    }

    proptest! {
        #[test]
        fn any_value_says_nothing_or_at_most_an_hour(
            value in "(\\PC{0,12}|[0-9]{0,30}|(Sun|Mon)?,? ?[0-9]{1,3}[ -](Nov|Xxx)[ -][0-9]{1,5} [0-9:]{0,9} ?(GMT)?)",
            now in 0_u64..1 << 40,
        ) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            prop_assert!(retry_after(&value, now).is_none_or(|wait| wait <= LONGEST));
        }
    }
}
