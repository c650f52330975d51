//! What an event costs whose `Drop` panics: itself, wherever a stage drops it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use stage::Restart::Permanent;
use stage::{
    Batch, Broadcast, Build, Consumer, Context, Demand, Directive, Exit, Failure, Handler,
    Partition, Producer, ProducerConsumer, Result, Stages, Strategy, WhenFull, consumer,
    consumer_with, dead_letters, producer, producer_consumer, producer_with, supervisor,
};
use tokio::sync::Notify;

use super::{Quiet, soon};

/// An event that panics when it is dropped, also where another has just done so, which would end the process.
#[derive(Clone)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

struct Bombs;

impl Producer for Bombs {
    type Out = Bomb;

    async fn started(&mut self, cx: &mut Context<Bomb>) -> Result {
        cx.emit_all([Bomb, Bomb]);
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<Bomb>) -> Result {
        Ok(())
    }
}

#[tokio::test]
async fn events_that_panic_when_dropped_hide_no_end_and_keep_no_name() {
    let stages = Stages::new();
    let bombs = producer(Bombs)
        .named("bombs")
        .within(&stages)
        .spawn()
        .unwrap();
    tokio::task::yield_now().await;
    soon(bombs.stop()).await;
    assert!(stages.is_empty());
    producer(Quiet)
        .named("bombs")
        .within(&stages)
        .spawn()
        .unwrap()
        .stop()
        .await;
}

/// Emits two bombs when it is let go on.
struct Late(Arc<Notify>);

impl Producer for Late {
    type Out = Bomb;

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<Bomb>) -> Result {
        self.0.notified().await;
        cx.emit_all([Bomb, Bomb]);
        Ok(())
    }
}

struct Takes;

impl Consumer for Takes {
    type In = Bomb;

    async fn handle_events(&mut self, _: &mut Batch<'_, Bomb>, _: &mut Context) -> Result {
        Ok(())
    }
}

#[tokio::test]
async fn events_that_panic_when_dropped_for_a_consumer_that_has_ended_harm_no_producer() {
    let goes_on = Arc::new(Notify::new());
    let source = producer(Late(Arc::clone(&goes_on))).spawn().unwrap();
    let taker = consumer(Takes).subscribe_to(&source, Demand::default());
    let taker = taker.spawn().unwrap();
    while source.stats().owed == 0 {
        tokio::task::yield_now().await;
    }
    taker.abort();
    soon(taker.join()).await;
    goes_on.notify_one();
    while taker.stats().lost < 2 {
        tokio::task::yield_now().await;
    }
    soon(source.stop()).await;
    assert!(matches!(source.exit(), Some(Exit::Stopped)));
    assert_eq!((taker.stats().lost, source.stats().failed), (2, 0));
}

/// Emits so many bombs when it is called.
struct Bomber;

impl Producer for Bomber {
    type Out = Bomb;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<Bomb>) -> Result {
        Ok(())
    }

    fn handle_discarded(&mut self, _: usize) -> bool {
        false
    }
}

impl Handler<usize, Bomb> for Bomber {
    type Reply = ();

    async fn handle(&mut self, bombs: usize, cx: &mut Context<Bomb>) {
        cx.emit_all((0..bombs).map(|_| Bomb));
    }
}

#[tokio::test]
async fn events_that_panic_when_a_buffer_drops_them_are_counted_and_end_nothing() {
    let with = |when_full| producer(Bomber).buffer(2, when_full);
    for bomber in [
        with(WhenFull::DropOldest),
        with(WhenFull::DropNewest),
        with(WhenFull::DropOldest).accumulate(),
        with(WhenFull::DropNewest).accumulate(),
    ] {
        let bomber = bomber.spawn().unwrap();
        for bombs in [1, 4] {
            bomber.call(bombs).await.unwrap();
        }
        let stats = bomber.stats();
        assert_eq!((stats.buffered, stats.discarded), (2, 3));
        assert!(matches!(soon(bomber.stop()).await, Exit::Stopped));
        assert_eq!((bomber.stats().discarded, bomber.stats().failed), (5, 0));
    }
}

