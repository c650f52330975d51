//! Every reason for which a URL is not fetched, as one value: what a record holds and what an explanation names.

use thiserror::Error;

use super::address::RefusedAddress;
use super::redirects::RefusedRedirect;
use super::robots::RobotsRefusal;
use super::scope::OutOfScope;
use super::traps::Trap;
use crate::web_url::RefusedUrl;

/// Why a URL is not fetched, in the order in which it is decided.
///
/// | who decides | codes |
/// |---|---|
/// | the URL itself | `url-invalid`, `url-scheme`, `url-too-long` |
/// | the redirect to it | `redirect-invalid`, `redirect-loop`, `redirect-too-many` |
/// | the crawl's scope | `scope-site`, `scope-host`, `scope-origin`, `scope-depth`, `scope-excluded`, `scope-not-included` |
/// | the sitemap that lists it | `sitemap-foreign` |
/// | the traps | `trap-segment`, `trap-parameter`, `trap-depth` |
/// | the site's owner | `robots-disallowed`, `robots-unreachable` |
/// | the address it is at | `address-` and what the address is for |
/// | the site's answers | `site-set-aside` |
///
/// ```
/// use crawler::policy::refusal::Refusal;
/// use crawler::policy::traps;
/// use crawler::web_url::WebUrl;
///
/// fn decide(text: &str) -> Result<WebUrl, Refusal> {
///     let url = WebUrl::parse(text)?;
///     traps::check(&url)?;
///     Ok(url)
/// }
/// assert_eq!(decide("mailto:ann@example.com").map_err(|refusal| refusal.code()), Err("url-scheme"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no URL that can be fetched.
    #[error(transparent)]
    Url(#[from] RefusedUrl),
    /// It is not where a redirect may lead.
    #[error(transparent)]
    Redirect(#[from] RefusedRedirect),
    /// It is no part of the crawl.
    #[error(transparent)]
    Scope(#[from] OutOfScope),
    /// A sitemap of another host lists it.
    #[error("listed by a sitemap of another host, which its own robots.txt does not name")]
    ForeignSitemap,
    /// It looks like the beginning of an endless web.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// The site's owner does not want it fetched.
    #[error(transparent)]
    Robots(#[from] RobotsRefusal),
    /// What the site's owner wants can't be known.
    #[error("its robots.txt can't be reached")]
    RobotsUnreachable,
    /// It is not on the public internet.
    #[error(transparent)]
    Address(#[from] RefusedAddress),
    /// Its site asked for less three times in a row.
    #[error("its site was set aside, as it kept asking for fewer requests")]
    SetAside,
}

impl Refusal {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url(refused) => refused.code(),
            Self::Redirect(refused) => refused.code(),
            Self::Scope(refused) => refused.code(),
            Self::ForeignSitemap => "sitemap-foreign",
            Self::Trap(refused) => refused.code(),
            Self::Robots(refused) => refused.code(),
            Self::RobotsUnreachable => "robots-unreachable",
            Self::Address(refused) => refused.code(),
            Self::SetAside => "site-set-aside",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::robots::{Product, Rules};
    use crate::web_url::WebUrl;

    #[test]
    fn a_refusal_says_what_its_cause_says() {
        fn check(refusal: impl Into<Refusal>, code: &str, message: &str) {
            let refusal = refusal.into();
            assert_eq!(
                (refusal.code(), refusal.to_string().as_str()),
                (code, message)
            );
        }
        check(
            RefusedUrl::OtherScheme,
            "url-scheme",
            "neither an http nor an https URL",
        );
        check(
            RefusedRedirect::Loop,
            "redirect-loop",
            "redirected to itself",
        );
        check(
            OutOfScope::NotIncluded,
            "scope-not-included",
            "included by no pattern",
        );
        check(
            Trap::TooManySegments { segments: 21 },
            "trap-depth",
            "21 path segments, more than 20",
        );
        let rules = Rules::parse(
            b"User-agent: *\nDisallow: /",
            &Product::of("FooBot").unwrap(),
        );
        let refused = rules
            .check(&WebUrl::parse("http://h/").unwrap())
            .unwrap_err();
        check(
            refused,
            "robots-disallowed",
            "disallowed by line 2 of robots.txt: Disallow: /",
        );
        check(
            Refusal::RobotsUnreachable,
            "robots-unreachable",
            "its robots.txt can't be reached",
        );
    }
}
