//! Many stages that have nothing to do.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use stage::{Context, Demand, Producer, Result, consumer, producer};
use tokio::runtime::Runtime;

use super::behaviours::Sink;
use crate::contest::Flow;
use crate::gathering::Gathering;

/// Starts as many stages as the flow has consumers, until each has run; returns the seconds it took.
pub(crate) fn start(runtime: &Runtime, flow: Flow) -> f64 {
    runtime.block_on(async {
        let started = Arc::new(Gathering::of(flow.consumers));
        let begun = Instant::now();
        let stages = (0..flow.consumers).map(|_| {
            let stage = producer(Starts(Arc::clone(&started)));
            stage.spawn().expect("a runtime")
        });
        let stages: Vec<_> = stages.collect();
        started.complete().await;
        let seconds = begun.elapsed().as_secs_f64();
        join_all(stages.iter().map(|stage| stage.stop())).await;
        seconds
    })
}

/// Starts pairs of a producer and a consumer and waits until each consumer's ask has arrived; returns what they live by.
pub(crate) fn idle_pairs(runtime: &Runtime, pairs: usize) -> Box<dyn Any> {
    runtime.block_on(async {
        let asked = Arc::new(Gathering::of(pairs));
        let handles = (0..pairs).map(|_| {
            let source = producer(Owes(Arc::clone(&asked)));
            let source = source.spawn().expect("a runtime");
            let sink = consumer(Sink).subscribe_to(&source, Demand::default());
            (sink.spawn().expect("a runtime"), source)
        });
        let handles: Vec<_> = handles.collect();
        asked.complete().await;
        Box::new(handles) as Box<dyn Any>
    })
}

/// Tells that it has started.
struct Starts(Arc<Gathering>);

impl Producer for Starts {
    type Out = usize;

    async fn started(&mut self, _: &mut Context<usize>) -> Result {
        self.0.arrive();
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

/// Tells that it was asked, and has nothing to send.
struct Owes(Arc<Gathering>);

impl Producer for Owes {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        self.0.arrive();
        Ok(())
    }
}
