//! A chain of a stream's adapters: one task, and nothing between its parts but calls.

use std::future::ready;
use std::hint::black_box;

use futures::{StreamExt, stream};
use tokio::runtime::Runtime;

use crate::contest::{Flow, timed};

/// `iter`, `map`, `for_each`.
pub(crate) fn chain(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let arrived = tokio::spawn(async move {
            let mut arrived = 0;
            let events = stream::iter((0..flow.events).map(black_box));
            let passed_on = events.map(|event| event + 1).for_each(|event| {
                black_box(event);
                arrived += 1;
                ready(())
            });
            passed_on.await;
            arrived
        });
        assert_eq!(arrived.await.ok(), Some(flow.events));
    })
}
