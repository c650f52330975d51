//! How far the crawl is, on standard error: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say::say;
use crate::tally::{Counts, Tally};

/// Between two looks at the counts, with a bar.
const REDRAW: Duration = Duration::from_millis(200);
/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress until it is dropped; a bar is then cleared.
pub(crate) async fn show(tally: Tally, total: usize, is_quiet: bool) {
    if is_quiet {
        std::future::pending::<()>().await;
    } else if std::io::stderr().is_terminal() {
        show_bar(tally, total).await;
    } else {
        show_lines(tally, total).await;
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn show_bar(tally: Tally, total: usize) {
    let length = u64::try_from(total).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let bar = Cleared(bar);
    loop {
        let counts = tally.counts();
        bar.0
            .set_position(u64::try_from(counts.settled()).unwrap_or(u64::MAX));
        bar.0.set_message(troubles(&counts));
        tokio::time::sleep(REDRAW).await;
    }
}

async fn show_lines(tally: Tally, total: usize) {
    loop {
        tokio::time::sleep(LINE_EVERY).await;
        let counts = tally.counts();
        say(format!(
            "{} of {total} done{}",
            counts.settled(),
            troubles(&counts)
        ));
    }
}

/// Returns what did not go well, or nothing.
fn troubles(counts: &Counts) -> String {
    if counts.failed + counts.retries == 0 {
        return String::new();
    }
    format!(", {} failed, {} retries", counts.failed, counts.retries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_are_told_only_when_there_are_some() {
        let mut counts = Counts::default();
        assert_eq!(troubles(&counts), "");
        counts.retries = 2;
        assert_eq!(troubles(&counts), ", 0 failed, 2 retries");
    }
}
