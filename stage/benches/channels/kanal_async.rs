//! Over kanal's bounded channel, item by item.

use std::hint::black_box;

use tokio::runtime::Runtime;

use crate::contest::{Flow, timed};

/// Producer → consumer.
pub(crate) fn by_item(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let (sender, events) = kanal::bounded_async(flow.max);
        tokio::spawn(async move {
            for event in 0..flow.events {
                if sender.send(black_box(event)).await.is_err() {
                    return;
                }
            }
        });
        let arrived = tokio::spawn(async move {
            let mut arrived = 0;
            while let Ok(event) = events.recv().await {
                black_box(event);
                arrived += 1;
            }
            arrived
        });
        assert_eq!(arrived.await.ok(), Some(flow.events));
    })
}
