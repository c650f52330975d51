//! Producer → consumer, with producer-consumers in a row between them.

use stage::{Exit, consumer, producer, producer_consumer};
use tokio::runtime::Runtime;

use super::behaviours::{PassOn, Sink, Source, demand};
use crate::contest::{Flow, timed};

pub(crate) fn flow(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let demand = demand(flow);
        let source = producer(Source::of(flow)).spawn().expect("a runtime");
        let first = (flow.middles > 0).then(|| {
            let first = producer_consumer(PassOn).subscribe_to(&source, demand);
            first.spawn().expect("a runtime")
        });
        let last = first.map(|first| {
            (1..flow.middles).fold(first, |up, _| {
                let next = producer_consumer(PassOn).subscribe_to(&up, demand);
                next.spawn().expect("a runtime")
            })
        });
        let sink = match &last {
            Some(last) => consumer(Sink).subscribe_to(last, demand),
            None => consumer(Sink).subscribe_to(&source, demand),
        };
        let sink = sink.spawn().expect("a runtime");
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, flow.events as u64);
    })
}
