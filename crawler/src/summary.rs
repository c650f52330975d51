//! What a crawl came to: the table at its end and the exit code, as pure functions of its counts.

use std::fmt;
use std::time::Duration;

use stage::EdgeStats;

use crate::tally::Counts;

/// A crawl that ended.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) total: usize,
    pub(crate) counts: Counts,
    pub(crate) duplicates: usize,
    pub(crate) rejected: usize,
    pub(crate) elapsed: Duration,
    pub(crate) edges: Vec<EdgeStats>,
    /// Whether every result was written.
    pub(crate) is_written: bool,
}

impl Summary {
    /// Returns the program's exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        if self.counts.settled() < self.total {
            3
        } else if self.counts.failed > 0 || self.rejected > 0 || !self.is_written {
            1
        } else {
            0
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let left = self.total.saturating_sub(counts.settled());
        for (name, number) in [
            ("fetched", counts.fetched),
            ("distinct", counts.distinct),
            ("failed", counts.failed),
            ("duplicates", self.duplicates),
            ("rejected", self.rejected),
            ("retries", counts.retries),
            ("left undone", left),
        ] {
            writeln!(f, "{name:<28}{number:>10}")?;
        }
        if let Some(span) = counts.span() {
            let name = "first request → last answer";
            writeln!(f, "{name:<28}{:>10} ms", span.as_millis())?;
        }
        write!(f, "{:<28}{:>10} ms", "elapsed", self.elapsed.as_millis())?;
        for edge in &self.edges {
            let (from, to) = (&edge.from, &edge.to);
            write!(
                f,
                "\n{from} → {to}: asked {}, delivered {}",
                edge.asked, edge.delivered
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(total: usize, fetched: usize, failed: usize) -> Summary {
        let counts = Counts {
            fetched,
            failed,
            ..Counts::default()
        };
        Summary {
            total,
            counts,
            duplicates: 0,
            rejected: 0,
            elapsed: Duration::from_millis(4020),
            edges: Vec::new(),
            is_written: true,
        }
    }

    #[test]
    fn the_exit_code_tells_done_from_failed_from_left_undone() {
        let codes = [(2, 2, 0), (2, 1, 1), (2, 1, 0)]
            .map(|(total, fetched, failed)| summary(total, fetched, failed).exit_code());
        assert_eq!(codes, [0, 1, 3]);
    }

    #[test]
    fn a_rejected_line_or_an_unwritten_result_is_not_all_well() {
        let mut rejected = summary(1, 1, 0);
        rejected.rejected = 1;
        let mut unwritten = summary(1, 1, 0);
        unwritten.is_written = false;
        assert_eq!((rejected.exit_code(), unwritten.exit_code()), (1, 1));
    }

    #[test]
    fn the_table_names_its_numbers() {
        let table = summary(2, 1, 1).to_string();
        assert!(table.contains("failed") && table.contains("4020 ms"));
    }
}
