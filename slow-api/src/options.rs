//! Where the service listens, how slow it is and how often it fails: values that are right once they exist.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::web::WebOptions;

/// Where to listen, how slow to be and how often to fail.
///
/// Every field's type allows only what the service can do, so there is nothing left to check at the start.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use slow_api::{FailureRate, FailureStatus, Options};
///
/// let options = Options {
///     port: 0,
///     delay: Duration::from_millis(50),
///     failure_rate: FailureRate::new(0.25)?,
///     failure_status: FailureStatus::new(503)?,
///     ..Options::default()
/// };
/// assert_eq!(options.failure_status.as_u16(), 503);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The address to listen on; loopback by default.
    pub address: IpAddr,
    /// The port, 4000 by default; 0 picks a free one.
    pub port: u16,
    /// The least time an answer takes, 4 s by default.
    pub delay: Duration,
    /// The most that is added to the delay, uniformly from zero to this, both inclusive; none by default.
    pub jitter: Duration,
    /// How many of the answers are failures; none by default.
    pub failure_rate: FailureRate,
    /// The status of a failure, 500 by default.
    pub failure_status: FailureStatus,
    /// What `Retry-After` says on a failure; without it there is no such header.
    pub retry_after_seconds: Option<u64>,
    /// Decides jitter and failures together with the URL and the how-manieth request of it this is; 0 by default.
    pub seed: u64,
    /// The local web, beside the API: one host with a site of 1,000 pages by default.
    pub web: WebOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 4000,
            delay: Duration::from_secs(4),
            jitter: Duration::ZERO,
            failure_rate: FailureRate::NEVER,
            failure_status: FailureStatus::INTERNAL_SERVER_ERROR,
            retry_after_seconds: None,
            seed: 0,
            web: WebOptions::default(),
        }
    }
}

/// A share of the answers: from 0.0, none, to 1.0, all, both inclusive.
///
/// # Examples
///
/// ```
/// use slow_api::FailureRate;
///
/// assert_eq!("1.0".parse::<FailureRate>()?, FailureRate::ALWAYS);
/// assert!("1.5".parse::<FailureRate>().is_err());
/// # Ok::<(), slow_api::FailureRateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailureRate(f64);

impl FailureRate {
    /// No answer fails.
    pub const NEVER: Self = Self(0.0);
    /// Every answer fails.
    pub const ALWAYS: Self = Self(1.0);

    /// Makes a rate of a number.
    ///
    /// # Errors
    ///
    /// [`FailureRateError`] when the number is below 0.0, over 1.0 or none.
    pub fn new(rate: f64) -> Result<Self, FailureRateError> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(FailureRateError(rate.to_string()))
        }
    }

    /// Returns the rate as a number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

impl FromStr for FailureRate {
    type Err = FailureRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map_err(|_| FailureRateError(text.to_owned()))
            .and_then(Self::new)
    }
}

/// What was given is no failure rate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no number from 0.0 to 1.0")]
pub struct FailureRateError(String);

/// The status of a failure: from 400 to 599, both inclusive.
///
/// # Examples
///
/// ```
/// use slow_api::FailureStatus;
///
/// assert_eq!("429".parse::<FailureStatus>()?.as_u16(), 429);
/// assert!("200".parse::<FailureStatus>().is_err());
/// # Ok::<(), slow_api::FailureStatusError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureStatus(u16);

impl FailureStatus {
    /// 500, the default.
    pub const INTERNAL_SERVER_ERROR: Self = Self(500);

    /// Makes a failure's status of a number.
    ///
    /// # Errors
    ///
    /// [`FailureStatusError`] when the number is below 400 or over 599.
    pub fn new(status: u16) -> Result<Self, FailureStatusError> {
        if (400..=599).contains(&status) {
            Ok(Self(status))
        } else {
            Err(FailureStatusError(status.to_string()))
        }
    }

    /// Returns the status as a number.
    #[must_use]
    pub fn as_u16(self) -> u16 {
        self.0
    }
}

impl FromStr for FailureStatus {
    type Err = FailureStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map_err(|_| FailureStatusError(text.to_owned()))
            .and_then(Self::new)
    }
}

/// What was given is no status of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no status from 400 to 599")]
pub struct FailureStatusError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_from_zero_to_one() {
        fn check(text: &str, expected: Option<f64>) {
            let rate = text.parse::<FailureRate>().ok().map(FailureRate::as_f64);
            assert_eq!(rate, expected, "{text}");
        }
        check("0", Some(0.0));
        check("0.25", Some(0.25));
        check("1.0", Some(1.0));
        check("1.0000001", None);
        check("-0.1", None);
        check("NaN", None);
        check("inf", None);
        check("half", None);
        check("", None);
    }

    #[test]
    fn a_failure_has_the_status_of_an_error() {
        fn check(text: &str, expected: Option<u16>) {
            let status = text
                .parse::<FailureStatus>()
                .ok()
                .map(FailureStatus::as_u16);
            assert_eq!(status, expected, "{text}");
        }
        check("400", Some(400));
        check("599", Some(599));
        check("399", None);
        check("600", None);
        check("70000", None);
        check("five hundred", None);
    }

    #[test]
    fn a_refusal_repeats_what_was_given() {
        let error = "1.5".parse::<FailureRate>().unwrap_err();
        assert_eq!(error.to_string(), "'1.5' is no number from 0.0 to 1.0");
        let error = FailureStatus::new(200).unwrap_err();
        assert_eq!(error.to_string(), "'200' is no status from 400 to 599");
    }
}
