//! Between stages and the rest of Rust: iterators, streams and senders as producers, producers as a stream.

mod from_iter;
pub use from_iter::{FromIter, from_iter};
mod from_stream;
pub use from_stream::{FromStream, from_stream};
mod gate;

mod channel;
pub use channel::{Channel, SendError, Sender, TrySendError, channel};
mod sink;
pub use sink::EventSink;
mod inbox;

mod subscription;
pub use subscription::{Subscription, UpstreamFailed};
mod event_stream;
pub use event_stream::{EventStream, stream};
