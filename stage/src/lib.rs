//! Demand-driven stages: consumers ask, producers never send more than was asked.
//!
//! A [`Producer`] hears demand and emits; a [`ProducerConsumer`] takes and emits; a [`Consumer`] takes. Each runs as a
//! stage of its own, joined to others by subscriptions. Demand flows up, events flow down, and every queue in
//! between is bounded by what was asked. Who knows GenStage knows the words: `handle_demand`, `handle_events`,
//! `max_demand` and `min_demand` ([`Demand`]), dispatchers, `ConsumerSupervisor`. The [`guide`] has a page for each idea.
//!
//! ```
//! use stage::{Batch, Consumer, Context, Demand, Producer, Result, consumer, producer};
//!
//! struct Numbers(u64);
//! impl Producer for Numbers {
//!     type Out = u64;
//!     async fn handle_demand(&mut self, demand: usize, cx: &mut Context<u64>) -> Result {
//!         for _ in 0..demand {
//!             if self.0 == 10 {
//!                 cx.complete();
//!                 break;
//!             }
//!             cx.emit(self.0);
//!             self.0 += 1;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! struct Print;
//! impl Consumer for Print {
//!     type In = u64;
//!     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
//!         println!("{:?}", events.as_slice());
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! let numbers = producer(Numbers(0)).spawn()?;
//! let print = consumer(Print).subscribe_to(&numbers, Demand::new(4, 2)?).spawn()?;
//! print.join().await;
//! # Ok(())
//! # }
//! ```

mod id;
mod rare;
mod sync;
pub use id::{StageId, SubscriptionId};
mod exit;
pub use exit::{Cancel, End, Exit, Result, StageError};
pub mod protocol;
pub use protocol::{
    Asking, Backoff, Broadcast, BufferFull, Demand, DemandDispatcher, DemandError, DemandMode,
    Fair, Intensity, Partition, PartitionsError, Refused, Restart, Subscribe, UpstreamEnds,
    WhenFull,
};
mod batch;
pub use batch::{Batch, Events};
mod context;
pub use context::{Context, Never};
mod behaviour;
pub use behaviour::{Consumer, Directive, Handler, Producer, ProducerConsumer};
mod runtime;
pub use runtime::*;
mod adapter;
pub use adapter::{
    Channel, EventSink, EventStream, FromIter, FromStream, SendError, Sender, Subscription,
    TrySendError, UpstreamFailed, channel, from_iter, from_stream, stream,
};
mod registry;
pub use registry::{LookupError, Registry};
mod stages;
pub use stages::{NotDrained, Stages};
mod supervisor;
pub use supervisor::{
    BuildSupervisor, ChildStatus, Strategy, Supervisor, TooManyRestarts, supervisor,
};
mod consumer_supervisor;
mod tasks;
pub use consumer_supervisor::*;
mod operators;
pub use operators::*;
pub mod acked;
pub use acked::{
    Ack, Acked, Acks, Redeliver, Settled, Settlements, Unacknowledged, acks, redeliver,
};
pub mod guide;
#[cfg(feature = "test-util")]
pub mod test_util;