#[tokio::test]
async fn events_that_panic_when_a_partition_drops_them_are_counted_and_end_nothing() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        let mut number = 0;
        let hash = move |_: &Bomb| {
            number += 1;
            (number > 1).then_some(0)
        };
        let by_hash = Partition::new([0, 1], hash).unwrap().queue(2, when_full);
        let bomber = producer(Bomber).dispatcher(by_hash).spawn().unwrap();
        let mut another = bomber.partition(1).subscribe();
        another.request(NonZeroUsize::MAX);
        bomber.call(6).await.unwrap();
        let stats = bomber.stats();
        assert_eq!(
            (stats.unwanted, stats.buffered, stats.discarded),
            (1, 2, 3),
            "{when_full:?}"
        );
        assert!(matches!(soon(bomber.stop()).await, Exit::Stopped));
        assert_eq!((bomber.stats().discarded, bomber.stats().failed), (5, 0));
    }
}

#[tokio::test]
async fn events_that_panic_when_they_are_dropped_with_their_stage_are_counted() {
    let by_hash = Partition::new([0, 1], |_: &Bomb| Some(1)).unwrap();
    let queueing = producer(Bomber).dispatcher(by_hash).spawn().unwrap();
    let mut another = queueing.partition(0).subscribe();
    another.request(NonZeroUsize::MAX);
    queueing.call(3).await.unwrap();
    assert_eq!(queueing.stats().buffered, 3);
    assert!(matches!(soon(queueing.stop()).await, Exit::Stopped));
    assert_eq!(queueing.stats().discarded, 3);

    let bomber = producer(Bomber).spawn().unwrap();
    let taker = consumer(Takes).subscribe_to(&bomber, Demand::new(3, 0).unwrap());
    let taker = taker.spawn().unwrap();
    taker.pause();
    bomber.call(3).await.unwrap();
    let all_sent = async {
        while taker.edges()[0].delivered < 3 {
            tokio::task::yield_now().await;
        }
    };
    soon(all_sent).await;
    assert!(matches!(soon(taker.stop()).await, Exit::Stopped));
    assert_eq!(taker.stats().lost, 3);
    soon(bomber.stop()).await;
}

#[tokio::test]
async fn events_that_panic_when_they_are_rejected_or_unwanted_are_counted_and_end_nothing() {
    let by_name = Partition::new([0], |_: &Bomb| Some(7)).unwrap();
    let rejecting = producer(Bomber).dispatcher(by_name).spawn().unwrap();
    let selecting = producer(Bomber).dispatcher(Broadcast::new());
    let selecting = selecting.spawn().unwrap();
    let mut at_a_partition = rejecting.partition(0).subscribe();
    let mut selected = selecting.select(|_| false).subscribe();
    for edge in [&mut at_a_partition, &mut selected] {
        edge.request(NonZeroUsize::MAX);
    }
    rejecting.call(3).await.unwrap();
    selecting.call(3).await.unwrap();
    assert_eq!(rejecting.stats().rejected, 3);
    assert_eq!(selecting.stats().unwanted, 3);
    assert!(matches!(soon(rejecting.stop()).await, Exit::Stopped));
    assert!(matches!(soon(selecting.stop()).await, Exit::Stopped));
}

#[tokio::test]
async fn events_that_panic_when_a_callback_has_left_them_are_handled_and_end_nothing() {
    let bomber = producer(Bomber).spawn().unwrap();
    let taker = consumer(Takes).subscribe_to(&bomber, Demand::new(3, 0).unwrap());
    let taker = taker.spawn().unwrap();
    bomber.call(3).await.unwrap();
    bomber.call(3).await.unwrap();
    // It asks anew when it is done with all that came.
    let all_taken = async {
        while taker.edges()[0].asked < 9 {
            tokio::task::yield_now().await;
        }
    };
    soon(all_taken).await;
    assert!(matches!(soon(taker.stop()).await, Exit::Stopped));
    assert_eq!((taker.stats().failed, taker.stats().lost), (0, 0));
    soon(bomber.stop()).await;
}

/// What becomes of a callback that has a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fails,
    Panics,
    StopsAndFails,
    Hangs,
}

struct Unlucky {
    fate: Fate,
    directive: Directive,
}

impl Consumer for Unlucky {
    type In = Bomb;

    async fn handle_events(&mut self, events: &mut Batch<'_, Bomb>, cx: &mut Context) -> Result {
        events.front();
        match self.fate {
            Fate::Fails => {}
            Fate::Panics => panic!("bad luck"),
            Fate::StopsAndFails => cx.stop(),
            Fate::Hangs => std::future::pending().await,
        }
        Err("bad luck".into())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }
}

