//! Many stages that have nothing to do.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::mailbox::{Mailbox, Message};
use crate::contest::Flow;
use crate::gathering::Gathering;

/// Starts as many stages as the flow has consumers, until each has run; returns the seconds it took.
pub(crate) fn start(runtime: &Runtime, flow: Flow) -> f64 {
    runtime.block_on(async {
        let started = Arc::new(Gathering::of(flow.consumers));
        let begun = Instant::now();
        let stages: Vec<(Arc<Mailbox>, JoinHandle<()>)> = (0..flow.consumers)
            .map(|_| {
                let me = Arc::<Mailbox>::default();
                let stage = tokio::spawn(idle(Arc::clone(&me), Arc::clone(&started)));
                (me, stage)
            })
            .collect();
        started.complete().await;
        let seconds = begun.elapsed().as_secs_f64();
        for (_, stage) in &stages {
            stage.abort();
        }
        for (_, stage) in stages {
            let _aborted = stage.await;
        }
        seconds
    })
}

async fn idle(me: Arc<Mailbox>, started: Arc<Gathering>) {
    started.arrive();
    let mut messages = VecDeque::new();
    loop {
        me.take(&mut messages).await;
        messages.clear();
    }
}

/// Starts pairs of a producer and a consumer and waits until each consumer's ask has arrived; returns what they live by.
pub(crate) fn idle_pairs(runtime: &Runtime, pairs: usize) -> Box<dyn Any> {
    runtime.block_on(async {
        let asked = Arc::new(Gathering::of(pairs));
        let mailboxes = (0..pairs).map(|_| {
            let [source, sink] = [(); 2].map(|()| Arc::<Mailbox>::default());
            tokio::spawn(owe(
                Arc::clone(&source),
                Arc::clone(&sink),
                Arc::clone(&asked),
            ));
            tokio::spawn(ask(Arc::clone(&source), Arc::clone(&sink)));
            (source, sink)
        });
        let mailboxes: Vec<_> = mailboxes.collect();
        asked.complete().await;
        Box::new(mailboxes) as Box<dyn Any>
    })
}

/// A producer that has nothing to send.
async fn owe(me: Arc<Mailbox>, down: Arc<Mailbox>, asked: Arc<Gathering>) {
    let mut messages = VecDeque::new();
    let mut owed = 0;
    while owed < usize::MAX {
        me.take(&mut messages).await;
        for message in messages.drain(..) {
            if let Message::Ask(_, n) = message {
                owed += n;
                asked.arrive();
            }
        }
    }
    down.send(Message::End);
}

/// A consumer that gets nothing.
async fn ask(up: Arc<Mailbox>, me: Arc<Mailbox>) {
    up.send(Message::Ask(0, 1000));
    let mut messages = VecDeque::new();
    loop {
        me.take(&mut messages).await;
        messages.clear();
    }
}
