//! Where a redirect leads. It is never followed on the spot: its target is a URL like any other, which scope, robots,
//! politeness and addresses are asked about again, and which is fetched once.

use thiserror::Error;

use crate::web_url::{RefusedUrl, WebUrl};

/// How many redirects may lead from a link to its page: honest ones are two or three, and browsers give up at 20.
pub const HOPS_MAX: u8 = 10;

/// Why the target of a redirect is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusedRedirect {
    /// It is no URL that can be fetched.
    #[error("redirected to what is no URL to fetch: {0}")]
    Url(#[from] RefusedUrl),
    /// It is the URL that answered, or the one that the chain of redirects began with.
    #[error("redirected to itself")]
    Loop,
    /// There were too many before it.
    #[error("redirected more than {HOPS_MAX} times")]
    TooMany,
}

impl RefusedRedirect {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url(_) => "redirect-invalid",
            Self::Loop => "redirect-loop",
            Self::TooMany => "redirect-too-many",
        }
    }
}

/// Returns whether an answer of that status, with a `Location`, is a redirect; without one it is an answer like any
/// other. Source: RFC 9110 §15.4.
///
/// 300 leaves the choice to a reader, 304 answers a question that was not asked, and 305 and 306 are given up.
#[must_use]
pub const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Returns the target of a redirect after so many before it.
///
/// A loop of several URLs ends where it comes back to a URL that the crawl has seen, and at [`HOPS_MAX`] at the latest.
///
/// ```
/// use crawler::policy::redirects;
/// use crawler::web_url::WebUrl;
///
/// let from = WebUrl::parse("http://h/a/")?;
/// assert_eq!(redirects::target(&from, "../b#top", 0)?.as_str(), "http://h/b");
/// assert_eq!(redirects::target(&from, "/%61/", 0).map_err(|refused| refused.code()), Err("redirect-loop"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`RefusedRedirect`], by its three cases.
pub fn target(from: &WebUrl, location: &str, hops: u8) -> Result<WebUrl, RefusedRedirect> {
    let target = from.join(location)?;
    if target.url_hash() == from.url_hash() {
        return Err(RefusedRedirect::Loop);
    }
    if hops >= HOPS_MAX {
        return Err(RefusedRedirect::TooMany);
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(location: &str, hops: u8, expected: Result<&str, &str>) {
        let from = WebUrl::parse("http://h.example/a/b?c").unwrap();
        let target = target(&from, location, hops);
        let target = target.as_ref().map(WebUrl::as_str);
        assert_eq!(
            target.map_err(|refused| refused.code()),
            expected,
            "{location:?} after {hops}"
        );
    }

    #[test]
    fn a_target_is_read_against_the_url_that_answered() {
        check("https://i.example/", 0, Ok("https://i.example/"));
        check("/d", 0, Ok("http://h.example/d"));
        check("?d", 0, Ok("http://h.example/a/b?d"));
        check("//ann:secret@i.example", 0, Ok("http://i.example/"));
        check("https://h.example/a/b?c", 0, Ok("https://h.example/a/b?c"));
    }

    #[test]
    fn what_leads_back_to_itself_is_a_loop() {
        for location in ["", "#d", "b?c", "http://H.example:80/a/%62?c"] {
            check(location, 0, Err("redirect-loop"));
        }
    }

    #[test]
    fn ten_are_followed_and_an_eleventh_is_not() {
        check("/d", HOPS_MAX - 1, Ok("http://h.example/d"));
        check("/d", HOPS_MAX, Err("redirect-too-many"));
    }

    #[test]
    fn what_is_no_url_to_fetch_is_refused() {
        check("ftp://h/", 0, Err("redirect-invalid"));
        check("http://", 0, Err("redirect-invalid"));
        let from = WebUrl::parse("http://h/").unwrap();
        let refused = target(&from, "mailto:ann", 0).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "redirected to what is no URL to fetch: neither an http nor an https URL"
        );
    }

    #[test]
    fn five_statuses_are_redirects() {
        let redirects: Vec<u16> = (0..1000).filter(|status| is_redirect(*status)).collect();
        assert_eq!(redirects, [301, 302, 303, 307, 308]);
    }
}
