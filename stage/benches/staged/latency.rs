//! One event at a time through three stages.

use std::time::Duration;

use stage::{
    Batch, Consumer, Context, Result, Sender, TrySendError, channel, consumer, producer_consumer,
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
    let (sender, source) = channel();
    let source = source.spawn().expect("a runtime");
    let middle = producer_consumer(PassOn).subscribe_to(&source, demand(flow));
    let middle = middle.spawn().expect("a runtime");
    let sink = Answer {
        source: sender.clone(),
        pings,
    };
    let sink = consumer(sink).subscribe_to(&middle, demand(flow));
    let sink = sink.spawn().expect("a runtime");
    let p50 = pinger.p50(|sent| match sender.try_send(sent) {
        // The first comes before the stages have asked.
        Err(TrySendError::NoDemand(sent)) => {
            let sent = runtime.block_on(sender.send(sent));
            sent.expect("the source lives");
        }
        sent => sent.expect("the source lives"),
    });
    runtime.block_on(async {
        sink.stop().await;
        middle.stop().await;
        source.stop().await;
    });
    p50
}

struct Answer {
    source: Sender<usize>,
    pings: Pings,
}

impl Consumer for Answer {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for next in events.drain().filter_map(|sent| self.pings.arrived(sent)) {
            self.source.try_send(next)?;
        }
        Ok(())
    }
}
