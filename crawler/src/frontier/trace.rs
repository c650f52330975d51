//! What a frontier holds of one URL.

use std::time::SystemTime;

use crate::policy::shares::Demotion;

/// Where a URL of a crawl stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace {
    /// It is done, or was answered and is fetched again; the record of its last answer, one JSON object.
    Recorded {
        /// The record.
        about: String,
    },
    /// It waits for its turn, or is being fetched.
    Queued {
        /// How many links away from a seed.
        depth: u16,
        /// How often it was tried.
        attempts: u16,
        /// Why it goes behind the others of its site, if it does.
        demotion: Option<Demotion>,
    },
    /// It waits for its next try.
    Delayed {
        /// When that is, at the earliest.
        ready_at: SystemTime,
        /// How many links away from a seed.
        depth: u16,
        /// How often it was tried.
        attempts: u16,
        /// Why it goes behind the others of its site then, if it does.
        demotion: Option<Demotion>,
    },
}
