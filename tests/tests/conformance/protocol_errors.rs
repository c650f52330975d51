//! Misuses of the protocol: the nearest that stages can say, and raw messages of probes. What the types rule out is in
//! `tests/src/impossible.rs`.

use stage::protocol::{Buffer, DemandDispatcher, Dispatched, ProducerHalf};
use stage::test_util::{SinkProbe, SourceProbe};
use stage::{
    Batch, Cancel, Context, Handler, Producer, ProducerConsumer, Result, Subscribe, SubscriptionId,
    UpstreamEnds, WhenFull, consumer, producer, producer_consumer,
};

use crate::fixtures::*;

/// Fails when a consumer subscribes, as a GenStage producer does by answering `manual`.
struct Refuses(Log);

impl Refuses {
    fn refuse(&self, id: SubscriptionId) -> Result {
        let _test_over = self.0.send(Seen::Subscriber(id));
        Err("a producer does not ask".into())
    }
}

impl Producer for Refuses {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, _: &mut Context<usize>) -> Result {
        self.refuse(id)
    }
}

impl ProducerConsumer for Refuses {
    type In = usize;
    type Out = usize;

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, _: &mut Context<usize>) -> Result {
        self.refuse(id)
    }
}

#[tokio::test]
async fn gs_060_085_a_producer_that_fails_its_consumer_ends_with_the_reason() {
    let expected = "failed: a producer does not ask";
    let (producer_log, mut saw) = log();
    let alone = producer(Refuses(producer_log)).spawn().unwrap();
    let edge = alone.subscribe();
    assert!(matches!(saw.next().await, Seen::Subscriber(id) if id == edge.id()));
    assert_eq!(alone.join().await.to_string(), expected);

    let (middle_log, mut saw) = log();
    let middle = producer_consumer(Refuses(middle_log)).spawn().unwrap();
    let edge = middle.subscribe();
    assert!(matches!(saw.next().await, Seen::Subscriber(id) if id == edge.id()));
    assert_eq!(middle.join().await.to_string(), expected);
}

/// Nobody is told: who asks has heard the end already, so GenStage's answer would say nothing new.
#[tokio::test(start_paused = true)]
async fn gs_098_an_ask_on_an_unknown_subscription_is_ignored() {
    let buffer = Buffer::new(9, WhenFull::DropOldest);
    let mut half = ProducerHalf::<usize>::new(DemandDispatcher::default(), buffer);
    let mut out = Dispatched::default();
    half.on_ask(SubscriptionId::next(), 10, &mut out);
    assert_eq!((half.take_demand(), half.owed()), (0, 0));
    assert!(out.is_empty());

    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let mut edge = silent.subscribe();
    edge.cancel(Cancel::Normal);
    assert_eq!(edge.next().await.unwrap(), None);
    edge.request(10.try_into().unwrap());
    silent.call(Queue(numbers(0..3))).await.unwrap();
    assert_eq!(edge.next().await.unwrap(), None);
    assert!(saw.at_rest().await.is_empty(), "demand was told");
    assert_eq!((silent.stats().buffered, silent.stats().owed), (3, 0));

    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    sink.call(Ask(SubscriptionId::next(), 10)).await.unwrap();
    assert!(sink.exit().is_none() && silent.exit().is_none());
    sink.stop().await;
    silent.stop().await;
}

/// A message as no consumer of ours says it: also one that is subscribed, and behind its own end.
#[tokio::test(start_paused = true)]
async fn gs_098_a_raw_ask_on_an_unknown_subscription_is_ignored() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&silent);
    sink.ask_unknown(10);
    sink.expect_nothing().await.unwrap();
    sink.cancel(Cancel::Normal);
    sink.expect_end().await.unwrap();
    sink.ask(10);
    sink.expect_nothing().await.unwrap();
    assert!(saw.at_rest().await.is_empty(), "demand was told");
    assert_eq!(silent.stats().owed, 0);
    assert!(silent.exit().is_none());
    silent.stop().await;
}

impl Handler<Queue, usize> for LastWords {
    type Reply = ();

    async fn handle(&mut self, Queue(events): Queue, cx: &mut Context<usize>) {
        cx.emit_all(events);
    }
}

/// An end is the last message of its edge, so a consumer hears no events that it does not know.
#[tokio::test(start_paused = true)]
async fn gs_100_events_behind_the_end_of_a_subscription_never_reach_it() {
    let (log, mut saw) = log();
    let talks_on = producer(LastWords(None)).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let options = Subscribe::from(window(100, 0)).upstream_ends(UpstreamEnds::Keep);
    let id = sink.subscribe_to(&talks_on, options).unwrap();
    rest().await;
    talks_on.call(Queue(vec![3, 4])).await.unwrap();
    let seen = saw.at_rest().await;
    assert!(
        matches!(&seen[..], [Seen::Subscribed(_), Seen::Batch(batch), Seen::Cancelled(ended, _)]
            if *batch == [1, 2] && *ended == id),
        "{seen:?}"
    );
    assert_eq!(talks_on.stats().buffered, 2, "98 had been asked for");
    assert_eq!((sink.stats().lost, sink.edges()[0].delivered), (0, 2));
    talks_on.stop().await;
    sink.stop().await;
}

/// Nobody is told, as nobody waits for the answer; the events are counted.
#[tokio::test(start_paused = true)]
async fn gs_100_raw_events_on_an_unknown_subscription_are_counted_and_not_handled() {
    let (log, mut saw) = log();
    let mut source = SourceProbe::new();
    let sink = consumer(Forwarder(log)).subscribe_to(&source, window(2, 0));
    let sink = sink.spawn().unwrap();
    let mut edge = source.expect_subscribe().await.unwrap();
    edge.expect_ask(2).await.unwrap();
    edge.send_unknown([1, 2, 3]);
    edge.send([4, 5]);
    edge.expect_ask(2).await.unwrap();
    let seen = saw.at_rest().await;
    assert!(
        matches!(&seen[..], [Seen::Subscribed(_), Seen::Batch(batch)] if *batch == [4, 5]),
        "{seen:?}"
    );
    assert_eq!(sink.stats().lost, 3);
    edge.expect_nothing().await.unwrap();
    sink.stop().await;
}
