//! Which of the URLs that are found belong to the crawl.
//!
//! | a URL … | by default |
//! |---|---|
//! | of a site that no seed has | is out: `scope-site` (`scope-host`, `scope-origin`) |
//! | more links away from its seed than the depth | is out: `scope-depth` |
//! | that an exclude pattern matches | is out: `scope-excluded` |
//! | that no include pattern matches, where there are any, and is no seed | is out: `scope-not-included` |
//! | any other | is in |
//!
//! The rules are asked in this order, and the first that refuses is the reason.

use std::collections::HashSet;

use regex::{Regex, RegexSet};
use thiserror::Error;

use crate::web_url::{Grouping, WebUrl};

/// How far from its seeds a crawl goes, in links, unless it is told otherwise.
pub const DEPTH_MAX: u32 = 25;

/// How much of the web around the seeds is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// The sites of the seeds: all hosts under their registrable domains.
    #[default]
    Site,
    /// The hosts of the seeds, on any port and by both schemes.
    Host,
    /// The origins of the seeds: scheme, host and port.
    Origin,
    /// The whole web.
    Any,
}

/// A pattern that is no regular expression.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error("the pattern {pattern:?} is no regular expression")]
pub struct ScopeError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it, and where.
    pub source: regex::Error,
}

/// Why a URL is out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OutOfScope {
    /// It is outside the reach.
    #[error("{}", match reach {
        Reach::Host => "a host that no seed has",
        Reach::Origin => "an origin that no seed has",
        _ => "a site that no seed has",
    })]
    OutOfReach {
        /// The reach that was asked for.
        reach: Reach,
    },
    /// It is too many links away from its seed.
    #[error("{depth} links away from its seed, and the crawl goes {depth_max}")]
    TooDeep {
        /// How many links away it is.
        depth: u32,
        /// How many are in.
        depth_max: u32,
    },
    /// An exclude pattern matches it.
    #[error("excluded by {pattern:?}")]
    Excluded {
        /// The first that matches.
        pattern: String,
    },
    /// No include pattern matches it.
    #[error("included by no pattern")]
    NotIncluded,
}

impl OutOfScope {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfReach { reach } => match reach {
                Reach::Host => "scope-host",
                Reach::Origin => "scope-origin",
                Reach::Site | Reach::Any => "scope-site",
            },
            Self::TooDeep { .. } => "scope-depth",
            Self::Excluded { .. } => "scope-excluded",
            Self::NotIncluded => "scope-not-included",
        }
    }
}

/// The part of the web that a crawl is about.
///
/// ```
/// use crawler::policy::scope::{Reach, Scope};
/// use crawler::web_url::WebUrl;
///
/// let seed = WebUrl::parse("https://example.com/")?;
/// let scope = Scope::new(Reach::Site, [&seed]).exclude(["/login"])?;
/// assert!(scope.check(&WebUrl::parse("http://www.example.com/a")?, 1).is_ok());
/// let refused = scope.check(&WebUrl::parse("https://example.org/")?, 1).unwrap_err();
/// assert_eq!(refused.code(), "scope-site");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scope {
    reach: Reach,
    within: HashSet<String>,
    depth_max: u32,
    include: RegexSet,
    exclude: RegexSet,
}

