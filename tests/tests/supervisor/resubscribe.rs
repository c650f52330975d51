//! Consumers that subscribe again to a producer that failed.

use std::time::Duration;

use stage::Restart::Permanent;
use stage::{
    Backoff, Batch, Cancel, Consumer, Context, Demand, End, Exit, Handler, Producer,
    ProducerHandle, Result, Stages, Strategy, Subscribe, SubscriptionId, UpstreamEnds, consumer,
    consumer_with, producer, supervisor,
};
use tokio::time::Instant;

use crate::worker::{Diary, until};

/// Emits its number for each demand; fails or completes when told.
struct Source(usize);

#[derive(Clone, Copy)]
enum Do {
    Fail,
    Complete,
}

impl Producer for Source {
    type Out = usize;
    async fn handle_demand(&mut self, _: usize, cx: &mut Context<usize>) -> Result {
        cx.emit(self.0);
        Ok(())
    }
}

impl Handler<Do, usize> for Source {
    type Reply = ();
    async fn handle(&mut self, order: Do, cx: &mut Context<usize>) {
        match order {
            Do::Fail => panic!("on purpose"),
            Do::Complete => cx.complete(),
        }
    }
}

fn source(number: usize, stages: &Stages) -> ProducerHandle<Source> {
    let source = producer(Source(number)).named("source").within(stages);
    source.spawn().unwrap()
}

struct Sink(Diary);

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for event in events {
            self.0.note(format!("got {event}"));
        }
        Ok(())
    }

    async fn handle_cancel(&mut self, _: SubscriptionId, end: &End, _: &mut Context) -> Result {
        self.0.note(format!("lost: {}", end.to_exit()));
        Ok(())
    }
}

/// Waits 1 s, 2 s, 4 s, 4 s …, or half of that.
fn again() -> Subscribe {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
    // Two are asked for, and one is ever given: the second stays out.
    let demand = Demand::new(2, 0).unwrap();
    Subscribe::from(demand).upstream_ends(UpstreamEnds::Resubscribe(backoff))
}

#[tokio::test(start_paused = true)]
async fn a_consumer_finds_its_producer_again_by_name() {
    let (stages, diary) = (Stages::new(), Diary::default());
    let first = source(1, &stages);
    let sink = consumer(Sink(diary.clone()))
        .subscribe_to(&first, again())
        .spawn()
        .unwrap();
    diary.reads(&["got 1"]).await;
    let down = Instant::now();
    first.call(Do::Fail).await.unwrap_err();
    diary.reads(&["lost: panicked: on purpose"]).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    let second = source(2, &stages);
    diary.reads(&["got 2"]).await;
    assert!(
        down.elapsed() <= Duration::from_millis(24_100),
        "{:?}",
        down.elapsed()
    );
    // It brought something, so the next wait is short again.
    let down = Instant::now();
    second.call(Do::Fail).await.unwrap_err();
    let third = source(3, &stages);
    diary.reads(&["lost: panicked: on purpose", "got 3"]).await;
    assert!(
        down.elapsed() <= Duration::from_millis(1_010),
        "{:?}",
        down.elapsed()
    );
    third.call(Do::Complete).await.unwrap();
    assert!(matches!(sink.join().await, Exit::Completed));
    diary.reads(&["lost: completed"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_without_a_name_does_not_come_back() {
    let diary = Diary::default();
    let numbers = producer(Source(1)).spawn().unwrap();
    let sink = consumer(Sink(diary.clone()))
        .subscribe_to(&numbers, again())
        .spawn()
        .unwrap();
    diary.reads(&["got 1"]).await;
    numbers.call(Do::Fail).await.unwrap_err();
    assert_eq!(sink.join().await.to_string(), "panicked: on purpose");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_for_its_producer_is_not_complete_and_can_be_drained() {
    let (stages, diary) = (Stages::new(), Diary::default());
    let (waited_for, other) = (source(1, &stages), producer(Source(2)).spawn().unwrap());
    let sink = consumer(Sink(diary.clone()))
        .subscribe_to(&waited_for, again())
        .subscribe_to(&other, Demand::new(2, 0).unwrap())
        .spawn()
        .unwrap();
    until(|| {
        sink.edges()
            .iter()
            .filter(|edge| edge.delivered == 1)
            .count()
            == 2
    })
    .await;
    waited_for.call(Do::Fail).await.unwrap_err();
    other.call(Do::Complete).await.unwrap();
    tokio::time::advance(Duration::from_secs(100)).await;
    until(|| sink.edges().len() >= 3).await;
    assert!(sink.exit().is_none());
    let drained = sink.drain(Duration::from_secs(1)).await;
    assert!(matches!(drained.exit, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_an_upstream_stops_subscribes_again_when_it_is_restarted() {
    let (stages, diary) = (Stages::new(), Diary::default());
    let workers = supervisor(Strategy::OneForOne)
        .backoff(Backoff::new(
            Duration::from_secs(10),
            Duration::from_secs(10),
        ))
        .spawn()
        .unwrap();
    let first = source(1, &stages);
    let sink = consumer_with({
        let diary = diary.clone();
        move || Sink(diary.clone())
    })
    .subscribe_to(&first, Demand::new(2, 0).unwrap())
    .supervised_by(&workers, Permanent)
    .spawn()
    .unwrap();
    diary.reads(&["got 1"]).await;
    first.call(Do::Fail).await.unwrap_err();
    diary.reads(&["lost: panicked: on purpose"]).await;
    let _second = source(2, &stages);
    diary.reads(&["got 2"]).await;
    assert!(sink.exit().is_none());
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_waited_for_can_be_cancelled() {
    let (stages, diary) = (Stages::new(), Diary::default());
    let first = source(1, &stages);
    let sink = consumer(Sink(diary.clone())).spawn().unwrap();
    let subscription = sink.subscribe_to(&first, again()).unwrap();
    diary.reads(&["got 1"]).await;
    first.call(Do::Fail).await.unwrap_err();
    // The wait outlasts a try in vain.
    diary
        .reads(&[
            "lost: panicked: on purpose",
            "lost: its producer had already ended",
        ])
        .await;
    sink.cancel(subscription, Cancel::Normal);
    let second = source(2, &stages);
    let ended = tokio::time::timeout(Duration::from_secs(100), sink.join()).await;
    assert!(ended.is_ok(), "{:?}", sink.edges());
    assert_eq!(second.stats().owed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_replaced_while_it_is_waited_for_does_not_come_back() {
    let (stages, diary) = (Stages::new(), Diary::default());
    let first = source(1, &stages);
    let sink = consumer(Sink(diary.clone())).spawn().unwrap();
    let old = sink.subscribe_to(&first, again()).unwrap();
    diary.reads(&["got 1"]).await;
    first.call(Do::Fail).await.unwrap_err();
    diary.reads(&["lost: panicked: on purpose"]).await;
    let second = source(2, &stages);
    sink.resubscribe(old, Cancel::Normal, &second, again())
        .unwrap();
    diary.reads(&["got 2"]).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(diary.take(), Vec::<String>::new());
    assert_eq!(sink.edges().len(), 2);
}
