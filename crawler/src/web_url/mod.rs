//! The URLs a crawl knows: checked at the door, so that all behind it deals with one that can be fetched, stored and
//! shown; what tells two of them apart; and the site each belongs to.

mod percent;
pub(crate) use percent::{is_triplet, push_octet, push_triplet};
mod base;
mod plain;
mod whole;
pub(crate) use base::Base;
mod checked;
pub(crate) use checked::TEXT_BYTES_MAX;
pub use checked::{RefusedUrl, URL_BYTES_MAX, WebUrl};
mod key;
pub use key::{SiteId, UrlHash};
mod identity;
mod site;
pub use site::{Grouping, Site, registrable_domain};
mod tracking;
