//! Consumers that come and go.

use super::Emitting;
use crate::exit::Cancel;
use crate::runtime::Emits;
use crate::test_util::probe::expect;
use crate::test_util::{SinkProbe, Unexpected};

type Checked = Result<(), Unexpected>;

/// After how many events a consumer leaves, each in a run of its own.
const POINTS: std::ops::RangeInclusive<usize> = 0..=6;

/// Cancels and takes what comes up to the end.
async fn leave<T: Send + 'static>(sink: &mut SinkProbe<T>) -> Result<Vec<T>, Unexpected> {
    sink.cancel(Cancel::Normal);
    Ok(sink.expect_events_and_end().await?.0)
}

/// RS 1.8 and 3.12.
pub(super) async fn ends_what_comes<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(3);
    sink.expect_events(3).await?;
    sink.ask(2);
    let came = leave(&mut sink).await?.len();
    expect(
        came <= 2,
        "at most the 2 events asked for",
        format!("{came} came"),
    )?;
    sink.expect_nothing().await
}

/// RS 1.10.
pub(super) async fn subscribing_again<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    for _ in 0..3 {
        let mut sink = e.sink(&stage);
        sink.ask(2);
        sink.expect_events(2).await?;
        leave(&mut sink).await?;
    }
    stage.lives()
}

/// RS 1.11.
pub(super) async fn several_at_once<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let (mut one, mut other) = (e.sink(&stage), e.sink(&stage));
    e.patience.rest().await;
    one.ask(2);
    other.ask(3);
    one.expect_events(2).await?;
    // Where all get each event, the second waits for the first.
    one.ask(1);
    one.expect_events(1).await?;
    other.expect_events(3).await.map(drop)
}

/// RS 3.6.
pub(super) async fn asks_after_it<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    leave(&mut sink).await?;
    sink.ask(3);
    sink.expect_nothing().await?;
    stage.lives()
}

/// RS 3.5 and 3.7.
pub(super) async fn again<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.cancel(Cancel::Normal);
    sink.cancel(Cancel::failed("again"));
    leave(&mut sink).await?;
    sink.expect_nothing().await?;
    stage.lives()
}

/// RS 3.13.
pub(super) async fn lets_go<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    for dies in [false, true] {
        let mut sink = e.sink(&stage);
        sink.ask(2);
        sink.expect_events(2).await?;
        if dies {
            sink.die();
            sink.expect_events_and_end().await?;
        } else {
            leave(&mut sink).await?;
        }
        e.patience.rest().await;
        expect(
            sink.is_released(),
            "a consumer that is let go",
            "the stage keeps it",
        )?;
    }
    Ok(())
}

/// RS 3.15 and 3.16: whatever they are called with, they harm nobody.
pub(super) async fn of_the_unknown<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask_unknown(5);
    sink.cancel_unknown();
    sink.expect_nothing().await?;
    stage.lives()?;
    sink.ask(2);
    sink.expect_events(2).await.map(drop)
}

/// Whoever leaves, and whenever, the next consumer is served.
pub(super) async fn at_every_point<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    for point in POINTS {
        let stage = e.spawn()?;
        e.sink(&stage).cancel_after(point).await?;
        let mut next = e.sink(&stage);
        next.ask(1);
        next.expect_events(1).await?;
    }
    Ok(())
}

/// What a leaver asked and was not given is not given to who did not ask.
pub(super) async fn leaks_no_demand<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut leaver = e.sink(&stage);
    let mut next = e.sink(&stage);
    leaver.ask(5);
    leave(&mut leaver).await?;
    next.expect_nothing().await?;
    next.ask(3);
    next.expect_events(3).await?;
    next.expect_nothing().await
}
