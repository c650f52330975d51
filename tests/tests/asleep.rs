//! A producer-consumer needs an event and an ask. Whichever comes first does not wake it, and nothing is missed for that.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::num::NonZeroUsize;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use stage::{
    Batch, Cancel, Context, Demand, Group, Handler, ProducerConsumer, ProducerConsumerHandle,
    Result, Sender, Subscription, SubscriptionId, channel, producer_consumer,
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Passes events on; says how much is asked of it.
struct PassOn;

impl ProducerConsumer for PassOn {
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
}

struct Asked;

impl Handler<Asked, usize> for PassOn {
    type Reply = usize;

    async fn handle(&mut self, _: Asked, cx: &mut Context<usize>) -> usize {
        cx.demand()
    }
}

/// Has the stage cancel one of its consumers.
struct CancelConsumer(SubscriptionId);

impl Handler<CancelConsumer, usize> for PassOn {
    type Reply = ();

    async fn handle(&mut self, CancelConsumer(id): CancelConsumer, cx: &mut Context<usize>) {
        cx.cancel_consumer(id, Cancel::Normal);
    }
}

/// Comes to rest: a paused clock moves only when every task waits.
async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn events(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// Takes so many events that were asked for.
async fn take(consumer: &mut Subscription<usize>, n: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    while taken.len() < n {
        taken.extend(consumer.next().await.unwrap().unwrap());
    }
    assert_eq!(taken.len(), n, "no more comes than was asked for");
    taken
}

/// A channel, a stage behind it that holds nothing and was asked nothing, and its consumer.
async fn flow() -> (
    Sender<usize>,
    ProducerConsumerHandle<PassOn>,
    Subscription<usize>,
) {
    let (sender, build) = channel();
    let source = build.spawn().unwrap();
    let pass_on = producer_consumer(PassOn);
    let pass_on = pass_on.subscribe_to(&source, Demand::new(4, 2).unwrap());
    let pass_on = pass_on.spawn().unwrap();
    let consumer = pass_on.subscribe();
    rest().await;
    (sender, pass_on, consumer)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_finds_an_ask_goes_on_at_once() {
    let (sender, _, mut consumer) = flow().await;
    for event in 0..3 {
        consumer.request(events(1));
        rest().await;
        sender.send(event).await.unwrap();
        assert_eq!(consumer.next().await.unwrap(), Some(vec![event]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_ask_that_finds_events_is_paid_at_once() {
    let (sender, _, mut consumer) = flow().await;
    for event in 0..4 {
        sender.send(event).await.unwrap();
        rest().await;
    }
    consumer.request(events(1));
    assert_eq!(consumer.next().await.unwrap(), Some(vec![0]));
    rest().await;
    consumer.request(events(3));
    assert_eq!(take(&mut consumer, 3).await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_a_stage_without_events_is_told_as_owed() {
    let (_sender, pass_on, mut consumer) = flow().await;
    for asked in 1..=3 {
        consumer.request(events(5));
        rest().await;
        assert_eq!(pass_on.stats().owed, 5 * asked);
    }
    assert_eq!(pass_on.call(Asked).await.unwrap(), 15);
    assert_eq!(pass_on.stats().owed, 15);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_in_place_of_a_leaver_is_owed_once() {
    let (_sender, pass_on, mut leaver) = flow().await;
    leaver.request(events(10));
    rest().await;
    leaver.cancel(Cancel::Normal);
    rest().await;
    let mut next = pass_on.subscribe();
    rest().await;
    next.request(events(5));
    rest().await;
    assert_eq!(pass_on.stats().owed, 10);
    assert_eq!(pass_on.call(Asked).await.unwrap(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_consumer_asks_is_not_owed() {
    let (_sender, pass_on, mut cancelled) = flow().await;
    let mut other = pass_on.subscribe();
    pass_on.call(CancelConsumer(cancelled.id())).await.unwrap();
    for _ in 0..3 {
        other.request(events(1));
        cancelled.request(events(7));
        rest().await;
    }
    assert_eq!(pass_on.stats().owed, 3);
    assert_eq!(pass_on.call(Asked).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_end_is_heard_by_a_stage_that_waits_for_either() {
    let (sender, pass_on, mut consumer) = flow().await;
    sender.send(0).await.unwrap();
    rest().await;
    drop(sender);
    consumer.request(events(1));
    assert_eq!(consumer.next().await.unwrap(), Some(vec![0]));
    assert_eq!(consumer.next().await.unwrap(), None);
    assert!(!pass_on.join().await.is_failure());
}

#[tokio::test(start_paused = true)]
async fn a_second_consumer_gets_what_it_asks_and_so_does_one_that_follows() {
    let (sender, pass_on, mut first) = flow().await;
    first.request(events(1));
    rest().await;
    let mut second = pass_on.subscribe();
    second.request(events(3));
    rest().await;
    for event in 0..4 {
        sender.send(event).await.unwrap();
    }
    let (mut all, theirs) = (take(&mut first, 1).await, take(&mut second, 3).await);
    all.extend(theirs);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    first.cancel(Cancel::Normal);
    rest().await;
    second.request(events(1));
    rest().await;
    sender.send(4).await.unwrap();
    assert_eq!(take(&mut second, 1).await, [4]);
    drop(second);
    rest().await;
    let mut third = pass_on.subscribe();
    third.request(events(1));
    rest().await;
    sender.send(5).await.unwrap();
    assert_eq!(take(&mut third, 1).await, [5]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_paused_takes_an_event_when_it_is_resumed() {
    let (sender, pass_on, mut consumer) = flow().await;
    pass_on.pause();
    sender.send(0).await.unwrap();
    rest().await;
    consumer.request(events(1));
    rest().await;
    pass_on.resume();
    assert_eq!(consumer.next().await.unwrap(), Some(vec![0]));
}

#[tokio::test(start_paused = true)]
async fn a_member_of_a_group_sleeps_as_others_do() {
    let (sender, build) = channel();
    let group = Group::new();
    let source = build.colocate(&group).spawn().unwrap();
    let demand = Demand::new(1, 0).unwrap();
    let pass_on = producer_consumer(PassOn).subscribe_to(&source, demand);
    let pass_on = pass_on.colocate(&group).spawn().unwrap();
    let mut consumer = pass_on.subscribe();
    for event in 0..4 {
        if event % 2 == 0 {
            consumer.request(events(1));
            rest().await;
            sender.send(event).await.unwrap();
        } else {
            sender.send(event).await.unwrap();
            rest().await;
            consumer.request(events(1));
        }
        assert_eq!(consumer.next().await.unwrap(), Some(vec![event]));
    }
}

/// Counts from 0 for whoever asks, and takes events besides.
struct Counts(usize);

impl ProducerConsumer for Counts {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        _: &mut Context<usize>,
    ) -> Result {
        self.0 = events.into_iter().last().unwrap_or(self.0);
        Ok(())
    }

    fn poll_events(&mut self, _: &mut Task<'_>, cx: &mut Context<usize>) -> Poll<Result> {
        if cx.demand() == 0 {
            return Poll::Pending;
        }
        cx.emit(self.0);
        self.0 += 1;
        Poll::Ready(Ok(()))
    }
}

async fn counts(counting: impl ProducerConsumer<In = usize, Out = usize>) {
    let (_sender, build) = channel();
    let source = build.spawn().unwrap();
    let counts = producer_consumer(counting).subscribe_to(&source, Demand::default());
    let counts = counts.spawn().unwrap();
    let mut consumer = counts.subscribe();
    for number in 0..3 {
        rest().await;
        consumer.request(events(1));
        let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
        assert_eq!(next.expect("it is woken").unwrap(), Some(vec![number]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_with_events_of_its_own_is_woken_by_each_ask() {
    counts(Counts(0)).await;
}

/// Leaves to one that polls nothing what that could poll, and counts itself.
struct Wraps(PassOn, Counts);

impl ProducerConsumer for Wraps {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        self.1.handle_events(events, cx).await
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<usize>) -> Poll<Result> {
        if let Poll::Ready(polled) = self.0.poll_events(task, cx) {
            return Poll::Ready(polled);
        }
        self.1.poll_events(task, cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_wraps_one_without_events_of_its_own_is_woken_by_each_ask() {
    counts(Wraps(PassOn, Counts(0))).await;
}
