//! How to test your own stage and your own dispatcher. Only with the feature `test-util`.
//!
//! ```toml
//! [dev-dependencies]
//! demand-stage = { version = "0.1", features = ["test-util"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! | to see | use |
//! |---|---|
//! | what one stage does between neighbours that you play | [`SourceProbe`] and [`SinkProbe`] |
//! | whether a stage keeps the rules of demand | [`conformance`] |
//! | whether a dispatcher keeps its contract | [`dispatcher_laws`] |
//!
//! Let tokio's clock stand still, `#[tokio::test(start_paused = true)]`: then waiting costs no time, and that nothing
//! comes is seen exactly, because the clock moves on only when every stage waits. Without it, and with stages that wait
//! on the network or on threads, [`Patience`] says how long is long enough.
//!
//! # Your own stage
//!
//! First by hand, with what is special about it:
//!
//! ```
//! use stage::test_util::{SinkProbe, SourceProbe};
//! use stage::{Batch, Context, Demand, End, ProducerConsumer, Result, producer_consumer};
//!
//! /// Passes on each number that is larger than all before it.
//! struct Records(u64);
//!
//! impl ProducerConsumer for Records {
//!     type In = u64;
//!     type Out = u64;
//!
//!     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, cx: &mut Context<u64>) -> Result {
//!         for number in events {
//!             if number > self.0 {
//!                 self.0 = number;
//!                 cx.emit(number);
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! let mut source = SourceProbe::new();
//! let records = producer_consumer(Records(0)).subscribe_to(&source, Demand::new(4, 2)?).spawn()?;
//! let mut edge = source.expect_subscribe().await?;
//! let mut sink = SinkProbe::subscribe(&records);
//!
//! edge.expect_ask(4).await?;
//! edge.send([3, 1, 5]);
//! sink.expect_nothing().await?;
//! sink.ask(10);
//! assert_eq!(sink.expect_events(2).await?, [3, 5]);
//! edge.fail("the disk is full");
//! assert!(matches!(sink.expect_end().await?, End::Down(_)));
//! # Ok(())
//! # }
//! ```
//!
//! Then through the rules that every stage has to keep; [`conformance`] lists them:
//!
//! ```
//! use stage::test_util::conformance;
//! # use stage::{Batch, Context, ProducerConsumer, Result, producer_consumer};
//! # struct Records(u64);
//! # impl ProducerConsumer for Records {
//! #     type In = u64;
//! #     type Out = u64;
//! #     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, cx: &mut Context<u64>) -> Result {
//! #         cx.emit_all(events);
//! #         Ok(())
//! #     }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Each number is larger than the one before, so each comes out.
//! let report = conformance::producer_consumer(|| producer_consumer(Records(0)), |n| n as u64 + 1)
//!     .fan_out(1)
//!     .origin(|record| *record as usize - 1)
//!     .run()
//!     .await;
//! report.assert();
//! # }
//! ```
//!
//! # Your own dispatcher
//!
//! The contract is that of [`Dispatcher`](crate::protocol::Dispatcher). A dispatcher is a value, so its laws need no
//! runtime:
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use stage::protocol::{Dispatched, Dispatcher};
//! use stage::test_util::dispatcher_laws;
//! use stage::{Refused, SubscriptionId};
//!
//! /// One event for each in turn.
//! #[derive(Debug, Default)]
//! struct RoundRobin(VecDeque<(SubscriptionId, usize)>);
//!
//! impl<T> Dispatcher<T> for RoundRobin {
//!     type Key = ();
//!
//!     fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
//!         self.0.push_back((id, 0));
//!         Ok(())
//!     }
//!
//!     fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
//!         self.0.retain(|(other, _)| *other != id);
//!     }
//!
//!     fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
//!         if let Some((_, asked)) = self.0.iter_mut().find(|(other, _)| *other == id) {
//!             *asked = asked.saturating_add(n);
//!         }
//!     }
//!
//!     fn wanted(&self) -> usize {
//!         self.0.iter().fold(0, |sum, (_, asked)| sum.saturating_add(*asked))
//!     }
//!
//!     fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
//!         let taken = Dispatcher::<T>::wanted(self).min(events.len());
//!         let mut events = events.drain(..taken).peekable();
//!         while events.peek().is_some() {
//!             let Some((id, asked)) = self.0.pop_front() else {
//!                 return;
//!             };
//!             if asked > 0 {
//!                 out.deliveries.push((id, events.next().into_iter().collect()));
//!             }
//!             self.0.push_back((id, asked.saturating_sub(1)));
//!         }
//!     }
//! }
//!
//! dispatcher_laws(RoundRobin::default, |n| n, |event| *event).check().assert();
//! ```

mod probe;
pub use probe::{Patience, SinkProbe, SourceEdge, SourceProbe, Unexpected};
mod report;
pub use report::{Check, Outcome, Report};
pub mod conformance;
mod dispatcher_laws;
pub use dispatcher_laws::{Audience, DispatcherLaws, dispatcher_laws};