impl Scope {
    /// Makes the scope of those seeds, [`DEPTH_MAX`] links deep.
    #[must_use]
    pub fn new<'a>(reach: Reach, seeds: impl IntoIterator<Item = &'a WebUrl>) -> Self {
        Self {
            reach,
            within: seeds
                .into_iter()
                .map(|seed| reach.of(seed).to_owned())
                .collect(),
            depth_max: DEPTH_MAX,
            include: RegexSet::empty(),
            exclude: RegexSet::empty(),
        }
    }

    /// Takes URLs in that are at most that many links away from their seed; 0 is the seeds alone.
    #[must_use]
    pub const fn depth_max(mut self, depth_max: u32) -> Self {
        self.depth_max = depth_max;
        self
    }

    /// Takes in, besides the seeds, only URLs that one of the patterns matches, anywhere in them.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] names the first pattern that is no regular expression.
    pub fn include<P: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, ScopeError> {
        self.include = compile(patterns)?;
        Ok(self)
    }

    /// Keeps out URLs that one of the patterns matches, anywhere in them.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] names the first pattern that is no regular expression.
    pub fn exclude<P: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, ScopeError> {
        self.exclude = compile(patterns)?;
        Ok(self)
    }

    /// Decides about a URL that many links away from its seed.
    ///
    /// # Errors
    ///
    /// [`OutOfScope`] is the first rule that keeps it out.
    pub fn check(&self, url: &WebUrl, depth: u32) -> Result<(), OutOfScope> {
        self.check_reach(url)?;
        self.check_within_reach(url, depth)
    }

    /// Decides about a URL by its scheme, host and port alone.
    ///
    /// # Errors
    ///
    /// [`OutOfScope::OutOfReach`].
    pub(crate) fn check_reach(&self, url: &WebUrl) -> Result<(), OutOfScope> {
        if self.reaches(url) {
            return Ok(());
        }
        Err(OutOfScope::OutOfReach { reach: self.reach })
    }

    /// Decides about a URL of which that is known already.
    ///
    /// # Errors
    ///
    /// [`OutOfScope`] is the first of the other rules that keeps it out.
    pub(crate) fn check_within_reach(&self, url: &WebUrl, depth: u32) -> Result<(), OutOfScope> {
        if depth > self.depth_max {
            return Err(OutOfScope::TooDeep {
                depth,
                depth_max: self.depth_max,
            });
        }
        self.check_excluded(url)?;
        // A seed was typed, so it is wanted: from a home page, `--include /blog/` finds the blog.
        if depth > 0 && !self.include.is_empty() && !self.include.is_match(url.as_str()) {
            return Err(OutOfScope::NotIncluded);
        }
        Ok(())
    }

    /// Decides about a sitemap, wherever it is: who has named it speaks for it, and what it lists is decided about by
    /// itself.
    ///
    /// # Errors
    ///
    /// [`OutOfScope`] when an exclude pattern matches it, or the crawl goes no link deep, as far as the pages are that it
    /// lists.
    pub fn check_sitemap(&self, url: &WebUrl) -> Result<(), OutOfScope> {
        if self.depth_max == 0 {
            return Err(OutOfScope::TooDeep {
                depth: 1,
                depth_max: 0,
            });
        }
        self.check_excluded(url)
    }

    /// Returns whether the URL is in the part of the web that the crawl is about, whatever its path.
    #[must_use]
    pub fn reaches(&self, url: &WebUrl) -> bool {
        self.reach == Reach::Any || self.within.contains(self.reach.of(url))
    }

    fn check_excluded(&self, url: &WebUrl) -> Result<(), OutOfScope> {
        match self.exclude.matches(url.as_str()).iter().next() {
            Some(first) => Err(OutOfScope::Excluded {
                pattern: self.exclude.patterns()[first].clone(),
            }),
            None => Ok(()),
        }
    }
}

impl Reach {
    /// Returns the name of the part of the web that the URL is in.
    fn of(self, url: &WebUrl) -> &str {
        match self {
            Self::Site => url.site_name(Grouping::RegistrableDomain),
            Self::Host => url.site_name(Grouping::Host),
            Self::Origin => url.origin(),
            Self::Any => "",
        }
    }
}

