//! What a visit costs its site, from which follows how long the site rests after it.

use std::time::Duration;

use crate::fetch::{Answer, FetchError, NoAnswer};
use crate::policy::retry_after::retry_after;
use crate::policy::welcome::is_pushback;

/// What the requests of one visit cost. It is kept beside what they found, so that it is known also when reading what
/// they found panics.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// How long the longest request took until its answer, or until it was given up; none when nothing was asked.
    pub(super) asked: Option<Duration>,
    /// The time between two fetches that the site wants.
    pub(super) crawl_delay: Option<Duration>,
    /// How long the site asked to be left alone.
    pub(super) wait: Option<Duration>,
    /// Bytes of bodies, over the wire.
    pub(super) bytes: u64,
}

impl Cost {
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.asked = self.asked.max(Some(answer.latency));
        self.bytes += answer.body.wire_bytes;
    }

    pub(super) fn unanswered(&mut self, failed: &NoAnswer) {
        // An address that is refused was not connected to. A name that is not found costs its name server as much.
        if !matches!(failed.error, FetchError::Address(_)) {
            self.asked = self.asked.max(Some(failed.asked));
        }
    }

    /// Notes an answer whose `Retry-After` is nobody else's business.
    pub(super) fn answered_alone(&mut self, answer: &Answer) {
        self.answered(answer);
        if is_pushback(answer.status) {
            self.wait = self.wait.max(wait_asked(answer));
        }
    }
}

/// Returns what the `Retry-After` of an answer asks for.
pub(super) fn wait_asked(answer: &Answer) -> Option<Duration> {
    let value = answer.header("retry-after")?;
    retry_after(value, std::time::SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::address::AllowedAddresses;
    use crate::web_url::WebUrl;

    #[test]
    fn the_longest_request_counts_and_an_address_that_is_refused_is_none() {
        let loopback = WebUrl::parse("http://127.0.0.1/").unwrap();
        let refused = AllowedAddresses::default().check_literal(&loopback);
        let mut cost = Cost::default();
        let mut fail = |error, seconds| {
            let asked = Duration::from_secs(seconds);
            cost.unanswered(&NoAnswer { error, asked });
            cost.asked.map(|asked| asked.as_secs())
        };
        assert_eq!(fail(FetchError::Address(refused.unwrap_err()), 1), None);
        assert_eq!(fail(FetchError::Name(String::new()), 0), Some(0));
        assert_eq!(fail(FetchError::Timeout, 30), Some(30));
        assert_eq!(fail(FetchError::Timeout, 2), Some(30));
    }
}
