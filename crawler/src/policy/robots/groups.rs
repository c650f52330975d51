//! From the records of a robots.txt to the rules for one crawler: which groups hold, and in what order their rules
//! decide.

use std::cmp::Reverse;
use std::time::Duration;

use super::Product;
use super::lines::{Name, Record};
use super::pattern::Pattern;
use super::rules::{Rule, Rules, Verdict};
use crate::web_url::WebUrl;

/// How much of a line a refusal repeats, in bytes.
const TEXT_BYTES_MAX: usize = 200;

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
pub(super) struct Reader<'a> {
    product: &'a Product,
    own: Groups,
    others: Groups,
    has_rules: bool,
    sitemaps: Vec<WebUrl>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(product: &'a Product) -> Self {
        Self {
            product,
            own: Groups::default(),
            others: Groups::default(),
            has_rules: false,
            sitemaps: Vec::new(),
        }
    }

    /// Takes the next record.
    pub(super) fn on_record(&mut self, record: &Record<'_>) {
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

    /// Returns the rules of the groups that hold.
    pub(super) fn finish(self) -> Rules {
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