fn compile<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<RegexSet, ScopeError> {
    let patterns: Vec<P> = patterns.into_iter().collect();
    RegexSet::new(patterns.iter().map(AsRef::as_ref)).map_err(|source| {
        // A set does not tell which of its patterns is wrong.
        let wrong = patterns
            .iter()
            .find_map(|pattern| Some((pattern, Regex::new(pattern.as_ref()).err()?)));
        match wrong {
            Some((pattern, source)) => ScopeError {
                pattern: pattern.as_ref().to_owned(),
                source,
            },
            None => ScopeError {
                pattern: patterns
                    .iter()
                    .map(AsRef::as_ref)
                    .collect::<Vec<_>>()
                    .join("|"),
                source,
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    fn scope(reach: Reach) -> Scope {
        Scope::new(
            reach,
            [&url("https://www.example.com/a"), &url("http://192.0.2.1/")],
        )
    }

    fn check(scope: &Scope, text: &str, depth: u32, expected: &str) {
        let decided = scope.check(&url(text), depth);
        let code = decided.as_ref().map_or_else(OutOfScope::code, |()| "in");
        assert_eq!(code, expected, "{text} at depth {depth}");
    }

    #[test]
    fn a_site_is_all_hosts_of_its_registrable_domain() {
        let site = scope(Reach::default());
        check(&site, "https://www.example.com/", 1, "in");
        check(&site, "http://blog.example.com:8080/", 1, "in");
        check(&site, "https://192.0.2.1/", 1, "in");
        check(&site, "https://example.org/", 1, "scope-site");
        check(&site, "https://example.com.evil.net/", 1, "scope-site");
        check(&site, "https://192.0.2.2/", 1, "scope-site");
    }

    #[test]
    fn a_host_is_itself_on_any_port_and_by_both_schemes() {
        let host = scope(Reach::Host);
        check(&host, "http://www.example.com:8080/b", 1, "in");
        check(&host, "https://www.example.com./", 1, "in");
        check(&host, "https://example.com/", 1, "scope-host");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = scope(Reach::Origin);
        check(&origin, "https://www.example.com:443/b", 1, "in");
        check(&origin, "http://www.example.com/", 1, "scope-origin");
        check(&origin, "https://www.example.com:444/", 1, "scope-origin");
    }

    #[test]
    fn any_is_the_whole_web_at_any_seed() {
        check(&scope(Reach::Any), "http://elsewhere.example/", 25, "in");
        check(&Scope::new(Reach::Any, []), "http://h/", 0, "in");
        check(&Scope::new(Reach::Site, []), "http://h/", 0, "scope-site");
    }

    #[test]
    fn the_depth_is_counted_in_links_from_the_seed() {
        let seed = "https://www.example.com/a";
        check(&scope(Reach::Site), seed, DEPTH_MAX, "in");
        check(&scope(Reach::Site), seed, DEPTH_MAX + 1, "scope-depth");
        let seeds_alone = scope(Reach::Site).depth_max(0);
        check(&seeds_alone, seed, 0, "in");
        check(&seeds_alone, seed, 1, "scope-depth");
    }

    #[test]
    fn patterns_match_anywhere_and_an_exclude_goes_before_an_include() {
        let scope = scope(Reach::Site).include(["/blog/", r"\.html$"]).unwrap();
        let scope = scope.exclude(["[?&]print="]).unwrap();
        check(&scope, "https://www.example.com/blog/1", 1, "in");
        check(&scope, "https://www.example.com/a.html", 1, "in");
        check(
            &scope,
            "https://www.example.com/a.html?b",
            1,
            "scope-not-included",
        );
        check(
            &scope,
            "https://www.example.com/blog/1?print=1",
            1,
            "scope-excluded",
        );
        check(&scope, "https://www.example.com/a", 0, "in");
        check(
            &scope,
            "https://www.example.com/?print=1",
            0,
            "scope-excluded",
        );
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        let error = scope(Reach::Site).exclude(["a", "(b"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the pattern \"(b\" is no regular expression"
        );
        let too_large = scope(Reach::Site).include(["(a{1000}){1000}"]).unwrap_err();
        assert_eq!(too_large.pattern, "(a{1000}){1000}");
    }

    #[test]
    fn a_refusal_says_what_refused() {
        let scope = scope(Reach::Site).exclude(["a", "mple"]).unwrap();
        let refused = scope
            .check(&url("https://www.example.com/"), 1)
            .unwrap_err();
        assert_eq!(refused.to_string(), "excluded by \"a\"");
        let refused = scope
            .check(&url("https://www.example.com/"), 26)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "26 links away from its seed, and the crawl goes 25"
        );
    }
}
