//! A restart in the middle of a replay: what was put off comes before what the next behaviour emits.

use std::future::pending;
use std::num::NonZeroUsize;
use std::time::Duration;

use stage::Restart::Permanent;
use stage::{Context, DemandMode, Handler, Producer, Result, Strategy, producer_with, supervisor};
use tokio::time::timeout;

use crate::worker::{Diary, Do, worker};

/// Hangs at its first demand in its first life; then it emits 9 for each event that it is asked for.
struct Nines {
    hangs: bool,
    diary: Diary,
}

impl Producer for Nines {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        self.diary.note(format!("{demand} asked"));
        if self.hangs {
            pending::<()>().await;
        }
        cx.emit_all(std::iter::repeat_n(9, demand));
        Ok(())
    }
}

/// Emits these.
struct Emit(Vec<usize>);

impl Handler<Emit, usize> for Nines {
    type Reply = ();
    async fn handle(&mut self, Emit(events): Emit, cx: &mut Context<usize>) {
        cx.emit_all(events);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_behind_a_demand_that_is_interrupted_is_replayed_all_the_same() {
    let diary = Diary::default();
    let group = supervisor(Strategy::OneForAll).spawn().unwrap();
    let trigger = worker("a", &group, Permanent, &Diary::default());
    let (noted, mut hangs) = (diary.clone(), true);
    let nines = producer_with(move || Nines {
        hangs: std::mem::take(&mut hangs),
        diary: noted.clone(),
    })
    .accumulate()
    .supervised_by(&group, Permanent)
    .shutdown(Duration::from_secs(1))
    .spawn()
    .unwrap();
    let mut edge = nines.subscribe();
    edge.request(NonZeroUsize::new(3).unwrap());
    nines.call(Emit(vec![7, 8])).await.unwrap();
    nines.set_demand_mode(DemandMode::Forward);
    diary.reads(&["3 asked"]).await;
    trigger.call(Do::Panic).await.unwrap_err();
    let mut next = async || timeout(Duration::from_secs(60), edge.next()).await;
    assert_eq!(next().await.unwrap().unwrap(), Some(vec![7, 8]));
    assert_eq!(next().await.unwrap().unwrap(), Some(vec![9]));
    // The two that were put off had paid for themselves.
    diary.reads(&["1 asked"]).await;
    group.stop().await;
}
