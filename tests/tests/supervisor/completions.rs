//! A child that completes, and is not at its end: the completion is interrupted, or followed by another behaviour.

use std::future::pending;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use stage::Restart::{Permanent, Transient};
use stage::{
    Batch, Context, Demand, Exit, ProducerConsumer, Result, Strategy, from_iter,
    producer_consumer_with, supervisor,
};
use tokio::time::timeout;

use crate::worker::{Diary, Do, until, worker};

/// Passes on what it gets, and 100 behind it all; its first life may hang in `handle_complete`.
struct Last {
    diary: Diary,
    hangs: bool,
}

impl ProducerConsumer for Last {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events);
        Ok(())
    }

    async fn handle_complete(&mut self, cx: &mut Context<usize>) -> Result {
        self.diary.note("completes");
        if self.hangs {
            pending::<()>().await;
        }
        cx.emit(100);
        Ok(())
    }
}

impl Last {
    /// Makes the behaviours of one stage.
    fn lives(first_hangs: bool, diary: &Diary) -> impl FnMut() -> Self + Send + 'static {
        let (diary, mut hangs) = (diary.clone(), first_hangs);
        move || Self {
            diary: diary.clone(),
            hangs: std::mem::take(&mut hangs),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_is_interrupted_is_completed_by_the_next_behaviour() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let noted = Diary::default();
    let a = worker("a", &workers, Permanent, &noted);
    let numbers = from_iter(0..3).spawn().unwrap();
    let last = producer_consumer_with(Last::lives(true, &diary))
        .subscribe_to(&numbers, Demand::default())
        .supervised_by(&workers, Transient)
        .spawn()
        .unwrap();
    let got = tokio::spawn(last.stream(Demand::default()).try_collect::<Vec<usize>>());
    diary.reads(&["completes"]).await;
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["completes"]).await;
    let got = timeout(Duration::from_secs(60), got).await;
    assert_eq!(got.unwrap().unwrap().unwrap(), [0, 1, 2, 100]);
    assert!(matches!(last.join().await, Exit::Completed));
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_behaviour_that_follows_a_completed_one_has_not_completed() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let first = from_iter(0..2).spawn().unwrap();
    let last = producer_consumer_with(Last::lives(false, &diary))
        .subscribe_to(&first, Demand::default())
        .supervised_by(&workers, Permanent)
        .spawn()
        .unwrap();
    let mut got = last.stream(Demand::default());
    let mut next = async |n| {
        let taken = got.by_ref().take(n).try_collect::<Vec<usize>>();
        timeout(Duration::from_secs(60), taken)
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(next(3).await, [0, 1, 100]);
    until(|| workers.children()[0].restarts == 1).await;
    let second = from_iter(5..7).spawn().unwrap();
    last.subscribe_to(&second, Demand::default()).unwrap();
    assert_eq!(next(3).await, [5, 6, 100]);
    assert_eq!(diary.take(), ["completes", "completes"]);
    workers.stop().await;
}
