//! Supervision, story by story, on a paused clock: who is restarted, in which order, after which wait, and what a restart
//! keeps.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod worker;

mod strategies;

mod limits;

mod ends;

mod nested;

mod interrupts;

mod laws;

mod streams;

mod resubscribe;

mod orders;

mod completions;

mod put_off;
