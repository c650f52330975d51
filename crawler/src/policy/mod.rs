//! What the crawler decides, as pure functions: no clock, no chance and no network of their own.

pub(crate) mod limit;
pub(crate) mod retry;
pub(crate) mod retry_after;
