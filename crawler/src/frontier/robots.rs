//! The copy of a site's robots.txt that all nodes of a crawl share.

use std::time::SystemTime;

/// What was last known of the robots.txt of one authority.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use crawler::frontier::RobotsCopy;
///
/// let now = SystemTime::now();
/// let unreachable = RobotsCopy {
///     status: 0,
///     body: Vec::new(),
///     fetched_at: now,
///     expires_at: now + Duration::from_secs(75),
///     tries: 1,
/// };
/// assert!(unreachable.expires_at > now);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotsCopy {
    /// The status it came with, 0 when there was no answer.
    pub status: u16,
    /// Its bytes.
    pub body: Vec<u8>,
    /// When it was fetched.
    pub fetched_at: SystemTime,
    /// When it is to be fetched again. The frontier hands out an older copy too: it may be the last good one.
    pub expires_at: SystemTime,
    /// How often in a row it could not be had since.
    pub tries: u16,
}
