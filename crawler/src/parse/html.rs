//! From the body of an answer to a page; a style sheet is one too, without words.

use std::collections::hash_map::Entry;

use encoding_rs::{Encoding, UTF_8};

use super::css::End;
use super::decode::decode;
use super::document::{Document, Reference};
use super::room::Places;
use super::scanner::{Scanner, scan};
use super::{Charset, Follow, Link, LinkKind, Page, Wishes, link_header};
use crate::policy::robots::Product;
use crate::policy::traps::LINKS_MAX;
use crate::web_url::{Base, UrlHash, WebUrl};

/// What an answer says of its body, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// The URL that answered.
    pub url: &'a WebUrl,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The values of the headers `Link`.
    pub links: &'a [&'a str],
    /// The values of the headers `X-Robots-Tag`.
    pub robots: &'a [&'a str],
    /// Whether the body has an end that is its own; what another end leaves open may be something else.
    pub is_whole: bool,
    /// What is followed besides links.
    pub follow: Follow,
}

impl<'a> Response<'a> {
    /// Makes an answer without headers.
    #[must_use]
    pub const fn new(url: &'a WebUrl) -> Self {
        Self {
            url,
            content_type: None,
            links: &[],
            robots: &[],
            is_whole: true,
            follow: Follow::LINKS,
        }
    }
}

/// Returns whether a body of that type is read as a page.
///
/// ```
/// assert!(crawler::parse::is_html("Text/HTML; charset=utf-8"));
/// assert!(!crawler::parse::is_html("text/plain"));
/// ```
#[must_use]
pub fn is_html(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|html| essence.eq_ignore_ascii_case(html))
}

/// Returns whether a body of that type is read as a style sheet.
///
/// ```
/// assert!(crawler::parse::is_css("text/css; charset=utf-8"));
/// assert!(!crawler::parse::is_css("text/plain"));
/// ```
#[must_use]
pub fn is_css(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/css")
}

/// Reads a page. Any bytes are one; a browser would see the same links, as far as it sees them without scripts.
///
/// It takes time in proportion to the body, and beside it about 30 KiB and what it returns, and a mebibyte for style sheets
/// in it that are followed.
///
/// ```
/// use crawler::parse::{LinkKind, Response, parse_html};
/// use crawler::policy::robots::Product;
/// use crawler::web_url::WebUrl;
///
/// let url = WebUrl::parse("http://example.com/a/")?;
/// let product = Product::of("ExampleBot/1.0").ok_or("no name")?;
/// let body = b"<title>A &amp; B</title><a href='b?x&amp;y'>b</a><a rel=nofollow href=//other.example>o</a>";
/// let page = parse_html(body, &Response::new(&url), &product);
/// assert_eq!(page.title.as_deref(), Some("A & B"));
/// assert_eq!(page.links[0].url.as_str(), "http://example.com/a/b?x&y");
/// assert_eq!((page.links[0].kind, page.links.len()), (LinkKind::Anchor, 2));
/// assert_eq!(page.followed().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn parse_html(body: &[u8], response: &Response<'_>, product: &Product) -> Page {
    let charset = Charset::of(body, response.content_type, response.url);
    let mut document = Document::new(product, response.follow);
    read(body, charset.encoding, &mut document);
    document.end_style();
    page(document, charset, response, product)
}

/// Reads a style sheet, whose links are the URLs that it names. Any bytes are one; a browser without images would see them
/// too, but that it takes an `@import` only at the beginning.
///
/// It takes time in proportion to the body, and what it returns beside it; where the body is not in UTF-8, a copy of it that
/// is.
///
/// ```
/// use crawler::parse::{LinkKind, Response, parse_css};
/// use crawler::policy::robots::Product;
/// use crawler::web_url::WebUrl;
///
/// let url = WebUrl::parse("http://example.com/css/a.css")?;
/// let product = Product::of("ExampleBot/1.0").ok_or("no name")?;
/// let body = b"@import 'b.css'; /* url(no) */ body { background: url( ../c\\20 d.png ) }";
/// let page = parse_css(body, &Response::new(&url), &product);
/// let urls: Vec<_> = page.links.iter().map(|link| link.url.as_str()).collect();
/// assert_eq!(urls, ["http://example.com/css/b.css", "http://example.com/c%20d.png"]);
/// assert_eq!(page.links[0].kind, LinkKind::Style);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn parse_css(body: &[u8], response: &Response<'_>, product: &Product) -> Page {
    let charset = Charset::of_css(body, response.content_type);
    let mut document = Document::new(product, response.follow);
    let end = if response.is_whole {
        End::Whole
    } else {
        End::Cut
    };
    if charset.encoding == UTF_8 {
        document.push_css(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body), end);
    } else {
        let mut css = Vec::with_capacity(body.len());
        decode(body, charset.encoding, |piece, _| {
            css.extend_from_slice(piece);
            piece.len()
        });
        document.push_css(&css, end);
    }
    page(document, charset, response, product)
}

