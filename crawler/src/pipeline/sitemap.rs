//! Sitemaps in the flow: which answers are read as one, and which of the URLs in them the crawl takes.
//!
//! A sitemap is *named* by hand, by a robots.txt, by an index, or by a redirect from one of these; or it is *found* as a
//! page is, and is XML.
//!
//! | | its pages are | its sitemaps, if it is an index, are |
//! |---|---|---|
//! | named | as deep as it is, and one link from a seed at least | one index further, and as deep |
//! | found | one link further | the same |
//!
//! So what a site lists is one link from a seed. But a feed that is found is no shorter way than a page: else a site without
//! an end, each page of which has a feed, would have no depth.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::visit::{Visit, Visitor, off_executor};
use super::{Counts, PageRecord, Rules};
use crate::fetch::{Answer, Truncated};
use crate::frontier::{FrontierError, Lease, NewUrl};
use crate::parse::{Sitemap, SitemapKind, is_xml, parse_sitemap};
use crate::policy::refusal::Refusal;
use crate::policy::sitemaps::{INDEXES_MAX, SitemapFault};
use crate::web_url::WebUrl;

/// Of how many other hosts the robots.txt is looked at for one sitemap: one that is shared names that many.
const HOSTS_MAX: usize = 100;

/// What is taken of a sitemap.
#[derive(Debug, Default)]
pub(super) struct Listed {
    kind: Option<SitemapKind>,
    fault: Option<SitemapFault>,
    /// How many URLs it lists.
    count: usize,
    links: Vec<NewUrl>,
    /// How many of them are not followed, by the code of the reason.
    left_out: BTreeMap<&'static str, u64>,
}

impl Listed {
    /// Returns why nothing could be read of it, if that is so.
    fn unread(&self) -> Option<SitemapFault> {
        self.fault.filter(|_| self.count == 0)
    }

    /// Tells of it in the record and the counts, and returns what is followed.
    pub(super) fn tell(self, record: &mut PageRecord, counts: &Counts) -> Vec<NewUrl> {
        if let Some(kind) = self.kind {
            record.sitemap = Some(kind.as_str());
            record.links = Some(self.count);
        }
        record.reason = self.fault.map(SitemapFault::code);
        record.message = self.fault.map(|fault| fault.to_string());
        for (code, count) in self.left_out {
            counts.left_out(code, count);
        }
        self.links
    }
}

/// Returns whether an answer that nobody named as a sitemap may be one: its type is XML, or it has none.
pub(super) fn may_be_sitemap(answer: &Answer) -> bool {
    answer.header("content-type").is_none_or(is_xml)
}

/// Returns why nothing could be read of a sitemap that was named, if that is so: it has failed then, whatever else its answer
/// is.
pub(super) fn failure_of_named(
    lease: &Lease,
    status: u16,
    listed: Option<&Listed>,
) -> Option<SitemapFault> {
    if !lease.is_sitemap() {
        return None;
    }
    match listed {
        Some(listed) => listed.unread(),
        None => Some(SitemapFault::Missing { status }),
    }
}

/// Reads a body as a sitemap. What is none is one only if it was named so.
pub(super) fn sitemap_of(answer: &Answer, is_named: bool) -> Option<Sitemap> {
    let mut sitemap = parse_sitemap(&answer.body.bytes);
    let is_xml = !matches!(sitemap.kind, None | Some(SitemapKind::Text));
    let is_cut = answer.body.truncated == Some(Truncated::Length);
    if is_cut && sitemap.fault == Some(SitemapFault::Invalid) {
        sitemap.fault = Some(SitemapFault::TooLong);
    }
    (is_named || is_xml).then_some(sitemap)
}

impl Visitor {
    /// Returns the sitemaps that the robots.txt of the URL's authority names, where that is in scope and was just read: they
    /// come in with the outcome of the visit that read it.
    pub(super) fn named_sitemaps(&self, url: &WebUrl) -> Vec<NewUrl> {
        if !self.rules.reads_sitemaps || !self.rules.scope.reaches(url) {
            return Vec::new();
        }
        let mut named = Vec::new();
        for sitemap in self.robots.sitemaps(url) {
            match self.rules.admit_sitemap(&sitemap, 1, 0) {
                Ok(new) => named.push(new),
                Err(code) => self.counts.left_out(code, 1),
            }
        }
        named
    }
}

