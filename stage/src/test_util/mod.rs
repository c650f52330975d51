//! How to test your own stages.

mod probe;
pub use probe::{Patience, SinkProbe, SourceEdge, SourceProbe, Unexpected};
mod report;
pub use report::{Check, Outcome, Report};
pub mod conformance;
