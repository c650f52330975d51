//! The laws of the reader of style sheets:
//!
//! * any bytes are a style sheet, and what it names has its bounds;
//! * a URL that is written into one, in any of the ways there are, is read back equal.

use std::collections::HashSet;
use std::fmt::Write as _;

use crawler::parse::{Follow, Page, Response, parse_css};
use crawler::policy::robots::Product;
use crawler::policy::traps::LINKS_MAX;
use crawler::web_url::WebUrl;

use super::parts::Parts;

/// Reads the bytes as a style sheet, and as what one names.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(data: &[u8]) {
    let page = parsed(data);
    assert!(page.links.len() <= LINKS_MAX);
    for link in &page.links {
        assert!(link.url.as_str().starts_with("http"), "{}", link.url);
    }

    let (mut parts, mut css, mut named) = (Parts::new(data), String::new(), HashSet::new());
    while !parts.is_empty() && named.len() < LINKS_MAX {
        let form = parts.byte();
        // A style sheet has no NUL.
        let url = format!("http://h/{}", parts.text().replace('\0', "\u{fffd}"));
        push(&mut css, form, &url);
        named.extend(WebUrl::parse(&url).map(|url| url.url_hash()));
    }
    let page = parsed(css.as_bytes());
    let found: HashSet<_> = page.links.iter().map(|link| link.url.url_hash()).collect();
    assert_eq!(found, named, "{css}");
}

fn parsed(css: &[u8]) -> Page {
    let url = WebUrl::parse("http://h/").expect("it is a URL");
    let product = Product::of("FooBot").expect("it is a name");
    let mut response = Response::new(&url);
    response.follow = Follow::LINKS;
    parse_css(css, &response, &product)
}

/// Writes a URL in the form that has that number.
fn push(css: &mut String, form: u8, url: &str) {
    let escaped = |is_escaped: fn(char) -> bool| {
        url.chars().fold(String::new(), |mut text, char| {
            let _written = match char {
                char if is_escaped(char) => write!(text, "\\{:x} ", u32::from(char)),
                char => write!(text, "{char}"),
            };
            text
        })
    };
    let [quoted, bare] = [
        escaped(|char| matches!(char, '"' | '\\' | '\n' | '\r' | '\x0c')),
        escaped(|char| !char.is_ascii_alphanumeric() && char.is_ascii()),
    ];
    let _written = match form % 6 {
        0 => write!(css, "a{{b:url({bare})}}"),
        1 => write!(css, "a{{b:url( \"{quoted}\" )}}"),
        2 => write!(css, "@import \"{quoted}\" c;"),
        3 => write!(css, "/* url(a) */@import url({bare});"),
        4 => write!(css, "a{{b:image-set(\"{quoted}\" 1x type('c'))}}"),
        _ => write!(css, "@media a{{b{{--c:f({{d:\\75 rl(\n{bare}\t)}})}}}}"),
    };
}
