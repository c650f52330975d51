//! Cases observed on GenStage, each a test under its ID. A departure says so in the test.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod fixtures;

mod reports;

mod producer_to_consumer;

mod producer_consumer;

mod subscriptions;

mod callbacks;

mod middle_callbacks;

mod adapters;

mod names;

mod dispatcher;

mod broadcast;

mod partition;

mod demand_mode;

mod infos;

mod buffer;

mod protocol_errors;

mod consumer_supervisor;

mod acked;
mod table;
