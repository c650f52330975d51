//! The flows as stages.

use std::hint::black_box;

use stage::{
    Batch, Consumer, Context, Demand, Exit, Producer, ProducerConsumer, Result, consumer,
    consumer_supervisor, producer, producer_consumer,
};
use tokio::runtime::Runtime;

use super::{Between, Flow};

/// Producer → consumer, with a producer-consumer between if the flow says so.
pub(crate) fn flow(runtime: &Runtime, flow: Flow) {
    runtime.block_on(async {
        let demand = demand(flow);
        let source = producer(Source::of(flow)).spawn().expect("a runtime");
        let sink = if flow.between == Between::ProducerConsumer {
            let middle = producer_consumer(PassOn).subscribe_to(&source, demand);
            consumer(Sink).subscribe_to(&middle.spawn().expect("a runtime"), demand)
        } else {
            consumer(Sink).subscribe_to(&source, demand)
        };
        let sink = sink.spawn().expect("a runtime");
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, flow.events as u64);
    });
}

/// A child for each event.
pub(crate) fn children(runtime: &Runtime, flow: Flow) {
    runtime.block_on(async {
        let source = producer(Source::of(flow)).spawn().expect("a runtime");
        let children = consumer_supervisor(|event: usize| async move {
            black_box(event);
            Ok(())
        });
        let children = children.subscribe_to(&source, demand(flow));
        let children = children.spawn().expect("a runtime");
        assert!(matches!(children.join().await, Exit::Completed));
        assert_eq!(children.edges()[0].delivered, flow.events as u64);
    });
}

fn demand(flow: Flow) -> Demand {
    Demand::new(flow.max, flow.min()).expect("a minimum below the maximum")
}

struct Source {
    next: usize,
    end: usize,
}

impl Source {
    const fn of(flow: Flow) -> Self {
        Self {
            next: 0,
            end: flow.events,
        }
    }
}

impl Producer for Source {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let end = self.end.min(self.next + demand);
        cx.emit_all((self.next..end).map(black_box));
        self.next = end;
        if end == self.end {
            cx.complete();
        }
        Ok(())
    }
}

struct PassOn;

impl ProducerConsumer for PassOn {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events.map(|event| event + 1));
        Ok(())
    }
}

struct Sink;

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for event in events {
            black_box(event);
        }
        Ok(())
    }
}
