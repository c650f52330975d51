//! What the crawler decides, as pure functions: no clock, no chance and no network of their own. Which URLs belong to
//! a crawl, what their owners allow, when and where to they may be requested, and whether another try is worth it.

pub mod address;
pub mod bodies;
pub(crate) mod limit;
pub mod politeness;
pub mod rate;
mod recent;
pub mod redirects;
pub mod refusal;
pub(crate) mod retry;
pub(crate) mod retry_after;
pub mod robots;
pub mod scope;
pub mod shares;
pub mod sitemaps;
pub mod traps;
pub mod welcome;
