//! The link graph: which pages there are, where each is found and what it links to. Nothing is stored: a page is a
//! function of the site and its number, so a site of any size costs nothing.

use std::collections::BTreeSet;

use crate::web::draws::Draws;
use crate::web::link::{Link, LinkForm, Target};

/// A site: its numbers decide every byte of it.
///
/// The pages are numbered from 0, the front page. The first 19 of 20 are *open*: a tree of ordinary links reaches
/// each of them from the front page, and further links cross it. The rest are *hidden*: only `rel=nofollow` links
/// and the private pages, which robots.txt disallows, lead there.
///
/// ```text
///   0 ──▶ open pages ──▶ open pages …
///              ├──nofollow──▶ hidden pages ──▶ open pages
///              └──▶ /site/private/… ──▶ hidden pages
/// ```
///
/// It is bad at looking like a real web: links are spread evenly, no page is a hub.
///
/// # Examples
///
/// ```
/// use slow_api::{Page, Site};
///
/// let site = Site { pages: 1_000, ..Site::default() };
/// assert_eq!(site.reachable().len(), 950);
/// assert_eq!(site.links(Page(7)), site.links(Page(7)));
/// assert!(site.path(Page(7)).starts_with("/site/page/7"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Decides the links and the text; 0 by default.
    pub seed: u64,
    /// How many pages there are; 1,000 by default.
    pub pages: u64,
    /// How many links a page has; 30 by default. With one link the open pages are a chain.
    pub links: usize,
    /// How many bytes a page has at least, 10,000 by default; it has up to 150 more, or what its links need.
    pub page_bytes: usize,
}

/// The number of a page of a [`Site`], from 0.
///
/// # Examples
///
/// ```
/// use slow_api::{Page, Site};
///
/// assert!(Site::default().reachable().contains(&Page(0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(pub u64);

impl Site {
    /// Returns how many of the pages are open: what a crawler finds that obeys robots.txt and `rel=nofollow`.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.pages - self.pages / 20
    }

    /// Returns whether there is such a page.
    #[must_use]
    pub fn contains(&self, page: Page) -> bool {
        page.0 < self.pages
    }

    /// Returns the pages that are reached from page 0 over links that may be followed, itself included.
    #[must_use]
    pub fn reachable(&self) -> BTreeSet<Page> {
        // The open pages are numbered and linked so that they are exactly these, unless there are no links.
        let reachable = if self.links == 0 {
            self.open().min(1)
        } else {
            self.open()
        };
        (0..reachable).map(Page).collect()
    }

    /// Returns the path, and with some the query, at which the page is found; every link leads there.
    #[must_use]
    pub fn path(&self, page: Page) -> String {
        let Page(number) = page;
        let mut draws = Draws::new([self.seed, number, PATH]);
        // Not the front page, whose path everybody has to know.
        if number > 0 && draws.below(8) == 0 {
            // `copy` is also a character reference, which a careless reader would find in `&copy=`.
            format!("/site/page/{number}?q={}&copy=1", draws.below(100))
        } else {
            format!("/site/page/{number}")
        }
    }

    /// Returns the links of a page in the order in which they stand there.
    #[must_use]
    pub fn links(&self, page: Page) -> Vec<Link> {
        let Page(number) = page;
        let mut draws = Draws::new([self.seed, number, LINKS]);
        let mut links = Vec::with_capacity(self.links);
        let children = BRANCHES.min(self.links as u64);
        let first_child = number.saturating_mul(children).saturating_add(1);
        for child in first_child..first_child.saturating_add(children).min(self.open()) {
            links.push(Link::new(Target::Page(Page(child)), &mut draws));
        }
        while links.len() < self.links {
            let target = self.draw(&links, &mut draws);
            links.push(Link::new(target, &mut draws));
        }
        links
    }

    /// Returns the links of a private page, all to hidden pages where there are some.
    #[must_use]
    pub fn private_links(&self, number: u64) -> Vec<Link> {
        let mut draws = Draws::new([self.seed, number, PRIVATE]);
        let link = |_| Link {
            target: Target::Page(self.draw_hidden(&mut draws)),
            form: LinkForm::Rooted,
        };
        (0..self.links.min(5)).map(link).collect()
    }

    fn draw(&self, before: &[Link], draws: &mut Draws) -> Target {
        match draws.below(32) {
            0 => Target::Private(draws.below(self.pages)),
            1 => Target::Nofollow(self.draw_hidden(draws)),
            2..4 if !before.is_empty() => {
                let at = draws.below(before.len() as u64);
                before[usize::try_from(at).expect("an index below a length is an index")].target
            }
            _ => Target::Page(Page(draws.below(self.open()))),
        }
    }

    fn draw_hidden(&self, draws: &mut Draws) -> Page {
        let open = self.open();
        match self.pages - open {
            0 => Page(draws.below(open)),
            hidden => Page(open + draws.below(hidden)),
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        Self {
            seed: 0,
            pages: 1_000,
            links: 30,
            page_bytes: 10_000,
        }
    }
}

