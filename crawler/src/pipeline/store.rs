//! The end of the flow: a record is written first, then its URL is settled, so that the output holds each settled URL once.

use std::sync::Arc;
use std::time::Duration;

use stage::{Batch, Consumer, Context, Directive, Failure, Result};

use tokio::time::Instant;

use super::{Counts, Held, Outputs, Visited};
use crate::frontier::Frontier;

/// How long after a settle began the next begins at the earliest, unless it is a full batch. A settle waits for the disk
/// and costs as much for one page as for ten; a page that comes alone is settled at once.
const SETTLE_EVERY: Duration = Duration::from_millis(10);

/// Writes and settles outcomes, a batch in one step.
#[derive(Debug)]
pub struct Store {
    frontier: Arc<dyn Frontier>,
    outputs: Outputs,
    /// Whether the frontier has heard of them.
    are_known: bool,
    held: Held,
    counts: Counts,
    batch_max: usize,
    /// When the last settle began.
    settled: Option<Instant>,
}

impl Store {
    /// Makes one that gets batches of so many outcomes at most.
    pub(crate) const fn new(
        frontier: Arc<dyn Frontier>,
        outputs: Outputs,
        held: Held,
        counts: Counts,
        batch_max: usize,
    ) -> Self {
        Self {
            frontier,
            outputs,
            are_known: false,
            held,
            counts,
            batch_max,
            settled: None,
        }
    }
}

impl Consumer for Store {
    type In = Visited;

    async fn handle_events(&mut self, events: &mut Batch<'_, Visited>, _: &mut Context) -> Result {
        if let Some(settled) = self.settled
            && events.len() < self.batch_max
        {
            tokio::time::sleep_until(settled + SETTLE_EVERY).await;
        }
        self.settled = Some(Instant::now());
        let (mut lines, mut outcomes, mut keys) = (String::new(), Vec::new(), Vec::new());
        for visited in events {
            lines.extend(visited.line);
            keys.push(visited.outcome.lease.key());
            outcomes.push(visited.outcome.aged(visited.ended.elapsed()));
        }
        if !lines.is_empty() {
            if !self.are_known {
                // Before they hold anything, so that what a kill leaves in them is cut back, and taken for nobody's.
                let written = self.outputs.written();
                self.frontier.settle(Vec::new(), written).await?;
                self.are_known = true;
            }
            self.outputs.append(lines).await?;
        }
        let written = self.outputs.written();
        self.held.settles(&keys);
        let settled = self.frontier.settle(outcomes, written).await?;
        for key in keys {
            self.held.give_back(key);
        }
        self.counts.links(settled.links);
        if settled.late > 0 {
            tracing::warn!(
                outcomes = settled.late,
                "outcomes came after their lease was lost"
            );
        }
        Ok(())
    }

    /// What can't be written or settled can't be skipped: the crawl ends, and is resumed.
    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}
