//! Fake neighbours of a stage under test: they speak the protocol as a stage does, or break it where the test says so.

mod patience;
pub(super) use patience::expect;
pub use patience::{Patience, Unexpected};
mod edge;
mod seen;
pub use edge::SourceEdge;
mod source;
pub use source::SourceProbe;
mod sink;
pub use sink::SinkProbe;
