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

mod demand;
pub use demand::{Demand, DemandError};
mod window;
pub use window::{Split, Window};
mod subscription;
pub use subscription::{Asking, Subscribe, UpstreamEnds};
mod buffer;
pub use buffer::{Buffer, BufferFull, WhenFull};
mod dispatcher;
pub(crate) use dispatcher::AnyKey;
pub use dispatcher::{
    Broadcast, ContractBroken, Deliveries, DemandDispatcher, Dispatched, Dispatcher, Fair,
    Partition, PartitionsError, Refused, Selector,
};
mod producer_half;
pub use producer_half::{DemandMode, ProducerHalf};
mod restart;
pub use restart::{Intensity, Restart};
mod backoff;
pub use backoff::Backoff;
