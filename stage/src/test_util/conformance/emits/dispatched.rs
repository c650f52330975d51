//! What comes of the stage's events under the dispatchers that share them by a rule.

use std::collections::HashMap;

use super::EVENTS_MIN;
use crate::behaviour::Producer;
use crate::exit::Cancel;
use crate::protocol::Partition;
use crate::runtime::{AsProducer, Emits};
use crate::test_util::conformance::running::Running;
use crate::test_util::probe::expect;
use crate::test_util::{Patience, SinkProbe, Unexpected};

/// Rounds of asks that share the events out.
const ROUNDS: usize = EVENTS_MIN / 4;

/// With a Broadcast, as many events flow as the consumer with the least demand has asked for.
pub(in super::super) async fn paces_by_the_slowest<R: Emits>(
    stage: Running<R>,
    patience: Patience,
) -> Result<(), Unexpected> {
    let sink = || SinkProbe::with_patience(&*stage, patience);
    let (mut quick, mut slow) = (sink(), sink());
    patience.rest().await;
    quick.ask(5);
    quick.expect_nothing().await?;
    slow.ask(2);
    quick.expect_events(2).await?;
    slow.expect_events(2).await?;
    quick.expect_nothing().await?;
    slow.ask(1);
    quick.expect_events(1).await?;
    slow.expect_events(1).await?;
    slow.cancel(Cancel::Normal);
    quick.expect_events(2).await.map(drop)
}

/// With a keyed Partition, events of equal key go to the same consumer while both stay.
pub(in super::super) async fn keeps_keys<S: Producer>(
    stage: Running<AsProducer<S, Partition<S::Out>>>,
    key: &dyn Fn(&S::Out) -> u64,
    patience: Patience,
) -> Result<(), Unexpected> {
    let outlet = stage.partition(0);
    let mut sinks = [0; 2].map(|_| SinkProbe::with_patience(&outlet, patience));
    patience.rest().await;
    let mut homes = HashMap::new();
    for _ in 0..ROUNDS {
        for (at, sink) in sinks.iter_mut().enumerate() {
            sink.ask(2);
            patience.rest().await;
            for event in sink.take_events() {
                let home = *homes.entry(key(&event)).or_insert(at);
                expect(
                    home == at,
                    "events of equal key at one consumer",
                    "they came to two",
                )?;
            }
        }
    }
    expect(!homes.is_empty(), "events", "none came")
}
