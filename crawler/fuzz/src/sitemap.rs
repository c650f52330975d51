//! The laws of the reader of sitemaps:
//!
//! * any bytes are a sitemap, and what it lists has its bounds;
//! * what is written as a sitemap of any kind, compressed or not, is read back equal;
//! * one that is cut, or has another byte somewhere, keeps what came before.

use std::fmt::Write as _;
use std::io::Write as _;

use crawler::parse::{SitemapKind, parse_sitemap};
use crawler::policy::sitemaps::{SitemapFault, URLS_MAX};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::parts::Parts;

/// Reads the bytes as a sitemap, and as what one is made of.
///
/// # Panics
///
/// Where a law is broken.
pub fn check(data: &[u8]) {
    check_bounds(data);
    let mut parts = Parts::new(data);
    let (kind, is_gzip, at, change) = (
        parts.byte(),
        parts.byte() % 2 == 1,
        parts.byte(),
        parts.byte(),
    );
    let mut urls = Vec::new();
    while !parts.is_empty() {
        let is_kept = |char: &char| !char.is_control();
        let name: String = parts.text().chars().filter(is_kept).collect();
        urls.push(format!("http://h/{name}").trim().to_owned());
    }
    check_written(kind, is_gzip, &urls);
    check_changed(usize::from(at), change, &urls);
}

fn check_bounds(data: &[u8]) {
    let sitemap = parse_sitemap(data);
    assert!(sitemap.kind.is_some() || sitemap.urls.is_empty() && sitemap.fault.is_some());
    assert!(sitemap.urls.len() <= URLS_MAX);
    let is_compressed = data.starts_with(b"\x1f\x8b");
    let listed: usize = sitemap.urls.iter().map(String::len).sum();
    // A byte in another encoding may be three.
    assert!(is_compressed || listed <= 3 * data.len());
    for url in &sitemap.urls {
        assert!(!url.is_empty() && url.trim() == url, "{url:?}");
    }
}

fn check_written(kind: u8, is_gzip: bool, urls: &[String]) {
    let (kind, body) = written(kind, urls);
    let body = if is_gzip {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(body.as_bytes())
            .expect("memory takes what is written");
        gzip.finish().expect("memory takes what is written")
    } else {
        body.into_bytes()
    };
    let sitemap = parse_sitemap(&body);
    if urls.is_empty() && kind == SitemapKind::Text {
        return;
    }
    assert_eq!((sitemap.kind, sitemap.fault), (Some(kind), None));
    assert_eq!(sitemap.urls, urls);
}

/// Writes a sitemap of the kind that has that number.
fn written(kind: u8, urls: &[String]) -> (SitemapKind, String) {
    let (kind, before, after, [begin, end]) = match kind % 5 {
        0 => (
            SitemapKind::Pages,
            "<urlset>",
            "</urlset>",
            ["<url><loc>", "</loc></url>"],
        ),
        1 => (
            SitemapKind::Index,
            "<sitemapindex>",
            "</sitemapindex>",
            ["<sitemap><loc>", "</loc></sitemap>"],
        ),
        2 => (
            SitemapKind::Rss,
            "<rss><channel>",
            "</channel></rss>",
            ["<item><link>", "</link></item>"],
        ),
        3 => (
            SitemapKind::Atom,
            "<feed>",
            "</feed>",
            ["<entry><link href=\"", "\"/></entry>"],
        ),
        _ => (SitemapKind::Text, "", "", ["", "\n"]),
    };
    let mut body = before.to_owned();
    for url in urls {
        let url = if kind == SitemapKind::Text {
            url.clone()
        } else {
            escaped(url)
        };
        let _written = write!(body, "{begin}{url}{end}");
    }
    (kind, body + after)
}

fn check_changed(at: usize, change: u8, urls: &[String]) {
    let mut body = b"<urlset>".to_vec();
    let mut ends = Vec::new();
    for url in urls {
        body.extend(format!("<url><loc>{}</loc></url>", escaped(url)).bytes());
        ends.push(body.len());
    }
    body.extend(b"</urlset>");
    // The place is a share of the length.
    let at = at * body.len() / 256;
    match change {
        0 => body.truncate(at),
        byte => body[at] = byte,
    }
    let before = ends.iter().filter(|end| **end <= at).count();
    let changed = parse_sitemap(&body);
    // Texts may hold a document type, escaped, which a change sets free: with one all of it is refused.
    if changed.fault == Some(SitemapFault::Doctype) {
        assert!(has_document_type(&body) && changed.urls.is_empty());
        return;
    }
    assert!(changed.urls.starts_with(&urls[..before]), "{changed:?}");
}

fn has_document_type(body: &[u8]) -> bool {
    let begin = b"<!DOCTYPE";
    let mut parts = body.windows(begin.len());
    parts.any(|part| part.eq_ignore_ascii_case(begin))
}

fn escaped(url: &str) -> String {
    let url = url.replace('&', "&amp;").replace('<', "&lt;");
    url.replace('>', "&gt;").replace('"', "&quot;")
}