impl Visit<'_> {
    /// Makes what a URL redirects to one for the frontier: of a sitemap a sitemap.
    pub(super) fn admit_as(&self, lease: &Lease, target: &WebUrl) -> Result<NewUrl, &'static str> {
        let rules = &self.visitor.rules;
        match lease.indexes() {
            Some(indexes) => rules.admit_sitemap(target, lease.depth, indexes),
            None => rules.admit(target, lease.depth),
        }
    }

    /// Decides what is taken of a sitemap.
    pub(super) async fn list(
        &self,
        url: &WebUrl,
        lease: &Lease,
        sitemap: Sitemap,
    ) -> Result<Box<Listed>, FrontierError> {
        let base = url.clone();
        let (listed, urls, others) = off_executor(move || {
            let (listed, urls) = resolve(&base, sitemap);
            let others = other_origins(&base, &urls);
            (listed, urls, others)
        })
        .await;
        let names = [Some(lease.hash), lease.referrer, lease.chain];
        let names: Vec<_> = names.into_iter().flatten().collect();
        let mut naming = HashSet::new();
        for origin in others.into_iter().take(HOSTS_MAX) {
            if self.visitor.robots.names(&origin, &names).await? {
                naming.insert(origin);
            }
        }
        let listing = Listing {
            rules: Arc::clone(&self.visitor.rules),
            url: url.clone(),
            naming,
            is_named: lease.is_sitemap(),
            indexes: lease.indexes().unwrap_or_default(),
            depth: lease.depth,
        };
        let hash = lease.hash;
        let taken = off_executor(move || {
            let mut listed = listing.take(listed, urls);
            for new in &mut listed.links {
                new.referrer = Some(hash);
            }
            Box::new(listed)
        });
        Ok(taken.await)
    }
}

/// Returns the URLs of a sitemap; what is none is left out.
fn resolve(base: &WebUrl, sitemap: Sitemap) -> (Listed, Vec<WebUrl>) {
    let count = sitemap.urls.len();
    let urls = sitemap.urls.into_iter();
    let urls: Vec<_> = urls.filter_map(|text| base.join(&text).ok()).collect();
    let mut listed = Listed {
        kind: sitemap.kind,
        fault: sitemap.fault,
        count,
        ..Listed::default()
    };
    if urls.len() < count {
        let invalid = u64::try_from(count - urls.len()).unwrap_or(u64::MAX);
        listed.left_out.insert("url-invalid", invalid);
    }
    (listed, urls)
}

/// Returns the origins of other hosts than that of the sitemap, in the order of their names.
fn other_origins(sitemap: &WebUrl, urls: &[WebUrl]) -> Vec<String> {
    let others = urls.iter().filter(|url| !is_at_home(sitemap, url));
    let mut origins: Vec<_> = others.map(WebUrl::origin).collect();
    origins.sort_unstable();
    origins.dedup();
    origins.into_iter().map(str::to_owned).collect()
}

/// Returns whether a URL is of the host that the sitemap is on.
fn is_at_home(sitemap: &WebUrl, url: &WebUrl) -> bool {
    sitemap.host_str() == url.host_str()
}

/// What decides about the URLs of one sitemap.
struct Listing {
    rules: Arc<Rules>,
    url: WebUrl,
    /// The origins of other hosts whose robots.txt names it, or what led to it.
    naming: HashSet<String>,
    is_named: bool,
    indexes: u8,
    depth: u16,
}

impl Listing {
    /// Takes what is followed; each URL goes as it is looked at, for there may be many.
    fn take(&self, mut listed: Listed, urls: Vec<WebUrl>) -> Listed {
        let is_index = listed.kind == Some(SitemapKind::Index);
        if is_index && self.indexes >= INDEXES_MAX {
            listed.fault = Some(SitemapFault::TooDeep);
            return listed;
        }
        for url in urls {
            match self.admit(&url, is_index) {
                Ok(new) => listed.links.push(new),
                Err(code) => *listed.left_out.entry(code).or_default() += 1,
            }
        }
        listed
    }

