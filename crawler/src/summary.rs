//! What a crawl came to: the table at its end, the exit code and how to go on, as pure functions of its counts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use stage::EdgeStats;

use crate::tally::{Counts, Failures};

/// A crawl that ended.
#[derive(Debug)]
pub(crate) struct Summary {
    /// URLs to fetch in this run.
    pub(crate) total: usize,
    pub(crate) counts: Counts,
    /// How many answers had each status.
    pub(crate) statuses: BTreeMap<u16, usize>,
    pub(crate) failures: Vec<Failures>,
    /// URLs that an earlier run has answers of.
    pub(crate) earlier: usize,
    pub(crate) duplicates: usize,
    pub(crate) rejected: usize,
    pub(crate) elapsed: Duration,
    pub(crate) edges: Vec<EdgeStats>,
    /// Whether every result was written.
    pub(crate) is_written: bool,
    /// Whether the results went to a file, which `--resume` could go on from.
    pub(crate) is_resumable: bool,
}

impl Summary {
    /// Returns the program's exit code: 3 when work is left, 1 when a URL failed, else 0.
    pub(crate) const fn exit_code(&self) -> u8 {
        if self.left() > 0 || !self.is_written {
            3
        } else if self.counts.failed > 0 || self.rejected > 0 {
            1
        } else {
            0
        }
    }

    const fn left(&self) -> usize {
        self.total.saturating_sub(self.counts.settled())
    }

    /// Returns what is wrong, where, and what to do, a line each; nothing when all is well.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.failures.iter().map(failed).collect();
        if self.exit_code() == 3 {
            let what = match self.left() {
                0 => "results are missing".to_owned(),
                left => format!("{left} of {} URLs are left", self.total),
            };
            let how = if self.is_resumable {
                "to go on, run the same command with --resume"
            } else {
                "run the same command again; with -o FILE, --resume would fetch only what is left"
            };
            lines.push(format!("crawler: {what}; {how}"));
        }
        lines
    }
}

