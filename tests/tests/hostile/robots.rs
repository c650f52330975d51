//! The files of rules: robots.txt.

use crawler::policy::robots::{Product, Rules};
use crawler::web_url::WebUrl;
use proptest::prelude::*;

use crate::text::soup;

fn parse(body: &[u8]) -> Rules {
    Rules::parse(body, &Product::of("FooBot/1.0").unwrap())
}

fn url(path: &str) -> WebUrl {
    WebUrl::parse(&format!("http://h{path}")).unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_rules_and_a_refusal_names_a_line_of_them(body in soup(&WORDS), path in PATH) {
        let rules = parse(&body);
        let lines = 1 + body.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
        if let Err(refused) = rules.check(&url(&path)) {
            prop_assert!((1..=lines).contains(&refused.line));
            // What is cut within a character, or is none, is shown as three bytes.
            prop_assert!(refused.text.len() <= 3 * 200);
            prop_assert!(!refused.text.chars().any(char::is_control));
        }
        prop_assert!(rules.sitemaps().len() <= lines);
    }

    #[test]
    fn paths_that_mean_the_same_are_treated_the_same(body in soup(&WORDS), path in PATH) {
        let rules = parse(&body);
        let (one, other) = (url(&path), WebUrl::parse(&url(&path).identity()).unwrap());
        prop_assert_eq!(rules.check(&one), rules.check(&other));
    }

    #[test]
    fn line_ends_comments_blanks_and_unknown_lines_change_nothing(
        lines in prop::collection::vec(line(), 0..20),
        noise in prop::sample::select(vec!["", "# Allow: /", "  ", "Host: h", "Crawl-delay: x", "nonsense", "\u{feff}a: b"]),
        end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
        path in PATH,
    ) {
        let plain = lines.join("\n");
        let noisy: String = lines
            .iter()
            .map(|line| format!("{noise}{end}\t{}  # {end}", line.replacen(':', " : ", 1)))
            .collect();
        let is_allowed = |body: &str| parse(body.as_bytes()).check(&url(&path)).is_ok();
        prop_assert_eq!(is_allowed(&plain), is_allowed(&noisy), "{} and {}", plain, noisy);
    }

    /// By the letter of RFC 9309 §2.2.2: of all rules that match, the longest, and the one that allows of equals.
    #[test]
    fn the_longest_rule_decides(rules in prop::collection::vec((any::<bool>(), "/[ab/*]{0,6}\\$?"), 0..8), path in "/[ab/]{0,8}") {
        let line = |(allows, pattern): &(bool, String)| format!("{}: {pattern}\n", if *allows { "Allow" } else { "Disallow" });
        let body: String = rules.iter().map(line).collect();
        let matching = rules.iter().filter(|(_, pattern)| matches(pattern.as_bytes(), path.as_bytes()));
        let longest = matching.max_by_key(|(allows, pattern)| (pattern.len(), *allows));
        let allows = longest.is_none_or(|(allows, _)| *allows);
        let is_allowed = parse(format!("User-agent: *\n{body}").as_bytes()).check(&url(&path)).is_ok();
        prop_assert_eq!(is_allowed, allows, "{} by {}", path, body);
    }

    #[test]
    fn a_group_for_another_crawler_says_nothing(body in soup(&WORDS), path in PATH) {
        // Names at the end of a body would be names of that group too.
        let body = [&body[..], b"\nAllow: /\n"].concat();
        let more = [&body[..], b"User-agent: OtherBot\nDisallow: /\n"].concat();
        prop_assert_eq!(parse(&body).check(&url(&path)), parse(&more).check(&url(&path)));
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("User-agent: *".to_owned()),
        Just("User-agent: foobot".to_owned()),
        Just("User-agent: OtherBot".to_owned()),
        "(Dis)?allow: (/[ab*]{0,4}\\$?)?".prop_map(|rule| rule.replace("allow", "Allow")),
    ]
}

/// Tries every way. It allows all that a star may be.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', after @ ..] => (0..=path.len()).any(|at| matches(after, &path[at..])),
        [octet, after @ ..] => path.first() == Some(octet) && matches(after, &path[1..]),
    }
}

const PATH: &str = "/([ab*$]|%4[12]|%c3%bC|ü|/|\\?|&|%|index.html){0,12}";

const WORDS: [&str; 40] = [
    "User-agent: *\n",
    "User-agent: FooBot\n",
    "user-agent:foobot/2\r\n",
    "User-agent: OtherBot\n",
    "User-agent",
    "Disallow: /\n",
    "Disallow:\n",
    "Disallow: /a\n",
    "Allow: /a\n",
    "Disallow: /*b$\n",
    "Allow: /a*\n",
    "Disallow: /ab\r",
    "Allow",
    "disalow",
    "dissallow /b\n",
    "Disallow: ",
    "Crawl-delay: 1e3\n",
    "Crawl-delay: ",
    "Sitemap: http://h/s.xml\n",
    "Sitemap: ",
    ":",
    "/",
    "*",
    "$",
    "#",
    "%",
    "%41",
    "%c3%bc",
    "ü",
    "a",
    "b",
    "index.html",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    "\0",
    "\u{feff}",
    "\x1b[2J",
];
