//! What comes for what is asked.

use super::{EVENTS_MIN, Emitting, Order};
use crate::exit::{End, Exit};
use crate::runtime::Emits;
use crate::test_util::Unexpected;
use crate::test_util::probe::expect;

type Checked = Result<(), Unexpected>;

/// Asks of different sizes, below [`EVENTS_MIN`] together.
const ASKS: [usize; 4] = [1, 4, 3, 2];

/// RS 1.1.
pub(super) async fn never_more_than_asked<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    for n in ASKS {
        sink.ask(n);
        e.patience.rest().await;
        let (asked, came) = (sink.asked(), sink.delivered());
        let most = format!("at most the {asked} events asked for");
        expect(came <= asked, most, format!("{came} came"))?;
    }
    Ok(())
}

/// RS 1.9.
pub(super) async fn nothing_before_an_ask<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.expect_nothing().await?;
    stage.stop().await;
    let (_, end) = e.sink(&stage).expect_events_and_end().await?;
    let is_told = matches!(end, End::Down(Exit::Unreachable));
    expect(
        is_told,
        "the word that the stage has ended",
        format!("{end:?} came"),
    )
}

/// RS 3.8.
pub(super) async fn asks_add_up<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    for n in ASKS {
        sink.ask(n);
    }
    sink.expect_events(ASKS.iter().sum()).await.map(drop)
}

/// RS 3.9; `Subscription::request` takes no 0 at all.
pub(super) async fn an_ask_for_nothing<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(0);
    sink.expect_nothing().await?;
    stage.lives()?;
    sink.ask(1);
    sink.expect_events(1).await.map(drop)
}

/// RS 3.17.
pub(super) async fn boundless<R: Emits>(e: &Emitting<'_, R>, len: usize) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    sink.ask(usize::MAX);
    sink.ask(usize::MAX);
    let (events, end) = sink.expect_events_and_end().await?;
    expect(
        events.len() == len && matches!(end, End::Completed),
        format!("{len} events and the completion"),
        format!("{} events and {end:?} came", events.len()),
    )
}

/// No event is held while credit exists: each ask is paid whole.
pub(super) async fn nothing_is_held<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    for n in ASKS {
        sink.ask(n);
        sink.expect_events(n).await?;
    }
    sink.expect_nothing().await
}

/// A producer is not told to emit what then waits in its buffer.
pub(super) async fn nothing_is_left_over<R: Emits>(e: &Emitting<'_, R>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    for n in ASKS {
        sink.ask(n);
        e.patience.rest().await;
    }
    let stats = stage.stats();
    let over = stats.discarded + stats.buffered as u64;
    expect(
        over == 0,
        "nothing emitted beyond the demand",
        format!("{over} events were"),
    )
}

/// The events of one edge are the first ones, in order.
pub(super) async fn in_order<R: Emits>(e: &Emitting<'_, R>, order: &Order<'_, R::Out>) -> Checked {
    let stage = e.spawn()?;
    let mut sink = e.sink(&stage);
    let mut before = 0;
    for at in 0..EVENTS_MIN {
        sink.ask(1);
        for event in sink.expect_events(1).await? {
            let number = (order.number)(&event);
            match order.repeats {
                Some(repeats) => expect(
                    number == at / repeats,
                    format!("number {} as event {at}", at / repeats),
                    format!("number {number} came"),
                )?,
                None => expect(
                    number >= before,
                    format!("number {before} or a later one"),
                    format!("number {number} came"),
                )?,
            }
            before = number;
        }
    }
    Ok(())
}
