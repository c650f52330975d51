//! What the protocol still owes when a callback is dropped: a sibling fails, and the callback that hangs is interrupted.

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stage::Restart::Permanent;
use stage::{
    Asking, Batch, Consumer, Context, Demand, Directive, End, Exit, Failure, Handler, Producer,
    ProducerHandle, Result, Strategy, Subscribe, SubscriptionId, Supervisor, UpstreamEnds,
    consumer_with, from_iter, producer_with, supervisor,
};

use crate::worker::{Diary, until};

/// Fails when it is told to.
struct Trigger;

impl Producer for Trigger {
    type Out = usize;
    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<(), usize> for Trigger {
    type Reply = ();
    async fn handle(&mut self, (): (), _: &mut Context<usize>) {
        panic!("on purpose");
    }
}

/// A group whose first child fails when it is called.
fn group() -> (Supervisor, ProducerHandle<Trigger>) {
    let group = supervisor(Strategy::OneForAll).spawn().unwrap();
    let trigger = producer_with(|| Trigger)
        .supervised_by(&group, Permanent)
        .spawn()
        .unwrap();
    (group, trigger)
}

/// Where the first behaviour hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Events,
    Cancel,
}

/// Notes what it handles; its first life hangs.
struct Hanging {
    hangs: Option<In>,
    diary: Diary,
    asks: usize,
}

impl Hanging {
    /// Makes the behaviours of one stage.
    fn lives(hangs: In, asks: usize, diary: &Diary) -> impl FnMut() -> Self + Send + 'static {
        let (diary, lives) = (diary.clone(), Arc::new(AtomicUsize::new(0)));
        move || Self {
            hangs: (lives.fetch_add(1, Ordering::Relaxed) == 0).then_some(hangs),
            diary: diary.clone(),
            asks,
        }
    }

    async fn maybe_hang(&self, place: In) {
        if self.hangs == Some(place) {
            self.diary.note("hangs");
            pending::<()>().await;
        }
    }
}

impl Consumer for Hanging {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        if asking == Asking::Manual {
            self.diary
                .note(format!("{} outstanding", cx.outstanding(id)));
            cx.ask(id, self.asks - cx.outstanding(id));
        }
        Ok(asking)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.maybe_hang(In::Events).await;
        let events: Vec<usize> = events.drain().collect();
        self.diary.note(format!("{events:?}"));
        Ok(())
    }

    async fn handle_cancel(&mut self, _: SubscriptionId, _: &End, _: &mut Context) -> Result {
        self.maybe_hang(In::Cancel).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_dropped_is_asked_for_again_though_nothing_else_asks() {
    let (group, trigger) = group();
    let diary = Diary::default();
    let numbers = from_iter(0..8).spawn().unwrap();
    let hanging = consumer_with(Hanging::lives(In::Events, 0, &diary))
        .subscribe_to(&numbers, Demand::new(4, 0).unwrap())
        .supervised_by(&group, Permanent)
        .shutdown(Duration::from_secs(1))
        .spawn()
        .unwrap();
    diary.reads(&["hangs"]).await;
    trigger.call(()).await.unwrap_err();
    diary.reads(&["[4, 5, 6, 7]"]).await;
    assert_eq!(hanging.stats().lost, 4);
    group.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_dropped_is_outstanding_no_more() {
    let (group, trigger) = group();
    let diary = Diary::default();
    let numbers = from_iter(0..6).spawn().unwrap();
    let manual = Subscribe::default()
        .manual()
        .upstream_ends(UpstreamEnds::Keep);
    let _hanging = consumer_with(Hanging::lives(In::Events, 3, &diary))
        .subscribe_to(&numbers, manual)
        .supervised_by(&group, Permanent)
        .shutdown(Duration::from_secs(1))
        .spawn()
        .unwrap();
    diary.reads(&["0 outstanding", "hangs"]).await;
    trigger.call(()).await.unwrap_err();
    diary.reads(&["0 outstanding", "[3, 4, 5]"]).await;
    group.stop().await;
}

/// Asks for all that it is short of; its first life stops with the first event at work.
struct Stopping {
    stops: bool,
    diary: Diary,
}

impl Consumer for Stopping {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        _: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        self.diary
            .note(format!("{} outstanding", cx.outstanding(id)));
        cx.ask(id, 3 - cx.outstanding(id));
        Ok(Asking::Manual)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, cx: &mut Context) -> Result {
        if self.stops {
            cx.stop();
            return Err("on purpose".into());
        }
        let events: Vec<usize> = events.drain().collect();
        self.diary.note(format!("{events:?}"));
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Resume
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_left_of_a_batch_is_outstanding_no_more() {
    let (group, _trigger) = group();
    let diary = Diary::default();
    let numbers = from_iter(0..6).spawn().unwrap();
    let mut lives = 0;
    let stopping = consumer_with({
        let diary = diary.clone();
        move || {
            lives += 1;
            Stopping {
                stops: lives == 1,
                diary: diary.clone(),
            }
        }
    })
    .subscribe_to(
        &numbers,
        Subscribe::default().upstream_ends(UpstreamEnds::Keep),
    )
    .supervised_by(&group, Permanent)
    .spawn()
    .unwrap();
    diary
        .reads(&["0 outstanding", "0 outstanding", "[3, 4, 5]"])
        .await;
    assert_eq!((stopping.stats().failed, stopping.stats().lost), (1, 2));
    group.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_last_upstream_is_not_forgotten() {
    let (group, trigger) = group();
    let diary = Diary::default();
    let numbers = from_iter(0..2).spawn().unwrap();
    let hanging = consumer_with(Hanging::lives(In::Cancel, 0, &diary))
        .subscribe_to(&numbers, Demand::new(4, 0).unwrap())
        .supervised_by(&group, stage::Restart::Transient)
        .shutdown(Duration::from_secs(1))
        .spawn()
        .unwrap();
    diary.reads(&["[0, 1]", "hangs"]).await;
    trigger.call(()).await.unwrap_err();
    assert!(matches!(hanging.join().await, Exit::Completed));
    group.stop().await;
}

/// Emits what is asked of it; its first life hangs when a consumer leaves.
struct Leaving {
    next: usize,
    hangs: bool,
    diary: Diary,
}

impl Producer for Leaving {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        if !self.hangs {
            cx.emit_all(self.next..self.next + demand);
            self.next += demand;
        }
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        _: &End,
        _: &mut Context<usize>,
    ) -> Result {
        if self.hangs {
            self.diary.note("hangs");
            pending::<()>().await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_leaves_is_gone_though_nobody_heard_it_to_the_end() {
    let (group, trigger) = group();
    let diary = Diary::default();
    let mut lives = 0;
    let leaving = producer_with({
        let diary = diary.clone();
        move || {
            lives += 1;
            Leaving {
                next: 0,
                hangs: lives == 1,
                diary: diary.clone(),
            }
        }
    })
    .supervised_by(&group, Permanent)
    .shutdown(Duration::from_secs(1))
    .spawn()
    .unwrap();
    let five = NonZeroUsize::new(5).unwrap();
    let mut leaver = leaving.subscribe();
    leaver.request(five);
    until(|| leaving.stats().owed == 5).await;
    drop(leaver);
    diary.reads(&["hangs"]).await;
    trigger.call(()).await.unwrap_err();
    let mut edge = leaving.subscribe();
    edge.request(five);
    // The new behaviour pays the debt of the old one, and all of it goes to who is there.
    assert_eq!(edge.next().await.unwrap().unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(leaving.stats().discarded, 0);
    group.stop().await;
}
