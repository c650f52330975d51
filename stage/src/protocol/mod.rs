//! The demand protocol as pure values: no clock, no task, no channel.
//!
//! | message | direction | meaning |
//! |---|---|---|
//! | subscribe | up | a consumer opens an edge; it may ask at once |
//! | ask(n) | up | credit for n more events; asks add up |
//! | cancel | up | the consumer wants no more; the producer confirms with an end |
//! | events | down | a non-empty batch, never more than was asked and not yet delivered |
//! | end | down | completed, cancelled or down; nothing of that subscription follows |
//!
//! A producer is told `wanted − owed`: what its consumers could take now less what it was already told and has not
//! paid. That one formula serves orphaned demand, buffered events and events that nobody took alike.
//!
//! What is documented here is what stages and their dispatchers are written with. The machines below them are public for
//! the tests of this project alone, and may change at any time.

mod demand;
pub use demand::{Demand, DemandError};
mod window;
#[doc(hidden)]
pub use window::{Split, Window};
mod subscription;
pub use subscription::{Asking, Subscribe, UpstreamEnds};
mod drops;
pub(crate) use drops::drop_all;
mod buffer;
#[doc(hidden)]
pub use buffer::Buffer;
pub use buffer::{BufferFull, WhenFull};
mod dispatcher;
pub(crate) use dispatcher::AnyKey;
pub use dispatcher::{
    Broadcast, ContractBroken, Deliveries, DemandDispatcher, Dispatched, Dispatcher, Fair,
    Partition, PartitionsError, Refused, Selector,
};
mod producer_half;
pub use producer_half::DemandMode;
#[doc(hidden)]
pub use producer_half::ProducerHalf;
mod restart;
pub use restart::{Intensity, Restart};
mod backoff;
pub use backoff::Backoff;
