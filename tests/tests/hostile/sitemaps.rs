//! The files that list pages: sitemaps.

use crawler::parse::{SitemapKind, parse_sitemap};
use proptest::prelude::*;

use crate::text::soup;

proptest! {
    #[test]
    fn any_bytes_are_a_sitemap_and_what_it_lists_has_its_bounds(body in soup(&WORDS)) {
        let sitemap = parse_sitemap(&body);
        let is_none = sitemap.kind.is_none();
        prop_assert!(!is_none || sitemap.urls.is_empty() && sitemap.fault.is_some());
        let listed: usize = sitemap.urls.iter().map(String::len).sum();
        // A byte in another encoding may be three.
        prop_assert!(listed <= 3 * body.len());
        for url in &sitemap.urls {
            prop_assert!(!url.is_empty() && url.trim() == url);
        }
    }

    #[test]
    fn what_is_cut_or_changed_keeps_what_came_before(
        names in prop::collection::vec("[a-z<&;'é]{1,8}", 1..20),
        at in any::<prop::sample::Index>(),
        change in any::<Option<u8>>(),
    ) {
        let mut body = b"<urlset>".to_vec();
        let mut ends = Vec::new();
        for name in &names {
            let name = name.replace('&', "&amp;").replace('<', "&lt;");
            body.extend(format!("<url><loc>http://h/{name}</loc></url>").bytes());
            ends.push(body.len());
        }
        body.extend(b"</urlset>");
        let whole = parse_sitemap(&body);
        let expected: Vec<_> = names.iter().map(|name| format!("http://h/{name}")).collect();
        prop_assert_eq!(&whole.urls, &expected);
        prop_assert_eq!((whole.kind, whole.fault), (Some(SitemapKind::Pages), None));

        let at = at.index(body.len());
        match change {
            Some(byte) => body[at] = byte,
            None => body.truncate(at),
        }
        let before = ends.iter().filter(|end| **end <= at).count();
        let changed = parse_sitemap(&body);
        prop_assert!(changed.urls.starts_with(&expected[..before]), "{:?}", changed);
    }
}

const WORDS: [&str; 32] = [
    "<urlset>",
    "<s:urlset xmlns:s='x'>",
    "<url>",
    "</url>",
    "<loc>",
    "</loc>",
    "<loc/>",
    "http://h/a",
    "http://h/?a&amp;b",
    "</urlset>",
    "<sitemapindex>",
    "<sitemap>",
    "</sitemap>",
    "<rss>",
    "<channel>",
    "<item>",
    "<link>",
    "</link>",
    "</item>",
    "<feed>",
    "<entry>",
    "<link href='http://h/a' rel=\"alternate\"/>",
    "<link href=http://h/",
    "</entry>",
    "<![CDATA[",
    "]]>",
    "<!-- ",
    "&#x41;",
    "&undefined;",
    "<?xml version='1.0' encoding='windows-1251'?>",
    "<!DOCTYPE urlset [<!ENTITY a 'b'>]>",
    "\x1f",
];
