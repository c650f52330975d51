//! Pages.

use crawler::parse::{Page, Response, parse_html};
use crawler::policy::robots::Product;
use crawler::policy::traps::LINKS_MAX;
use crawler::web_url::{URL_BYTES_MAX, WebUrl};
use proptest::prelude::*;

use crate::text::{soup, text};

/// The most of a title or a description, of a language, and of all links together, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
const LANG_BYTES_MAX: usize = 35;
const LINK_BYTES_MAX: usize = 2 << 20;

fn parse(body: &[u8], content_type: Option<&str>, headers: &[&str]) -> Page {
    let url = WebUrl::parse("http://h.example/dir/page").unwrap();
    let response = Response {
        content_type,
        links: headers,
        robots: headers,
        ..Response::new(&url)
    };
    parse_html(body, &response, &Product::of("FooBot/1.0").unwrap())
}

fn assert_within_bounds(page: &Page, bytes: usize) {
    assert!(page.links.len() <= LINKS_MAX);
    let link_bytes: usize = page.links.iter().map(|link| link.url.as_str().len()).sum();
    assert!(link_bytes <= LINK_BYTES_MAX, "{link_bytes}");
    for link in &page.links {
        assert!(link.url.as_str().len() <= URL_BYTES_MAX);
        assert!(matches!(link.url.scheme(), "http" | "https"));
        assert_eq!(link.url.to_url().password(), None);
    }
    let mut identities: Vec<_> = page.links.iter().map(|link| link.url.identity()).collect();
    identities.sort_unstable();
    identities.dedup();
    assert_eq!(identities.len(), page.links.len(), "a link stands twice");
    for text in [&page.title, &page.description].into_iter().flatten() {
        assert!(text.len() <= TEXT_BYTES_MAX, "{}", text.len());
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert!(
        page.lang
            .as_ref()
            .is_none_or(|lang| lang.len() <= LANG_BYTES_MAX)
    );
    assert!(page.refused <= bytes);
    assert!(page.followed().count() <= page.links.len());
}

proptest! {
    #[test]
    fn any_page_is_read_within_its_bounds_and_always_the_same(
        body in soup(&MARKUP),
        content_type in prop::option::of(text(&TYPES)),
        header in text(&HEADERS),
    ) {
        let page = parse(&body, content_type.as_deref(), &[&header]);
        assert_within_bounds(&page, body.len() + header.len());
        prop_assert_eq!(parse(&body, content_type.as_deref(), &[&header]), page);
    }

    /// A body is decoded in pieces of a fixed size, so what stands before a page moves the cuts through it.
    #[test]
    fn where_the_pieces_of_a_body_are_cut_changes_nothing(
        body in soup(&MARKUP),
        charset in prop::sample::select(vec!["utf-8", "shift_jis", "gb18030", "iso-2022-jp"]),
        before in 8_000_usize..8_300,
    ) {
        let content_type = format!("text/html; charset={charset}");
        let padded = [&b" ".repeat(before), &body[..]].concat();
        let page = parse(&padded, Some(&content_type), &[]);
        // A byte order mark is one only at the beginning.
        let unmarked = [b" ", &body[..]].concat();
        prop_assert_eq!(parse(&unmarked, Some(&content_type), &[]), page);
    }

    #[test]
    fn what_follows_the_end_of_a_page_takes_no_link_away(
        body in soup(&["<a href=/a>", "<a href='b'>", "<p>", "x", "&amp;", "<a rel=nofollow href=c>", "ü"]),
        after in soup(&MARKUP),
    ) {
        // The page ends outside any tag, and what bases there are would move its links.
        let body = [&body[..], b">"].concat();
        let after = String::from_utf8_lossy(&after).replace("base", "b");
        let content_type = Some("text/html; charset=utf-8");
        let (one, more) = (
            parse(&body, content_type, &[]),
            parse(&[&body[..], after.as_bytes()].concat(), content_type, &[]),
        );
        for (link, same) in one.links.iter().zip(&more.links) {
            prop_assert_eq!(&link.url, &same.url);
        }
        prop_assert!(one.links.len() <= more.links.len());
    }
}

const MARKUP: [&str; 64] = [
    "<a href=",
    "<a href='",
    "<a href=\"",
    "'",
    "\"",
    ">",
    "/>",
    "<",
    "</",
    "</a>",
    "<!--",
    "-->",
    "--!>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mi>",
    "<desc>",
    "</p>",
    "<title>",
    "</title>",
    "<template>",
    "</template>",
    "<base href=/b/>",
    "<base href='",
    "<![CDATA[",
    "]]>",
    "<meta name=robots content='nofollow'>",
    "<meta name=FooBot content=noindex>",
    "<meta charset=",
    "<meta ",
    "<meta http-equiv=refresh content='",
    "0;url=",
    "<meta name=description content='",
    "content=",
    "name=",
    "http-equiv=content-type ",
    "<link rel='canonical next' href=",
    "<link rel=alternate href='",
    "<html lang=",
    "<iframe src=/f>",
    "<area href=/a>",
    "rel=nofollow ",
    "charset=utf-8",
    "shift_jis",
    "utf-16",
    "&amp;",
    "&#x41;",
    "&#",
    "&NotEqualTilde",
    "http://i.example/",
    "//i/",
    "../",
    "?q=",
    "#f",
    "mailto:a@b",
    " ",
    "\0",
    "ü",
    "\x1b$B",
];

const TYPES: [&str; 14] = [
    "text/html",
    ";",
    "charset",
    "=",
    "utf-8",
    "UTF-16LE",
    "koi8-r",
    "iso-2022-jp",
    "x-user-defined",
    "replacement",
    "\"",
    "'",
    " ",
    ",",
];

const HEADERS: [&str; 16] = [
    "<",
    ">",
    "</a>",
    ";",
    "rel",
    "=",
    "\"",
    "\\",
    "next",
    "canonical",
    "anchor",
    ",",
    "noindex",
    "FooBot",
    ":",
    " ",
];
