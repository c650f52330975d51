//! The rules of one robots.txt for one crawler.

use std::time::Duration;

use thiserror::Error;

use super::Product;
use super::groups::Reader;
use super::lines::records;
use super::pattern::{Pattern, comparable};
use crate::web_url::WebUrl;

/// How much of a robots.txt is read, in bytes; the RFC asks for 500 KiB at least. Source: RFC 9309 §2.5.
pub const BODY_BYTES_MAX: usize = 512 * 1024;

/// A URL that the rules keep from the crawler.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("disallowed by line {line} of robots.txt: {text}")]
pub struct RobotsRefusal {
    /// The line of the rule, from 1.
    pub line: usize,
    /// The line as it stands there, cut when it is long, and without control characters.
    pub text: String,
}

impl RobotsRefusal {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "robots-disallowed"
    }
}

/// What a robots.txt says to one crawler.
///
/// | a group that names the crawler | a group for `*` | the rules |
/// |---|---|---|
/// | one or more | | all of those, as one group |
/// | none | one or more | all of those, as one group |
/// | none | none | everything is allowed |
///
/// The rule with the most octets decides, `Allow` before `Disallow` if they have as many; without one that matches,
/// the URL is allowed. `/robots.txt` itself is always allowed. Source: RFC 9309 §2.2.1, §2.2.2.
///
/// A URL is held against one rule after the other, which takes microseconds by the hundreds of rules that sites have,
/// and some milliseconds by the tens of thousands that fill the largest body.
///
/// ```
/// use crawler::policy::robots::{Product, Rules};
/// use crawler::web_url::WebUrl;
///
/// let body = b"User-agent: *\nDisallow: /private\nAllow: /private/door\nCrawl-delay: 2";
/// let rules = Rules::parse(body, &Product::of("ExampleBot/1.0").ok_or("no name")?);
/// assert!(rules.check(&WebUrl::parse("http://h/private/door")?).is_ok());
/// let refused = rules.check(&WebUrl::parse("http://h/private/room")?).unwrap_err();
/// assert_eq!((refused.line, refused.text.as_str()), (2, "Disallow: /private"));
/// assert_eq!(rules.crawl_delay().map(|delay| delay.as_secs()), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Those that decide first stand first.
    pub(super) rules: Vec<Rule>,
    pub(super) crawl_delay: Option<Duration>,
    pub(super) sitemaps: Vec<WebUrl>,
}

impl Rules {
    /// Reads what can be read; the default allows everything.
    ///
    /// Of a body that is longer than [`BODY_BYTES_MAX`] the rest is left out, and so is the line that is cut there.
    #[must_use]
    pub fn parse(body: &[u8], product: &Product) -> Self {
        let mut reader = Reader::new(product);
        for record in records(whole_lines(body)) {
            reader.on_record(&record);
        }
        reader.finish()
    }

