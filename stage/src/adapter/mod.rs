//! Between stages and the rest of Rust: iterators and streams as producers, producers as a stream.

mod from_iter;
pub use from_iter::{FromIter, from_iter};
mod from_stream;
pub use from_stream::{FromStream, from_stream};
mod inbox;

mod subscription;
pub use subscription::{Subscription, UpstreamFailed};
mod event_stream;
pub use event_stream::{EventStream, stream};
