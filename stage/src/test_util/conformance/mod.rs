//! A user's own stage through the rules of Reactive Streams and ours. Only with the feature `test-util`.
//!
//! Each check starts a stage of its own, in the real runtime, between probes that play its neighbours, and goes by the
//! number of its rule: `RS` for §1 to §4 of the Reactive Streams specification for the JVM, 1.0.4, and `law` for what
//! this library adds. Displayed, a [`Report`](crate::test_util::Report) lists them all with their outcomes.
//!
//! # What is checked
//!
//! | rules | of what emits |
//! |---|---|
//! | RS 1.1, 3.8, 3.9, 3.17 | as much comes as was asked for, whatever the asks |
//! | RS 1.2, 1.5, 1.6, 1.7, law: completion | a completion comes once, after all events, and closes the subscription |
//! | RS 1.4 | a failure is told |
//! | RS 1.8, 3.5 to 3.7, 3.12, 3.13, law: cancel | consumers leave at any point, are let go, and harm nobody |
//! | RS 1.9 to 1.11, 3.15, 3.16 | consumers come, come again, come together, and strangers do no harm |
//! | law: liveness | no event is held while credit exists |
//! | law: surplus | a producer emits no more than it was told to |
//! | law: order | the events of an edge keep their order |
//! | law: leaver | a leaver's demand is not leaked |
//! | law: broadcast | under a Broadcast a producer is asked for the least demand |
//! | law: key | under a keyed Partition the events of a producer stay, by key, at one consumer |
//! | law: drain | a drain ends within its grace |
//!
//! | rules | of what takes |
//! |---|---|
//! | RS 2.1, law: window | it asks, and outstanding ≤ max at all times |
//! | law: asks late, law: asks on | it asks again after max − min are handled, neither before nor never |
//! | RS 2.3, 2.4, 2.6 | after the end it is silent, and it tells its own end |
//! | RS 2.8, 2.13, law: excess | events that come late, unasked or from strangers do no harm |
//! | RS 2.9, 2.10, law: last | it completes with its last producer, and fails with the first |
//! | law: conservation | each event is handled, or counted as lost or failed |
//! | law: drain up | a drain cancels its producers first |
//!
//! | rules | of what does both, beside all of the above |
//! |---|---|
//! | RS 4.2 | a failure from above is told below |
//! | law: pull | without demand below it takes one window at most |
//! | law: buffer | its completion waits for its buffer |
//! | law: fan-out | each event comes out as often as was told |
//!
//! # What the types leave no way to break
//!
//! | rule | why |
//! |---|---|
//! | RS 1.3, 2.7: signals, asks and cancels are serial | they need `&mut` |
//! | RS 1.9, 2.13: nothing is null | there is no null |
//! | RS 2.12: a subscription is opened once | it has one owner, and a new id |
//! | RS 3.1: only its subscriber uses it | the context cannot leave its callback |
//! | RS 3.9: no ask for 0 or less | [`Subscription::request`](crate::Subscription::request) takes a `NonZeroUsize` |
//! | what goes along an edge is what both ends agree on | edges are typed |
//! | roles: who emits, who takes | methods exist only where they mean something |
//!
//! Two tasks cannot ask on a subscription at once (RS 1.3, 2.7):
//!
//! ```compile_fail,E0499
//! # use std::num::NonZeroUsize;
//! # async fn ask(mut edge: stage::Subscription<u32>) {
//! let (one, other) = (&mut edge, &mut edge);
//! one.request(NonZeroUsize::MIN);
//! other.request(NonZeroUsize::MIN);
//! # }
//! ```
//!
//! A subscription has one owner (RS 2.12):
//!
//! ```compile_fail,E0599
//! # fn share(edge: stage::Subscription<u32>) {
//! let another = edge.clone();
//! # }
//! ```
//!
//! The context stays in its callback (RS 3.1):
//!
//! ```compile_fail,E0521
//! # use stage::{Batch, Consumer, Context, Result};
//! # struct Leaky;
//! # impl Consumer for Leaky {
//! #     type In = u32;
//! async fn handle_events(&mut self, events: &mut Batch<'_, u32>, cx: &mut Context) -> Result {
//!     let id = events.subscription();
//!     std::thread::spawn(move || cx.ask(id, 1));
//!     Ok(())
//! }
//! # }
//! ```
//!
//! There is no ask for nothing (RS 3.9):
//!
//! ```compile_fail,E0308
//! # fn ask(mut edge: stage::Subscription<u32>) {
//! edge.request(0);
//! # }
//! ```
//!
//! An edge has one type at both ends:
//!
//! ```compile_fail,E0271
//! # use stage::{Batch, Consumer, Context, Demand, Result, consumer, from_iter};
//! # struct Words;
//! # impl Consumer for Words {
//! #     type In = String;
//! #     async fn handle_events(&mut self, _: &mut Batch<'_, String>, _: &mut Context) -> Result {
//! #         Ok(())
//! #     }
//! # }
//! # fn subscribe() -> std::result::Result<(), stage::SpawnError> {
//! let numbers = from_iter(0..10).spawn()?;
//! consumer(Words).subscribe_to(&numbers, Demand::default()).spawn()?;
//! # Ok(())
//! # }
//! ```
//!
//! Nobody subscribes to a consumer:
//!
//! ```compile_fail,E0277
//! # use stage::{Consumer, ConsumerHandle, Demand, consumer};
//! # fn subscribe<S: Consumer, T: Consumer>(taker: &ConsumerHandle<S>, other: T) {
//! consumer(other).subscribe_to(taker, Demand::default());
//! # }
//! ```
//!
//! A producer subscribes to nobody:
//!
//! ```compile_fail,E0599
//! # use stage::{Demand, from_iter};
//! # fn subscribe() -> std::result::Result<(), stage::SpawnError> {
//! let numbers = from_iter(0..10).spawn()?;
//! from_iter(0..10).subscribe_to(&numbers, Demand::default());
//! # Ok(())
//! # }
//! ```
//!
//! A consumer has no buffer:
//!
//! ```compile_fail,E0599
//! # use stage::{Consumer, WhenFull, consumer};
//! # fn build<S: Consumer>(stage: S) {
//! consumer(stage).buffer(10, WhenFull::DropOldest);
//! # }
//! ```
//!
//! and emits nothing:
//!
//! ```compile_fail,E0308
//! # use stage::{Batch, Consumer, Context, Result};
//! # struct Taker;
//! # impl Consumer for Taker {
//! #     type In = u32;
//! async fn handle_events(&mut self, _: &mut Batch<'_, u32>, cx: &mut Context) -> Result {
//!     cx.emit(1);
//!     Ok(())
//! }
//! # }
//! ```
//!
//! Only a Broadcast selects:
//!
//! ```compile_fail,E0271
//! # fn select() -> Result<(), stage::SpawnError> {
//! stage::from_iter(0..10).spawn()?.select(|n| n % 2 == 0);
//! # Ok(())
//! # }
//! ```
//!
//! and only a Partition has partitions:
//!
//! ```compile_fail,E0271
//! # fn partition() -> Result<(), stage::SpawnError> {
//! stage::from_iter(0..10).spawn()?.partition(0);
//! # Ok(())
//! # }
//! ```
//!
//! # What does not apply
//!
//! | rule | why |
//! |---|---|
//! | RS 2.2 | it advises threads for slow work; a callback that waits holds none |
//! | RS 2.5 | it refuses a second subscription; a stage has any number |
//! | RS 3.2 to 3.4 | they are about calls that return; an ask is a message |
//! | RS 3.10, 3.11, 3.14 | they permit what this library does not do |

mod emits;
mod rules;
mod running;
mod takes;
mod through;

mod producer;
pub use producer::{ProducerConformance, producer};
mod consumer;
pub use consumer::{ConsumerConformance, consumer};
mod producer_consumer;
pub use producer_consumer::{ProducerConsumerConformance, producer_consumer};
