//! At-least-once delivery: named cases, an exact naive model of random programs, and laws of deaths on real stages.
//!
//! * A1: every event is settled exactly once, as acknowledged or as given up, and the stage ends only then.
//! * A2: each is delivered at least once and at most `attempts` times.
//! * A3: at most `in_flight_max` are emitted and not settled.
//! * A4: first deliveries keep the order; what failed goes before what is new, in its order.
//! * A5 liveness: at rest nothing that may go waits while there is credit.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod stories;

mod own_source;

mod own_producer;

mod model;

mod laws;

mod deaths;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use futures::FutureExt;
use stage::{Acked, AsProducerConsumer, Build, Redeliver, Subscription, redeliver};

/// A `redeliver` of numbers.
fn kept(in_flight_max: usize, attempts: u32) -> Build<AsProducerConsumer<Redeliver<usize>>> {
    let in_flight_max = NonZeroUsize::new(in_flight_max).unwrap();
    redeliver(in_flight_max, NonZeroU32::new(attempts).unwrap())
}

fn ask<T: Send + 'static>(edge: &mut Subscription<T>, n: usize) {
    edge.request(NonZeroUsize::new(n).unwrap());
}

/// Takes what has arrived.
fn take<T: Send + 'static>(edge: &mut Subscription<T>) -> Vec<T> {
    let mut taken = Vec::new();
    while let Some(Ok(Some(events))) = edge.next().now_or_never() {
        taken.extend(events);
    }
    taken
}

/// Waits for what must come; on a paused clock the time is over as soon as nothing moves any more.
async fn in_time<T>(waits: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(Duration::from_secs(3600), waits).await;
    came.expect("it must not hang")
}

fn numbers(events: &[Acked<usize>]) -> Vec<usize> {
    events.iter().map(|event| event.data).collect()
}
