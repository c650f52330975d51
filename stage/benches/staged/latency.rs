//! One event at a time through three stages.

use std::time::Duration;

use stage::{
    Batch, Consumer, Context, Handler, Producer, ProducerHandle, Result, consumer, producer,
    producer_consumer,
};
use tokio::runtime::Runtime;

use super::behaviours::{PassOn, demand};
use crate::contest::Flow;
use crate::pings::{Pace, Pings, pings};

/// The next event when one has arrived.
pub(crate) fn latency_hot(runtime: &Runtime, flow: Flow) -> f64 {
    latency(runtime, flow, Pace::Hot)
}

/// The next event after 2 ms without any.
pub(crate) fn latency_rested(runtime: &Runtime, flow: Flow) -> f64 {
    latency(runtime, flow, Pace::Rested(Duration::from_millis(2)))
}

fn latency(runtime: &Runtime, flow: Flow, pace: Pace) -> f64 {
    let (pinger, pings) = pings(flow, pace);
    let _inside = runtime.enter();
    let source = producer(SendOn).spawn().expect("a runtime");
    let middle = producer_consumer(PassOn).subscribe_to(&source, demand(flow));
    let middle = middle.spawn().expect("a runtime");
    let sink = Answer {
        source: source.clone(),
        pings,
    };
    let sink = consumer(sink).subscribe_to(&middle, demand(flow));
    let sink = sink.spawn().expect("a runtime");
    let p50 = pinger.p50(|sent| source.cast(Push(sent)).expect("the source lives"));
    runtime.block_on(async {
        sink.stop().await;
        middle.stop().await;
        source.stop().await;
    });
    p50
}

/// Sends on what comes from outside.
struct SendOn;

struct Push(usize);

impl Producer for SendOn {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<Push, usize> for SendOn {
    type Reply = ();

    async fn handle(&mut self, push: Push, cx: &mut Context<usize>) {
        cx.emit(push.0);
    }
}

struct Answer {
    source: ProducerHandle<SendOn>,
    pings: Pings,
}

impl Consumer for Answer {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for next in events.drain().filter_map(|sent| self.pings.arrived(sent)) {
            self.source.cast(Push(next))?;
        }
        Ok(())
    }
}
