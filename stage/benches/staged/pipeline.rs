//! Producer → consumer, with producer-consumers in a row between them.

use stage::{Build, Exit, Group, Handle, Role, consumer, producer, producer_consumer};
use tokio::runtime::Runtime;

use super::behaviours::{PassOn, Sink, Source, demand};
use crate::contest::{Flow, timed};

/// Each in a task of its own.
pub(crate) fn flow(runtime: &Runtime, flow: Flow) -> f64 {
    run(runtime, flow, None)
}

/// Through one producer-consumer, all three fused into one stage.
pub(crate) fn fused(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let pair = producer(Source::of(flow)).fuse(producer_consumer(PassOn));
        let all = pair.fuse(consumer(Sink)).spawn().expect("a runtime");
        assert!(matches!(all.join().await, Exit::Completed));
    })
}

/// The producer-consumer fused with the producer alone.
pub(crate) fn fused_pair(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let pair = producer(Source::of(flow)).fuse(producer_consumer(PassOn));
        let pair = pair.spawn().expect("a runtime");
        let sink = consumer(Sink).subscribe_to(&pair, demand(flow));
        let sink = sink.spawn().expect("a runtime");
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, flow.events as u64);
    })
}

/// All driven from one task.
pub(crate) fn colocated(runtime: &Runtime, flow: Flow) -> f64 {
    run(runtime, flow, Some(&Group::new()))
}

fn run(runtime: &Runtime, flow: Flow, group: Option<&Group>) -> f64 {
    timed(runtime, async {
        let demand = demand(flow);
        let source = spawn(producer(Source::of(flow)), group);
        let first = (flow.middles > 0).then(|| {
            let first = producer_consumer(PassOn).subscribe_to(&source, demand);
            spawn(first, group)
        });
        let last = first.map(|first| {
            (1..flow.middles).fold(first, |up, _| {
                let next = producer_consumer(PassOn).subscribe_to(&up, demand);
                spawn(next, group)
            })
        });
        let sink = match &last {
            Some(last) => consumer(Sink).subscribe_to(last, demand),
            None => consumer(Sink).subscribe_to(&source, demand),
        };
        let sink = spawn(sink, group);
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, flow.events as u64);
    })
}

fn spawn<R: Role>(stage: Build<R>, group: Option<&Group>) -> Handle<R> {
    let stage = match group {
        None => stage,
        Some(group) => stage.colocate(group),
    };
    stage.spawn().expect("a runtime")
}
