//! What a producer-consumer's callbacks hear of its consumers and of its producers.

use stage::{
    Asking, Batch, Cancel, Consumer, Context, Demand, DemandDispatcher, End, Exit, Producer,
    ProducerConsumer, ProducerConsumerHandle, ProducerHandle, Result, Subscribe, SubscriptionId,
    consumer, producer, producer_consumer,
};

use crate::fixtures::*;

/// Passes events on and logs what it hears.
struct Watcher(Log);

impl Watcher {
    fn note(&self, seen: Seen) {
        // A case that is over reads no more.
        let _unread = self.0.send(seen);
    }
}

impl ProducerConsumer for Watcher {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        self.note(Seen::Batch(events.as_slice().to_vec()));
        cx.emit_all(events);
        Ok(())
    }

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        _: &mut Context<usize>,
    ) -> Result<Asking> {
        self.note(Seen::Subscribed(id));
        Ok(asking)
    }

    async fn handle_subscriber(&mut self, id: SubscriptionId, _: &mut Context<usize>) -> Result {
        self.note(Seen::Subscriber(id));
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        end: &End,
        _: &mut Context<usize>,
    ) -> Result {
        self.note(Seen::Cancelled(id, end.clone()));
        Ok(())
    }
}

fn is_oops(end: &End) -> bool {
    matches!(end, End::Cancelled(Cancel::Failed(error)) if error.to_string() == "oops")
}

/// A watcher without a producer, and a consumer of it.
struct Below {
    watcher: ProducerConsumerHandle<Watcher>,
    sink: stage::ConsumerHandle<Forwarder>,
    id: SubscriptionId,
    saw: Saw,
}

async fn below() -> Below {
    let (log, mut saw) = log();
    let watcher = producer_consumer(Watcher(log)).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    let id = sink.subscribe_to(&watcher, temporary()).unwrap();
    assert!(matches!(saw.next().await, Seen::Subscriber(heard) if heard == id));
    Below {
        watcher,
        sink,
        id,
        saw,
    }
}

#[tokio::test]
async fn gs_084_it_hears_of_its_consumer() {
    below().await.watcher.stop().await;
}

#[tokio::test]
async fn gs_086_it_hears_of_its_consumers_cancel() {
    let mut below = below().await;
    below.sink.cancel(below.id, Cancel::failed("oops"));
    let (id, end) = below.saw.cancelled().await;
    assert!(id == below.id && is_oops(&end), "{end:?}");
    below.watcher.stop().await;
}

#[tokio::test]
async fn gs_087_it_hears_of_an_aborted_consumer() {
    let mut below = below().await;
    below.sink.abort();
    let (id, end) = below.saw.cancelled().await;
    assert!(
        id == below.id && matches!(end, End::Down(Exit::Aborted)),
        "{end:?}"
    );
    below.watcher.stop().await;
}

/// A counter, a watcher of it with these options, and a consumer below, flowing.
struct Flow {
    counter: ProducerHandle<Counter>,
    watcher: ProducerConsumerHandle<Watcher>,
    id: SubscriptionId,
    saw: Saw,
}

async fn flow(options: Subscribe) -> Flow {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let watcher = producer_consumer(Watcher(log)).spawn().unwrap();
    consumer(Forwarder(no_log()))
        .subscribe_to(&watcher, Demand::default())
        .spawn()
        .unwrap();
    let id = watcher.subscribe_to(&counter, options).unwrap();
    saw.batch().await;
    Flow {
        counter,
        watcher,
        id,
        saw,
    }
}

impl Flow {
    async fn ends_with(&mut self, expected: impl Fn(&End) -> bool) {
        let (id, end) = self.saw.cancelled().await;
        assert!(id == self.id && expected(&end), "{end:?}");
    }

    async fn lives(self) {
        assert!(self.watcher.exit().is_none());
        self.counter.abort();
        assert!(matches!(self.watcher.stop().await, Exit::Stopped));
    }
}

#[tokio::test]
async fn gs_088_it_hears_of_its_subscription() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let watcher = producer_consumer(Watcher(log)).spawn().unwrap();
    let id = watcher.subscribe_to(&counter, Demand::default()).unwrap();
    assert!(matches!(saw.next().await, Seen::Subscribed(heard) if heard == id));
    counter.abort();
}

#[tokio::test]
async fn gs_090_temporary_cancelled_lives() {
    let mut flow = flow(temporary()).await;
    flow.watcher.cancel(flow.id, Cancel::failed("oops"));
    flow.ends_with(is_oops).await;
    flow.lives().await;
}

#[tokio::test]
async fn gs_091_permanent_cancelled_ends_with_the_reason() {
    let mut flow = flow(permanent()).await;
    flow.watcher.cancel(flow.id, Cancel::failed("oops"));
    flow.ends_with(is_oops).await;
    let exit = flow.watcher.join().await;
    assert!(matches!(exit, Exit::Failed(error) if error.to_string() == "oops"));
    flow.counter.abort();
}

async fn aborted(options: Subscribe) -> Flow {
    let mut flow = flow(options).await;
    flow.counter.abort();
    flow.ends_with(|end| matches!(end, End::Down(Exit::Aborted)))
        .await;
    flow
}

#[tokio::test]
async fn gs_092_temporary_lives_when_its_producer_is_aborted() {
    aborted(temporary()).await.lives().await;
}

