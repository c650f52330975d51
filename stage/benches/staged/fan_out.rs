//! One producer, several consumers, by the library's dispatchers.

use std::hint::black_box;
use std::sync::Arc;

use stage::protocol::Dispatcher;
use stage::{
    AsConsumer, Batch, Broadcast, Build, Consumer, Context, DemandDispatcher, DemandMode, Exit,
    Partition, Producer, ProducerHandle, Result, SubscriptionId, WhenFull, consumer, producer,
};
use tokio::runtime::Runtime;

use super::behaviours::{self, Source};
use crate::clock::Clock;
use crate::contest::{Flow, hash};
use crate::gathering::Gathering;

/// Events that may wait for a partition until the others wait for it.
const QUEUE_CAPACITY: usize = 10_000;

/// An event goes to whoever has asked most.
pub(crate) fn demand(runtime: &Runtime, flow: Flow) -> f64 {
    let dispatcher = DemandDispatcher::default();
    let subscribe =
        |build: Build<_>, source: &_, _| build.subscribe_to(source, behaviours::demand(flow));
    fan_out(runtime, flow, dispatcher, subscribe, flow.events)
}

/// Each event goes to all.
pub(crate) fn broadcast(runtime: &Runtime, flow: Flow) -> f64 {
    let dispatcher = Broadcast::new();
    let subscribe =
        |build: Build<_>, source: &_, _| build.subscribe_to(source, behaviours::demand(flow));
    fan_out(
        runtime,
        flow,
        dispatcher,
        subscribe,
        flow.events * flow.consumers,
    )
}

/// An event goes where its hash says.
pub(crate) fn partition(runtime: &Runtime, flow: Flow) -> f64 {
    let partitions = flow.consumers;
    let dispatcher = Partition::new(0..partitions, move |event| Some(hash(*event, partitions)));
    let dispatcher = dispatcher.expect("there are some, each once");
    let dispatcher = dispatcher.queue(QUEUE_CAPACITY, WhenFull::HoldBack);
    let subscribe = |build: Build<_>, source: &ProducerHandle<Gathered, Partition<usize>>, at| {
        build.subscribe_to(&source.partition(at), behaviours::demand(flow))
    };
    fan_out(runtime, flow, dispatcher, subscribe, flow.events)
}

/// Starts all, lets the events flow when all have subscribed, and waits for the end of all.
fn fan_out<D: Dispatcher<usize>>(
    runtime: &Runtime,
    flow: Flow,
    dispatcher: D,
    subscribe: impl Fn(
        Build<AsConsumer<Last>>,
        &ProducerHandle<Gathered, D>,
        usize,
    ) -> Build<AsConsumer<Last>>,
    deliveries: usize,
) -> f64 {
    let clock = Arc::<Clock>::default();
    runtime.block_on(async {
        let subscribed = Arc::new(Gathering::of(flow.consumers));
        let source = Gathered(Source::of(flow), Arc::clone(&subscribed));
        let source = producer(source).dispatcher(dispatcher).accumulate();
        let source = source.spawn().expect("a runtime");
        let consumers = (0..flow.consumers).map(|at| {
            let sink = consumer(Last(flow.events - 1, Arc::clone(&clock)));
            subscribe(sink, &source, at).spawn().expect("a runtime")
        });
        let consumers: Vec<_> = consumers.collect();
        subscribed.complete().await;
        clock.start();
        source.set_demand_mode(DemandMode::Forward);
        let mut delivered = 0;
        for consumer in consumers {
            assert!(matches!(consumer.join().await, Exit::Completed));
            delivered += consumer.edges()[0].delivered;
        }
        assert_eq!(delivered, deliveries as u64);
    });
    clock.seconds()
}

/// A source that tells when it has all its consumers.
struct Gathered(Source, Arc<Gathering>);

impl Producer for Gathered {
    type Out = usize;

    async fn handle_subscriber(&mut self, _: SubscriptionId, _: &mut Context<usize>) -> Result {
        self.1.arrive();
        Ok(())
    }

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        self.0.handle_demand(demand, cx).await
    }
}

/// A sink that knows the last event, and stops the clock at it.
struct Last(usize, Arc<Clock>);

impl Consumer for Last {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        let has_last = events.as_slice().last() == Some(&self.0);
        for event in events {
            black_box(event);
        }
        if has_last {
            self.1.stop();
        }
        Ok(())
    }
}