    /// Decides about a URL of the authority that the robots.txt is of.
    ///
    /// # Errors
    ///
    /// [`RobotsRefusal`] holds the line that refuses it.
    pub fn check(&self, url: &WebUrl) -> Result<(), RobotsRefusal> {
        let path = comparable(url.path_and_query().as_bytes());
        let decides = self.rules.iter().find(|rule| rule.pattern.matches(&path));
        match decides {
            Some(rule) if rule.verdict == Verdict::Disallow && path != "/robots.txt" => {
                Err(RobotsRefusal {
                    line: rule.line,
                    text: rule.text.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Returns the longest `Crawl-delay` of the groups that hold, as it is written: it may be years.
    #[must_use]
    pub const fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// Returns the sitemaps, which belong to no group.
    #[must_use]
    pub fn sitemaps(&self) -> &[WebUrl] {
        &self.sitemaps
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Allow,
    Disallow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) verdict: Verdict,
    pub(super) line: usize,
    pub(super) text: String,
}

/// Returns the lines that are read.
fn whole_lines(body: &[u8]) -> &[u8] {
    let Some(read) = body.get(..BODY_BYTES_MAX) else {
        return body;
    };
    if body.len() == BODY_BYTES_MAX {
        return body;
    }
    let end = read.iter().rposition(|byte| matches!(byte, b'\r' | b'\n'));
    &read[..end.map_or(0, |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> Rules {
        Rules::parse(body, &Product::of("FooBot").unwrap())
    }

    fn check(body: &str, path: &str, expected: Option<(usize, &str)>) {
        let url = WebUrl::parse(&format!("http://h{path}")).unwrap();
        let refused = parse(body.as_bytes()).check(&url).err();
        let refused = refused
            .as_ref()
            .map(|refused| (refused.line, refused.text.as_str()));
        assert_eq!(refused, expected, "{path} by {body:?}");
    }

    #[test]
    fn a_refusal_names_the_line_that_decided() {
        let body = "User-agent: *\n\nDisallow: /a # why\nDisallow: /a\n disallow /a/b \n";
        check(body, "/a", Some((3, "Disallow: /a # why")));
        check(body, "/a/b", Some((5, "disallow /a/b")));
        check(body, "/", None);
    }

    #[test]
    fn a_refusal_is_fit_to_be_shown() {
        let body = format!("User-agent: *\nDisallow: /\x1b[2Ja*{}", "x".repeat(300));
        let url = WebUrl::parse(&format!("http://h/%1B[2Ja{}", "x".repeat(300))).unwrap();
        let refused = parse(body.as_bytes()).check(&url).unwrap_err();
        assert!(refused.text.starts_with("Disallow: /[2Ja*xx"), "{refused}");
        assert!(refused.text.len() <= 200, "{refused}");
    }

    #[test]
    fn robots_txt_itself_is_always_allowed() {
        let body = "User-agent: *\nDisallow: /";
        check(body, "/robots.txt", None);
        check(body, "/robots.txt?a", Some((2, "Disallow: /")));
    }

    #[test]
    fn other_records_end_no_group() {
        for other in [
            "Sitemap: http://h/s",
            "Crawl-delay: 1",
            "Host: h",
            "",
            "# User-agent: b",
        ] {
            let body = format!("User-agent: FooBot\n{other}\nUser-agent: b\nDisallow: /");
            check(&body, "/", Some((4, "Disallow: /")));
            let body =
                format!("User-agent: FooBot\nAllow: /a\n{other}\nUser-agent: b\nDisallow: /");
            check(&body, "/", None);
        }
    }

    #[test]
    fn an_empty_rule_ends_the_names_of_a_group() {
        check(
            "User-agent: FooBot\nDisallow:\nUser-agent: b\nDisallow: /",
            "/",
            None,
        );
    }

    #[test]
    fn a_group_of_its_own_holds_also_when_it_is_empty() {
        let body = "User-agent: *\nDisallow: /\nUser-agent: FooBot\n";
        check(body, "/", None);
        check(
            "User-agent: FooBot\nUser-agent: *\nDisallow: /a",
            "/a",
            Some((3, "Disallow: /a")),
        );
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_and_the_cut_line_is_dropped() {
        let rules = |padding: usize| {
            let mut body = b"User-agent: *\nDisallow: /a\n".to_vec();
            body.resize(body.len() + padding, b'#');
            body.extend(b"\nDisallow: /b");
            (body.len(), parse(&body))
        };
        let is_disallowed = |rules: &Rules, path: &str| {
            let url = WebUrl::parse(&format!("http://h{path}")).unwrap();
            rules.check(&url).is_err()
        };
        let (length, whole) = rules(BODY_BYTES_MAX - 40);
        assert_eq!(length, BODY_BYTES_MAX);
        assert!(is_disallowed(&whole, "/a") && is_disallowed(&whole, "/b"));
        // One byte more, and the last line would say `/`.
        let (_, cut) = rules(BODY_BYTES_MAX - 39);
        assert!(is_disallowed(&cut, "/a") && !is_disallowed(&cut, "/b"));
        let endless = [b'#'; BODY_BYTES_MAX + 1];
        assert_eq!(parse(&endless), Rules::default());
    }

    #[test]
    fn the_crawl_delay_is_the_longest_of_the_groups_that_hold() {
        fn check(body: &str, expected: Option<Duration>) {
            assert_eq!(parse(body.as_bytes()).crawl_delay(), expected, "{body:?}");
        }
        check(
            "User-agent: *\nCrawl-delay: 10",
            Some(Duration::from_secs(10)),
        );
        check(
            "User-agent: foobot\nCrawl-delay: 0.5",
            Some(Duration::from_millis(500)),
        );
        check(
            "User-agent: foobot\nCrawl-delay: 3\nCrawl-delay: 2\nDisallow:\nUser-agent: *\nCrawl-delay: 9",
            Some(Duration::from_secs(3)),
        );
        check(
            "User-agent: foobot\nDisallow:\nUser-agent: *\nCrawl-delay: 9",
            None,
        );
        for wrong in ["", "x", "-1", "NaN", "inf", "1e400", "1 s"] {
            check(&format!("User-agent: *\nCrawl-delay: {wrong}"), None);
        }
        check("Crawl-delay: 1", None);
    }

    #[test]
    fn sitemaps_stand_anywhere() {
        let body =
            b"Sitemap: http://h/1\nUser-agent: a\nSitemap: nowhere\nsite-map: https://i/2 # x";
        let rules = parse(body);
        let urls: Vec<&str> = rules.sitemaps().iter().map(WebUrl::as_str).collect();
        assert_eq!(urls, ["http://h/1", "https://i/2"]);
    }
}
