//! Ends that come from upstream, and its own.

use super::{MANY, Taking, options};
use crate::exit::{End, Exit};
use crate::protocol::UpstreamEnds;
use crate::runtime::Takes;
use crate::test_util::probe::expect;
use crate::test_util::{SourceProbe, Unexpected};

type Checked = Result<(), Unexpected>;

fn is_completed(exit: &Exit) -> Checked {
    let is_complete = matches!(exit, Exit::Completed);
    expect(
        is_complete,
        "a stage that has completed",
        format!("it {exit}"),
    )
}

/// Its counts tell what of the events was not handled.
pub(super) async fn conserves<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    fed.feed(MANY, 5).await?;
    fed.edge.complete();
    is_completed(&fed.stage.ended(t.patience).await?)?;
    let stats = fed.stage.stats();
    expect(
        (stats.lost, stats.failed, stats.discarded) == (0, 0, 0),
        format!("all of {MANY} events handled"),
        format!(
            "{} were lost, {} failed, and of what it emitted {} were discarded",
            stats.lost, stats.failed, stats.discarded
        ),
    )
}

/// RS 2.3 and 2.4.
pub(super) async fn says_no_more<R: Takes>(t: &Taking<'_, R>) -> Checked {
    for events in [0, 5] {
        let mut fed = t.fed(UpstreamEnds::Keep).await?;
        fed.feed(events, 3).await?;
        fed.edge.complete();
        t.patience.rest().await;
        let asked = fed.edge.asked();
        t.patience.rest().await;
        expect(
            fed.edge.asked() == asked,
            "no ask after the end",
            "one came",
        )?;
        fed.stage.lives()?;
        let cancel = fed.edge.take_cancel();
        expect(cancel.is_none(), "no cancel after the end", "one came")?;
    }
    Ok(())
}

/// RS 2.6.
pub(super) async fn tells_its_own<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    fed.feed(3, 3).await?;
    fed.stage.stop().await;
    fed.edge.expect_gone().await?;
    fed.edge.expect_nothing().await
}

/// RS 2.9.
pub(super) async fn completes<R: Takes>(t: &Taking<'_, R>) -> Checked {
    for events in [0, 5] {
        let mut fed = t.fed(UpstreamEnds::Complete).await?;
        fed.feed(events, 3).await?;
        fed.edge.complete();
        is_completed(&fed.stage.ended(t.patience).await?)?;
    }
    Ok(())
}

/// RS 2.10.
pub(super) async fn fails<R: Takes>(t: &Taking<'_, R>) -> Checked {
    for events in [0, 5] {
        let mut fed = t.fed(UpstreamEnds::Complete).await?;
        fed.feed(events, 3).await?;
        fed.edge.fail("the producer failed on purpose");
        let exit = fed.stage.ended(t.patience).await?;
        let is_told = exit.to_string() == "failed: the producer failed on purpose";
        expect(is_told, "the producer's failure", format!("it {exit}"))?;
    }
    Ok(())
}

/// The default: completion of one upstream of two ends nothing.
pub(super) async fn last_of_two<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let fed = t.fed(UpstreamEnds::Complete).await?;
    let mut other = SourceProbe::with_patience(t.patience);
    let subscribed = fed
        .stage
        .subscribe_to(&other, options(UpstreamEnds::Complete)?);
    subscribed.map_err(|ended| Unexpected::new("a second subscription", ended.to_string()))?;
    let second = other.expect_subscribe().await?;
    fed.edge.complete();
    t.patience.rest().await;
    fed.stage.lives()?;
    second.complete();
    is_completed(&fed.stage.ended(t.patience).await?)
}

/// A drain cancels, waits for the end of what is on its way, and ends.
pub(super) async fn drains<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    fed.feed(3, 3).await?;
    let confirms = async {
        let reason = fed.edge.expect_cancel().await?;
        fed.edge.end(End::Cancelled(reason));
        Ok::<(), Unexpected>(())
    };
    let (drained, confirmed) = futures::join!(fed.stage.drain(t.patience.most), confirms);
    confirmed?;
    let exit = drained.exit;
    let is_drained = matches!(exit, Exit::Stopped | Exit::Completed);
    expect(is_drained, "a stage that drains", format!("it {exit}"))
}
