//! Fake neighbours for the tests of stages.

mod probe;
pub use probe::{Patience, SinkProbe, SourceEdge, SourceProbe, Unexpected};
