//! A thousand stages in a random layered graph, under random joins, leaves, panics, restarts, stops (also from
//! within a batch) and aborts.
//!
//! * No stall: a sink that a living source reaches goes on, whatever happened around it.
//! * A subscription is never sent more than it asked for, and hears what its producer emitted in that order; of a
//!   producer that broadcasts, without a gap.
//! * By stage, at its end: delivered to it = handled + failed + lost; emitted = delivered + discarded. So nothing is
//!   missing that no count tells.
//! * End to end: an event that met no broadcast comes to one sink, once.
//! * Memory: what is resident in the last quarter is at most 1.1 × that of the second.
//!
//! `SOAK_SECONDS` says how long it goes on (5 by default), `SOAK_SEED` how it begins. The graph and what happens to it
//! follow from the seed; when, the runtime decides.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod stages;

mod node;

mod graph;

mod churn;

mod laws;

mod stall;

mod memory;

use std::fmt::Debug;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use churn::Churn;
use graph::Graph;
use laws::Ledger;
use memory::Memory;
use stall::Stalls;

/// Stages by layer: sources, producer-consumers, sinks.
const LAYERS: [usize; 6] = [100, 200, 200, 200, 150, 150];
/// Between two changes of the graph.
const CHANGE_EVERY: Duration = Duration::from_millis(5);
/// How much longer than asked it may take, to come to an end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Changes between two looks at all stages.
const CHANGES_A_LOOK: usize = 50;

fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

async fn soak(time: Duration, seed: u64) {
    let mut graph = Graph::grow(ChaCha8Rng::seed_from_u64(seed), LAYERS);
    let (mut churn, mut ledger) = (Churn::default(), Ledger::default());
    let (mut stalls, mut memory) = (Stalls::default(), Memory::default());
    assert_eq!(graph.group.len(), LAYERS.iter().sum());
    let started = Instant::now();
    let mut clock = tokio::time::interval(CHANGE_EVERY);
    while started.elapsed() < time {
        for _ in 0..CHANGES_A_LOOK {
            clock.tick().await;
            churn.change(&mut graph);
        }
        churn.repair(&mut graph);
        while let Some(account) = graph.try_settled() {
            ledger.enter(&account);
        }
        stalls.look(&graph);
        memory.sample(started.elapsed().div_duration_f64(time));
        graph.faults.judge();
    }
    stalls.all_go_on(&mut graph, &mut churn).await;
    println!("{churn:?}\n{memory}");
    graph.stop().await;
    while let Some(account) = graph.settled().await {
        ledger.enter(&account);
    }
    assert!(graph.group.is_empty(), "a stage outlives its stop");
    graph.faults.judge();
    ledger.balance();
    println!("{ledger}");
    memory.judge(time);
}

#[test]
fn a_thousand_stages_hold_the_laws_under_churn() {
    stages::silence_panics_on_purpose();
    let time = Duration::from_secs(setting("SOAK_SECONDS", 5));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    let soaked =
        async { tokio::time::timeout(time + PATIENCE, soak(time, setting("SOAK_SEED", 1))).await };
    runtime.block_on(soaked).expect("it ends in time");
}
