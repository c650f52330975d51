//! The flows over tokio's bounded channel, item by item: what most programs do without stages.

use std::hint::black_box;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::channel;

use super::{Between, Flow};

/// Producer → consumer, with a task that passes on between them if the flow says so.
pub(crate) fn flow(runtime: &Runtime, flow: Flow) {
    runtime.block_on(async {
        let (sender, mut events) = channel(flow.max);
        tokio::spawn(async move {
            for event in 0..flow.events {
                if sender.send(black_box(event)).await.is_err() {
                    return;
                }
            }
        });
        if flow.between == Between::ProducerConsumer {
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
    });
}
