//! The flow as actors do it: one way, a message for each event.

mod with_kameo;
pub(crate) use with_kameo::one_way as kameo_one_way;
mod with_ractor;
pub(crate) use with_ractor::one_way as ractor_one_way;
