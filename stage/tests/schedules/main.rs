//! The real event loops and mailboxes under schedules that a test chooses: compiled only with `--cfg shuttle`, which
//! `tests/all` sets.
//!
//! * No wake-up is lost: at rest no event is held for which credit has arrived, and every stage that is told to end, or
//!   whose neighbours ended, ends. A run in which nobody can go on fails as a deadlock.
//! * A subscription gets what it asks for, no more, in order, and no event twice, whoever joins, leaves, dies or fails.
//! * What was sent to a stage that has ended was handled, failed it, or is counted as lost; what it emitted was sent or
//!   is counted as discarded.
//!
//! Each scenario runs under 3,000 random schedules and 3,000 with at most two preemptions at random places (PCT), from
//! a fixed seed. `SCHEDULES` sets another number, `SHUTTLE_RANDOM_SEED` another seed. A scenario of two or three stages
//! has some hundred steps, so this is a sample. All schedules there are are run of the mailbox and of the task of a
//! group alone, in `schedules.rs` beside each.
//!
//! A schedule that fails is printed, and `shuttle::replay` repeats it. What no schedule here reaches is told in
//! `stage/src/sync/mod.rs`. Assertions stand after the joins: in a callback a panic is a failure of its stage.

#![cfg_attr(
    shuttle,
    expect(
        clippy::unwrap_used,
        reason = "a failed unwrap in a test is a failed test, with its line"
    )
)]

#[cfg(shuttle)]
mod explore;
#[cfg(shuttle)]
mod stages;

#[cfg(shuttle)]
mod wakes;

#[cfg(shuttle)]
mod edges;

#[cfg(shuttle)]
mod failures;

#[cfg(shuttle)]
mod ends;

#[cfg(shuttle)]
mod groups;
