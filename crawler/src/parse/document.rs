//! What the tags of one document say, in their order; its references are read when all of it is known, as a `<base>`
//! holds also for those before it.

use std::collections::hash_map::Entry;

use xxhash_rust::xxh3::xxh3_64;

use super::css::End;
use super::room::{Kept, Lent, Room};
use super::tags::{self, Attribute, Sink, Tag, VALUE_BYTES_MAX};
use super::{Directives, Follow, LinkKind, page, refresh};
use crate::policy::robots::Product;
use crate::policy::traps::LINKS_MAX;

/// How much of a title or description is kept, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// How much of the references is kept, in bytes; those of 5,000 long links have room.
const REFERENCE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How much of one style sheet within a page is read, in bytes.
const STYLE_BYTES_MAX: usize = 1024 * 1024;
/// How many canonical URLs of a page are kept: a second one is enough to know that there is more than one.
const CANONICALS_MAX: usize = 4;
/// The longest language tag, in bytes. Source: RFC 5646 §4.4.1.
const LANG_BYTES_MAX: usize = 35;

/// A link as it is written.
#[derive(Debug)]
pub(super) struct Reference<'t> {
    pub(super) text: &'t str,
    pub(super) kind: LinkKind,
    pub(super) nofollow: bool,
}

/// A document as far as it was read.
///
/// Invariant: at most [`LINKS_MAX`] references, of together at most [`REFERENCE_BYTES_MAX`], no two of them alike.
#[derive(Debug)]
pub(super) struct Document<'a> {
    product: &'a Product,
    pub(super) follow: Follow,
    /// The style sheet it is in, as far as it was read.
    style: Option<Vec<u8>>,
    title: Option<Vec<u8>>,
    is_in_title: bool,
    templates: usize,
    pub(super) room: Lent,
    pub(super) base: Option<String>,
    /// The first of those that are named.
    pub(super) canonicals: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) robots: Directives,
    pub(super) refused: usize,
    pub(super) truncated: bool,
}

impl<'a> Document<'a> {
    pub(super) fn new(product: &'a Product, follow: Follow) -> Self {
        Self {
            product,
            follow,
            style: None,
            title: None,
            is_in_title: false,
            templates: 0,
            room: Lent::take(),
            base: None,
            canonicals: Vec::new(),
            description: None,
            lang: None,
            robots: Directives::default(),
            refused: 0,
            truncated: false,
        }
    }

    /// Returns the references, in their order.
    pub(super) fn references(&self) -> impl ExactSizeIterator<Item = Reference<'_>> {
        let Room {
            references, texts, ..
        } = &*self.room;
        references.iter().map(|kept| Reference {
            text: &texts[kept.text.clone()],
            kind: kept.kind,
            nofollow: kept.nofollow,
        })
    }

    /// Returns the title as it is shown.
    pub(super) fn title(&self) -> Option<String> {
        let title = String::from_utf8_lossy(self.title.as_deref()?);
        words(title.trim_end_matches(char::REPLACEMENT_CHARACTER))
    }

    fn on_meta(&mut self, tag: &Tag) {
        let Some(content) = tag.value("content") else {
            return;
        };
        let is_refresh = |equiv: &str| equiv.eq_ignore_ascii_case("refresh");
        if tag.value("http-equiv").is_some_and(is_refresh)
            && let Some(target) = refresh::target(content)
        {
            self.push(target, LinkKind::Refresh, "");
        }
        let name = tag.value("name").unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("robots") || self.product.is_called(name) {
            self.robots = self.robots.and(Directives::of_list(content));
        }
        if name.eq_ignore_ascii_case("description") && self.description.is_none() {
            self.description = words(cut(content, TEXT_BYTES_MAX));
        }
    }

    fn on_link(&mut self, tag: &Tag) {
        let (Some(href), Some(relations)) = (tag.value("href"), tag.value("rel")) else {
            return;
        };
        let Some(kind) = LinkKind::of_relations(relations) else {
            return;
        };
        if kind == LinkKind::Canonical && self.canonicals.len() < CANONICALS_MAX {
            self.canonicals.push(href.to_owned());
        }
        self.push(href, kind, "");
    }

    fn on_html(&mut self, tag: &Tag) {
        let is_tag = |lang: &&str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=LANG_BYTES_MAX).contains(&lang.len()) && lang.bytes().all(is_part)
        };
        if self.lang.is_none() {
            self.lang = tag
                .value("lang")
                .map(str::trim)
                .filter(is_tag)
                .map(str::to_owned);
        }
    }

    /// Keeps a reference that has no bound yet, as [`Document::push`] does.
    pub(super) fn push_long(&mut self, text: &str, kind: LinkKind) {
        if text.len() > VALUE_BYTES_MAX {
            self.refused += 1;
        } else {
            self.push(text, kind, "");
        }
    }

    pub(super) fn begin_style(&mut self) {
        self.style = Some(Vec::new());
    }

    /// Reads the style sheet it is in, if it is in one.
    pub(super) fn end_style(&mut self) {
        let Some(style) = self.style.take() else {
            return;
        };
        let end = if style.len() == STYLE_BYTES_MAX {
            self.truncated = true;
            End::Cut
        } else {
            End::Whole
        };
        self.push_css(&style, end);
    }

    /// Keeps a reference, unless it leads to a place in the page itself or to something that is not fetched.
    fn push(&mut self, text: &str, kind: LinkKind, relations: &str) {
        let text = text.trim_matches(|char: char| char <= ' ');
        if text.starts_with('#') {
            return;
        }
        // An empty link is one to the page, an empty image none. Source: HTML §4.8.4.3.5, CSS Values 4 §4.5.
        if text.is_empty() && kind.is_followed_by_request() {
            return;
        }
        if has_other_scheme(text) {
            self.refused += 1;
            return;
        }
        let nofollow = page::has_relation(relations, "nofollow");
        let Room {
            places,
            references,
            texts,
            ..
        } = &mut *self.room;
        let place = match places.entry(xxh3_64(text.as_bytes())) {
            Entry::Occupied(place) => {
                references[*place.get()].nofollow &= nofollow;
                return;
            }
            Entry::Vacant(place) => place,
        };
        if references.len() == LINKS_MAX || texts.len() + text.len() > REFERENCE_BYTES_MAX {
            self.truncated = true;
            return;
        }
        place.insert(references.len());
        let begin = texts.len();
        texts.push_str(text);
        references.push(Kept {
            text: begin..texts.len(),
            kind,
            nofollow,
        });
    }
}

