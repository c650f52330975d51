//! The library's test kit: its probes, our own stages and dispatchers through its suites, and broken ones that each law
//! catches.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod fixtures;

mod own_stages;

mod broken_stages;

mod dispatchers;

mod broken_dispatchers;

mod probes;
