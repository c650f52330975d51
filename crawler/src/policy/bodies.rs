//! Which pages have the body of an earlier one.

use super::recent::Recent;
use crate::web_url::UrlHash;

/// How many bodies are remembered at most; about half as many at least. They take some 8 MiB.
pub const BODIES_MAX: usize = 1 << 17;

/// The bodies of a crawl by their digests, the latest of them, each with the first page that had it.
///
/// ```
/// use crawler::policy::bodies::Bodies;
/// use crawler::web_url::UrlHash;
///
/// let [first, second] = ["http://h/a", "http://h/b"].map(UrlHash::of);
/// let mut bodies = Bodies::default();
/// assert_eq!(bodies.earlier(7, first), None);
/// assert_eq!(bodies.earlier(7, second), Some(first));
/// // A page is no duplicate of itself.
/// assert_eq!(bodies.earlier(7, first), None);
/// ```
#[derive(Debug)]
pub struct Bodies(Recent<u128, UrlHash>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Recent::new(BODIES_MAX))
    }
}

impl Bodies {
    /// Returns the first page that had the body with this digest, if that was another, and remembers it.
    pub fn earlier(&mut self, digest: u128, url: UrlHash) -> Option<UrlHash> {
        let first = *self.0.entry(digest, || url);
        (first != url).then_some(first)
    }
}
