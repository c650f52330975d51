//! The tags of a document: what is kept of one, and who takes them.

use std::ops::Range;

use crate::web_url::TEXT_BYTES_MAX;

/// How much of an attribute's value is kept, in bytes: a character more than is parsed as a URL, so that one that was
/// cut is refused.
pub(super) const VALUE_BYTES_MAX: usize = TEXT_BYTES_MAX + 4;
/// How much of a name is kept, in bytes: one more than the longest that is known here.
const NAME_BYTES_MAX: usize = 16;

/// What takes the tags of a document, in their order.
pub(super) trait Sink {
    /// Takes a start tag.
    fn on_start(&mut self, tag: &Tag);
    /// Takes the name of an end tag.
    fn on_end(&mut self, _name: &[u8]) {}
    /// Takes text of a title, which may come in any number of parts.
    fn on_text(&mut self, _text: &[u8]) {}
}

/// A tag, as far as it was read.
///
/// Invariant: nothing in it is longer than its bound, and no two attributes have one name.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// Its name in lower case, cut if it is longer than any that is known.
    pub(super) name: Vec<u8>,
    /// Whether it is an element of SVG or `MathML`.
    pub(super) is_foreign: bool,
    pub(super) is_end: bool,
    pub(super) is_self_closing: bool,
    attribute_name: Vec<u8>,
    /// Each attribute that is known, and where in the values its first value is.
    attributes: Vec<(&'static str, Range<usize>)>,
    values: Vec<u8>,
    is_value_kept: bool,
}

impl Tag {
    /// Returns an attribute's value; one that is too long is cut, and so is the character it is cut in.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, at) = self.attributes.iter().find(|(known, _)| *known == name)?;
        let value = &self.values[at.clone()];
        match str::from_utf8(value) {
            Ok(value) => Some(value),
            Err(error) => str::from_utf8(&value[..error.valid_up_to()]).ok(),
        }
    }

    /// Makes it another tag, of which nothing was read.
    pub(super) fn begin(&mut self, is_end: bool) {
        self.name.clear();
        self.is_end = is_end;
        self.is_self_closing = false;
        self.attributes.clear();
        self.values.clear();
    }

    pub(super) fn push_name(&mut self, part: &[u8]) {
        push_name(&mut self.name, part);
    }

    pub(super) fn begin_attribute(&mut self) {
        self.attribute_name.clear();
    }

    pub(super) fn push_attribute_name(&mut self, part: &[u8]) {
        push_name(&mut self.attribute_name, part);
    }

    /// Notes that an attribute's name is complete: what follows is its value, if it has one.
    pub(super) fn end_attribute_name(&mut self) {
        let name = KNOWN
            .iter()
            .find(|name| name.as_bytes() == self.attribute_name);
        // The first of a name is the one that counts; an end tag has none.
        let is_new = |name: &&&str| !self.attributes.iter().any(|(known, _)| known == *name);
        let name = name.filter(|_| !self.is_end).filter(is_new);
        self.is_value_kept = name.is_some();
        if let Some(name) = name {
            let at = self.values.len();
            self.attributes.push((name, at..at));
        }
    }

    /// Returns whether the value that follows is one that is known.
    pub(super) const fn is_value_kept(&self) -> bool {
        self.is_value_kept
    }

    /// Adds to the value of the last attribute.
    pub(super) fn push_value(&mut self, part: &[u8]) {
        let Some((_, at)) = self.attributes.last_mut() else {
            return;
        };
        let room = VALUE_BYTES_MAX - at.len();
        self.values.extend_from_slice(&part[..part.len().min(room)]);
        at.end = self.values.len();
    }
}

/// The attributes that are kept.
const KNOWN: [&str; 8] = [
    "charset",
    "content",
    "href",
    "http-equiv",
    "lang",
    "name",
    "rel",
    "src",
];

fn push_name(name: &mut Vec<u8>, part: &[u8]) {
    let room = NAME_BYTES_MAX - name.len();
    let kept = &part[..part.len().min(room)];
    name.extend(kept.iter().map(u8::to_ascii_lowercase));
}
