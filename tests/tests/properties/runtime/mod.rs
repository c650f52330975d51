//! Laws of the real runtime: random programs of consumers, demand, failures, restarts and deaths, judged at rest.
//!
//! A program runs on one thread with a paused clock, which advances only when every task waits, or on two workers, where
//! rest is a condition with a deadline; its stages in a task for each, or in one for all.
//!
//! * R0 liveness: at rest no living edge has credit while its producer, or the producer-consumer above it, holds an event.
//! * R1: a subscription is never sent more than it asked for, and gets what it gets in the order of emission.
//! * R2: an automatic consumer at rest waits for more than its minimum, so it is never silent for ever.
//! * R3: a producer owes at least the living credit, and just what it was told: no ask is forgotten or told twice, over
//!   restarts too.
//! * R4 conservation, by event: emitted = handled + failed + buffered + waiting + discarded + lost in hand.

mod step;

mod stages;

mod program;

mod laws;

use std::time::Duration;

use proptest::prelude::*;
use stage::{Demand, Group, WhenFull};

use program::{Place, Program, Rest};
use step::{Step, step};

/// Deadline for a program to come to rest on two workers.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a failing program may be shrunk, in milliseconds: one that hangs takes its deadline each time.
const SHRINK_MS_MAX: u32 = 60_000;

async fn run(steps: &[Step], buffer: (usize, bool), middle: (usize, usize), place: Place) {
    let Place { rest, group } = place;
    let (capacity, oldest) = buffer;
    let when_full = if oldest {
        WhenFull::DropOldest
    } else {
        WhenFull::DropNewest
    };
    let middle = Demand::new(middle.0, middle.1 % middle.0).unwrap();
    let mut program = Program::start(capacity, when_full, middle, group);
    for step in steps.iter().chain([&Step::Rest]) {
        program.step(step, rest).await;
    }
    for member in &program.members {
        member.handle.stop().await;
    }
    program.middle.stop().await;
    program.source.stop().await;
    assert_eq!(
        program.source.stats().buffered,
        0,
        "an ended stage holds nothing"
    );
    let middle_taken = program.middle_record.lock().unwrap();
    program.conserved(&middle_taken).unwrap();
}

/// The panics on purpose are caught and reported by the runtime; printing each would bury a real one.
fn silence_panics_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() != Some(&"a panic on purpose") {
                print(panic);
            }
        }));
    });
}

/// Runs a program that must end: on the paused clock the time is over as soon as nothing moves any more.
async fn ends(program: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(3 * PATIENCE, program).await;
    ended.expect("a program must not hang");
}

pub(super) fn on_one_thread(program: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(ends(program));
}

pub(super) fn on_two_workers(program: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(ends(program));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_on_one_thread(
        steps in prop::collection::vec(step(), 1..60),
        buffer in (1..30usize, any::<bool>()),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        let place = Place { rest: Rest::Paused, group: None };
        on_one_thread(run(&steps, buffer, middle, place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_on_two_workers(
        steps in prop::collection::vec(step(), 1..60),
        buffer in (1..30usize, any::<bool>()),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        let place = Place { rest: Rest::Workers, group: None };
        on_two_workers(run(&steps, buffer, middle, place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_in_one_task(
        steps in prop::collection::vec(step(), 1..60),
        buffer in (1..30usize, any::<bool>()),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        let place = Place { rest: Rest::Paused, group: Some(Group::new()) };
        on_one_thread(run(&steps, buffer, middle, place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_in_one_task_that_others_wake(
        steps in prop::collection::vec(step(), 1..60),
        buffer in (1..30usize, any::<bool>()),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        let place = Place { rest: Rest::Workers, group: Some(Group::new()) };
        on_two_workers(run(&steps, buffer, middle, place));
    }
}
