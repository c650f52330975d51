//! Which of the URLs found at one place belong to the crawl. What is the same for all of one origin, which most links
//! of a page have in common, is found out once.

use std::collections::BTreeMap;

use super::Rules;
use crate::frontier::{Frontier, NewUrl, Site, SiteId};
use crate::parse::Link;
use crate::policy::traps;
use crate::web_url::WebUrl;

/// Admits URLs that are equally far from their seed.
#[derive(Debug)]
pub(crate) struct Admission<'r> {
    rules: &'r Rules,
    depth: u16,
    /// The politeness group of each origin that was asked about, or the code of the rule that keeps it out.
    origins: BTreeMap<String, Result<Site, &'static str>>,
}

impl<'r> Admission<'r> {
    pub(crate) fn new(rules: &'r Rules, depth: u16) -> Self {
        Self {
            rules,
            depth,
            origins: BTreeMap::new(),
        }
    }

    /// Makes a URL that was found one for the frontier, or says by a code why it is none of this crawl.
    ///
    /// # Errors
    ///
    /// The code of the scope's rule, or of the trap; what was given by hand is no trap.
    pub(crate) fn admit(&mut self, url: &WebUrl) -> Result<NewUrl, &'static str> {
        let (rules, depth) = (self.rules, self.depth);
        let site = self.site(url)?;
        rules
            .scope
            .check_within_reach(url, u32::from(depth))
            .map_err(|refused| refused.code())?;
        // What was given by hand is meant, whatever it looks like.
        if depth > 0 {
            traps::check(url).map_err(|trap| trap.code())?;
        }
        let url = if rules.strips_tracking {
            &url.without_tracking()
        } else {
            url
        };
        let new = NewUrl::seed(url.as_str(), site).known_as(&url.identity());
        Ok(if depth == 0 {
            new.asked_for()
        } else {
            new.at_depth(depth)
        })
    }

    /// Makes of each link that was found a URL for the frontier, as [`Admission::admit`], or `None` where that is known to
    /// know it.
    pub(crate) fn admit_new(
        &mut self,
        links: &[&Link],
        frontier: &dyn Frontier,
    ) -> impl Iterator<Item = Result<Option<NewUrl>, &'static str>> {
        let sites = self.sites(links);
        let within = links.iter().zip(&sites);
        let mut keys = Vec::with_capacity(links.len());
        keys.extend(within.filter_map(|(link, site)| Some((site.ok()?, link.hash))));
        let mut known = frontier.remembers(&keys).into_iter();
        links.iter().zip(sites).map(move |(link, site)| {
            site?;
            if known.next() == Some(true) {
                return Ok(None);
            }
            self.admit(&link.url).map(Some)
        })
    }

    /// Returns the site of each link; most are of the origin of the one before.
    fn sites(&mut self, links: &[&Link]) -> Vec<Result<SiteId, &'static str>> {
        let mut sites = Vec::with_capacity(links.len());
        let mut before = None;
        for Link { url, .. } in links {
            let site = match before {
                Some((origin, site)) if origin == url.origin() => site,
                _ => self.site(url).map(|site| site.id()),
            };
            before = Some((url.origin(), site));
            sites.push(site);
        }
        sites
    }

    fn site(&mut self, url: &WebUrl) -> Result<Site, &'static str> {
        if let Some(known) = self.origins.get(url.origin()) {
            return known.clone();
        }
        let reached = self.rules.scope.check_reach(url);
        let site = match reached {
            Ok(()) => Ok(self.rules.site(url)),
            Err(refused) => Err(refused.code()),
        };
        self.origins.insert(url.origin().to_owned(), site.clone());
        site
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::rules::tests::rules;
    use crate::policy::scope::{Reach, Scope};

    #[test]
    fn each_url_of_a_page_is_admitted_as_it_is_alone() {
        let urls = [
            "http://127.0.0.1:4000/a",
            "http://127.0.0.1:5000/a",
            "http://www.example.com/a",
            "https://www.example.com/%7ea",
            "http://www.example.com/b/b/b/b",
            "http://example.org/",
            "http://www.example.com/no",
        ]
        .map(|text| WebUrl::parse(text).unwrap());
        let mut rules = rules(&["http://127.0.0.1:4000/"]);
        rules.scope = Scope::new(Reach::Site, &urls[..3])
            .exclude(["/no$"])
            .unwrap();
        let mut admission = Admission::new(&rules, 1);
        for url in urls.iter().chain(&urls) {
            assert_eq!(admission.admit(url), rules.admit(url, 1), "{url}");
        }
        let codes = urls
            .iter()
            .map(|url| admission.admit(url).err().unwrap_or("in"));
        assert_eq!(
            codes.collect::<Vec<_>>(),
            [
                "in",
                "in",
                "in",
                "in",
                "trap-segment",
                "scope-site",
                "scope-excluded"
            ]
        );
    }
}
