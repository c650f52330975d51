//! How far the crawl is, on standard error: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say::say;
use crate::tally::{Counts, Tally};

/// Between two looks at the counts, with a bar.
const REDRAW: Duration = Duration::from_millis(200);
/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What the crawl is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Fetching,
    /// What is in flight is finished, and nothing else begun.
    Draining,
}

/// Shows the progress until it is dropped; a bar is then cleared.
pub(crate) async fn show(tally: Tally, total: usize, phase: Phase, is_quiet: bool) {
    if is_quiet {
        std::future::pending::<()>().await;
    } else if std::io::stderr().is_terminal() {
        show_bar(tally, total, phase).await;
    } else {
        show_lines(tally, total, phase).await;
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn show_bar(tally: Tally, total: usize, phase: Phase) {
    let length = u64::try_from(total).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed}{msg}") {
        bar.set_style(style);
    }
    let bar = Cleared(bar);
    loop {
        let counts = tally.counts();
        bar.0
            .set_position(u64::try_from(counts.settled()).unwrap_or(u64::MAX));
        bar.0
            .set_message(remarks(&counts, total, phase, Instant::now()));
        tokio::time::sleep(REDRAW).await;
    }
}

async fn show_lines(tally: Tally, total: usize, phase: Phase) {
    loop {
        tokio::time::sleep(LINE_EVERY).await;
        let counts = tally.counts();
        say(format!(
            "{} of {total} done{}",
            counts.settled(),
            remarks(&counts, total, phase, Instant::now())
        ));
    }
}

/// Returns what did not go well, and what the crawl waits for; nothing when it just goes on.
fn remarks(counts: &Counts, total: usize, phase: Phase, now: Instant) -> String {
    let mut remarks = String::new();
    if counts.failed + counts.retries > 0 {
        remarks = format!(", {} failed, {} retries", counts.failed, counts.retries);
    }
    let left = total.saturating_sub(counts.settled());
    match (phase, counts.last_due) {
        (Phase::Draining, _) => remarks.push_str(&format!(", {} in flight", counts.in_flight)),
        (Phase::Fetching, Some(due)) if counts.waiting == left => {
            let wait = due.saturating_duration_since(now).as_secs() + 1;
            remarks.push_str(&format!(
                ", all {left} left wait for their next try, at most {wait} s"
            ));
        }
        (Phase::Fetching, _) => {}
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: Counts, phase: Phase, expected: &str) {
        let now = Instant::now();
        let last_due = counts.last_due.map(|_| now + Duration::from_millis(8500));
        let counts = Counts { last_due, ..counts };
        assert_eq!(remarks(&counts, 5, phase, now), expected);
    }

    #[test]
    fn troubles_are_told_only_when_there_are_some() {
        let mut counts = Counts::default();
        check(counts, Phase::Fetching, "");
        counts.retries = 2;
        check(counts, Phase::Fetching, ", 0 failed, 2 retries");
    }

    #[test]
    fn a_wait_is_told_when_nothing_else_is_left() {
        let mut counts = Counts {
            fetched: 2,
            waiting: 2,
            last_due: Some(Instant::now()),
            ..Counts::default()
        };
        check(counts, Phase::Fetching, "");
        counts.waiting = 3;
        let told = ", all 3 left wait for their next try, at most 9 s";
        check(counts, Phase::Fetching, told);
    }

    #[test]
    fn a_drain_tells_what_is_in_flight() {
        let counts = Counts {
            in_flight: 4,
            ..Counts::default()
        };
        check(counts, Phase::Draining, ", 4 in flight");
    }
}
