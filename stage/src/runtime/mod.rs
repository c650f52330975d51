//! What runs the stages: mailboxes, the event loop, handles and the builder. What threads share comes from [`crate::sync`].

mod mailbox;
pub(crate) use mailbox::{
    AskPort, CallPort, ConsumerPort, Control, Envelope, Incoming, Lost, Mailbox, Message, Messages,
    NewConsumer, NewUpstream, Opened, Park, Post, ProducerPort, Spares, StagePort, Until,
};
mod group;
pub use group::Group;
mod place;
pub(crate) use place::{Driver, Place};
mod cell;
pub(crate) use cell::{Cell, Edge, Intake};
pub use cell::{EdgeStats, StageStats};
mod role;
use role::Kept;
pub use role::{AsConsumer, AsProducer, AsProducerConsumer, Begins, Emits, Role, Takes};
mod failure;
pub use failure::{DeadLetter, Failure};
mod supervised;
pub(crate) use supervised::{
    NewChild, Orders, Report, StageOrders, Subordinate, Superior, Supervised, Verdict,
};
mod event_loop;
pub(crate) use event_loop::{Task, Turn};
mod aside;
use aside::Aside;
mod sleep;
mod teardown;
pub(crate) use teardown::Last;
mod control;
mod fused;
mod succession;
mod upstream;
pub use fused::Fused;

mod call;
pub use call::{CallError, CastError, WeakHandle};
mod handle;
pub use handle::{
    ConsumerHandle, Drained, Handle, ProducerConsumerHandle, ProducerHandle, Unreachable,
};
mod outlet;
pub use outlet::{Outlet, Source};
mod build;
pub(crate) use build::Supervision;
pub use build::{
    Build, SpawnError, consumer, consumer_with, producer, producer_consumer,
    producer_consumer_with, producer_with,
};
