//! What is told of a crawl: its progress while it runs, and a table at its end.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage::EdgeStats;

use crate::frontier::{Frontier, Stats};
use crate::pipeline::{Counts, CountsNow};
use crate::say::say;

/// Between two looks, with a bar.
const REDRAW: Duration = Duration::from_millis(200);
/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress until it is dropped.
pub(crate) async fn show(counts: Counts, frontier: Arc<dyn Frontier>, is_quiet: bool) {
    if is_quiet {
        return std::future::pending().await;
    }
    let start = Instant::now();
    let is_terminal = std::io::stderr().is_terminal();
    let bar = is_terminal.then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Cleared(bar)
    });
    let every = if is_terminal { REDRAW } else { LINE_EVERY };
    loop {
        tokio::time::sleep(every).await;
        let stats = frontier.stats().await.unwrap_or_default();
        let line = progress(&counts.now(), &stats, start.elapsed());
        match &bar {
            Some(bar) => {
                bar.0.set_message(line);
                bar.0.tick();
            }
            None => say(line),
        }
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn progress(counts: &CountsNow, stats: &Stats, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let (pages, megabytes) = (counts.fetched as f64, counts.bytes as f64 / 1e6);
    let waiting = stats.queued.saturating_sub(stats.leased) + stats.delayed;
    let mut line = format!(
        "{} fetched, {} in flight, {waiting} queued, {} failed, {:.1} pages/s, {:.2} MB/s",
        counts.fetched,
        counts.in_flight,
        counts.failed,
        pages / seconds,
        megabytes / seconds
    );
    if counts.in_flight == 0 && waiting > 0 {
        line.push_str("; all that is left waits for its sites' delays or its next try");
    }
    line
}

/// A run of a crawl that ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) counts: CountsNow,
    pub(crate) stats: Stats,
    pub(crate) edges: Vec<EdgeStats>,
    pub(crate) elapsed: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        row(f, "fetched", counts.fetched)?;
        for (status, number) in &counts.statuses {
            row(f, &format!("  status {status}"), *number)?;
        }
        row(f, "redirected", counts.redirected)?;
        row(f, "refused", counts.refused)?;
        row(f, "failed", counts.failed)?;
        row(f, "retries", counts.retried)?;
        row(f, "bytes over the wire", counts.bytes)?;
        row(f, "new links", counts.links)?;
        for (reason, number) in &counts.reasons {
            row(f, &format!("  left out: {reason}"), *number)?;
        }
        row(f, "URLs known", self.stats.known)?;
        row(f, "URLs left", self.stats.queued + self.stats.delayed)?;
        for edge in &self.edges {
            writeln!(
                f,
                "{:<28} asked {}, delivered {}",
                format!("{} → {}", edge.from, edge.to),
                edge.asked,
                edge.delivered
            )?;
        }
        write!(f, "{:<28} {:.1} s", "time", self.elapsed.as_secs_f64())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, number: u64) -> fmt::Result {
    writeln!(f, "{name:<28} {number}")
}
