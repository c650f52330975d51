//! A sitemap in XML: what its root is called, and the URLs in its elements.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Error, Reader, escape};

use super::source::{Source, fault_of};
use super::{Sitemap, SitemapKind};
use crate::policy::sitemaps::SitemapFault;
use crate::web_url::URL_BYTES_MAX;

/// How deep elements may stand in each other; those of a sitemap are four deep, and the markup of a feed some more.
const DEPTH_MAX: usize = 64;

/// Reads a document whose first byte is a `<`.
pub(super) fn read(source: Source<'_>, sitemap: &mut Sitemap) -> Result<(), SitemapFault> {
    let mut reader = Reader::from_reader(source);
    // An ampersand that stands for itself is the commonest fault of all in URLs.
    reader.config_mut().allow_dangling_amp = true;
    let mut document = Document::default();
    let mut token = Vec::new();
    loop {
        token.clear();
        reader.get_mut().begin_token();
        let event = reader.read_event_into(&mut token);
        match event.map_err(|error| fault_of_xml(&error))? {
            Event::Start(tag) => document.on_start(&tag, sitemap)?,
            Event::Empty(tag) => {
                document.on_start(&tag, sitemap)?;
                document.on_end(sitemap)?;
            }
            Event::End(_) => document.on_end(sitemap)?,
            Event::Text(text) => document.on_text(&text),
            Event::CData(text) => document.on_text(&text),
            Event::GeneralRef(name) => document.on_reference(&name)?,
            // A page that says that there is no sitemap.
            Event::DocType(name) if is_html(&name) => return Err(SitemapFault::Invalid),
            Event::DocType(_) => return Err(SitemapFault::Doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return document.on_eof(sitemap),
        }
    }
}

/// The elements that stand open, and the text of the one that holds a URL.
#[derive(Default)]
struct Document {
    open: Vec<Element>,
    text: String,
}

/// What an element is to a sitemap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    /// It tells of one URL.
    Entry,
    /// It holds that URL as its text.
    Url,
    Other,
}

impl Document {
    fn on_start(&mut self, tag: &BytesStart, sitemap: &mut Sitemap) -> Result<(), SitemapFault> {
        let name = tag.local_name();
        let name = name.as_ref();
        let parent = self.open.last().copied();
        if parent.is_none() && sitemap.kind.is_none() {
            sitemap.kind = Some(kind_of(name).ok_or(SitemapFault::Invalid)?);
        }
        if self.open.len() == DEPTH_MAX {
            return Err(SitemapFault::Invalid);
        }
        let (entry, url) = names(sitemap.kind);
        let element = match parent {
            Some(Element::Entry) if name == url => Element::Url,
            Some(Element::Other) if name == entry => Element::Entry,
            _ => Element::Other,
        };
        if element == Element::Url && sitemap.kind == Some(SitemapKind::Atom) {
            self.open.push(Element::Other);
            return alternate(tag).map_or(Ok(()), |href| sitemap.push(&href));
        }
        self.text.clear();
        self.open.push(element);
        Ok(())
    }

    fn on_end(&mut self, sitemap: &mut Sitemap) -> Result<(), SitemapFault> {
        match self.open.pop() {
            Some(Element::Url) => sitemap.push(&self.text),
            _ => Ok(()),
        }
    }

    fn on_text(&mut self, text: &str) {
        if self.open.last() != Some(&Element::Url) {
            return;
        }
        let text = if self.text.is_empty() {
            text.trim_start()
        } else {
            text
        };
        // What is longer is no URL, whatever follows.
        if self.text.len() <= 2 * URL_BYTES_MAX {
            self.text.push_str(text);
        }
    }

    /// Takes what a reference stands for. One that would have to be defined is none.
    fn on_reference(&mut self, name: &str) -> Result<(), SitemapFault> {
        if self.open.last() == Some(&Element::Url) {
            let text = escape::unescape(&format!("&{name};")).map(std::borrow::Cow::into_owned);
            self.on_text(&text.map_err(|_| SitemapFault::Invalid)?);
        }
        Ok(())
    }

    fn on_eof(&self, sitemap: &Sitemap) -> Result<(), SitemapFault> {
        if self.open.is_empty() && sitemap.kind.is_some() {
            Ok(())
        } else {
            Err(SitemapFault::Invalid)
        }
    }
}

fn is_html(document_type: &str) -> bool {
    let name = document_type.split_ascii_whitespace().next();
    name.is_some_and(|name| name.eq_ignore_ascii_case("html"))
}

/// Returns what a document with that root is, if it is a sitemap.
fn kind_of(root: &str) -> Option<SitemapKind> {
    Some(match root {
        "urlset" => SitemapKind::Pages,
        "sitemapindex" => SitemapKind::Index,
        "rss" | "RDF" => SitemapKind::Rss,
        "feed" => SitemapKind::Atom,
        _ => return None,
    })
}

/// Returns what elements are called that tell of a URL, and those in them that hold it.
const fn names(kind: Option<SitemapKind>) -> (&'static str, &'static str) {
    match kind {
        Some(SitemapKind::Index) => ("sitemap", "loc"),
        Some(SitemapKind::Rss) => ("item", "link"),
        Some(SitemapKind::Atom) => ("entry", "link"),
        Some(SitemapKind::Pages | SitemapKind::Text) | None => ("url", "loc"),
    }
}

/// Returns where a link of Atom leads, if it is to the entry itself. Source: RFC 4287 §4.2.7.2.
fn alternate(tag: &BytesStart) -> Option<String> {
    let mut href = None;
    // Unchecked, for the check compares each with each.
    for attribute in tag.attributes().with_checks(false).flatten() {
        match attribute.key.as_ref() {
            "rel" if attribute.value != "alternate" => return None,
            "href" => {
                let value = escape::unescape(&attribute.value);
                href = Some(value.map_or_else(|_| attribute.value.to_string(), Into::into));
            }
            _ => {}
        }
    }
    href
}

fn fault_of_xml(error: &Error) -> SitemapFault {
    match error {
        Error::Io(error) => fault_of(error),
        _ => SitemapFault::Invalid,
    }
}
