//! Fused stages: through the conformance suite, story by story, and against the same stages over an edge.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod halves;

mod conformance;

mod demand;

mod ends;

mod failures;

mod messages;

mod laws;
