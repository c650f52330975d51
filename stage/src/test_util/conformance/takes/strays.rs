//! Events that should not come, from producers that misbehave or have not heard yet.

use super::{MAX, Taking};
use crate::exit::{Cancel, End};
use crate::protocol::UpstreamEnds;
use crate::runtime::Takes;
use crate::test_util::Unexpected;
use crate::test_util::probe::expect;

type Checked = Result<(), Unexpected>;

/// RS 2.8: it cancels after any number of events, and what was on its way still comes.
pub(super) async fn after_a_cancel<R: Takes>(t: &Taking<'_, R>) -> Checked {
    for before in 0..=MAX {
        let mut fed = t.fed(UpstreamEnds::Keep).await?;
        fed.feed(before, 1).await?;
        fed.stage.cancel(fed.edge.id(), Cancel::Normal);
        fed.edge.expect_cancel().await?;
        fed.send(fed.edge.outstanding());
        fed.edge.end(End::Cancelled(Cancel::Normal));
        t.patience.rest().await;
        fed.stage.lives()?;
        let stats = fed.stage.stats();
        expect(
            stats.lost == 0 && stats.failed == 0,
            format!("what was on its way handled, after {before} events"),
            format!("{} were lost, {} failed", stats.lost, stats.failed),
        )?;
    }
    Ok(())
}

/// RS 2.13: whatever comes, it harms nobody.
pub(super) async fn after_the_end<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Keep).await?;
    let strange = fed.make(2);
    fed.edge.send_unknown(strange);
    fed.edge.complete();
    fed.send(3);
    fed.edge.complete();
    t.patience.rest().await;
    fed.stage.lives()?;
    let lost = fed.stage.stats().lost;
    expect(lost == 5, "5 events counted as lost", format!("{lost} are"))
}

/// A producer that sends more than it was asked for does no harm to what it sends.
pub(super) async fn in_excess<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    fed.send(2 * MAX + 4);
    fed.edge.complete();
    let exit = fed.stage.ended(t.patience).await?;
    let stats = fed.stage.stats();
    expect(
        !exit.is_failure() && stats.lost == 0 && stats.failed == 0,
        "all of them handled",
        format!(
            "it {exit}; {} were lost, {} failed",
            stats.lost, stats.failed
        ),
    )
}
