//! Links that robots.txt refuses: they are done with the page that they are on, and never stand in the queue.
//!
//! Only what is known without a request decides here. A link whose robots.txt is not read yet, or is to be asked for
//! anew, goes the way of all others, and is refused when its turn comes. So do all links of a crawl that is shared, or
//! whose records go to a pipe: there a record that another's is before could not be taken back, or would be all the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::record::rfc3339;
use super::verdict::id;
use super::{PageRecord, Robots, Rules};
use crate::frontier::{Fate, NewUrl, Record, UrlHash};
use crate::policy::robots::{self, RobotsRefusal};
use crate::web_url::WebUrl;

/// What the robots.txt of each authority says that a page links to, as far as it is read.
#[derive(Debug)]
pub(super) struct ReadRobots<'v> {
    rules: &'v Rules,
    robots: &'v Robots,
    origins: BTreeMap<String, Option<Arc<robots::Rules>>>,
}

impl<'v> ReadRobots<'v> {
    pub(super) fn new(rules: &'v Rules, robots: &'v Robots) -> Self {
        Self {
            rules,
            robots,
            origins: BTreeMap::new(),
        }
    }

    /// Returns why a URL is refused, if it is known to be.
    pub(super) fn refusal(&mut self, url: &WebUrl) -> Option<RobotsRefusal> {
        // As it would be asked for.
        let url = if self.rules.strips_tracking {
            &url.without_tracking()
        } else {
            url
        };
        if !self.origins.contains_key(url.origin()) {
            let asks = self.rules.asks_robots(url);
            let read = asks.then(|| self.robots.read_rules(url.origin())).flatten();
            self.origins.insert(url.origin().to_owned(), read);
        }
        let rules = self.origins.get(url.origin())?.as_ref()?;
        rules.check(url).err()
    }
}

/// Makes a link that is refused done, and returns it with the code of the reason.
pub(super) fn refused(
    link: NewUrl,
    at: SystemTime,
    refusal: &RobotsRefusal,
) -> (NewUrl, (UrlHash, &'static str)) {
    let code = refusal.code();
    let page = PageRecord {
        url: link.url.clone(),
        id: id(link.hash),
        referrer: link.referrer.map(id),
        fate: Fate::Refused.as_str(),
        at: rfc3339(at),
        depth: link.depth,
        reason: Some(code),
        message: Some(refusal.to_string()),
        ..PageRecord::default()
    };
    let mut record = Record::new(Fate::Refused);
    record.about = page.to_line();
    record.about.truncate(record.about.trim_end().len());
    let hash = link.hash;
    (link.recorded(record), (hash, code))
}
