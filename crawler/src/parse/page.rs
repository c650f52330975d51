//! What is kept of a page.

use super::{Charset, Wishes};
use crate::web_url::{UrlHash, WebUrl};

/// A page as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its first title, with single blanks between its words, cut when it is long.
    pub title: Option<String>,
    /// What it says of itself for readers of search results, treated as the title is.
    pub description: Option<String>,
    /// The language of its text, as its author names it.
    pub lang: Option<String>,
    /// The encoding it is in.
    pub charset: Charset,
    /// What its author asks for.
    pub wishes: Wishes,
    /// Its links, each URL once, in the order of the document.
    pub links: Vec<Link>,
    /// How many references are no URL that can be fetched.
    pub refused: usize,
    /// Whether it has more links than are kept.
    pub truncated: bool,
}

impl Page {
    /// Returns the links that its author lets crawlers follow.
    pub fn followed(&self) -> impl Iterator<Item = &Link> {
        let none = self.wishes.robots.nofollow;
        self.links
            .iter()
            .filter(move |link| !none && !link.nofollow)
    }
}

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub url: WebUrl,
    /// The hash by which that is known.
    pub hash: UrlHash,
    /// What it is, at the first place it was found.
    pub kind: LinkKind,
    /// Whether each place it was found at asks crawlers not to follow it.
    pub nofollow: bool,
}

/// What a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// `<a href>`.
    Anchor,
    /// `<area href>`.
    Area,
    /// `<frame src>` or `<iframe src>`.
    Frame,
    /// `<meta http-equiv=refresh>`.
    Refresh,
    /// The relation `canonical`, of an element or a header, as those below.
    Canonical,
    /// The relation `alternate`: another language or form.
    Alternate,
    /// The relation `next`.
    Next,
    /// The relation `prev`.
    Prev,
    /// What the page is shown with, such as an image or a script; as those below found only by [`Follow`](super::Follow).
    Asset,
    /// A style sheet, or what one names.
    Style,
    /// The action of a form.
    Form,
}

impl LinkKind {
    /// Returns whether it is found only where [`Follow`](super::Follow) says so.
    pub(super) const fn is_followed_by_request(self) -> bool {
        matches!(self, Self::Asset | Self::Style | Self::Form)
    }

    /// Returns what a link of those relations is to the page, if it is followed.
    pub(super) fn of_relations(relations: &str) -> Option<Self> {
        const KNOWN: [(&str, LinkKind); 4] = [
            ("canonical", LinkKind::Canonical),
            ("next", LinkKind::Next),
            ("prev", LinkKind::Prev),
            ("alternate", LinkKind::Alternate),
        ];
        if has_relation(relations, "stylesheet") {
            return None;
        }
        let known = KNOWN.iter().find(|(name, _)| has_relation(relations, name));
        known.map(|(_, kind)| *kind)
    }
}

/// Returns whether a list of relations has that one.
pub(super) fn has_relation(relations: &str, name: &str) -> bool {
    relations
        .split_ascii_whitespace()
        .any(|relation| relation.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_words_in_any_case() {
        fn check(relations: &str, expected: Option<LinkKind>) {
            assert_eq!(LinkKind::of_relations(relations), expected, "{relations:?}");
        }
        check("canonical", Some(LinkKind::Canonical));
        check(" Next\tprefetch", Some(LinkKind::Next));
        check("prev", Some(LinkKind::Prev));
        check("alternate", Some(LinkKind::Alternate));
        check("alternate stylesheet", None);
        check("icon", None);
        check("canonicals", None);
        check("", None);
    }
}
