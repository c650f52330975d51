//! Fake neighbours of a stage under test: they speak the protocol as a stage does, or break it where the test says so.

mod patience;
pub(super) use patience::expect;
pub use patience::{Patience, Unexpected};
mod seen;
mod source;
pub use source::{SourceEdge, SourceProbe};
mod sink;
pub use sink::SinkProbe;
