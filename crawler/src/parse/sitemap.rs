//! From the body of an answer to the URLs that it lists as a sitemap.
//!
//! | it begins with | it is | its URLs are |
//! |---|---|---|
//! | `<urlset` | a sitemap | `url/loc` |
//! | `<sitemapindex` | an index of sitemaps | `sitemap/loc` |
//! | `<rss`, `<rdf:RDF` | a feed | `item/link` |
//! | `<feed` | a feed | `entry/link` with its `href`, if its relation is `alternate` or none |
//! | no `<` | a list | each line that begins with `http` |
//!
//! Names count without their prefix. Each of these may be compressed by gzip, which the first bytes tell. A document type is
//! refused, and of entities there are the five of XML and those of numbers: what a few bytes can't name does not grow.

use std::io::BufRead;

use self::source::Source;
use crate::policy::sitemaps::{SitemapFault, URLS_MAX};
use crate::web_url::URL_BYTES_MAX;

mod decoded;
mod source;
mod xml;

/// How much of the URLs is kept, in bytes: 50,000 long ones have room.
const URLS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a body lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// What it is; none where it is no sitemap.
    pub kind: Option<SitemapKind>,
    /// The URLs as they are written, in their order, without blanks around them.
    pub urls: Vec<String>,
    /// Why it was not read to its end, if it was not.
    pub fault: Option<SitemapFault>,
    bytes: usize,
}

/// What kind of sitemap it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SitemapKind {
    /// A list of pages in XML.
    Pages,
    /// An index, which lists sitemaps.
    Index,
    /// A feed of RSS.
    Rss,
    /// A feed of Atom.
    Atom,
    /// A list of pages, one a line.
    Text,
}

impl SitemapKind {
    /// Returns the word for it, as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pages => "urlset",
            Self::Index => "index",
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Text => "text",
        }
    }
}

/// Returns whether a body of that type may be a sitemap in XML; whether it is one, its root tells.
///
/// ```
/// assert!(crawler::parse::is_xml("Text/XML; charset=utf-8"));
/// assert!(crawler::parse::is_xml("application/rss+xml"));
/// assert!(!crawler::parse::is_xml("text/html"));
/// ```
#[must_use]
pub fn is_xml(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "text/xml" || essence == "application/xml" || essence.ends_with("+xml")
}

/// Reads a sitemap. Any bytes are one, if a bad one.
///
/// It takes time in proportion to what the body is uncompressed, which is bounded, and beside it the URLs and at most two
/// mebibytes.
///
/// ```
/// use crawler::parse::{SitemapKind, parse_sitemap};
///
/// let body = b"<urlset><url><loc> http://h/?a&amp;b </loc></url><url><loc>http://h/2";
/// let sitemap = parse_sitemap(body);
/// assert_eq!(sitemap.kind, Some(SitemapKind::Pages));
/// assert_eq!(sitemap.urls, ["http://h/?a&b"]);
/// assert_eq!(sitemap.fault.map(|fault| fault.code()), Some("sitemap-invalid"));
/// ```
#[must_use]
pub fn parse_sitemap(body: &[u8]) -> Sitemap {
    let mut sitemap = Sitemap::default();
    let fault = match Source::open(body) {
        Ok(mut source) => match source.first_byte() {
            Ok(Some(b'<')) => xml::read(source, &mut sitemap).err(),
            Ok(_) => read_lines(source, &mut sitemap).err(),
            Err(fault) => Some(fault),
        },
        Err(fault) => Some(fault),
    };
    sitemap.fault = fault;
    if matches!(fault, Some(SitemapFault::Doctype | SitemapFault::Bomb)) {
        sitemap.urls = Vec::new();
    }
    sitemap
}

impl Sitemap {
    /// Takes a URL as it is written.
    fn push(&mut self, url: &str) -> Result<(), SitemapFault> {
        let url = url.trim();
        // A longer one is none, but for what is taken off it.
        if url.is_empty() || url.len() > 2 * URL_BYTES_MAX {
            return Ok(());
        }
        if self.urls.len() == URLS_MAX || self.bytes + url.len() > URLS_BYTES_MAX {
            return Err(SitemapFault::TooLong);
        }
        self.bytes += url.len();
        self.urls.push(url.to_owned());
        Ok(())
    }
}

/// Reads a list. One without any URL is none.
fn read_lines(mut source: Source<'_>, sitemap: &mut Sitemap) -> Result<(), SitemapFault> {
    let mut line = Vec::new();
    loop {
        source.begin_token();
        line.clear();
        let read = source.read_until(b'\n', &mut line);
        if read.map_err(|error| source::fault_of(&error))? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text
            .get(..4)
            .is_some_and(|http| http.eq_ignore_ascii_case("http"))
        {
            sitemap.kind = Some(SitemapKind::Text);
            sitemap.push(text)?;
        }
    }
    if sitemap.kind.is_none() {
        return Err(SitemapFault::Invalid);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
