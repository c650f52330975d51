//! A user's own stage through the rules of Reactive Streams and ours.

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
