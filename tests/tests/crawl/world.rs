//! What the stories share: the web that is crawled, and the crawl's folder.

use std::time::Duration;

pub(crate) use tests::web::{
    assert_each_once, counts, hosts, number_of, pages_asked, reachable, site, start, url,
};
pub(crate) use tests::{Job, text};

/// How long a crawl of any size may take.
pub(crate) const LONG: Duration = Duration::from_secs(600);
