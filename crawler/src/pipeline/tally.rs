//! What a visit counts as. It is counted when it is settled, and not before: what a run says that it has done is what the next
//! one does not do again.

use std::time::Duration;

use crate::frontier::Fate;

/// What a visit adds to the counts once it is settled.
#[derive(Debug)]
pub(crate) enum Tally {
    /// Nothing, as the URL was not asked for.
    ToCome,
    /// A try that is followed by another.
    Retried,
    /// A URL with its record.
    Done(Done),
}

impl Tally {
    /// Returns whether it counts only where the URL has its record.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// A URL that is done, for now where it is fetched again and again.
#[derive(Debug)]
pub(crate) struct Done {
    pub(super) fate: Fate,
    /// 0 without an answer.
    pub(super) status: u16,
    pub(super) depth: u16,
    /// Why it failed or was refused.
    pub(super) code: &'static str,
    /// What is shown of it, if it failed.
    pub(super) shown: String,
    pub(super) is_duplicate: bool,
    /// The URL that is fetched again, and how long its answer took, if there was one.
    pub(super) again: Option<(String, Option<Duration>)>,
}
