//! The hosts and ports of one's own, which need no politeness.

use std::collections::{HashMap, HashSet};

use crate::web_url::WebUrl;

/// Hosts on this machine or in a private network that were typed as seeds, each with its port: another port of the same
/// host may be another's server.
///
/// ```
/// use crawler::pipeline::OwnHosts;
/// use crawler::web_url::WebUrl;
///
/// let [typed, other] = [WebUrl::parse("http://127.0.0.1:4000/")?, WebUrl::parse("http://127.0.0.1:5000/")?];
/// let own: OwnHosts = [&typed].into_iter().collect();
/// assert!(own.has(&typed) && !own.has(&other));
/// # Ok::<(), crawler::web_url::RefusedUrl>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnHosts(HashMap<String, HashSet<u16>>);

impl OwnHosts {
    /// Adds those of the URL.
    pub fn add(&mut self, url: &WebUrl) {
        let ports = self.0.entry(url.host_str().to_owned()).or_default();
        ports.insert(url.port());
    }

    /// Returns whether the host and port of the URL are among them.
    #[must_use]
    pub fn has(&self, url: &WebUrl) -> bool {
        let ports = self.0.get(url.host_str());
        ports.is_some_and(|ports| ports.contains(&url.port()))
    }
}

impl<'a> FromIterator<&'a WebUrl> for OwnHosts {
    fn from_iter<I: IntoIterator<Item = &'a WebUrl>>(seeds: I) -> Self {
        let mut own = Self::default();
        for seed in seeds {
            own.add(seed);
        }
        own
    }
}
