//! What was asked of one host of the local web, as plain numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::tally::Tally;

/// What was asked of the local web, as `/stats` shows it.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use slow_api::Options;
///
/// let server = slow_api::start(Options { port: 0, ..Options::default() }).await?;
/// reqwest::get(format!("{}/site/page/3", server.url())).await?.text().await?;
/// let stats = server.web_stats();
/// let host = &stats.hosts[&server.address().to_string()];
/// assert_eq!((host.requests, host.by_path["/site/page/3"]), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebSnapshot {
    /// The counts of each host, by its address and port.
    pub hosts: BTreeMap<String, HostSnapshot>,
}

/// What was asked of one host of the local web.
///
/// A gap is the time from the end of an answer to the start of the next request, as the host sees them; it is zero
/// when the request started before the answer had ended. The API has no part in gaps.
///
/// # Examples
///
/// ```
/// let host = slow_api::HostSnapshot::default();
/// assert_eq!((host.requests, host.gap_min_us), (0, None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostSnapshot {
    /// Requests begun.
    pub requests: u64,
    /// Requests for robots.txt, and for what it redirects to.
    pub robots: u64,
    /// Requests of paths that robots.txt disallows; all are, in the modes `closed` and `server-error`.
    pub disallowed: u64,
    /// Requests whose answer has not ended; also those from before a reset.
    pub in_flight: u64,
    /// The most in flight at once; a reset sets it to what is in flight then.
    pub max_in_flight: u64,
    /// The smallest gap so far between two requests that are not for robots.txt, in microseconds; there is none before
    /// the second of them.
    pub gap_min_us: Option<u64>,
    /// The same between two requests of any kind.
    pub any_gap_min_us: Option<u64>,
    /// Distinct paths, as far as they are remembered.
    pub distinct: usize,
    /// Requests whose path is not in `by_path`, because it would have remembered too much; each is the first of its
    /// path where a fault ends after some tries.
    pub unlisted: u64,
    /// Requests of each path with its query; of the first million paths, or 128 MiB of them, over all hosts.
    pub by_path: BTreeMap<String, u64>,
}

/// What a request is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Robots,
    Disallowed,
    Page,
}

/// The live counts of one host; `now` is always the time since the start.
///
/// A reset begins a new period: what began in an earlier one still counts as in flight, but its end is no beginning
/// of a gap.
#[derive(Debug, Clone)]
pub(crate) struct Visits {
    period: u64,
    requests: u64,
    robots: u64,
    disallowed: u64,
    in_flight: u64,
    max_in_flight: u64,
    /// Between those that are not for robots.txt.
    gaps: Gaps,
    any_gaps: Gaps,
    by_path: Tally,
}

/// The smallest gap of some requests of one period.
#[derive(Debug, Clone, Copy, Default)]
struct Gaps {
    min: Option<Duration>,
    in_flight: u64,
    ended: Option<Duration>,
}

/// A request as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Begun {
    period: u64,
    kind: Kind,
    /// The how-manieth request of its path it is, from 1; always 1 for a path that is not remembered.
    pub(crate) nth: u64,
}

impl Visits {
    /// Makes the counts of one of so many hosts.
    pub(crate) fn one_of(hosts: usize) -> Self {
        Self {
            period: 0,
            requests: 0,
            robots: 0,
            disallowed: 0,
            in_flight: 0,
            max_in_flight: 0,
            gaps: Gaps::default(),
            any_gaps: Gaps::default(),
            by_path: Tally::with_share(hosts),
        }
    }

    pub(crate) fn on_request(&mut self, path: &str, kind: Kind, now: Duration) -> Begun {
        self.requests += 1;
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        match kind {
            Kind::Robots => self.robots += 1,
            Kind::Disallowed => self.disallowed += 1,
            Kind::Page => {}
        }
        self.any_gaps.on_request(now);
        if kind != Kind::Robots {
            self.gaps.on_request(now);
        }
        Begun {
            period: self.period,
            kind,
            nth: self.by_path.count(path),
        }
    }

    pub(crate) fn on_end(&mut self, begun: Begun, now: Duration) {
        debug_assert!(self.in_flight > 0, "a request ends once");
        self.in_flight -= 1;
        if begun.period == self.period {
            self.any_gaps.on_end(now);
            if begun.kind != Kind::Robots {
                self.gaps.on_end(now);
            }
        }
    }

    pub(crate) fn on_reset(&mut self) {
        self.period += 1;
        self.requests = 0;
        self.robots = 0;
        self.disallowed = 0;
        self.max_in_flight = self.in_flight;
        self.gaps = Gaps::default();
        self.any_gaps = Gaps::default();
        self.by_path.clear();
    }
}

