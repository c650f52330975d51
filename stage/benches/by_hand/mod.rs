//! The baseline: the ask/batch protocol and a task for each event, written by hand for exactly these flows.
//!
//! No names, no failures, no cancels, no counts: what a careful author would write who needs nothing else.

mod mailbox;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::{Between, Flow};
use mailbox::{Mailbox, Message};

/// Producer → consumer by ask and batch, with a producer-consumer between if the flow says so.
pub(crate) fn flow(runtime: &Runtime, flow: Flow) {
    runtime.block_on(async {
        let mailboxes: Vec<Arc<Mailbox>> = (0..3).map(|_| Arc::default()).collect();
        let [source, middle, sink] = [0, 1, 2].map(|at| Arc::clone(&mailboxes[at]));
        let arrived = if flow.between == Between::ProducerConsumer {
            tokio::spawn(produce(flow, Arc::clone(&source), Arc::clone(&middle)));
            tokio::spawn(pass_on(
                flow,
                source,
                Arc::clone(&middle),
                Arc::clone(&sink),
            ));
            tokio::spawn(consume(flow, middle, sink))
        } else {
            tokio::spawn(produce(flow, Arc::clone(&source), Arc::clone(&sink)));
            tokio::spawn(consume(flow, source, sink))
        };
        assert_eq!(arrived.await.ok(), Some(flow.events));
    });
}

async fn produce(flow: Flow, me: Arc<Mailbox>, down: Arc<Mailbox>) {
    let mut messages = VecDeque::new();
    let mut next = 0;
    while next < flow.events {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            if let Message::Ask(n) = message {
                let end = flow.events.min(next + n);
                down.send(Message::Events((next..end).map(black_box).collect()));
                next = end;
            }
        }
    }
    down.send(Message::End);
}

async fn pass_on(flow: Flow, up: Arc<Mailbox>, me: Arc<Mailbox>, down: Arc<Mailbox>) {
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
                Message::Ask(n) => owed += n,
                Message::Events(events) => waiting.push_back(events),
                Message::End => is_complete = true,
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

async fn consume(flow: Flow, up: Arc<Mailbox>, me: Arc<Mailbox>) -> usize {
    let mut messages = VecDeque::new();
    let mut arrived = 0;
    let mut window = Window::open(flow, up);
    loop {
        consume_budget().await;
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            match message {
                Message::Events(events) => {
                    for batch in events.chunks(flow.batch_max()) {
                        for event in batch {
                            black_box(*event);
                        }
                        arrived += batch.len();
                        window.handled(batch.len());
                    }
                }
                Message::End => return arrived,
                Message::Ask(_) => {}
            }
        }
    }
}

/// Asks again at the minimum.
struct Window {
    flow: Flow,
    outstanding: usize,
    up: Arc<Mailbox>,
}

impl Window {
    fn open(flow: Flow, up: Arc<Mailbox>) -> Self {
        up.send(Message::Ask(flow.max));
        Self {
            flow,
            outstanding: flow.max,
            up,
        }
    }

    fn handled(&mut self, n: usize) {
        self.outstanding -= n;
        if self.outstanding <= self.flow.min() {
            let ask = self.flow.max - self.outstanding;
            self.up.send(Message::Ask(ask));
            self.outstanding = self.flow.max;
        }
    }
}

/// A task for each event, `max` at most: whoever ends a batch of them wakes the spawner.
pub(crate) fn children(runtime: &Runtime, flow: Flow) {
    let ended = Arc::new(AtomicUsize::new(0));
    let batch_ended = Arc::new(Notify::new());
    let batch = flow.batch_max();
    runtime.block_on(async {
        let (ended, batch_ended) = (Arc::clone(&ended), Arc::clone(&batch_ended));
        let spawner = async move {
            let mut started = 0;
            loop {
                let ended_now = ended.load(Ordering::Acquire);
                if ended_now == flow.events {
                    return;
                }
                let most = flow.events.min(ended_now + flow.max);
                for event in started..most {
                    let (ended, batch_ended) = (Arc::clone(&ended), Arc::clone(&batch_ended));
                    tokio::spawn(async move {
                        black_box(event);
                        let before = ended.fetch_add(1, Ordering::AcqRel);
                        if (before + 1).is_multiple_of(batch) || before + 1 == flow.events {
                            batch_ended.notify_one();
                        }
                    });
                }
                started = most;
                batch_ended.notified().await;
            }
        };
        let _panicked = tokio::spawn(spawner).await;
    });
    assert_eq!(ended.load(Ordering::Acquire), flow.events);
}
