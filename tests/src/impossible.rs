//! Misuses of GenStage's protocol that the types rule out: each is a program that does not compile, beside one that
//! does.
//!
//! # GS-060, GS-085: a producer that would choose who asks
//!
//! Only the consumer's side of a subscription says who asks, so a producer answers nothing.
//!
//! ```
//! # use stage::{Asking, Context, Producer, Result, SubscriptionId};
//! struct Numbers;
//! impl Producer for Numbers {
//!     type Out = u32;
//!     async fn handle_demand(&mut self, _: usize, _: &mut Context<u32>) -> Result {
//!         Ok(())
//!     }
//!     async fn handle_subscriber(&mut self, _: SubscriptionId, _: &mut Context<u32>) -> Result {
//!         Ok(())
//!     }
//! }
//! ```
//! ```compile_fail
//! # use stage::{Asking, Context, Producer, Result, SubscriptionId};
//! struct Numbers;
//! impl Producer for Numbers {
//!     type Out = u32;
//!     async fn handle_demand(&mut self, _: usize, _: &mut Context<u32>) -> Result {
//!         Ok(())
//!     }
//!     async fn handle_subscriber(&mut self, _: SubscriptionId, _: &mut Context<u32>) -> Result<Asking> {
//!         Ok(Asking::Manual)
//!     }
//! }
//! ```
//!
//! # GS-081: a consumer that would emit
//!
//! What a consumer can emit is a type without values, whether in a callback or in a call.
//!
//! ```
//! # use stage::{Batch, Consumer, Context, Handler, Result};
//! struct Sink;
//! impl Handler<Vec<u32>> for Sink {
//!     type Reply = usize;
//!     async fn handle(&mut self, events: Vec<u32>, cx: &mut Context) -> usize {
//!         events.len()
//!     }
//! }
//! ```
//! ```compile_fail
//! # use stage::{Batch, Consumer, Context, Handler, Result};
//! struct Sink;
//! impl Handler<Vec<u32>> for Sink {
//!     type Reply = usize;
//!     async fn handle(&mut self, events: Vec<u32>, cx: &mut Context) -> usize {
//!         cx.emit_all(events);
//!         0
//!     }
//! }
//! ```
//!
//! # GS-099: a consumer that would be subscribed to
//!
//! ```
//! # use stage::{AsConsumer, AsProducer, Consumer, Demand, Handle, Producer};
//! fn join<P: Producer<Out = u32>, C: Consumer<In = u32>>(from: Handle<AsProducer<P>>, to: Handle<AsConsumer<C>>) {
//!     let _id = to.subscribe_to(&from, Demand::default());
//! }
//! ```
//! ```compile_fail
//! # use stage::{AsConsumer, AsProducer, Consumer, Demand, Handle, Producer};
//! fn join<P: Consumer<In = u32>, C: Consumer<In = u32>>(from: Handle<AsConsumer<P>>, to: Handle<AsConsumer<C>>) {
//!     let _id = to.subscribe_to(&from, Demand::default());
//! }
//! ```
//!
//! # GS-101: a producer that would be sent a consumer's messages
//!
//! Events and ends travel on an edge that a consumer has opened; a producer opens none.
//!
//! ```compile_fail
//! # use stage::{AsConsumer, AsProducer, Consumer, Demand, Handle, Producer};
//! fn join<P: Producer<Out = u32>, C: Producer<Out = u32>>(from: Handle<AsProducer<P>>, to: Handle<AsProducer<C>>) {
//!     let _id = to.subscribe_to(&from, Demand::default());
//! }
//! ```
//!
//! # GS-170: a supervisor without one template, or with an unknown option
//!
//! A start function is the template: there is one, and it makes children of the events that the supervisor takes.
//!
//! ```
//! # use stage::{Strategy, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(()));
//! ```
//! ```compile_fail
//! # use stage::{Strategy, consumer_supervisor};
//! let workers = consumer_supervisor();
//! ```
//! ```compile_fail
//! # use stage::{Strategy, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(()), async |job: u32| Ok(()));
//! ```
//!
//! A child is started again alone, so there is no strategy to choose.
//!
//! ```compile_fail
//! # use stage::{Strategy, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(())).strategy(Strategy::OneForAll);
//! ```
//!
//! # GS-171: a permanent template, or a bad shutdown
//!
//! A child is temporary, or transient when it is said how many restarts are too many; a shutdown's time is not
//! negative.
//!
//! ```
//! # use std::time::Duration;
//! # use stage::{ChildShutdown, Intensity, Restart, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(()))
//!     .restart_children(Intensity::default())
//!     .shut_down_children(ChildShutdown::Within(Duration::from_millis(1)));
//! ```
//! ```compile_fail
//! # use std::time::Duration;
//! # use stage::{ChildShutdown, Intensity, Restart, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(()))
//!     .restart_children(Restart::Permanent)
//!     .shut_down_children(ChildShutdown::Within(Duration::from_millis(1)));
//! ```
//! ```compile_fail
//! # use std::time::Duration;
//! # use stage::{ChildShutdown, Intensity, Restart, consumer_supervisor};
//! let workers = consumer_supervisor(async |job: u32| Ok(()))
//!     .restart_children(Intensity::default())
//!     .shut_down_children(ChildShutdown::Within(Duration::from_millis(-1)));
//! ```
