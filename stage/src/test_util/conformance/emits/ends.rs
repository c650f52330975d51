//! How what comes ends.

use super::Emitting;
use crate::exit::{End, Exit};
use crate::runtime::Emits;
use crate::test_util::Unexpected;
use crate::test_util::probe::expect;

type Checked = Result<(), Unexpected>;

/// What a stage that drains may still hold.
const HELD_MAX: usize = 1000;

/// RS 1.2.
pub(super) async fn fewer_than_asked<R: Emits>(e: &Emitting<'_, R>, len: usize) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(len + 8);
    sink.expect_events(len).await?;
    sink.expect_end().await.map(drop)
}

/// RS 1.5.
pub(super) async fn completion<R: Emits>(e: &Emitting<'_, R>, len: usize) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(len + 1);
    let (_, end) = sink.expect_events_and_end().await?;
    let is_told = matches!(end, End::Completed);
    expect(is_told, "the completion", format!("{end:?} came"))?;
    let exit = stage.ended(e.patience).await?;
    let is_complete = matches!(exit, Exit::Completed);
    expect(
        is_complete,
        "a stage that has completed",
        format!("it {exit}"),
    )
}

/// No end comes before the last event was asked for.
pub(super) async fn waits_for_asks<R: Emits>(e: &Emitting<'_, R>, len: usize) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    for _ in 0..len {
        sink.ask(1);
        sink.expect_events(1).await?;
    }
    // A source may need one more ask to find that it has no more.
    sink.ask(1);
    sink.expect_end().await.map(drop)
}

/// RS 1.4.
pub(super) async fn failure<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(1);
    sink.expect_events(1).await?;
    stage.abort();
    let end = sink.expect_end().await?;
    expect(end.is_failure(), "a failure", format!("{end:?} came"))?;
    stage.ended(e.patience).await.map(drop)
}

/// RS 1.6 and 1.7.
pub(super) async fn is_the_last_word<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(1);
    sink.expect_events(1).await?;
    stage.stop().await;
    sink.expect_end().await?;
    sink.ask(3);
    sink.expect_nothing().await?;
    expect(
        sink.is_released(),
        "a consumer that is let go",
        "the stage keeps it",
    )
}

/// A consumer that asks on lets the stage drain; one that does not would hold it.
pub(super) async fn drain<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(2);
    sink.expect_events(2).await?;
    let asks = async {
        e.patience.rest().await;
        sink.ask(HELD_MAX);
    };
    let (drained, ()) = futures::join!(stage.drain(e.patience.most), asks);
    let exit = drained.exit;
    let is_drained = matches!(exit, Exit::Stopped | Exit::Completed);
    expect(is_drained, "a stage that drains", format!("it {exit}"))?;
    sink.expect_events_and_end().await.map(drop)
}
