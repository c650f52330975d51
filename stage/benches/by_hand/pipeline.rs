//! Producer → consumer by ask and batch, with producer-consumers in a row between them.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::task::coop::consume_budget;

use super::mailbox::{Mailbox, Message};
use super::window::Window;
use crate::contest::{Flow, timed};

pub(crate) fn flow(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let mut up = Arc::<Mailbox>::default();
        let mut me = Arc::<Mailbox>::default();
        tokio::spawn(produce(flow, Arc::clone(&up), Arc::clone(&me)));
        for _ in 0..flow.middles {
            let down = Arc::<Mailbox>::default();
            tokio::spawn(pass_on(flow, up, Arc::clone(&me), Arc::clone(&down)));
            (up, me) = (me, down);
        }
        let arrived = tokio::spawn(consume(Window::open(flow, up), me));
        assert_eq!(arrived.await.ok(), Some(flow.events));
    })
}

pub(super) async fn produce(flow: Flow, me: Arc<Mailbox>, down: Arc<Mailbox>) {
    let mut messages = VecDeque::new();
    let mut next = 0;
    while next < flow.events {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            if let Message::Ask(_, n) = message {
                let end = flow.events.min(next + n);
                down.send(Message::Events((next..end).map(black_box).collect()));
                next = end;
            }
        }
    }
    down.send(Message::End);
}

pub(super) async fn pass_on(flow: Flow, up: Arc<Mailbox>, me: Arc<Mailbox>, down: Arc<Mailbox>) {
    let mut messages = VecDeque::new();
    let mut waiting = VecDeque::new();
    let mut owed = 0;
    let mut is_complete = false;
    let mut window = Window::open(flow, up);
    while !is_complete || !waiting.is_empty() {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            match message {
                Message::Ask(_, n) => owed += n,
                Message::Events(events) => waiting.push_back(events),
                Message::End => is_complete = true,
                Message::Push(_) => {}
            }
        }
        while owed > 0
            && let Some(mut events) = waiting.pop_front()
        {
            let rest = events.split_off(events.len().min(owed).min(flow.batch_max()));
            for event in &mut events {
                *event += 1;
            }
            let len = events.len();
            owed -= len;
            down.send(Message::Events(events));
            window.handled(len);
            if !rest.is_empty() {
                waiting.push_front(rest);
            }
        }
    }
    down.send(Message::End);
}

/// Takes until the end; returns how many events arrived.
pub(super) async fn consume(mut window: Window, me: Arc<Mailbox>) -> usize {
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
                }
                Message::End => return arrived,
                Message::Ask(..) | Message::Push(_) => {}
            }
        }
    }
}
