//! Sitemaps of each kind below `/sitemaps/`, good ones and bad ones.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use warp::http::StatusCode;

use crate::web::reply::{Refusal, Reply, answer, html};
use crate::web::site::{Page, Site};
use crate::web::sitemap::{HEAD, NAMESPACE};

/// Replies to what stands below `/sitemaps/`, on a host with that site; `other` is another host.
pub(crate) fn reply(
    site: &Site,
    origin: &str,
    other: &str,
    segments: &[&str],
) -> Result<Reply, Refusal> {
    let pages = || pages(site, origin);
    Ok(match *segments {
        [""] => html(list()).into(),
        ["index.xml"] => xml(index([format!("{origin}/sitemaps/child.xml")])),
        ["child.xml"] => xml(urlset(pages())),
        ["pages.xml.gz"] => gzip([urlset(pages())]),
        ["pages.txt"] => typed("text/plain", pages().collect::<Vec<_>>().join("\n")),
        ["rss.xml"] => typed("application/rss+xml", rss(pages())),
        ["atom.xml"] => typed("application/atom+xml", atom(pages())),
        ["cycle", half @ ("a" | "b")] => {
            let other_half = if half == "a" { "b" } else { "a" };
            xml(index(
                [half, other_half].map(|half| format!("{origin}/sitemaps/cycle/{half}")),
            ))
        }
        ["deep", level] => {
            let level: u64 = level.parse().map_err(|_| Refusal::Unknown)?;
            xml(index([format!(
                "{origin}/sitemaps/deep/{}",
                level.saturating_add(1)
            )]))
        }
        ["foreign.xml"] => xml(urlset(
            [origin, other].map(|of| format!("{of}/site/page/1")),
        )),
        ["doctype.xml"] => xml(format!("{DOCTYPE}{}", urlset(["&e;".to_owned()]))),
        ["broken.xml"] => {
            let mut broken = urlset(pages());
            broken.truncate(broken.len() / 2);
            xml(broken)
        }
        ["bomb.xml.gz"] => {
            let page = format!("{HEAD}<urlset><url><loc>{origin}/site/page/1</loc></url>\n");
            let nothing = "<url/>\n".repeat(NOTHING_ENTRIES);
            let parts = std::iter::once(page).chain(std::iter::repeat_n(nothing, BOMB_PARTS));
            gzip(parts)
        }
        ["large.xml"] => {
            let numbers = 0..LARGE_URLS;
            xml(urlset(numbers.map(|n| format!("{origin}/site/page/{n}"))))
        }
        _ => return Err(Refusal::Unknown),
    })
}

/// Returns the open pages, as far as one sitemap may list them.
fn pages(site: &Site, origin: &str) -> impl Iterator<Item = String> {
    let pages = 0..site.open().min(LARGE_URLS);
    pages.map(move |page| format!("{origin}{}", site.path(Page(page))))
}

fn index(sitemaps: impl IntoIterator<Item = String>) -> String {
    elements("sitemapindex", "sitemap", sitemaps)
}

fn urlset(urls: impl IntoIterator<Item = String>) -> String {
    elements("urlset", "url", urls)
}

fn elements(root: &str, entry: &str, urls: impl IntoIterator<Item = String>) -> String {
    let mut xml = format!("{HEAD}<{root} {NAMESPACE}>\n");
    for url in urls {
        // What is a reference on purpose stays one.
        let url = if url.starts_with('&') {
            url
        } else {
            escaped(&url)
        };
        let _ = writeln!(xml, "<{entry}><loc>{url}</loc></{entry}>");
    }
    let _ = writeln!(xml, "</{root}>");
    xml
}

fn rss(urls: impl Iterator<Item = String>) -> String {
    let mut xml = format!("{HEAD}<rss version=\"2.0\"><channel><title>Pages</title>\n");
    for url in urls {
        let url = escaped(&url);
        let _ = writeln!(xml, "<item><title>A page</title><link>{url}</link></item>");
    }
    xml.push_str("</channel></rss>\n");
    xml
}

fn atom(urls: impl Iterator<Item = String>) -> String {
    let mut xml =
        format!("{HEAD}<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>Pages</title>\n");
    for url in urls {
        let url = escaped(&url);
        let _ = writeln!(
            xml,
            "<entry><title>A page</title><link href=\"{url}\"/></entry>"
        );
    }
    xml.push_str("</feed>\n");
    xml
}

fn escaped(url: &str) -> String {
    url.replace('&', "&amp;")
}

fn xml(body: String) -> Reply {
    typed("application/xml", body)
}

fn typed(content_type: &'static str, body: String) -> Reply {
    answer(StatusCode::OK, content_type, body).into()
}

/// Compresses a body that is compressed by itself, not by its transfer.
fn gzip(parts: impl IntoIterator<Item = String>) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for part in parts {
        let written = encoder.write_all(part.as_bytes());
        written.expect("memory takes what is written");
    }
    let compressed = encoder.finish().expect("memory takes what is written");
    answer(StatusCode::OK, "application/gzip", compressed).into()
}

fn list() -> String {
    let mut page =
        String::from("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Sitemaps</title>\n<ul>\n");
    for (path, says) in SITEMAPS {
        let _ = writeln!(
            page,
            "<li><a href=\"/sitemaps/{path}\">{path}</a>: {says}</li>"
        );
    }
    page.push_str("</ul>\n");
    page
}

/// Each sitemap: its path below `/sitemaps/`, and what it is.
const SITEMAPS: &[(&str, &str)] = &[
    ("index.xml", "an index of one sitemap"),
    ("child.xml", "the open pages"),
    ("pages.xml.gz", "the same, compressed"),
    ("pages.txt", "the same, one a line"),
    ("rss.xml", "the same, as a feed of RSS"),
    ("atom.xml", "the same, as a feed of Atom"),
    ("broken.xml", "the same, cut in its middle"),
    ("moved", "a redirect to the index"),
    (
        "cycle/a",
        "an index that names itself and one that names it",
    ),
    ("deep/0", "an index of an index of an index, without an end"),
    ("foreign.xml", "a page of this host, and one of another"),
    ("doctype.xml", "a document type whose entities blow up"),
    (
        "bomb.xml.gz",
        "a page and 100 MB of nothing, in some 150 KB",
    ),
    ("large.xml", "50,000 pages, whether they are there or not"),
];

/// The most URLs that a sitemap may list. Source: sitemaps.org protocol 0.9.
const LARGE_URLS: u64 = 50_000;
/// Entries without a page, about a megabyte of them.
const NOTHING_ENTRIES: usize = 150_000;
/// How often they come: uncompressed more than a hundred megabytes, compressed less than one.
const BOMB_PARTS: usize = 100;
/// Each entity is ten of the one before.
const DOCTYPE: &str = "\
<!DOCTYPE urlset [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\
<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">]>\n";
