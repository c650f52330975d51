//! What is leased: one lane of a site.

use super::SiteId;

/// A part of a site that is leased as one: the whole of a polite site, one of many of an unlimited one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lane {
    pub(crate) site: SiteId,
    pub(crate) number: u16,
}
