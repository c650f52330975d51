//! A task for each event, and a counter of those that have ended.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::contest::{Flow, timed};

/// A task for each event, `max` at most: whoever ends a batch of them wakes the spawner.
pub(crate) fn children(runtime: &Runtime, flow: Flow) -> f64 {
    let ended = Arc::new(AtomicUsize::new(0));
    let batch_ended = Arc::new(Notify::new());
    let batch = flow.batch_max();
    let seconds = timed(runtime, async {
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
    seconds
}

/// A task for each event in a [`JoinSet`], `max` at most.
pub(crate) fn join_set(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let spawner = tokio::spawn(async move {
            let mut children = JoinSet::new();
            let mut ended = 0;
            for event in 0..flow.events {
                if children.len() == flow.max && children.join_next().await.is_some() {
                    ended += 1;
                }
                children.spawn(async move { black_box(event) });
            }
            ended + children.join_all().await.len()
        });
        assert_eq!(spawner.await.ok(), Some(flow.events));
    })
}
