//! Stages that are driven from one task: each is still a stage of its own, and has its turn. The random programs of
//! `properties` run in this form too.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod fixtures;

mod flows;

mod ends;

mod turns;
