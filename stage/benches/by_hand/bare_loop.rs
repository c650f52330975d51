//! The least there is: a loop that makes each event, changes it and takes it, in one task and without a list.

use std::hint::black_box;

use tokio::runtime::Runtime;

use crate::contest::{Flow, timed};

pub(crate) fn bare_loop(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let taken = tokio::spawn(async move {
            let mut taken = 0;
            for event in (0..flow.events).map(black_box) {
                black_box(event + 1);
                taken += 1;
            }
            taken
        });
        assert_eq!(taken.await.ok(), Some(flow.events));
    })
}