struct PassesOn;

impl ProducerConsumer for PassesOn {
    type In = Bomb;
    type Out = Bomb;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Bomb>,
        cx: &mut Context<Bomb>,
    ) -> Result {
        cx.emit_all(events);
        Ok(())
    }
}

/// Has a stage fail on the first of three events, or hang with all of them.
async fn ends_badly<R: stage::Takes<In = Bomb>>(build: Build<R>, fate: Fate, exit: &str) {
    let bomber = producer(Bomber).spawn().unwrap();
    let window = Demand::new(3, 0).unwrap();
    let unlucky = build.subscribe_to(&bomber, window).spawn().unwrap();
    bomber.call(3).await.unwrap();
    let mut at_work = (2, 1);
    if fate == Fate::Hangs {
        at_work = (3, 0);
        let all_sent = async {
            while unlucky.edges()[0].delivered < 3 {
                tokio::task::yield_now().await;
            }
        };
        soon(all_sent).await;
        tokio::task::yield_now().await;
        unlucky.abort();
    }
    assert_eq!(soon(unlucky.join()).await.to_string(), exit);
    let stats = unlucky.stats();
    assert_eq!((stats.lost, stats.failed), at_work, "{fate:?}");
    assert!(matches!(soon(bomber.stop()).await, Exit::Stopped));
}

#[tokio::test]
async fn events_that_panic_when_the_callback_that_has_them_ends_badly_are_counted() {
    for (fate, directive, exit) in [
        (Fate::Fails, Directive::Stop, "failed: bad luck"),
        (Fate::Panics, Directive::Stop, "panicked: bad luck"),
        (Fate::StopsAndFails, Directive::Resume, "stopped"),
        (Fate::Hangs, Directive::Stop, "aborted"),
    ] {
        let unlucky = || consumer(Unlucky { fate, directive });
        ends_badly(unlucky(), fate, exit).await;
        ends_badly(producer_consumer(PassesOn).fuse(unlucky()), fate, exit).await;
    }
}

#[tokio::test]
async fn dead_letters_that_panic_when_they_have_nowhere_to_go_end_nothing() {
    let (fate, directive) = (Fate::Fails, Directive::DeadLetter);
    let ended = dead_letters().spawn().unwrap();
    soon(ended.stop()).await;
    let unlucky = || consumer(Unlucky { fate, directive });
    for unlucky in [unlucky(), unlucky().dead_letters_to(&ended)] {
        let bomber = producer(Bomber).spawn().unwrap();
        let window = Demand::new(3, 0).unwrap();
        let unlucky = unlucky.subscribe_to(&bomber, window).spawn().unwrap();
        bomber.call(3).await.unwrap();
        let all_failed = async {
            while unlucky.stats().failed < 3 {
                tokio::task::yield_now().await;
            }
        };
        soon(all_failed).await;
        assert!(matches!(soon(unlucky.stop()).await, Exit::Stopped));
        assert_eq!((unlucky.stats().lost, unlucky.stats().failed), (0, 3));
        soon(bomber.stop()).await;
    }
}

/// Fails when it is told to.
struct Trigger;

impl Producer for Trigger {
    type Out = Bomb;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<Bomb>) -> Result {
        Ok(())
    }
}

impl Handler<(), Bomb> for Trigger {
    type Reply = ();

    async fn handle(&mut self, (): (), _: &mut Context<Bomb>) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_panic_when_their_callback_is_interrupted_are_lost_and_asked_for_again() {
    let group = supervisor(Strategy::OneForAll).spawn().unwrap();
    let trigger = producer_with(|| Trigger).supervised_by(&group, Permanent);
    let trigger = trigger.spawn().unwrap();
    let bomber = producer(Bomber).spawn().unwrap();
    let (fate, directive) = (Fate::Hangs, Directive::Stop);
    let hanging = consumer_with(move || Unlucky { fate, directive })
        .subscribe_to(&bomber, Demand::new(3, 0).unwrap())
        .supervised_by(&group, Permanent)
        .shutdown(Duration::from_secs(1))
        .spawn()
        .unwrap();
    bomber.call(3).await.unwrap();
    // The paused clock moves only when every task waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    trigger.call(()).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((hanging.stats().lost, hanging.stats().failed), (3, 0));
    assert_eq!(hanging.edges()[0].asked, 6);
    group.stop().await;
}
