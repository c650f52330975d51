//! A task for each event.

use std::hint::black_box;
use std::num::NonZeroUsize;

use stage::{Exit, Order, consumer, consumer_supervisor, map_async, producer};
use tokio::runtime::Runtime;

use super::behaviours::{Sink, Source, demand};
use crate::contest::{Flow, timed};

/// Its supervisor takes nothing from it.
pub(crate) fn children(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let source = producer(Source::of(flow)).spawn().expect("a runtime");
        let children = consumer_supervisor(|event: usize| async move {
            black_box(event);
            Ok(())
        });
        let children = children.subscribe_to(&source, demand(flow));
        let children = children.spawn().expect("a runtime");
        assert!(matches!(children.join().await, Exit::Completed));
        assert_eq!(children.edges()[0].delivered, flow.events as u64);
    })
}

/// Its result goes on to a consumer.
pub(crate) fn mapped(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let source = producer(Source::of(flow)).spawn().expect("a runtime");
        let at_once = NonZeroUsize::new(flow.max).expect("some at once");
        let work = |event: usize| async move { Ok(black_box(event)) };
        let mapped = map_async(at_once, Order::Unordered, work);
        let mapped = mapped.subscribe_to(&source, demand(flow));
        let mapped = mapped.spawn().expect("a runtime");
        let sink = consumer(Sink).subscribe_to(&mapped, demand(flow));
        let sink = sink.spawn().expect("a runtime");
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, flow.events as u64);
    })
}
