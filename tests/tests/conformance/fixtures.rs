//! The stages that the cases speak of, and a log of what they saw.

use std::ops::Range;
use std::time::Duration;

use stage::{
    Asking, Batch, Cancel, Consumer, Context, Demand, End, Exit, Handler, Producer,
    ProducerConsumer, Result, Subscribe, SubscriptionId, UpstreamEnds,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a case waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a stage saw.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    Batch(Vec<usize>),
    Demand(usize),
    Subscribed(SubscriptionId),
    Subscriber(SubscriptionId),
    Cancelled(SubscriptionId, End),
    Stopping(Exit),
}

pub(crate) type Log = UnboundedSender<Seen>;

/// The reading end of a log.
pub(crate) struct Saw(UnboundedReceiver<Seen>);

pub(crate) fn log() -> (Log, Saw) {
    let (log, saw) = unbounded_channel();
    (log, Saw(saw))
}

/// A log that nobody reads.
pub(crate) fn no_log() -> Log {
    log().0
}

fn note(log: &Log, seen: Seen) {
    // A case that is over reads no more.
    let _unread = log.send(seen);
}

impl Saw {
    /// Waits for the next entry.
    pub(crate) async fn next(&mut self) -> Seen {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("it comes in time").expect("its stage lives")
    }

    /// Waits for the next batch, over other entries.
    pub(crate) async fn batch(&mut self) -> Vec<usize> {
        loop {
            if let Seen::Batch(events) = self.next().await {
                return events;
            }
        }
    }

    /// Waits for exactly this batch of a counter, over those before it.
    pub(crate) async fn until(&mut self, expected: &[usize]) {
        loop {
            let batch = self.batch().await;
            if batch == expected {
                return;
            }
            assert!(batch.last() < expected.first(), "{batch:?} came instead");
        }
    }

    /// Waits for the next demand, over other entries.
    pub(crate) async fn demand(&mut self) -> usize {
        loop {
            if let Seen::Demand(n) = self.next().await {
                return n;
            }
        }
    }

    /// Waits for the next end of a subscription, over other entries.
    pub(crate) async fn cancelled(&mut self) -> (SubscriptionId, End) {
        loop {
            if let Seen::Cancelled(id, end) = self.next().await {
                return (id, end);
            }
        }
    }

    /// Returns the entries up to now; the clock must be paused, so that the stages come to rest first.
    pub(crate) async fn at_rest(&mut self) -> Vec<Seen> {
        rest().await;
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Returns the batches up to now; the clock must be paused.
    pub(crate) async fn batches_at_rest(&mut self) -> Vec<Vec<usize>> {
        let batch = |seen| match seen {
            Seen::Batch(events) => Some(events),
            _ => None,
        };
        self.at_rest().await.into_iter().filter_map(batch).collect()
    }
}

/// Comes to rest: a paused clock moves only when every task waits.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The next numbers on demand; `Queue` emits others, `Halt` stops it from within a call.
pub(crate) struct Counter {
    pub(crate) next: usize,
    pub(crate) log: Log,
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            log: no_log(),
        }
    }

    pub(crate) fn logged(log: Log) -> Self {
        Self { next: 0, log }
    }
}

impl Producer for Counter {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        note(&self.log, Seen::Demand(demand));
        cx.emit_all(self.next..self.next + demand);
        self.next += demand;
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, _: &mut Context<usize>) -> Result {
        note(&self.log, Seen::Subscriber(id));
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        end: &End,
        _: &mut Context<usize>,
    ) -> Result {
        note(&self.log, Seen::Cancelled(id, end.clone()));
        Ok(())
    }

    async fn stopping(&mut self, exit: &Exit, _: &mut Context<usize>) {
        note(&self.log, Seen::Stopping(exit.clone()));
    }
}

pub(crate) struct Queue(pub(crate) Vec<usize>);

impl Handler<Queue, usize> for Counter {
    type Reply = ();

    async fn handle(&mut self, Queue(events): Queue, cx: &mut Context<usize>) {
        cx.emit_all(events);
    }
}

pub(crate) struct Halt;

impl Handler<Halt, usize> for Counter {
    type Reply = &'static str;

    async fn handle(&mut self, _: Halt, cx: &mut Context<usize>) -> &'static str {
        cx.stop();
        "ok"
    }
}

/// Hears demand and emits only what `Queue` gives it.
pub(crate) struct Silent(pub(crate) Log);

