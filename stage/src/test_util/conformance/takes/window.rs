//! What is asked, and when.

use super::{MANY, MAX, MIN, Taking};
use crate::protocol::UpstreamEnds;
use crate::runtime::Takes;
use crate::test_util::Unexpected;
use crate::test_util::probe::expect;

type Checked = Result<(), Unexpected>;

/// Sizes of messages, none above the window.
const SIZES: [usize; 6] = [1, 3, 4, 2, 8, 5];

/// RS 2.1.
pub(super) async fn asks_first<R: Takes>(t: &Taking<'_, R>) -> Checked {
    t.fed(UpstreamEnds::Complete).await.map(drop)
}

/// At no time is more outstanding than max, whatever the sizes of the messages.
pub(super) async fn outstanding_is_bounded<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    for size in SIZES.into_iter().cycle().take(2 * MANY) {
        t.patience.rest().await;
        let outstanding = fed.edge.outstanding();
        let expected = format!("at most {MAX} events outstanding");
        expect(
            outstanding <= MAX,
            expected,
            format!("{outstanding} are, after {} were sent", fed.edge.sent()),
        )?;
        fed.send(size.min(outstanding));
    }
    Ok(())
}

/// Fewer than max − min make no ask; that many do.
pub(super) async fn asks_late<R: Takes>(t: &Taking<'_, R>) -> Checked {
    let mut fed = t.fed(UpstreamEnds::Complete).await?;
    let first = fed.edge.asked();
    let few = MAX - MIN - 1;
    fed.send(few);
    t.patience.rest().await;
    let early = fed.edge.asked() - first;
    let expected = format!("no ask after {few} of {} events", MAX - MIN);
    expect(early == 0, expected, format!("{early} more were asked for"))?;
    fed.send(1);
    fed.edge.next_ask().await?;
    t.patience.rest().await;
    let again = fed.edge.asked() - first;
    expect(
        again == MAX - MIN,
        format!("{} more asked for", MAX - MIN),
        format!("{again} were"),
    )
}

/// Whatever the sizes of the messages, it is never silent for ever.
pub(super) async fn asks_on<R: Takes>(t: &Taking<'_, R>) -> Checked {
    for size in SIZES {
        t.fed(UpstreamEnds::Complete)
            .await?
            .feed(MANY, size)
            .await?;
    }
    Ok(())
}
