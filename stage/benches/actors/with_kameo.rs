//! A kameo actor that is told events; its mailbox holds as many as a window allows.

use std::convert::Infallible;
use std::hint::black_box;

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::runtime::Runtime;

use crate::contest::{Flow, timed};

/// Ends when all events have arrived.
struct Sink {
    missing: usize,
}

struct Event(usize);

impl Actor for Sink {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(sink: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(sink)
    }
}

impl Message<Event> for Sink {
    type Reply = ();

    async fn handle(&mut self, event: Event, context: &mut Context<Self, ()>) {
        black_box(event.0);
        self.missing -= 1;
        if self.missing == 0 {
            context.stop();
        }
    }
}

/// A task → an actor.
pub(crate) fn one_way(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let sink = Sink {
            missing: flow.events,
        };
        let sink = Sink::spawn_with_mailbox(sink, mailbox::bounded(flow.max));
        let told = sink.clone();
        let source = tokio::spawn(async move {
            for event in 0..flow.events {
                let event = Event(black_box(event));
                told.tell(event).send().await.expect("the sink lives");
            }
        });
        source.await.expect("all are told");
        sink.wait_for_shutdown().await;
    })
}
