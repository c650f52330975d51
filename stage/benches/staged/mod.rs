//! The flows as stages.

mod behaviours;

mod pipeline;
pub(crate) use pipeline::{colocated, flow, fused, fused_pair};
mod fan_out;
pub(crate) use fan_out::{broadcast, demand, partition};
mod children;
pub(crate) use children::{children, mapped};
mod latency;
pub(crate) use latency::{latency_hot, latency_rested};
mod idle;
pub(crate) use idle::{idle_pairs, start};
