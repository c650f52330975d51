//! A ractor actor that is cast events; its mailbox has no bound.

use std::hint::black_box;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::runtime::Runtime;

use crate::contest::{Flow, timed};

/// Ends when all events have arrived; its state is how many are missing.
struct Sink;

impl Actor for Sink {
    type Msg = usize;
    type State = usize;
    type Arguments = usize;

    async fn pre_start(
        &self,
        _: ActorRef<usize>,
        events: usize,
    ) -> Result<usize, ActorProcessingErr> {
        Ok(events)
    }

    async fn handle(
        &self,
        me: ActorRef<usize>,
        event: usize,
        missing: &mut usize,
    ) -> Result<(), ActorProcessingErr> {
        black_box(event);
        *missing -= 1;
        if *missing == 0 {
            me.stop(None);
        }
        Ok(())
    }
}

/// A task → an actor.
pub(crate) fn one_way(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let sink = Actor::spawn(None, Sink, flow.events).await;
        let (sink, ended) = sink.expect("a runtime");
        let source = tokio::spawn(async move {
            for event in 0..flow.events {
                sink.cast(black_box(event)).expect("the sink lives");
            }
        });
        source.await.expect("all are cast");
        ended.await.expect("no panic");
    })
}