    fn admit(&self, url: &WebUrl, is_sitemap: bool) -> Result<NewUrl, &'static str> {
        if !is_at_home(&self.url, url) && !self.naming.contains(url.origin()) {
            return Err(Refusal::ForeignSitemap.code());
        }
        let depth = self.depth_of_listed();
        if is_sitemap {
            self.rules.admit_sitemap(url, depth, self.indexes + 1)
        } else {
            self.rules.admit(url, depth)
        }
    }

    fn depth_of_listed(&self) -> u16 {
        if self.is_named {
            self.depth.max(1)
        } else {
            self.depth.saturating_add(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Obeys, OwnHosts, lanes_for};
    use crate::policy::politeness::Politeness;
    use crate::policy::robots::Product;
    use crate::policy::scope::{Reach, Scope};
    use crate::web_url::Grouping;

    const PAGES: &[u8] =
        b"http://h/a\nhttp://h:81/b\nhttp://i/c\nhttp://j/d\nhttp://h/x/x/x/x\nhttp://[";
    const INDEX: &[u8] = b"<sitemapindex><sitemap><loc>http://h/1</loc></sitemap></sitemapindex>";

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    fn listing(indexes: Option<u8>, depth: u16) -> Listing {
        let rules = Rules {
            scope: Scope::new(Reach::Site, [&url("http://h/"), &url("http://i/")]),
            politeness: Politeness::default(),
            grouping: Grouping::RegistrableDomain,
            own_hosts: OwnHosts::default(),
            product: Product::of("FooBot").unwrap(),
            obeys: Obeys::All,
            robots_tries: 4,
            retries: 0,
            reads_sitemaps: true,
            follow: crate::parse::Follow::LINKS,
            strips_tracking: false,
            every: None,
            lanes: lanes_for(64),
        };
        Listing {
            rules: Arc::new(rules),
            url: url("http://h/sitemap"),
            naming: HashSet::new(),
            is_named: indexes.is_some(),
            indexes: indexes.unwrap_or_default(),
            depth,
        }
    }

    fn take(listing: &Listing, body: &[u8]) -> Listed {
        let (listed, urls) = resolve(&listing.url, parse_sitemap(body));
        listing.take(listed, urls)
    }

    fn taken(listed: &Listed) -> Vec<(&str, u16, i16)> {
        let links = listed.links.iter();
        links
            .map(|link| (link.url.as_str(), link.depth, link.priority))
            .collect()
    }

    #[test]
    fn pages_are_of_its_host_or_of_one_that_names_it() {
        let mut listing = listing(Some(0), 0);
        let listed = take(&listing, PAGES);
        assert_eq!(
            taken(&listed),
            [("http://h/a", 1, 1), ("http://h:81/b", 1, 1)]
        );
        let left_out = [
            ("sitemap-foreign", 2),
            ("trap-segment", 1),
            ("url-invalid", 1),
        ];
        assert_eq!(listed.left_out, BTreeMap::from(left_out));
        assert_eq!(listed.count, 6);
        // A host that names it may be out of scope all the same.
        listing.naming = ["http://i", "http://j"].map(str::to_owned).into();
        let listed = take(&listing, PAGES);
        assert_eq!(taken(&listed)[2..], [("http://i/c", 1, 1)]);
        assert_eq!(listed.left_out["scope-site"], 1);
    }

    #[test]
    fn an_index_leads_to_sitemaps_but_not_for_ever() {
        let check = |indexes: Option<u8>, depth: u16, expected: Option<(u16, i16)>| {
            let listed = take(&listing(indexes, depth), INDEX);
            let links = taken(&listed).into_iter();
            let links: Vec<_> = links
                .map(|(_, depth, priority)| (depth, priority))
                .collect();
            assert_eq!(links, Vec::from_iter(expected), "{indexes:?}");
            let is_too_deep = listed.fault == Some(SitemapFault::TooDeep);
            assert_eq!(is_too_deep, expected.is_none(), "{indexes:?}");
        };
        check(Some(0), 0, Some((1, -3)));
        check(Some(2), 1, Some((1, -1)));
        check(Some(3), 1, None);
        check(None, 7, Some((8, -3)));
    }

    #[test]
    fn what_is_found_lists_pages_that_are_deeper() {
        let depths = |indexes, depth| take(&listing(indexes, depth), b"http://h/").links[0].depth;
        assert_eq!(depths(Some(1), 0), 1);
        assert_eq!(depths(Some(1), 1), 1);
        assert_eq!(depths(Some(1), 8), 8);
        assert_eq!(depths(None, 8), 9);
    }
}
