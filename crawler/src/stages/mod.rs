//! The two stages of a crawl and what runs between them: who knows the URLs, a URL on loan, and who fetches it.

mod source;
pub(crate) use source::{Supply, UrlSource};
mod lease;
pub(crate) use lease::{Lease, Report};
mod cause;
mod fetch;
pub(crate) use fetch::{client, fetch};
mod child;
pub(crate) use child::{Shared, child};