fn failed(failures: &Failures) -> String {
    let (count, class) = (failures.count, failures.problem.class());
    let (first, advice) = (&failures.first, failures.problem.advice());
    format!("crawler: {count} failed ({class}), the first: {first}; {advice}")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        if self.total == 0 && self.earlier > 0 {
            writeln!(f, "nothing to fetch: an earlier run has all the answers")?;
        }
        row(f, "fetched", counts.fetched)?;
        for (status, number) in &self.statuses {
            row(f, &format!("  status {status}"), *number)?;
        }
        row(f, "failed", counts.failed)?;
        row(f, "left undone", self.left())?;
        // An aborted or failed try whose next one did not come.
        let unanswered = counts.distinct.saturating_sub(counts.settled());
        row_if_any(f, "  of these requested in vain", unanswered)?;
        row_if_any(f, "answered in an earlier run", self.earlier)?;
        row(f, "all URLs", self.total + self.earlier)?;
        row_if_any(f, "lines that repeat a URL", self.duplicates)?;
        row_if_any(f, "lines without a URL (rejected)", self.rejected)?;
        row(f, "distinct URLs requested", counts.distinct)?;
        row(f, "retries (more requests of the same)", counts.retries)?;
        if let Some(span) = counts.span() {
            let name = "first request → last answer";
            writeln!(f, "{name:<WIDTH$}{:>10} ms", span.as_millis())?;
        }
        write!(
            f,
            "{:<WIDTH$}{:>10} ms",
            "elapsed",
            self.elapsed.as_millis()
        )?;
        for edge in &self.edges {
            let (from, to) = (&edge.from, &edge.to);
            let (asked, delivered) = (edge.asked, edge.delivered);
            write!(
                f,
                "\n{from} → {to}: asked {asked} (the credit given; {} of it unused), \
                 delivered {delivered} (retries included)",
                asked.saturating_sub(delivered)
            )?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, number: usize) -> fmt::Result {
    writeln!(f, "{name:<WIDTH$}{number:>10}")
}

fn row_if_any(f: &mut fmt::Formatter<'_>, name: &str, number: usize) -> fmt::Result {
    if number == 0 {
        return Ok(());
    }
    row(f, name, number)
}

/// The columns of a name, room for the longest.
const WIDTH: usize = 37;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problem;

    fn summary(total: usize, fetched: usize, failed: usize) -> Summary {
        let counts = Counts {
            fetched,
            failed,
            ..Counts::default()
        };
        Summary {
            total,
            counts,
            statuses: BTreeMap::from([(404, fetched)]),
            failures: Vec::new(),
            earlier: 0,
            duplicates: 0,
            rejected: 0,
            elapsed: Duration::from_millis(4020),
            edges: Vec::new(),
            is_written: true,
            is_resumable: false,
        }
    }

    #[test]
    fn the_exit_code_tells_done_from_failed_from_left_undone() {
        let codes = [(2, 2, 0), (2, 1, 1), (2, 1, 0)]
            .map(|(total, fetched, failed)| summary(total, fetched, failed).exit_code());
        assert_eq!(codes, [0, 1, 3]);
    }

    #[test]
    fn a_rejected_line_is_a_failure_and_an_unwritten_result_is_work_left() {
        let mut rejected = summary(1, 1, 0);
        rejected.rejected = 1;
        let mut unwritten = summary(1, 1, 0);
        unwritten.is_written = false;
        assert_eq!((rejected.exit_code(), unwritten.exit_code()), (1, 3));
    }

    #[test]
    fn a_crawl_with_work_left_says_how_to_go_on() {
        let mut left = summary(5, 2, 0);
        assert!(left.troubles()[0].contains("3 of 5 URLs are left; run the same command again"));
        left.is_resumable = true;
        assert!(left.troubles()[0].contains("run the same command with --resume"));
        assert!(summary(2, 2, 0).troubles().is_empty());
    }

    #[test]
    fn a_failure_is_told_with_its_class_its_place_and_what_to_do() {
        let mut failed = summary(1, 0, 1);
        failed.failures.push(Failures {
            problem: Problem::Timeout,
            count: 1,
            first: "http://h/: too slow".to_owned(),
        });
        let told = failed.troubles().join("");
        for part in ["1 failed (timeout)", "http://h/: too slow", "--timeout"] {
            assert!(told.contains(part), "{told}");
        }
    }

    /// Returns the number of a row.
    fn number(table: &str, name: &str) -> Option<usize> {
        let row = table.lines().find_map(|line| line.strip_prefix(name));
        row.and_then(|row| row.trim().parse().ok())
    }

    #[test]
    fn the_table_of_an_interrupted_crawl_adds_up() {
        let mut interrupted = summary(20, 9, 0);
        interrupted.counts.distinct = 12;
        let table = interrupted.to_string();
        for (name, expected) in [
            ("fetched", 9),
            ("failed", 0),
            ("left undone", 11),
            ("  of these requested in vain", 3),
            ("all URLs", 20),
            ("distinct URLs requested", 12),
        ] {
            assert_eq!(number(&table, name), Some(expected), "{name}: {table}");
        }
        assert!(!table.contains("last answer"), "{table}");
    }

    #[test]
    fn the_table_of_a_crawl_with_nothing_left_says_who_did_it() {
        let mut resumed = summary(0, 0, 0);
        resumed.earlier = 100;
        let table = resumed.to_string();
        assert!(table.starts_with("nothing to fetch"), "{table}");
        assert_eq!(number(&table, "answered in an earlier run"), Some(100));
        assert_eq!(number(&table, "all URLs"), Some(100));
    }

    #[test]
    fn the_table_names_its_numbers() {
        let table = summary(2, 1, 1).to_string();
        for part in ["failed", "4020 ms", "status 404"] {
            assert!(table.contains(part), "{table}");
        }
    }
}
