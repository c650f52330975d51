//! What is followed of a page besides its links: what it is shown with, and what it asks its reader with.

use super::LinkKind;
use super::css::{self, End};
use super::document::Document;
use super::page::has_relation;
use super::srcset;
use super::tags::Tag;

/// What is followed of a page besides its links to other pages; nothing by default.
///
/// | | of a page |
/// |---|---|
/// | assets | `img`, `source`, `video`, `audio`, `track`, `embed`, `script`, `input` by `src`, with `srcset` and `poster`; `object data`; `link` to icons, a manifest and what is to be loaded before; `background`; `image` and `use` of SVG |
/// | forms | the `action` of a `form` that asks by `GET` |
/// | css | `link rel=stylesheet`, and in sheets, in `<style>` and in `style` what [`parse_css`](super::parse_css) finds |
///
/// Of a form the action alone is followed, as it is written: what its controls would add is made to be chosen by a reader,
/// and a crawler that sends it may change something, or find as many answers as there are choices. One that posts is
/// never followed. These are what `wget` and Heritrix do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Follow {
    /// What the page is shown with: images, scripts, media.
    pub assets: bool,
    /// What a form leads to.
    pub forms: bool,
    /// Style sheets, and what they name.
    pub css: bool,
}

impl Follow {
    /// Nothing but the links of pages.
    pub const LINKS: Self = Self {
        assets: false,
        forms: false,
        css: false,
    };

    /// Returns whether there is nothing to look for but links.
    #[must_use]
    pub const fn is_links_alone(self) -> bool {
        !self.assets && !self.forms && !self.css
    }

    /// Returns the kind of a link of those relations, if it is followed by this.
    fn kind_of_relations(self, relations: &str) -> Option<LinkKind> {
        let has = |name: &&str| has_relation(relations, name);
        if self.css && has(&"stylesheet") {
            return Some(LinkKind::Style);
        }
        (self.assets && ASSETS.iter().any(has)).then_some(LinkKind::Asset)
    }
}

/// The relations of a page to what it is shown with.
const ASSETS: [&str; 7] = [
    "icon",
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "mask-icon",
    "manifest",
    "preload",
    "modulepreload",
];

impl Document<'_> {
    /// Takes the start tag of an HTML element for what is followed besides its links.
    pub(super) fn on_followed(&mut self, tag: &Tag) {
        let follow = self.follow;
        match tag.name.as_slice() {
            b"form" if follow.forms => self.on_form(tag),
            b"link" => {
                let kind = tag
                    .value("rel")
                    .and_then(|rel| follow.kind_of_relations(rel));
                if let Some(kind) = kind {
                    self.on_reference(tag, "href", kind);
                    self.on_srcset(tag, "imagesrcset");
                }
            }
            b"style" if follow.css => self.begin_style(),
            _ if follow.assets => self.on_asset(tag),
            _ => {}
        }
        self.on_style_attribute(tag);
    }

    /// Takes the start tag of an element of SVG or `MathML`.
    pub(super) fn on_foreign(&mut self, tag: &Tag) {
        if self.follow.assets && matches!(tag.name.as_slice(), b"image" | b"feimage" | b"use") {
            for attribute in ["href", "xlink:href"] {
                self.on_reference(tag, attribute, LinkKind::Asset);
            }
        }
        self.on_style_attribute(tag);
    }

    fn on_asset(&mut self, tag: &Tag) {
        let is_image = |kind: &str| kind.eq_ignore_ascii_case("image");
        match tag.name.as_slice() {
            b"img" | b"source" => {
                self.on_reference(tag, "src", LinkKind::Asset);
                self.on_srcset(tag, "srcset");
            }
            b"script" | b"audio" | b"track" | b"embed" | b"bgsound" => {
                self.on_reference(tag, "src", LinkKind::Asset);
            }
            b"video" => {
                self.on_reference(tag, "src", LinkKind::Asset);
                self.on_reference(tag, "poster", LinkKind::Asset);
            }
            b"input" if tag.value("type").is_some_and(is_image) => {
                self.on_reference(tag, "src", LinkKind::Asset);
            }
            b"object" => self.on_reference(tag, "data", LinkKind::Asset),
            b"body" | b"table" | b"thead" | b"tbody" | b"tfoot" | b"tr" | b"td" | b"th" => {
                self.on_reference(tag, "background", LinkKind::Asset);
            }
            _ => {}
        }
    }

    fn on_srcset(&mut self, tag: &Tag, attribute: &str) {
        if !self.follow.assets {
            return;
        }
        let Some((value, end)) = tag.list(attribute) else {
            return;
        };
        let whole = match end {
            End::Whole => value,
            // What is behind the last blank may be half a URL.
            End::Cut => value
                .rsplit_once([' ', '\n', '\t'])
                .map_or("", |(whole, _)| whole),
        };
        for url in srcset::candidates(whole) {
            self.push_long(url, LinkKind::Asset);
        }
    }

    fn on_form(&mut self, tag: &Tag) {
        // What is no method is `GET`. Source: HTML §4.10.18.6.
        let is_other = |method: &str| {
            method.eq_ignore_ascii_case("post") || method.eq_ignore_ascii_case("dialog")
        };
        if !tag.value("method").is_some_and(is_other) {
            self.on_reference(tag, "action", LinkKind::Form);
        }
    }

    fn on_style_attribute(&mut self, tag: &Tag) {
        if self.follow.css
            && let Some((value, end)) = tag.list("style")
        {
            self.push_css(value.as_bytes(), end);
        }
    }

    /// Takes what a style sheet names.
    pub(super) fn push_css(&mut self, css: &[u8], end: End) {
        css::urls(css, end, |url| self.push_long(&url, LinkKind::Style));
    }
}
