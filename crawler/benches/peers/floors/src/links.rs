//! The links of a page of the local web, found and resolved with no more care than that web needs.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2_iter, memmem};

/// Returns the links of a page that may be followed, as they stand there: the `href` of each `a` without `nofollow`.
pub fn scan(html: &str) -> impl Iterator<Item = &str> {
    memchr_iter(b'<', html.as_bytes()).filter_map(|at| href(&html[at + 1..]))
}

/// Returns the `href` of the tag that a text begins with.
fn href(text: &str) -> Option<&str> {
    let [b'a' | b'A', b' ', ..] = text.as_bytes() else {
        return None;
    };
    let tag = &text[..memchr(b'>', text.as_bytes())?];
    let at = memchr2_iter(b'h', b'H', tag.as_bytes()).find(|&at| {
        let name = tag.as_bytes().get(at..at + 5);
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"href="))
    })?;
    let quote = *tag.as_bytes().get(at + 5)?;
    let value = &tag[at + 6..];
    let value = &value[..memchr(quote, value.as_bytes())?];
    memmem::find(tag.as_bytes(), b"nofollow")
        .is_none()
        .then_some(value)
}

/// Decodes the character references that the local web writes.
#[must_use]
pub fn decode(href: &str) -> Cow<'_, str> {
    if memchr(b'&', href.as_bytes()).is_none() {
        return Cow::Borrowed(href);
    }
    let decoded = href.replace("&#x2F;", "/").replace("&#47;", "/");
    Cow::Owned(decoded.replace("&amp;", "&"))
}

/// Returns the path and query that a link on the page at `path` leads to, when that is on the same host.
#[must_use]
pub fn resolve<'a>(authority: &str, path: &str, href: &'a str) -> Option<Cow<'a, str>> {
    let href = href.trim_ascii();
    let href = &href[..memchr(b'#', href.as_bytes()).unwrap_or(href.len())];
    if let Some(up) = href.strip_prefix("../") {
        let folder = path.split('?').next()?.rsplitn(3, '/').nth(2)?;
        return Some(Cow::Owned(format!("{folder}/{up}")));
    }
    let without_scheme = href.strip_prefix("http:").unwrap_or(href);
    let local = match without_scheme.strip_prefix("//") {
        Some(absolute) => absolute.strip_prefix(authority)?,
        None => href,
    };
    local.starts_with('/').then_some(Cow::Borrowed(local))
}

/// Returns whether the robots.txt of the local web allows a path.
#[must_use]
pub fn may_follow(path: &str) -> bool {
    !path.starts_with("/site/private")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_link_leads_to_the_same_path() {
        let authority = "127.0.0.1:4000";
        for link in [
            "<a href=\"http://127.0.0.1:4000/site/page/7?q=1&amp;copy=1\">",
            "<a href=\"//127.0.0.1:4000/site/page/7?q=1&amp;copy=1\">",
            "<a href=\"/site/page/7?q=1&amp;copy=1#part-2\">",
            "<a href=\"/site/page/7?q=1&copy=1\">",
            "<a href=\"&#x2F;site&#47;page/7?q=1&amp;copy=1\">",
            "<a href=\" \n\t/site/page/7?q=1&amp;copy=1 \">",
            "<A HREF='../page/7?q=1&amp;copy=1'>",
        ] {
            let html = format!("<p>Text</p>{link}Page 7</a>");
            let found: Vec<_> = scan(&html).map(decode).collect();
            let path = resolve(authority, "/site/page/3?q=2&copy=1", &found[0]);
            assert_eq!(path.as_deref(), Some("/site/page/7?q=1&copy=1"), "{link}");
        }
    }

    #[test]
    fn what_may_not_be_followed_is_left_out() {
        let html =
            "<a rel=\"nofollow noopener\" href=\"/a\"><article><link href=\"/b\"><a name=\"c\">";
        assert_eq!(scan(html).count(), 0);
        assert_eq!(resolve("h", "/", "http://other/"), None);
        assert!(!may_follow("/site/private/1"));
    }
}
