//! The two stages of a crawl: who knows the URLs, and who fetches them.

mod source;
pub(crate) use source::{Finished, Supply, UrlSource};
mod fetch;
pub(crate) use fetch::{client, fetch};
