//! What the crawl has come upon of the parts of sites and of bodies, for all places. It is of this process: a crawl that is
//! resumed, and each node of one that is shared, begins to count anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::frontier::{Lease, NewUrl, UrlHash};
use crate::policy::bodies::Bodies;
use crate::policy::shares::{Demotion, Prefix, Shares};
use crate::warc::Digest;
use crate::web_url::WebUrl;

/// The parts of sites and the bodies of pages.
#[derive(Debug, Default)]
pub(super) struct Parts {
    shares: Mutex<Shares>,
    bodies: Mutex<Bodies>,
}

impl Parts {
    /// Counts a link, and returns why it is to be demoted, if it is.
    pub(super) fn find(&self, new: &NewUrl, url: &WebUrl) -> Option<Demotion> {
        lock(&self.shares).find(new.site.id(), new.hash, Prefix::of(url))
    }

    /// Notes a page that was fetched whole, by the digest of its body, and returns the first that had the same, if that was
    /// another.
    pub(super) fn fetched(&self, lease: &Lease, url: &WebUrl, digest: Digest) -> Option<UrlHash> {
        let earlier = lock(&self.bodies).earlier(digest.half(), lease.hash);
        lock(&self.shares).fetched(lease.site, Prefix::of(url), earlier.is_some());
        earlier
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
