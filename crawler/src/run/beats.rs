//! The beats by which a node tells the others that it is at work.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::frontier::{FrontierError, Membership, Pulse};
use crate::pipeline::Counts;

/// Between two beats: who watches sees within a second or two what joins, and what ended.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Beats for as long as the node has its name, and at once when it is draining; returns only when it has lost its name, or
/// the crawl is gone. Without a membership there is nobody to tell.
pub(super) async fn beat(
    member: Option<&Membership>,
    capacity: usize,
    counts: &Counts,
    mut draining: watch::Receiver<bool>,
) -> FrontierError {
    let Some(member) = member else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut since, mut fetched) = (Instant::now(), 0);
    let mut is_heard = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = draining.changed() => {}
        }
        let now = counts.now();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let pages = now.fetched.saturating_sub(fetched) as f64;
        let rate = pages / since.elapsed().as_secs_f64().max(0.001);
        (since, fetched) = (Instant::now(), now.fetched);
        let pulse = Pulse {
            capacity,
            in_flight: usize::try_from(now.in_flight).unwrap_or(usize::MAX),
            rate,
            is_draining: *draining.borrow(),
        };
        match member.beat(pulse).await {
            Ok(()) => is_heard = true,
            Err(error) if error.is_temporary() => {
                // The first says it all; the frontier tells how long it lasts.
                if is_heard {
                    tracing::warn!(%error, "a beat was not heard");
                }
                is_heard = false;
            }
            Err(error) => return error,
        }
    }
}
