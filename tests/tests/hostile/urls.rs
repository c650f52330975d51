//! URLs: what tells them apart, which belong to a crawl, and which are traps.

use crawler::policy::scope::{Reach, Scope};
use crawler::policy::traps;
use crawler::web_url::{Grouping, URL_BYTES_MAX, WebUrl};
use proptest::prelude::*;

use crate::text::text;

/// What the frontier knows a URL by.
fn key(url: &WebUrl) -> impl PartialEq + std::fmt::Debug + use<> {
    (url.site(Grouping::RegistrableDomain).id(), url.url_hash())
}

fn url(text: &str) -> Option<WebUrl> {
    WebUrl::parse(text).ok()
}

/// Writes some unreserved letters of a path as triplets, and triplets in the other case, where `bits` says so.
fn written_otherwise(url: &WebUrl, bits: u64) -> String {
    let mut text = url.origin().to_owned();
    let mut rest = url.path_and_query();
    let mut at = 0;
    while let Some(first) = rest.chars().next() {
        let is_other = bits >> (at % 64) & 1 == 1;
        at += 1;
        let length = if first == '%' {
            3.min(rest.len())
        } else {
            first.len_utf8()
        };
        let (part, after) = rest.split_at(length);
        match first {
            '%' if is_other => text.push_str(&part.to_ascii_lowercase()),
            // A letter whose triplet a parser of URLs does not read as a dot.
            'a'..='z' if is_other => text.push_str(&format!("%{:02x}", u32::from(first))),
            _ => text.push_str(part),
        }
        rest = after;
    }
    text
}

proptest! {
    #[test]
    fn any_text_is_a_url_within_its_bounds_or_none(text in text(&PARTS)) {
        let page = url("http://h.example/a/b?c").unwrap();
        for url in [WebUrl::parse(&text), page.join(&text)].into_iter().flatten() {
            prop_assert!(url.as_str().len() <= URL_BYTES_MAX && url.as_str().is_ascii());
            prop_assert_eq!(WebUrl::parse(url.as_str()), Ok(url.clone()));
            prop_assert_eq!(page.join(url.as_str()), Ok(url.clone()));
            let identity = WebUrl::parse(&url.identity()).unwrap();
            prop_assert_eq!(identity.identity(), url.identity());
            prop_assert!(identity.as_str().len() <= url.as_str().len());
            prop_assert_eq!(key(&identity), key(&url));
            let stripped = url.without_tracking();
            prop_assert!(stripped.as_str().len() <= url.as_str().len());
            prop_assert_eq!(stripped.without_tracking(), stripped);
            let _one_way_or_the_other = traps::check(&url);
        }
    }

    #[test]
    fn keys_are_equal_where_identities_are_and_nowhere_else(one in URL, other in URL) {
        if let (Some(one), Some(other)) = (url(&one), url(&other)) {
            prop_assert_eq!(key(&one) == key(&other), one.identity() == other.identity(), "{} and {}", one, other);
        }
    }

    #[test]
    fn a_url_that_is_written_otherwise_has_its_identity_its_scope_and_its_trap(text in URL, bits: u64) {
        let Some(one) = url(&text) else { return Ok(()) };
        // With a percent sign alone all counts as it is written.
        prop_assume!(one.path_and_query().split('%').skip(1).all(|after| {
            after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit)
        }));
        let other = url(&written_otherwise(&one, bits)).unwrap();
        prop_assert_eq!(one.identity(), other.identity());
        prop_assert_eq!(key(&one), key(&other));
        for reach in [Reach::Site, Reach::Host, Reach::Origin, Reach::Any] {
            let scope = Scope::new(reach, [&one]);
            prop_assert!(scope.check(&other, 1).is_ok(), "{} is as far as {}", other, one);
        }
    }

    #[test]
    fn a_path_that_goes_round_is_a_trap_sooner_or_later(part in "[a-z]{1,4}", rounds in 4_usize..30) {
        let path = format!("http://h/{}", format!("{part}/").repeat(rounds));
        prop_assert!(traps::check(&url(&path).unwrap()).is_err());
    }
}

/// Few letters, so that two are the same now and then.
const URL: &str = "http://(a|A|b)(\\.example)?(:80|:81)?/([ab]|%6[12]|%2[fF]|%41|/|\\.\\./|%|\\?|&|=){0,6}(#[ab])?";

const PARTS: [&str; 48] = [
    "http:",
    "https:",
    "HTTP:",
    "ftp:",
    "javascript:",
    "data:",
    "//",
    "/",
    "\\",
    "?",
    "#",
    "@",
    ":",
    ":80",
    ":99999",
    "[",
    "]",
    "::1",
    "[::ffff:7f00:1]",
    "127.1",
    "0x7f",
    "%00",
    "%2e",
    "%2E%2e/",
    "..",
    "../",
    "./",
    "a",
    "A",
    "ü",
    "xn--",
    "xn--bcher-kva",
    ".",
    "example.com",
    "co.uk",
    "utm_a=b&",
    "gclid=1",
    "a=b&",
    "&",
    "=",
    "%",
    "%41",
    "%c3%bc",
    " ",
    "\t",
    "\n",
    "\0",
    "\u{202e}",
];
