//! What the service was asked, as plain numbers: begun at the door, ended by an answer or a hang-up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::decision::Outcome;
use crate::tally::Tally;

/// The counts of `/api/crawl`, as `/api/stats` shows them.
///
/// A request that was refused (no usable `url`) is not counted. `requests` is the sum of the answers, of `hung_up`
/// and, when there was no reset, of `in_flight`. Times are in milliseconds since the service started.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use slow_api::Options;
///
/// let server = slow_api::start(Options { port: 0, ..Options::default() }).await?;
/// let stats = server.stats();
/// assert_eq!((stats.requests, stats.first_request_ms), (0, None));
/// # Ok::<(), slow_api::StartError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Requests begun.
    pub requests: u64,
    /// Distinct URLs, as far as they are remembered.
    pub distinct: usize,
    /// Requests neither answered nor hung up yet; also those from before a reset.
    pub in_flight: u64,
    /// The most in flight at once; a reset sets it to what is in flight then.
    pub max_in_flight: u64,
    /// Answers that were failures on purpose.
    pub failures: u64,
    /// Requests whose caller hung up before the answer.
    pub hung_up: u64,
    /// Requests whose URL is not in `by_url`, because it would have remembered too much; each is the first of its
    /// URL where jitter and failures are decided.
    pub unlisted: u64,
    /// When the first request came.
    pub first_request_ms: Option<u64>,
    /// When the last answer was given; a hang-up is no answer.
    pub last_answer_ms: Option<u64>,
    /// Requests of each URL; of the first million URLs, or 128 MiB of them.
    pub by_url: BTreeMap<String, u64>,
}

/// The live counts; `now` is always the time since the start.
///
/// A reset begins a new period: what began in an earlier one still counts as in flight, but its end is not written
/// into the new numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    period: u64,
    requests: u64,
    in_flight: u64,
    max_in_flight: u64,
    failures: u64,
    hung_up: u64,
    first_request: Option<Duration>,
    last_answer: Option<Duration>,
    by_url: Tally,
}

/// A request as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Begun {
    period: u64,
    /// The how-manieth request of its URL it is, from 1; always 1 for a URL that is not remembered.
    pub(crate) nth: u64,
}

impl Counts {
    pub(crate) fn on_request(&mut self, url: &str, now: Duration) -> Begun {
        self.requests += 1;
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        self.first_request.get_or_insert(now);
        Begun {
            period: self.period,
            nth: self.by_url.count(url),
        }
    }

    pub(crate) fn on_answer(&mut self, begun: Begun, outcome: Outcome, now: Duration) {
        self.end();
        if begun.period == self.period {
            self.last_answer = Some(now);
            self.failures += u64::from(outcome == Outcome::Failure);
        }
    }

    pub(crate) fn on_hang_up(&mut self, begun: Begun) {
        self.end();
        self.hung_up += u64::from(begun.period == self.period);
    }

    pub(crate) fn on_reset(&mut self) {
        *self = Self {
            period: self.period + 1,
            in_flight: self.in_flight,
            max_in_flight: self.in_flight,
            ..Self::default()
        };
    }

    fn end(&mut self) {
        debug_assert!(self.in_flight > 0, "a request ends once");
        self.in_flight -= 1;
    }
}

impl From<Counts> for Snapshot {
    fn from(counts: Counts) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            requests: counts.requests,
            distinct: counts.by_url.distinct(),
            in_flight: counts.in_flight,
            max_in_flight: counts.max_in_flight,
            failures: counts.failures,
            hung_up: counts.hung_up,
            unlisted: counts.by_url.unlisted(),
            first_request_ms: counts.first_request.map(ms),
            last_answer_ms: counts.last_answer.map(ms),
            by_url: counts.by_url.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn shown(counts: &Counts) -> Snapshot {
        counts.clone().into()
    }

    #[test]
    fn each_url_is_counted_and_told_the_how_manieth_it_is() {
        let mut counts = Counts::default();
        let nth = ["a", "b", "a", "a"].map(|url| counts.on_request(url, at(0)).nth);
        assert_eq!(nth, [1, 1, 2, 3]);
        let stats = shown(&counts);
        assert_eq!((stats.requests, stats.distinct), (4, 2));
        assert_eq!(stats.by_url["a"], 3);
    }

    #[test]
    fn the_most_in_flight_stays_when_it_falls() {
        let mut counts = Counts::default();
        let first = counts.on_request("a", at(1));
        let second = counts.on_request("b", at(2));
        counts.on_answer(first, Outcome::Success, at(5));
        counts.on_answer(second, Outcome::Failure, at(6));
        let _third = counts.on_request("c", at(7));
        let stats = shown(&counts);
        assert_eq!((stats.in_flight, stats.max_in_flight), (1, 2));
        assert_eq!(
            (stats.first_request_ms, stats.last_answer_ms),
            (Some(1), Some(6))
        );
        assert_eq!(stats.failures, 1);
    }

    #[test]
    fn a_hang_up_is_no_answer() {
        let mut counts = Counts::default();
        let begun = counts.on_request("a", at(1));
        counts.on_hang_up(begun);
        let stats = shown(&counts);
        assert_eq!((stats.in_flight, stats.hung_up), (0, 1));
        assert_eq!(stats.last_answer_ms, None);
    }

    #[test]
    fn a_reset_keeps_what_is_in_flight_and_forgets_how_it_began() {
        let mut counts = Counts::default();
        let (answered, left) = (counts.on_request("a", at(1)), counts.on_request("b", at(1)));
        counts.on_reset();
        let new = counts.on_request("a", at(3));
        assert_eq!(new.nth, 1);
        let stats = shown(&counts);
        assert_eq!(
            (stats.requests, stats.in_flight, stats.max_in_flight),
            (1, 3, 3)
        );
        counts.on_answer(answered, Outcome::Failure, at(4));
        counts.on_hang_up(left);
        let stats = shown(&counts);
        assert_eq!((stats.in_flight, stats.max_in_flight), (1, 3));
        assert_eq!(
            (stats.failures, stats.hung_up, stats.last_answer_ms),
            (0, 0, None)
        );
    }
}
