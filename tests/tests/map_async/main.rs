//! Concurrent work inside a stage: named cases, exact times by a naive model, and laws of random programs.
//!
//! * M1: never more than `n` tasks run, and never more than `n` events are at work, held or buffered.
//! * M2: while no consumer leaves, what was started and has not failed is at most what was asked for.
//! * M3: asked − settled of an upstream is at most `max`; and above `min`, so that it is never silent for ever.
//! * M4 liveness: at rest an event waits only for a place or for demand.
//! * M5 conservation: each event is emitted or failed, once, or in the stage; at the end none is.
//! * M6: ordered results come in the order of the events, on each subscription.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod job;

mod stories;

mod service;

mod times;

mod laws;
