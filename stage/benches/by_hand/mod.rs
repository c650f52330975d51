//! The baseline: the ask/batch protocol, a task for each event and so on, written by hand for exactly these flows.
//!
//! No names, no failures, no cancels, no counts: what a careful author would write who needs nothing else.

mod mailbox;
mod window;

mod pipeline;
pub(crate) use pipeline::flow;
mod bare_loop;
pub(crate) use bare_loop::bare_loop;
mod colocated;
pub(crate) use colocated::colocated;
mod fan_out;
pub(crate) use fan_out::{broadcast, demand, partition};
mod children;
pub(crate) use children::{children, join_set};
mod latency;
pub(crate) use latency::{latency_hot, latency_rested};
mod idle;
pub(crate) use idle::{idle_pairs, start};
