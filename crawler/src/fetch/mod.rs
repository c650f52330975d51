//! One request and its answer: to no address that is not allowed, within four clocks, and with no more bytes than its
//! caps and the memory of the crawl allow.

mod limits;
pub use limits::Limits;
mod memory;
pub use memory::{Memory, Reserved};
pub(crate) mod causes;
mod failure;
pub use failure::{FetchError, NoAnswer};
mod resolve;
pub use resolve::{Names, NamesError};
mod body;
mod coding;
mod wire;
pub use body::{Body, Truncated};
mod client;
mod fetcher;
mod places;
mod request;
pub use fetcher::{Answer, Fetcher, FetcherError, UserAgent, UserAgentError};
#[cfg(test)]
mod any_body;
#[cfg(test)]
mod tests;