impl Producer for Silent {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, _: &mut Context<usize>) -> Result {
        note(&self.0, Seen::Demand(demand));
        Ok(())
    }
}

impl Handler<Queue, usize> for Silent {
    type Reply = ();

    async fn handle(&mut self, Queue(events): Queue, cx: &mut Context<usize>) {
        cx.emit_all(events);
    }
}

/// Emits 7 after this time.
pub(crate) struct Late(pub(crate) Duration);

impl Handler<Late, usize> for Silent {
    type Reply = ();

    async fn handle(&mut self, Late(time): Late, cx: &mut Context<usize>) {
        tokio::time::sleep(time).await;
        cx.emit(7);
    }
}

/// Cancels whoever subscribes, with the reason `no_thanks`, and then lives on or not.
pub(crate) struct Refuser {
    pub(crate) lives: bool,
}

impl Producer for Refuser {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, cx: &mut Context<usize>) -> Result {
        cx.cancel_consumer(id, Cancel::failed("no_thanks"));
        if !self.lives {
            cx.stop();
        }
        Ok(())
    }
}

/// Emits 1 and 2 on its first demand, and cancels its consumer in the same breath.
pub(crate) struct LastWords(pub(crate) Option<SubscriptionId>);

impl Producer for LastWords {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<usize>) -> Result {
        if let Some(id) = self.0.take() {
            cx.emit_all([1, 2]);
            cx.cancel_consumer(id, Cancel::Normal);
        }
        Ok(())
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, _: &mut Context<usize>) -> Result {
        self.0 = Some(id);
        Ok(())
    }
}

/// Emits each event twice and logs what it handled.
pub(crate) struct Doubler(pub(crate) Log);

impl ProducerConsumer for Doubler {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        note(&self.0, Seen::Batch(events.as_slice().to_vec()));
        cx.emit_all(events.drain().flat_map(|event| [event, event]));
        Ok(())
    }
}

/// Emits each event as it came.
pub(crate) struct Identity(pub(crate) Log);

impl ProducerConsumer for Identity {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        note(&self.0, Seen::Batch(events.as_slice().to_vec()));
        cx.emit_all(events);
        Ok(())
    }
}

/// Emits nothing and logs what it handled.
pub(crate) struct Discarder(pub(crate) Log);

impl ProducerConsumer for Discarder {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        _: &mut Context<usize>,
    ) -> Result {
        note(&self.0, Seen::Batch(events.drain().collect()));
        Ok(())
    }
}

/// Logs all that it sees; `Ask` asks by hand.
pub(crate) struct Forwarder(pub(crate) Log);

impl Consumer for Forwarder {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        note(&self.0, Seen::Batch(events.drain().collect()));
        Ok(())
    }

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        _: &mut Context,
    ) -> Result<Asking> {
        note(&self.0, Seen::Subscribed(id));
        Ok(asking)
    }

    async fn handle_cancel(&mut self, id: SubscriptionId, end: &End, _: &mut Context) -> Result {
        note(&self.0, Seen::Cancelled(id, end.clone()));
        Ok(())
    }

    async fn stopping(&mut self, exit: &Exit, _: &mut Context) {
        note(&self.0, Seen::Stopping(exit.clone()));
    }
}

pub(crate) struct Ask(pub(crate) SubscriptionId, pub(crate) usize);

impl Handler<Ask> for Forwarder {
    type Reply = ();

    async fn handle(&mut self, Ask(id, n): Ask, cx: &mut Context) {
        cx.ask(id, n);
    }
}

/// A checked pair of numbers.
pub(crate) fn window(max: usize, min: usize) -> Demand {
    Demand::new(max, min).unwrap()
}

/// GenStage's permanent, transient and temporary.
pub(crate) fn permanent() -> Subscribe {
    Subscribe::from(Demand::default()).upstream_ends(UpstreamEnds::Stop)
}

pub(crate) fn transient() -> Subscribe {
    Subscribe::from(Demand::default()).upstream_ends(UpstreamEnds::StopOnFailure)
}

pub(crate) fn temporary() -> Subscribe {
    Subscribe::from(Demand::default()).upstream_ends(UpstreamEnds::Keep)
}

/// Each number of the range twice.
pub(crate) fn doubled(range: Range<usize>) -> Vec<usize> {
    range.flat_map(|event| [event, event]).collect()
}

pub(crate) fn numbers(range: Range<usize>) -> Vec<usize> {
    range.collect()
}
