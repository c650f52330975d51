//! One event at a time through three stages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::coop::consume_budget;

use super::mailbox::{Mailbox, Message};
use super::pipeline::pass_on;
use super::window::Window;
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
    let [source, middle, sink] = [(); 3].map(|()| Arc::<Mailbox>::default());
    let stages = [
        runtime.spawn(send_on(Arc::clone(&source), Arc::clone(&middle))),
        runtime.spawn(pass_on(
            flow,
            Arc::clone(&source),
            Arc::clone(&middle),
            Arc::clone(&sink),
        )),
        runtime.spawn(answer(flow, Arc::clone(&source), middle, sink, pings)),
    ];
    let p50 = pinger.p50(|sent| source.send(Message::Push(sent)));
    for stage in stages {
        stage.abort();
    }
    p50
}

/// Sends on what comes from outside, as asked.
async fn send_on(me: Arc<Mailbox>, down: Arc<Mailbox>) {
    let mut messages = VecDeque::new();
    let mut waiting = VecDeque::new();
    let mut owed = 0;
    loop {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            match message {
                Message::Ask(_, n) => owed += n,
                Message::Push(event) => waiting.push_back(event),
                Message::Events(_) | Message::End => {}
            }
        }
        let ready = owed.min(waiting.len());
        if ready > 0 {
            owed -= ready;
            down.send(Message::Events(waiting.drain(..ready).collect()));
        }
    }
}

async fn answer(
    flow: Flow,
    source: Arc<Mailbox>,
    up: Arc<Mailbox>,
    me: Arc<Mailbox>,
    mut pings: Pings,
) {
    let mut messages = VecDeque::new();
    let mut window = Window::open(flow, up);
    loop {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            if let Message::Events(events) = message {
                window.handled(events.len());
                for next in events.into_iter().filter_map(|sent| pings.arrived(sent)) {
                    source.send(Message::Push(next));
                }
            }
        }
    }
}