#[tokio::test]
async fn gs_094_transient_ends_when_its_producer_is_aborted() {
    let flow = aborted(transient()).await;
    assert!(matches!(flow.watcher.join().await, Exit::Aborted));
}

#[tokio::test]
async fn gs_095_permanent_ends_when_its_producer_is_aborted() {
    let flow = aborted(permanent()).await;
    assert!(matches!(flow.watcher.join().await, Exit::Aborted));
}

/// GS-068, 082, 096: a running stage tells its name, its edges, and what it holds.
#[tokio::test(start_paused = true)]
async fn gs_068_082_096_a_running_stage_can_be_looked_at() {
    let counter = producer(Counter::new()).named("gs-068").spawn().unwrap();
    // What it is and how it dispatches is told by its type.
    let counter: ProducerHandle<Counter, DemandDispatcher> = counter;
    let identity = producer_consumer(Identity(no_log()))
        .subscribe_to(&counter, window(10, 5))
        .named("gs-096")
        .spawn()
        .unwrap();
    let sink = consumer(Forwarder(no_log()))
        .subscribe_to(&identity, Subscribe::default().manual())
        .named("gs-082")
        .spawn()
        .unwrap();
    rest().await;
    let edges = |edges: Vec<stage::EdgeStats>| {
        let edge = &edges[0];
        (
            edge.from.to_string(),
            edge.to.to_string(),
            edge.asked,
            edge.delivered,
        )
    };
    assert_eq!(
        edges(identity.edges()),
        ("gs-068".into(), "gs-096".into(), 10, 10)
    );
    assert_eq!(
        edges(sink.edges()),
        ("gs-096".into(), "gs-082".into(), 0, 0)
    );
    assert_eq!(
        (counter.stats().buffered, identity.stats().buffered),
        (0, 0)
    );
    assert_eq!((counter.name(), counter.stats().owed), ("gs-068", 0));
    counter.abort();
}

/// What `started` does to its stage.
#[derive(Clone, Copy)]
enum Start {
    Fails,
    Ends,
}

struct Starts(Start);

impl Starts {
    fn start<Out: Send>(&self, cx: &mut Context<Out>) -> Result {
        match self.0 {
            Start::Fails => Err("oops".into()),
            Start::Ends => {
                cx.complete();
                Ok(())
            }
        }
    }
}

impl Producer for Starts {
    type Out = usize;

    async fn started(&mut self, cx: &mut Context<usize>) -> Result {
        self.start(cx)
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl ProducerConsumer for Starts {
    type In = usize;
    type Out = usize;

    async fn started(&mut self, cx: &mut Context<usize>) -> Result {
        self.start(cx)
    }

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Consumer for Starts {
    type In = usize;

    async fn started(&mut self, cx: &mut Context) -> Result {
        self.start(cx)
    }

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        Ok(())
    }
}

/// GS-058, 069, 083: a start that stops with a reason, and one that ends for no reason. What GenStage refuses besides,
/// junk and bad or unknown options, cannot be written here.
#[tokio::test]
async fn gs_058_069_083_a_stage_may_fail_or_end_at_its_start() {
    for (start, expected) in [(Start::Fails, "failed: oops"), (Start::Ends, "completed")] {
        let exits = [
            producer(Starts(start)).spawn().unwrap().join().await,
            consumer(Starts(start)).spawn().unwrap().join().await,
            producer_consumer(Starts(start))
                .spawn()
                .unwrap()
                .join()
                .await,
        ];
        assert_eq!(exits.map(|exit| exit.to_string()), [expected; 3]);
    }
}

#[tokio::test]
async fn gs_058_069_083_a_second_start_under_a_live_name_is_refused() {
    let first = producer(Counter::new()).named("gs-058").spawn().unwrap();
    let taken = |error: stage::SpawnError| assert!(error.to_string().contains("gs-058"), "{error}");
    taken(
        producer(Counter::new())
            .named("gs-058")
            .spawn()
            .unwrap_err(),
    );
    taken(
        consumer(Forwarder(no_log()))
            .named("gs-058")
            .spawn()
            .unwrap_err(),
    );
    taken(
        producer_consumer(Identity(no_log()))
            .named("gs-058")
            .spawn()
            .unwrap_err(),
    );
    first.stop().await;
}

/// A stage that fails its subscription ends, as GenStage's does with an answer that it does not know.
struct Refuses;

impl Consumer for Refuses {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        _: SubscriptionId,
        _: Asking,
        _: &mut Context,
    ) -> Result<Asking> {
        Err("not this one".into())
    }

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        Ok(())
    }
}

impl ProducerConsumer for Refuses {
    type In = usize;
    type Out = usize;

    async fn handle_subscribe(
        &mut self,
        _: SubscriptionId,
        _: Asking,
        _: &mut Context<usize>,
    ) -> Result<Asking> {
        Err("not this one".into())
    }

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

#[tokio::test]
async fn gs_071_089_a_stage_that_fails_its_subscription_ends_with_the_reason() {
    let counter = producer(Counter::new()).spawn().unwrap();
    let as_consumer = consumer(Refuses)
        .subscribe_to(&counter, Demand::default())
        .spawn()
        .unwrap();
    let in_the_middle = producer_consumer(Refuses)
        .subscribe_to(&counter, Demand::default())
        .spawn()
        .unwrap();
    for exit in [as_consumer.join().await, in_the_middle.join().await] {
        assert_eq!(exit.to_string(), "failed: not this one");
    }
    assert!(counter.exit().is_none());
    counter.abort();
}
