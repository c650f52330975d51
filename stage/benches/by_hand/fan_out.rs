//! One producer, several consumers: who asks is served, all get everything, or a hash decides.

mod deal;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use futures::future::join_all;
use tokio::runtime::Runtime;
use tokio::task::coop::consume_budget;

use super::mailbox::{Mailbox, Message};
use super::window::Window;
use crate::clock::Clock;
use crate::contest::Flow;
use deal::{ByHash, Deal, InTurn, Source, ToAll};

/// An event goes to whoever asked first.
pub(crate) fn demand(runtime: &Runtime, flow: Flow) -> f64 {
    fan_out::<InTurn>(runtime, flow, flow.events)
}

/// Each event goes to all.
pub(crate) fn broadcast(runtime: &Runtime, flow: Flow) -> f64 {
    fan_out::<ToAll>(runtime, flow, flow.events * flow.consumers)
}

/// An event goes where its hash says.
pub(crate) fn partition(runtime: &Runtime, flow: Flow) -> f64 {
    fan_out::<ByHash>(runtime, flow, flow.events)
}

fn fan_out<D: Deal>(runtime: &Runtime, flow: Flow, deliveries: usize) -> f64 {
    let clock = Arc::<Clock>::default();
    runtime.block_on(async {
        let source = Arc::<Mailbox>::default();
        let mailboxes: Vec<Arc<Mailbox>> = (0..flow.consumers).map(|_| Arc::default()).collect();
        let consumers = mailboxes.iter().cloned().enumerate().map(|(at, me)| {
            let window = Window::of_consumer(at, flow, Arc::clone(&source));
            tokio::spawn(consume(window, me, flow.events - 1, Arc::clone(&clock)))
        });
        let consumers: Vec<_> = consumers.collect();
        tokio::spawn(produce::<D>(flow, source, mailboxes, Arc::clone(&clock)));
        let arrived = join_all(consumers).await.into_iter();
        let arrived: usize = arrived.map(|arrived| arrived.expect("no panic")).sum();
        assert_eq!(arrived, deliveries);
    });
    clock.seconds()
}

/// Deals once a round, and not before every consumer has asked.
async fn produce<D: Deal>(flow: Flow, me: Arc<Mailbox>, to: Vec<Arc<Mailbox>>, clock: Arc<Clock>) {
    let mut source = Source::of(flow);
    let mut deal = D::new(flow.consumers);
    let mut unheard = flow.consumers;
    let mut messages = VecDeque::new();
    while !source.is_empty() || deal.is_waiting() {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            if let Message::Ask(consumer, n) = message {
                deal.ask(consumer, n);
                unheard = unheard.saturating_sub(1);
            }
        }
        if unheard == 0 {
            clock.start();
            deal.deal(&mut source, &to);
        }
    }
    for consumer in to {
        consumer.send(Message::End);
    }
}

/// Takes until the end, and stops the clock at the last event; returns how many arrived.
async fn consume(mut window: Window, me: Arc<Mailbox>, last: usize, clock: Arc<Clock>) -> usize {
    let mut messages = VecDeque::new();
    let mut arrived = 0;
    loop {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            match message {
                Message::Events(events) => {
                    for batch in events.chunks(window.batch_max()) {
                        for event in batch {
                            black_box(*event);
                        }
                        arrived += batch.len();
                        window.handled(batch.len());
                    }
                    if events.last() == Some(&last) {
                        clock.stop();
                    }
                }
                Message::End => return arrived,
                Message::Ask(..) | Message::Push(_) => {}
            }
        }
    }
}