/// The children of a page in the tree that reaches all open pages: at a million pages it is 20 links deep.
const BRANCHES: u64 = 2;
/// What is drawn for a page: each has draws of its own.
const LINKS: u64 = 1;
const PATH: u64 = 2;
const PRIVATE: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pages: u64, links: usize) -> Site {
        Site {
            seed: 7,
            pages,
            links,
            ..Site::default()
        }
    }

    /// Walks over the links that may be followed.
    fn walk(site: &Site) -> BTreeSet<Page> {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<_> = Some(Page(0)).into_iter().collect();
        while let Some(page) = ahead.pop() {
            if site.contains(page) && seen.insert(page) {
                let links = site.links(page).into_iter();
                ahead.extend(links.filter_map(|link| match link.target {
                    Target::Page(page) => Some(page),
                    _ => None,
                }));
            }
        }
        seen
    }

    #[test]
    fn what_is_said_to_be_reachable_is_what_a_walk_reaches() {
        for pages in [0, 1, 2, 3, 19, 20, 21, 100, 1_000] {
            for links in [0, 1, 2, 3, 30] {
                let site = site(pages, links);
                assert_eq!(walk(&site), site.reachable(), "{site:?}");
            }
        }
    }

    #[test]
    fn a_site_of_a_hundred_thousand_pages_is_reached_as_well() {
        let site = site(100_000, 10);
        let reached = walk(&site);
        assert_eq!(reached.len(), 95_000);
        assert_eq!(reached, site.reachable());
    }

    #[test]
    fn every_link_leads_into_the_site_and_there_are_as_many_as_asked_for() {
        for site in [site(1, 30), site(19, 5), site(40, 30), site(u64::MAX, 30)] {
            for number in [0, 1, 17, site.pages / 2, site.pages - 1] {
                let links = site.links(Page(number));
                assert_eq!(links.len(), site.links, "{site:?} {number}");
                for link in links.into_iter().chain(site.private_links(number)) {
                    match link.target {
                        Target::Page(page) | Target::Nofollow(page) => {
                            assert!(site.contains(page), "{site:?} {link:?}");
                        }
                        Target::Private(private) => assert!(private < site.pages),
                    }
                }
            }
        }
    }

    #[test]
    fn a_site_of_some_size_has_every_form_and_kind_of_link_and_links_given_twice() {
        let site = site(100, 30);
        let links: Vec<_> = (0..100).map(|n| site.links(Page(n))).collect();
        let all = || links.iter().flatten();
        for form in LinkForm::ALL {
            assert!(all().any(|link| link.form == form), "{form:?}");
        }
        assert!(all().any(|link| matches!(link.target, Target::Private(_))));
        assert!(all().any(|link| matches!(link.target, Target::Nofollow(_))));
        let twice = links.iter().filter(|links| {
            let mut others = links.iter().enumerate();
            others.any(|(at, link)| links[..at].iter().any(|l| l.target == link.target))
        });
        assert!(twice.count() > 50);
    }

    #[test]
    fn nofollow_and_private_links_lead_to_hidden_pages() {
        let site = site(1_000, 30);
        for number in 0..1_000 {
            for link in site.private_links(number) {
                assert!(matches!(link.target, Target::Page(page) if page.0 >= 950));
            }
            for link in site.links(Page(number)) {
                if let Target::Nofollow(page) = link.target {
                    assert!(page.0 >= 950, "{page:?}");
                }
            }
        }
    }

    #[test]
    fn the_seed_decides_the_links_and_nothing_else_does() {
        let (one, other) = (
            site(1_000, 30),
            Site {
                seed: 8,
                ..site(1_000, 30)
            },
        );
        assert_eq!(one.links(Page(3)), one.links(Page(3)));
        assert_ne!(one.links(Page(3)), other.links(Page(3)));
        assert_ne!(one.links(Page(3)), one.links(Page(4)));
    }

    #[test]
    fn some_pages_are_found_by_a_query_and_each_at_one_path_only() {
        let site = site(1_000, 30);
        let paths: BTreeSet<_> = (0..1_000).map(|n| site.path(Page(n))).collect();
        assert_eq!(paths.len(), 1_000);
        let queries = paths.iter().filter(|path| path.contains("?q=")).count();
        assert!((80..170).contains(&queries), "{queries}");
    }
}