impl Gaps {
    fn on_request(&mut self, now: Duration) {
        let gap = if self.in_flight > 0 {
            Some(Duration::ZERO)
        } else {
            self.ended.map(|ended| now.saturating_sub(ended))
        };
        self.min = match (self.min, gap) {
            (Some(least), Some(gap)) => Some(least.min(gap)),
            (least, gap) => least.or(gap),
        };
        self.in_flight += 1;
    }

    fn on_end(&mut self, now: Duration) {
        self.in_flight -= 1;
        self.ended = Some(now);
    }
}

impl From<Visits> for HostSnapshot {
    fn from(visits: Visits) -> Self {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            requests: visits.requests,
            robots: visits.robots,
            disallowed: visits.disallowed,
            in_flight: visits.in_flight,
            max_in_flight: visits.max_in_flight,
            gap_min_us: visits.gaps.min.map(us),
            any_gap_min_us: visits.any_gaps.min.map(us),
            distinct: visits.by_path.distinct(),
            unlisted: visits.by_path.unlisted(),
            by_path: visits.by_path.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    fn shown(visits: &Visits) -> HostSnapshot {
        visits.clone().into()
    }

    #[test]
    fn the_gap_is_the_smallest_from_an_end_to_a_start() {
        let mut visits = Visits::one_of(1);
        for (start, end, gap) in [(10, 20, None), (120, 130, Some(100)), (155, 160, Some(25))] {
            let begun = visits.on_request("/site/page/1", Kind::Page, at(start));
            visits.on_end(begun, at(end));
            assert_eq!(shown(&visits).gap_min_us, gap);
        }
        let begun = visits.on_request("/site/page/1", Kind::Disallowed, at(1_000));
        visits.on_end(begun, at(1_001));
        assert_eq!(shown(&visits).gap_min_us, Some(25));
    }

    #[test]
    fn two_at_once_have_no_gap_and_robots_have_no_part_in_it() {
        let mut visits = Visits::one_of(1);
        let robots = visits.on_request("/robots.txt", Kind::Robots, at(1));
        let first = visits.on_request("/a", Kind::Page, at(2));
        visits.on_end(robots, at(3));
        visits.on_end(first, at(4));
        assert_eq!(shown(&visits).any_gap_min_us, Some(0));
        visits.on_reset();
        let first = visits.on_request("/a", Kind::Page, at(3));
        visits.on_end(first, at(4));
        let robots = visits.on_request("/robots.txt", Kind::Robots, at(6));
        assert_eq!(shown(&visits).gap_min_us, None);
        visits.on_end(robots, at(6));
        let _second = visits.on_request("/b", Kind::Page, at(9));
        assert_eq!(shown(&visits).gap_min_us, Some(5));
        assert_eq!(shown(&visits).any_gap_min_us, Some(2));
        let _third = visits.on_request("/c", Kind::Page, at(50));
        assert_eq!(shown(&visits).gap_min_us, Some(0));
        assert_eq!(
            (shown(&visits).robots, shown(&visits).max_in_flight),
            (1, 2)
        );
    }

    #[test]
    fn each_path_is_counted_with_its_query_and_the_disallowed_apart() {
        let mut visits = Visits::one_of(1);
        let nth = ["/a", "/a?x", "/a", "/site/private/1"].map(|path| {
            let kind = if path.contains("private") {
                Kind::Disallowed
            } else {
                Kind::Page
            };
            visits.on_request(path, kind, at(0)).nth
        });
        assert_eq!(nth, [1, 1, 2, 1]);
        let shown = shown(&visits);
        assert_eq!(
            (shown.requests, shown.disallowed, shown.distinct),
            (4, 1, 3)
        );
        assert_eq!((shown.by_path["/a"], shown.by_path["/a?x"]), (2, 1));
    }

    #[test]
    fn a_reset_keeps_what_is_in_flight_and_its_end_begins_no_gap() {
        let mut visits = Visits::one_of(1);
        let old = visits.on_request("/a", Kind::Page, at(1));
        visits.on_reset();
        let new = visits.on_request("/a", Kind::Page, at(2));
        assert_eq!((new.nth, shown(&visits).gap_min_us), (1, None));
        assert_eq!(
            (shown(&visits).requests, shown(&visits).max_in_flight),
            (1, 2)
        );
        visits.on_end(new, at(10));
        visits.on_end(old, at(19));
        let _next = visits.on_request("/b", Kind::Page, at(20));
        let shown = shown(&visits);
        assert_eq!((shown.in_flight, shown.gap_min_us), (1, Some(10)));
    }
}
