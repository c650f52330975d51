//! Laws of demand accounting, each as a property over random programs: of the pure protocol against a naive model, and of
//! the real runtime at rest.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod protocol;

mod dispatchers;

mod runtime;

mod channel;
