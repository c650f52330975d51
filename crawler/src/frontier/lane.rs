//! What is leased: one lane of a site.

use std::time::Duration;

use super::SiteId;

/// The longest rest that a site takes anew from which no answer came any more, where its delay is not longer: as long as a
/// fetch may take, and so as an answer's own time makes it. Longer rests are those that an answer asked for once.
pub(crate) const REST_AGAIN_MAX: Duration = Duration::from_secs(120);

/// A part of a site that is leased as one: the whole of a polite site, one of many of an unlimited one. In a file that is
/// one URL, by its number in the queue; in a database that others share it is what was dealt to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lane {
    pub(crate) site: SiteId,
    pub(crate) number: i64,
}
