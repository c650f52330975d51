//! Over tokio's bounded channel, a `Vec` for each batch, with as many events under way as a window allows.

use std::hint::black_box;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::channel;

use crate::contest::{Flow, timed};

/// Producer → consumer.
pub(crate) fn by_vec(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let batch = flow.batch_max();
        let (sender, mut batches) = channel::<Vec<usize>>(flow.max.div_ceil(batch));
        tokio::spawn(async move {
            for first in (0..flow.events).step_by(batch) {
                let events = first..flow.events.min(first + batch);
                if sender.send(events.map(black_box).collect()).await.is_err() {
                    return;
                }
            }
        });
        let arrived = tokio::spawn(async move {
            let mut arrived = 0;
            while let Some(events) = batches.recv().await {
                arrived += events.len();
                for event in events {
                    black_box(event);
                }
            }
            arrived
        });
        assert_eq!(arrived.await.ok(), Some(flow.events));
    })
}
