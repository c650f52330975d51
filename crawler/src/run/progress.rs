//! How far a run is, on standard error: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Kind;
use super::suspected::held_up;
use crate::frontier::{Frontier, Stats};
use crate::pipeline::{Counts, CountsNow};
use crate::telling::say;

/// Between two looks, with a bar.
const REDRAW: Duration = Duration::from_millis(200);
/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress until it is dropped; a bar is then cleared.
pub(super) async fn show(counts: &Counts, frontier: &dyn Frontier, kind: Kind, is_quiet: bool) {
    if is_quiet {
        return std::future::pending().await;
    }
    let start = Instant::now();
    let bar = std::io::stderr().is_terminal().then(|| Bar::new(kind));
    let mut stats = Stats::default();
    loop {
        tokio::time::sleep(if bar.is_some() { REDRAW } else { LINE_EVERY }).await;
        let asked = frontier.stats().await;
        let is_away = asked.is_err();
        stats = asked.unwrap_or(stats);
        let mut line = line(&counts.now(), &stats, start.elapsed());
        if is_away {
            line.push_str("; what is queued is as it was when the database could last be asked");
        }
        match &bar {
            Some(bar) => bar.show(&stats, line),
            None => say(line),
        }
    }
}

/// A line that is drawn anew; it is taken off when it is dropped.
struct Bar(ProgressBar);

impl Bar {
    /// Only a list has a length: a crawl finds its URLs as it goes.
    fn new(kind: Kind) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = match kind {
            Kind::List => "{bar:24.cyan/dim} {pos}/{len} {elapsed} {msg}",
            Kind::Crawl => "{spinner:.cyan} {elapsed} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, stats: &Stats, line: String) {
        let left = stats.queued + stats.delayed;
        self.0.set_length(stats.known);
        self.0.set_position(stats.known.saturating_sub(left));
        self.0.set_message(line);
        self.0.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn line(counts: &CountsNow, stats: &Stats, elapsed: Duration) -> String {
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
    // What was fetched and is being settled is on lease too.
    if counts.in_flight == 0 && stats.leased == 0 && waiting > 0 {
        line.push_str("; all that is left waits for its sites' delays or its next try");
        if let Some(missing) = &counts.robots_missing {
            line.push_str(&format!("; no {missing}, asked again within --robots-wait"));
        }
    }
    if let Some(why) = held_up(stats) {
        line.push_str(&format!("; {why}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::Suspects;

    #[test]
    fn a_wait_for_suspects_alone_is_told() {
        let (mut counts, mut stats) = (CountsNow::default(), Stats::default());
        let mut suspects = Suspects::default();
        (suspects.count, suspects.leased) = (40, 16);
        (counts.in_flight, stats.leased, stats.queued) = (16, 16, 40);
        stats.suspects = Some(suspects);
        let told = line(&counts, &stats, Duration::from_secs(2));
        assert!(
            told.ends_with("kill after kill: 16 of 40 at work, a few at a time"),
            "{told}"
        );
        stats.leased = 17;
        let told = line(&counts, &stats, Duration::from_secs(2));
        assert!(told.ends_with("MB/s"), "another is at work too: {told}");
    }

    #[test]
    fn a_wait_is_told_when_nothing_else_is_left() {
        let (mut counts, mut stats) = (CountsNow::default(), Stats::default());
        (counts.fetched, stats.delayed) = (2, 3);
        let told = line(&counts, &stats, Duration::from_secs(2));
        assert!(told.starts_with("2 fetched, 0 in flight, 3 queued, 0 failed, 1.0 pages/s"));
        assert!(told.ends_with("its next try"), "{told}");
        counts.robots_missing = Some("http://h/robots.txt: no route".to_owned());
        let told = line(&counts, &stats, Duration::from_secs(2));
        assert!(
            told.contains("; no http://h/robots.txt: no route, asked again"),
            "{told}"
        );
        for (in_flight, leased) in [(1, 1), (0, 1)] {
            (counts.in_flight, stats.leased, stats.queued) = (in_flight, leased, leased);
            let told = line(&counts, &stats, Duration::from_secs(2));
            assert!(told.ends_with("MB/s"), "{told}");
        }
    }
}
