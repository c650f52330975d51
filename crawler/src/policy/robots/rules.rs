//! The rules of one robots.txt for one crawler.

use std::cmp::Reverse;
use std::time::Duration;

use thiserror::Error;

use super::Product;
use super::lines::{Name, Record, records};
use super::pattern::{Pattern, comparable};
use crate::web_url::WebUrl;

/// How much of a robots.txt is read, in bytes; the RFC asks for 500 KiB at least. Source: RFC 9309 §2.5.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// How much of a line a refusal repeats, in bytes.
const TEXT_BYTES_MAX: usize = 200;

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
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<WebUrl>,
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
enum Verdict {
    Allow,
    Disallow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    verdict: Verdict,
    line: usize,
    text: String,
}

/// The groups of one kind: those that name the crawler, or those for all.
#[derive(Debug, Default)]
struct Groups {
    is_present: bool,
    is_open: bool,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

/// ```text
///             User-agent            Allow, Disallow
///            ┌──────────┐          ┌───────────────┐
///            │          ▼          │               ▼
///  outside ──┴──▶ names of a group ┴──▶ rules of a group
///                       ▲                          │
///                       └────────── User-agent ────┘
/// ```
///
/// All other records change nothing here, so they end no group.
#[derive(Debug)]
struct Reader<'a> {
    product: &'a Product,
    own: Groups,
    others: Groups,
    has_rules: bool,
    sitemaps: Vec<WebUrl>,
}

impl<'a> Reader<'a> {
    fn new(product: &'a Product) -> Self {
        Self {
            product,
            own: Groups::default(),
            others: Groups::default(),
            has_rules: false,
            sitemaps: Vec::new(),
        }
    }

    fn on_record(&mut self, record: &Record<'_>) {
        match record.name {
            Name::UserAgent => self.on_user_agent(record.value),
            Name::Allow => self.on_rule(record, Verdict::Allow),
            Name::Disallow => self.on_rule(record, Verdict::Disallow),
            Name::CrawlDelay => self.on_crawl_delay(record.value),
            Name::Sitemap => self.on_sitemap(record.value),
        }
    }

    fn on_user_agent(&mut self, value: &[u8]) {
        if self.has_rules {
            self.has_rules = false;
            self.own.is_open = false;
            self.others.is_open = false;
        }
        let group = if self.product.is_named(value) {
            &mut self.own
        } else if matches!(value, [b'*'] | [b'*', b' ' | b'\t', ..]) {
            &mut self.others
        } else {
            return;
        };
        group.is_present = true;
        group.is_open = true;
    }

    fn on_rule(&mut self, record: &Record<'_>, verdict: Verdict) {
        self.has_rules = true;
        let (value, line) = (record.value, record.line);
        // A rule without a path matches nothing: an empty Disallow allows everything.
        if value.is_empty() {
            return;
        }
        let text = shown(record.text);
        self.push(Rule {
            pattern: Pattern::new(value),
            verdict,
            line,
            text: text.clone(),
        });
        if verdict == Verdict::Allow
            && let Some(directory) = directory_of_index(value)
        {
            let pattern = Pattern::new(&[directory, b"$"].concat());
            self.push(Rule {
                pattern,
                verdict,
                line,
                text,
            });
        }
    }

    fn push(&mut self, rule: Rule) {
        // A group that names both is the crawler's own, whose rules then are all that hold.
        if self.own.is_open {
            self.own.rules.push(rule);
        } else if self.others.is_open {
            self.others.rules.push(rule);
        }
    }

    fn on_crawl_delay(&mut self, value: &[u8]) {
        let Some(delay) = seconds(value) else { return };
        for group in [&mut self.own, &mut self.others] {
            if group.is_open {
                group.crawl_delay = group.crawl_delay.max(Some(delay));
            }
        }
    }

    fn on_sitemap(&mut self, value: &[u8]) {
        let url = str::from_utf8(value).ok().map(WebUrl::parse);
        if let Some(Ok(url)) = url {
            self.sitemaps.push(url);
        }
    }

    fn finish(self) -> Rules {
        let groups = if self.own.is_present {
            self.own
        } else {
            self.others
        };
        let mut rules = groups.rules;
        // The sort is stable: of equals the first line is the one that refuses.
        rules.sort_by_key(|rule| (Reverse(rule.pattern.octets()), rule.verdict));
        Rules {
            rules,
            crawl_delay: groups.crawl_delay,
            sitemaps: self.sitemaps,
        }
    }
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

/// Returns the directory whose index page is named: who allows the page allows it by its shorter name. Source: Google.
fn directory_of_index(value: &[u8]) -> Option<&[u8]> {
    let slash = value.iter().rposition(|byte| *byte == b'/')?;
    let (directory, page) = value.split_at(slash + 1);
    matches!(page, b"index.html" | b"index.htm").then_some(directory)
}

fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = str::from_utf8(value).ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns a line fit to be shown.
fn shown(text: &[u8]) -> String {
    let cut = &text[..text.len().min(TEXT_BYTES_MAX)];
    let text = String::from_utf8_lossy(cut);
    text.chars().filter(|char| !char.is_control()).collect()
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
        assert!(refused.text.len() <= TEXT_BYTES_MAX, "{refused}");
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
