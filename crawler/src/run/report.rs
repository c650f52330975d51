//! What is told of a run at its end: a table, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use stage::EdgeStats;

use super::Kind;
use super::advice::advice;
use super::end::Allowed;
use crate::frontier::Stats;
use crate::pipeline::{CountsNow, History};
use crate::seeds::Seeded;
use crate::telling::Counted;

/// The columns of a name, room for the longest.
const WIDTH: usize = 34;
/// URLs whose history is told; the records have all.
const HISTORIES_TOLD: usize = 20;

/// A run that ended.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) kind: Kind,
    /// Whether an earlier run has done a part of it, which is counted too.
    pub(super) goes_on: bool,
    /// What budgets it had of its own.
    pub(super) allowed: Allowed,
    /// Whether others work on it too.
    pub(super) is_shared: bool,
    /// Whether only Ctrl-C ends it.
    pub(super) is_endless: bool,
    pub(super) seeded: Seeded,
    pub(super) counts: CountsNow,
    /// Of URLs that are fetched again and again.
    pub(super) histories: BTreeMap<String, History>,
    /// Unless they could not be asked for.
    pub(super) stats: Option<Stats>,
    pub(super) edges: Vec<EdgeStats>,
    pub(super) elapsed: Duration,
}

impl Report {
    /// Returns how many URLs are not done, if that is known.
    pub(super) fn left(&self) -> Option<u64> {
        self.stats.map(|stats| stats.queued + stats.delayed)
    }

    fn frontier_rows(&self, f: &mut fmt::Formatter<'_>, stats: &Stats) -> fmt::Result {
        if self.is_shared {
            row(f, "fetched by all nodes", stats.fetched)?;
            row(f, "failed for all nodes", stats.failed)?;
        }
        row(f, "URLs known", stats.known)?;
        row(f, "URLs left", self.left().unwrap_or_default())
    }

    fn crawl_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "bytes over the wire", self.counts.bytes)?;
        row_if_any(f, "crawl delays cut", self.counts.crawl_delays_cut)?;
        row(f, "new links", self.counts.links)?;
        for (code, number) in &self.counts.left_out {
            row(f, &format!("  left out: {code}"), *number)?;
        }
        for (code, number) in &self.counts.put_last {
            row(f, &format!("  put last: {code}"), *number)?;
        }
        Ok(())
    }

    fn history_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (url, history) in self.histories.iter().take(HISTORIES_TOLD) {
            write!(
                f,
                "{}, {} failed",
                Counted(history.answers.into(), "answer"),
                history.failures
            )?;
            if let Some(mean) = history.mean() {
                let times = [history.fastest, mean, history.slowest];
                let [fastest, mean, slowest] = times.map(|time| time.as_millis());
                write!(
                    f,
                    ", {fastest} / {mean} / {slowest} ms (fastest / mean / slowest)"
                )?;
            }
            writeln!(f, ": {url}")?;
        }
        let untold = self.histories.len().saturating_sub(HISTORIES_TOLD);
        row_if_any(f, "more URLs with a history", untold as u64)
    }

    fn list_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row_if_any(f, "lines that repeat a URL", self.seeded.repeated)?;
        row_if_any(f, "lines without a URL (rejected)", self.seeded.rejected)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.history_rows(f)?;
        let counts = &self.counts;
        row(f, "fetched", counts.fetched)?;
        for (status, number) in &counts.statuses {
            row(f, &format!("  status {status}"), *number)?;
        }
        row_if_any(f, "duplicates", counts.duplicates)?;
        row_if_any(f, "sitemaps read", counts.listed)?;
        row_if_any(f, "redirected", counts.redirected)?;
        for (status, number) in &counts.redirects {
            row(f, &format!("  status {status}"), *number)?;
        }
        row_if_any(f, "refused", counts.refused)?;
        for (code, number) in &counts.refusals {
            row(f, &format!("  {code}"), *number)?;
        }
        row(f, "failed", counts.failed)?;
        for (code, failures) in &counts.failures {
            row(f, &format!("  {code}"), failures.count)?;
        }
        row(f, "retries", counts.retried)?;
        if self.kind == Kind::List {
            self.list_rows(f)?;
        }
        if let Some(stats) = &self.stats {
            self.frontier_rows(f, stats)?;
        }
        if self.goes_on {
            writeln!(f, "in this run alone:")?;
        }
        if self.kind == Kind::Crawl {
            self.crawl_rows(f)?;
        }
        for edge in &self.edges {
            let name = format!("{} → {}", edge.from, edge.to);
            let (asked, delivered) = (edge.asked, edge.delivered);
            writeln!(f, "{name:<WIDTH$}asked {asked}, delivered {delivered}")?;
        }
        if let Some(span) = counts.span {
            writeln!(
                f,
                "{:<WIDTH$}{}",
                "first request → last answer",
                Seconds(span)
            )?;
        }
        write!(f, "{:<WIDTH$}{}", "time", Seconds(self.elapsed))
    }
}

/// Returns what failed, and what to do about it, a line for each class.
pub(super) fn troubles(counts: &CountsNow) -> Vec<String> {
    let failures = counts.failures.iter();
    failures
        .map(|(code, failures)| {
            let (count, first) = (failures.count, &failures.first);
            let advice = advice(code);
            format!("crawler: {count} failed ({code}), the first: {first}; {advice}")
        })
        .collect()
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.2} s", self.0.as_secs_f64())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, number: u64) -> fmt::Result {
    writeln!(f, "{name:<WIDTH$}{number:>10}")
}

fn row_if_any(f: &mut fmt::Formatter<'_>, name: &str, number: u64) -> fmt::Result {
    if number == 0 {
        return Ok(());
    }
    row(f, name, number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Counts;

    #[test]
    fn a_status_is_told_under_the_fate_that_it_led_to() {
        let counts = Counts::default();
        counts.fetched(200);
        counts.redirected(301);
        let report = Report {
            kind: Kind::List,
            goes_on: false,
            allowed: Allowed::default(),
            is_shared: false,
            is_endless: false,
            seeded: Seeded::default(),
            counts: counts.now(),
            histories: BTreeMap::new(),
            stats: None,
            edges: Vec::new(),
            elapsed: Duration::ZERO,
        };
        let told = report.to_string();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows: Vec<_> = told.lines().take(4).map(words).collect();
        let expected = ["fetched 1", "status 200 1", "redirected 1", "status 301 1"];
        assert_eq!(rows, expected);
    }
}