impl Sink for Document<'_> {
    fn on_start(&mut self, tag: &Tag) {
        self.is_in_title = false;
        match tag.name.as_slice() {
            // The content of a template is no part of the document. Source: HTML §4.12.3.
            b"template" if !tag.is_foreign => self.templates += 1,
            _ if self.templates > 0 => {}
            _ if tag.is_foreign => self.on_foreign(tag),
            b"a" => self.on_reference(tag, "href", LinkKind::Anchor),
            b"area" => self.on_reference(tag, "href", LinkKind::Area),
            b"iframe" | b"frame" => self.on_reference(tag, "src", LinkKind::Frame),
            b"link" => self.on_link(tag),
            b"meta" => self.on_meta(tag),
            b"html" => self.on_html(tag),
            // The first that has one counts. Source: HTML §4.2.3.
            b"base" if self.base.is_none() => self.base = tag.value("href").map(str::to_owned),
            b"title" if self.title.is_none() => {
                self.title = Some(Vec::new());
                self.is_in_title = true;
            }
            _ => {}
        }
        if !self.follow.is_links_alone() && self.templates == 0 && !tag.is_foreign {
            self.on_followed(tag);
        }
    }

    fn on_end(&mut self, name: &[u8]) {
        self.is_in_title = false;
        self.end_style();
        if name == b"template" {
            self.templates = self.templates.saturating_sub(1);
        }
    }

    fn on_text(&mut self, text: &[u8]) {
        if let Some(style) = &mut self.style {
            let room = STYLE_BYTES_MAX - style.len();
            style.extend_from_slice(&text[..text.len().min(room)]);
        } else if self.is_in_title
            && let Some(title) = &mut self.title
        {
            let room = TEXT_BYTES_MAX - title.len();
            title.extend_from_slice(&text[..text.len().min(room)]);
        }
    }

    fn attributes(&self) -> &'static [Attribute] {
        if self.follow.is_links_alone() {
            tags::LINKS
        } else {
            tags::FOLLOWED
        }
    }

    fn takes_styles(&self) -> bool {
        self.style.is_some()
    }
}

impl Document<'_> {
    pub(super) fn on_reference(&mut self, tag: &Tag, attribute: &str, kind: LinkKind) {
        if let Some(text) = tag.value(attribute) {
            self.push(text, kind, tag.value("rel").unwrap_or_default());
        }
    }
}

/// Returns whether a reference names a scheme that is not fetched, such as `mailto:`.
fn has_other_scheme(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.');
    let rest = text.trim_start_matches(is_part);
    let scheme = &text[..text.len() - rest.len()];
    rest.starts_with(':')
        && scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && !scheme.eq_ignore_ascii_case("http")
        && !scheme.eq_ignore_ascii_case("https")
}

/// Returns the words with single blanks between them and without control characters, if there are any.
fn words(text: &str) -> Option<String> {
    let is_gap = |char: char| char.is_whitespace() || char.is_control();
    let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
