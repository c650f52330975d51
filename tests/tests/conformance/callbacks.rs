//! What each side's callbacks hear of subscriptions, ends, calls and stops.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;

use stage::{
    CallError, Cancel, ConsumerHandle, Demand, End, Exit, ProducerHandle, StageError, Subscribe,
    Subscription, SubscriptionId, consumer, producer,
};

use crate::fixtures::*;

fn is_oops(cancel: &End) -> bool {
    matches!(cancel, End::Cancelled(Cancel::Failed(error)) if error.to_string() == "oops")
}

#[tokio::test]
async fn gs_059_a_producer_hears_of_its_consumer() {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let id = sink.subscribe_to(&counter, Demand::default()).unwrap();
    assert!(matches!(saw.next().await, Seen::Subscriber(heard) if heard == id));
    counter.abort();
}

#[tokio::test]
async fn gs_061_a_producer_hears_of_a_cancel_and_its_reason() {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let id = sink.subscribe_to(&counter, temporary()).unwrap();
    sink.cancel(id, Cancel::failed("oops"));
    let (heard, end) = saw.cancelled().await;
    assert!(heard == id && is_oops(&end), "{end:?}");
    counter.abort();
}

#[tokio::test]
async fn gs_062_a_producer_hears_of_an_aborted_consumer() {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let id = sink.subscribe_to(&counter, temporary()).unwrap();
    assert!(matches!(saw.next().await, Seen::Subscriber(_)));
    sink.abort();
    let (heard, end) = saw.cancelled().await;
    assert!(
        heard == id && matches!(end, End::Down(Exit::Aborted)),
        "{end:?}"
    );
    counter.abort();
}

/// Looks for events at the very moment when a reply wakes it.
struct AtReply {
    edge: Mutex<Subscription<usize>>,
    saw: Mutex<Option<Vec<usize>>>,
}