/// Makes a page of what a document and the headers say.
fn page(
    mut document: Document<'_>,
    charset: Charset,
    response: &Response<'_>,
    product: &Product,
) -> Page {
    let base = document
        .base
        .as_deref()
        .and_then(|base| response.url.join(base).ok());
    let base = Base::new(base.as_ref().unwrap_or(response.url), charset.encoding);
    let resolve = |text: &str| base.join(text).ok();
    let headers = || response.links.iter().flat_map(|value| link_header(value));
    let mut wishes = Wishes {
        robots: document.robots,
        ..Wishes::default()
    };
    for url in document.canonicals.iter().filter_map(|text| resolve(text)) {
        wishes.name_canonical(url);
    }
    let wishes = wishes.with_headers(response, product);

    let mut links = Links::new(&mut document);
    for Reference {
        text,
        kind,
        nofollow,
    } in document.references()
    {
        links.push(resolve(text), kind, nofollow);
    }
    for link in headers() {
        if let Some(kind) = LinkKind::of_relations(&link.rel) {
            links.push(response.url.join(link.target).ok(), kind, false);
        }
    }
    document.room.urls = links.places;
    Page {
        title: document.title(),
        description: document.description,
        lang: document.lang,
        charset,
        wishes,
        links: links.all,
        refused: links.refused,
        truncated: links.truncated,
    }
}

/// Reads a body into a document: as it stands, where it is text in UTF-8, which most are.
fn read(body: &[u8], encoding: &'static Encoding, document: &mut Document) {
    if let Some(text) = as_text(body, encoding) {
        scan(text.as_bytes(), document);
    } else {
        read_decoded(body, encoding, document);
    }
}

fn read_decoded(body: &[u8], encoding: &'static Encoding, document: &mut Document) {
    let mut scanner = Scanner::new(document);
    decode(body, encoding, |piece, is_last| {
        scanner.read(piece, is_last)
    });
}

/// That of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn as_text<'b>(body: &'b [u8], encoding: &'static Encoding) -> Option<&'b str> {
    if encoding != UTF_8 {
        return None;
    }
    str::from_utf8(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()
}

/// How much of the links of a page is kept, in bytes. What is written as one letter may be a long link by its base.
const LINK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The links of a page. Invariant: at most [`LINKS_MAX`], of together at most [`LINK_BYTES_MAX`], no two of one identity.
struct Links {
    all: Vec<Link>,
    bytes: usize,
    places: Places<UrlHash>,
    refused: usize,
    truncated: bool,
}

impl Links {
    fn new(document: &mut Document<'_>) -> Self {
        let count = document.references().len();
        Self {
            all: Vec::with_capacity(count),
            bytes: 0,
            places: std::mem::take(&mut document.room.urls),
            refused: document.refused,
            truncated: document.truncated,
        }
    }

    fn push(&mut self, url: Option<WebUrl>, kind: LinkKind, nofollow: bool) {
        let Some(url) = url else {
            self.refused += 1;
            return;
        };
        let hash = url.url_hash();
        match self.places.entry(hash) {
            Entry::Occupied(place) => self.all[*place.get()].nofollow &= nofollow,
            Entry::Vacant(_)
                if self.all.len() == LINKS_MAX
                    || self.bytes + url.as_str().len() > LINK_BYTES_MAX =>
            {
                self.truncated = true;
            }
            Entry::Vacant(place) => {
                place.insert(self.all.len());
                self.bytes += url.as_str().len();
                self.all.push(Link {
                    url,
                    hash,
                    kind,
                    nofollow,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
