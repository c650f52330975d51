//! `crawler status`: how far a job has come, once or again and again.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::looking::{Looking, state};
use super::suspected::suspected;
use crate::flags::StatusFlags;
use crate::frontier::{State, Stats};
use crate::pipeline::Lost;
use crate::telling::Counted;

/// Between two looks at a job that is watched.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells how far a job has come; returns the exit code.
///
/// # Errors
///
/// When the job can't be read.
pub(crate) async fn status(flags: &StatusFlags) -> anyhow::Result<u8> {
    let job = Looking::open(flags.job.as_deref(), &flags.look.shared, "crawler status").await?;
    let mut ticks = interval(LOOK_EVERY);
    let mut before: Option<(Instant, Stats)> = None;
    loop {
        ticks.tick().await;
        let (now, stats) = (Instant::now(), job.stats().await?);
        let status = Status {
            stats,
            is_at_work: job.is_at_work().await?,
            lost: job.lost()?,
            rate: before.map(|before| rate(before, (now, stats))),
        };
        before = Some((now, stats));
        let line = if flags.look.json {
            status.as_json().to_string()
        } else {
            status.to_string()
        };
        let is_closed = writeln!(std::io::stdout(), "{line}").is_err();
        if !flags.watch || is_closed || stats.state == State::Done || !status.is_at_work {
            break;
        }
    }
    job.close().await?;
    Ok(0)
}

/// Returns the pages a second between two looks.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn rate(before: (Instant, Stats), now: (Instant, Stats)) -> f64 {
    let pages = now.1.fetched.saturating_sub(before.1.fetched);
    let seconds = now.0.duration_since(before.0).as_secs_f64();
    pages as f64 / seconds.max(f64::MIN_POSITIVE)
}

struct Status {
    stats: Stats,
    /// Whether anybody works on it.
    is_at_work: bool,
    /// What its outputs lack.
    lost: Vec<Lost>,
    /// Pages a second, where the job was looked at before.
    rate: Option<f64>,
}

impl Status {
    fn as_json(&self) -> Value {
        let stats = &self.stats;
        json!({
            "state": state(stats.state, self.is_at_work),
            "at_work": self.is_at_work,
            "fetched": stats.fetched,
            "redirected": stats.redirected,
            "refused": stats.refused,
            "failed": stats.failed,
            "queued": stats.queued,
            "delayed": stats.delayed,
            "suspects": stats.suspects.map(|suspects| suspects.count),
            "known": stats.known,
            "pages_left": stats.pages_left,
            "bytes_left": stats.bytes_left,
            "pages_per_second": self.rate,
            "lost": self.lost.iter().map(Lost::to_string).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.stats;
        let state = state(stats.state, self.is_at_work);
        write!(
            f,
            "{state}: {} fetched, {} redirected, {} refused, {} failed; {} to fetch, {} to try again; {} known",
            stats.fetched,
            stats.redirected,
            stats.refused,
            stats.failed,
            stats.queued,
            stats.delayed,
            Counted(stats.known, "URL")
        )?;
        if let Some(left) = stats.pages_left {
            write!(f, "; {left} left of its --pages")?;
        }
        if let Some(left) = stats.bytes_left {
            write!(f, "; {left} bytes left of its --bytes")?;
        }
        if let Some(rate) = self.rate {
            write!(f, "; {rate:.1} pages/s")?;
        }
        if let Some(suspected) = suspected(stats) {
            write!(f, "\n{suspected}")?;
        }
        self.lost.iter().try_for_each(|lost| write!(f, "\n{lost}"))
    }
}