impl Wake for AtReply {
    fn wake(self: Arc<Self>) {
        let arrived = self.edge.lock().unwrap().next().now_or_never();
        *self.saw.lock().unwrap() = arrived.and_then(|events| events.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn gs_063_events_of_a_call_come_before_its_reply() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let mut edge = silent.subscribe();
    edge.request(3.try_into().unwrap());
    assert_eq!(saw.demand().await, 3);
    let at_reply = Arc::new(AtReply {
        edge: Mutex::new(edge),
        saw: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&at_reply));
    let mut call = pin!(silent.call(Queue(vec![1, 2, 3])));
    assert!(
        call.as_mut()
            .poll(&mut Task::from_waker(&waker))
            .is_pending()
    );
    rest().await;
    assert_eq!(at_reply.saw.lock().unwrap().take(), Some(vec![1, 2, 3]));
    assert_eq!(call.await, Ok(()));
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_timed_out_is_handled_all_the_same() {
    let silent = producer(Silent(no_log())).spawn().unwrap();
    let mut edge = silent.subscribe();
    edge.request(1.try_into().unwrap());
    let minute = Duration::from_secs(60);
    let late = silent.call_within(Late(2 * minute), minute).await;
    assert_eq!(late, Err(CallError::TimedOut));
    assert_eq!(edge.next().await.unwrap(), Some(vec![7]));
    let in_time = silent.call_within(Late(minute), 2 * minute).await;
    assert_eq!(in_time, Ok(()));
    silent.abort();
}

#[tokio::test]
async fn gs_065_a_call_that_stops_the_stage_is_answered() {
    let counter = producer(Counter::new()).spawn().unwrap();
    assert_eq!(counter.call(Halt).await, Ok("ok"));
    assert!(matches!(counter.join().await, Exit::Stopped));
}

#[tokio::test]
async fn gs_067_a_stopped_producer_runs_its_last_callback() {
    let (log, mut saw) = log();
    let counter = producer(Counter::logged(log)).spawn().unwrap();
    counter.stop().await;
    assert!(matches!(saw.next().await, Seen::Stopping(Exit::Stopped)));
}

#[tokio::test]
async fn gs_080_a_stopped_consumer_runs_its_last_callback() {
    let (log, mut saw) = log();
    consumer(Forwarder(log)).spawn().unwrap().stop().await;
    assert!(matches!(saw.next().await, Seen::Stopping(Exit::Stopped)));
}

/// A counter, its consumer, their subscription and the consumer's log after the first batch.
struct Pair {
    counter: ProducerHandle<Counter>,
    sink: ConsumerHandle<Forwarder>,
    id: SubscriptionId,
    saw: Saw,
}

async fn pair(options: Subscribe) -> Pair {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let id = sink.subscribe_to(&counter, options).unwrap();
    saw.batch().await;
    Pair {
        counter,
        sink,
        id,
        saw,
    }
}

impl Pair {
    async fn ends_with(mut self, expected: impl Fn(&End) -> bool) -> ConsumerHandle<Forwarder> {
        let (id, end) = self.saw.cancelled().await;
        assert!(id == self.id && expected(&end), "{end:?}");
        self.counter.abort();
        self.sink
    }

    async fn cancelled(
        self,
        reason: Cancel,
        expected: impl Fn(&End) -> bool,
    ) -> ConsumerHandle<Forwarder> {
        self.sink.cancel(self.id, reason);
        self.ends_with(expected).await
    }

    async fn aborted(self) -> ConsumerHandle<Forwarder> {
        self.counter.abort();
        self.ends_with(|end| matches!(end, End::Down(Exit::Aborted)))
            .await
    }
}

async fn lives(sink: ConsumerHandle<Forwarder>) {
    sink.call(Ask(SubscriptionId::next(), 1))
        .await
        .expect("it lives");
    assert!(matches!(sink.stop().await, Exit::Stopped));
}

#[tokio::test]
async fn gs_070_a_consumer_hears_of_its_subscription() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    let id = sink.subscribe_to(&counter, Demand::default()).unwrap();
    assert!(matches!(saw.next().await, Seen::Subscribed(heard) if heard == id));
    counter.abort();
}

#[tokio::test]
async fn gs_072_temporary_cancelled_with_a_failure_lives() {
    let sink = pair(temporary())
        .await
        .cancelled(Cancel::failed("oops"), is_oops)
        .await;
    lives(sink).await;
}

#[tokio::test]
async fn gs_073_transient_cancelled_normally_lives() {
    let normal = |end: &End| matches!(end, End::Cancelled(Cancel::Normal));
    let sink = pair(transient())
        .await
        .cancelled(Cancel::Normal, normal)
        .await;
    lives(sink).await;
}

/// Cancels with a failure of this name; the consumer hears, and then ends with, the very same error.
async fn ends_with_oops(options: Subscribe) {
    let mut pair = pair(options).await;
    let oops = Arc::new(StageError::from("oops"));
    pair.sink.cancel(pair.id, Cancel::Failed(Arc::clone(&oops)));
    let (id, end) = pair.saw.cancelled().await;
    let is_same = |error: &Arc<StageError>| Arc::ptr_eq(error, &oops);
    assert!(
        id == pair.id && matches!(&end, End::Cancelled(Cancel::Failed(error)) if is_same(error)),
        "{end:?}"
    );
    let exit = pair.sink.join().await;
    assert!(
        matches!(&exit, Exit::Failed(error) if is_same(error)),
        "{exit:?}"
    );
    pair.counter.abort();
}

#[tokio::test]
async fn gs_074_transient_cancelled_with_a_failure_ends_with_it() {
    ends_with_oops(transient()).await;
}

#[tokio::test]
async fn gs_075_gsx_28_permanent_cancelled_ends_with_the_reason() {
    ends_with_oops(permanent()).await;
}

#[tokio::test]
async fn gs_076_temporary_lives_when_its_producer_is_aborted() {
    let sink = pair(temporary()).await.aborted().await;
    lives(sink).await;
}

#[tokio::test]
async fn gs_077_transient_ends_when_its_producer_is_aborted() {
    let sink = pair(transient()).await.aborted().await;
    assert!(matches!(sink.join().await, Exit::Aborted));
}

#[tokio::test]
async fn gs_078_permanent_ends_when_its_producer_is_aborted() {
    let sink = pair(permanent()).await.aborted().await;
    assert!(matches!(sink.join().await, Exit::Aborted));
}
