//! A web that grows as it is fetched: page n is on site n modulo the number of sites.

use std::time::Duration;

use crawler::frontier::{Fate, Lease, NewUrl, Outcome, Record, Site};

use super::{LINKS, NEW_LINKS, SITES};

/// What a page's record tells beside its status.
pub(crate) const ABOUT: &str = r#"{"type":"text/html","bytes":12345,"title":"An article"}"#;

pub(crate) struct Web {
    sites: Vec<Site>,
    made: usize,
    pages: usize,
    random: u64,
}

impl Web {
    pub(crate) fn new(pages: usize) -> Self {
        let site = |n| Site::polite(format!("site{n}.example"), Duration::ZERO);
        Self {
            sites: (0..SITES).map(site).collect(),
            made: SITES,
            pages,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    pub(crate) fn seeds(&self) -> Vec<NewUrl> {
        (0..SITES).map(|number| self.page(number)).collect()
    }

    pub(crate) fn page(&self, number: usize) -> NewUrl {
        let site = &self.sites[number % SITES];
        let url = format!("http://{}/articles/2024/{number}.html", site.name());
        NewUrl::seed(url, site.clone())
    }

    pub(crate) fn fetch(&mut self, lease: Lease) -> Outcome {
        let links: Vec<_> = self
            .links()
            .into_iter()
            .map(|link| self.page(link))
            .collect();
        fetched(lease, links)
    }

    /// Returns the numbers of the pages that a page links to.
    pub(crate) fn links(&mut self) -> Vec<usize> {
        let site = self.below(SITES);
        let mut links = Vec::with_capacity(LINKS);
        for link in 0..LINKS {
            let number = if link < NEW_LINKS && self.made < self.pages {
                self.made += 1;
                self.made - 1
            } else if link < LINKS - NEW_LINKS {
                // Most links stay on one site.
                let round = self.below(self.made / SITES);
                round * SITES + site
            } else {
                self.below(self.made)
            };
            links.push(number);
        }
        links
    }

    /// Returns a number below `bound`, by xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or(0) % bound.max(1)
    }
}

/// What a page comes to that has these links.
pub(crate) fn fetched(lease: Lease, links: Vec<NewUrl>) -> Outcome {
    let mut record = Record::new(Fate::Fetched);
    record.status = Some(200);
    record.about = ABOUT.to_owned();
    Outcome::done(lease, record).with_links(links)
}
