//! Over tokio's bounded channel, item by item.

use std::hint::black_box;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::channel;

use crate::contest::{Flow, timed};

/// Producer → consumer, with tasks between them that pass on.
pub(crate) fn by_item(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let (sender, mut events) = channel(flow.max);
        tokio::spawn(async move {
            for event in 0..flow.events {
                if sender.send(black_box(event)).await.is_err() {
                    return;
                }
            }
        });
        for _ in 0..flow.middles {
            let (sender, passed_on) = channel(flow.max);
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    if sender.send(event + 1).await.is_err() {
                        return;
                    }
                }
            });
            events = passed_on;
        }
        let arrived = tokio::spawn(async move {
            let mut arrived = 0;
            while let Some(event) = events.recv().await {
                black_box(event);
                arrived += 1;
            }
            arrived
        });
        assert_eq!(arrived.await.ok(), Some(flow.events));
    })
}
