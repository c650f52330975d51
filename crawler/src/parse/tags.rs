//! The tags of a document: what is kept of one, and who takes them.

use std::ops::Range;

use super::css::End;
use crate::web_url::TEXT_BYTES_MAX;

/// How much of an attribute's value is kept, in bytes: a character more than is parsed as a URL, so that one that was
/// cut is refused.
pub(super) const VALUE_BYTES_MAX: usize = TEXT_BYTES_MAX + 4;
/// How much of a value that lists URLs is kept, in bytes.
const LIST_BYTES_MAX: usize = 64 * 1024;
/// How much of a name is kept, in bytes: one more than the longest that is known here.
const NAME_BYTES_MAX: usize = 16;

/// What takes the tags of a document, in their order.
pub(super) trait Sink {
    /// Takes a start tag.
    fn on_start(&mut self, tag: &Tag);
    /// Takes the name of an end tag.
    fn on_end(&mut self, _name: &[u8]) {}
    /// Takes text of a title, or of a style sheet, which may come in any number of parts.
    fn on_text(&mut self, _text: &[u8]) {}
    /// Returns the attributes whose values it wants.
    fn attributes(&self) -> &'static [Attribute] {
        LINKS
    }
    /// Returns whether it wants the text of style sheets.
    fn takes_styles(&self) -> bool {
        false
    }
}

/// The name of an attribute, and how much of its value is kept, in bytes.
pub(super) type Attribute = (&'static str, usize);

/// A tag, as far as it was read.
///
/// Invariant: nothing in it is longer than its bound, and no two attributes have one name.
#[derive(Debug)]
pub(super) struct Tag {
    known: &'static [Attribute],
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
    value_bytes_max: usize,
}

impl Tag {
    /// Makes a tag of which those attributes are kept.
    pub(super) const fn new(known: &'static [Attribute]) -> Self {
        Self {
            known,
            name: Vec::new(),
            is_foreign: false,
            is_end: false,
            is_self_closing: false,
            attribute_name: Vec::new(),
            attributes: Vec::new(),
            values: Vec::new(),
            is_value_kept: false,
            value_bytes_max: 0,
        }
    }

    /// Returns an attribute's value; one that is too long is cut, and so is the character it is cut in.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, at) = self.attributes.iter().find(|(known, _)| *known == name)?;
        let value = &self.values[at.clone()];
        match str::from_utf8(value) {
            Ok(value) => Some(value),
            Err(error) => str::from_utf8(&value[..error.valid_up_to()]).ok(),
        }
    }

    /// Returns an attribute's value that lists URLs, and whether that is all of it.
    pub(super) fn list(&self, name: &str) -> Option<(&str, End)> {
        let value = self.value(name)?;
        // A character of four bytes may have been cut.
        let is_cut = value.len() > LIST_BYTES_MAX - 4;
        Some((value, if is_cut { End::Cut } else { End::Whole }))
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
        let mut known = self.known.iter();
        let known = known.find(|(name, _)| name.as_bytes() == self.attribute_name);
        // The first of a name is the one that counts; an end tag has none.
        let is_new =
            |(name, _): &&Attribute| !self.attributes.iter().any(|(known, _)| known == name);
        let known = known.filter(|_| !self.is_end).filter(is_new);
        self.is_value_kept = known.is_some();
        if let Some((name, bytes_max)) = known {
            self.value_bytes_max = *bytes_max;
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
        let room = self.value_bytes_max - at.len();
        self.values.extend_from_slice(&part[..part.len().min(room)]);
        at.end = self.values.len();
    }
}

/// The attributes that tell of links: the first of those below.
pub(super) const LINKS: &[Attribute] = FOLLOWED.split_at(8).0;

/// The attributes that tell of all that may be followed; the first eight tell of links.
pub(super) const FOLLOWED: &[Attribute] = &[
    ("charset", VALUE_BYTES_MAX),
    ("content", VALUE_BYTES_MAX),
    ("href", VALUE_BYTES_MAX),
    ("http-equiv", VALUE_BYTES_MAX),
    ("lang", VALUE_BYTES_MAX),
    ("name", VALUE_BYTES_MAX),
    ("rel", VALUE_BYTES_MAX),
    ("src", VALUE_BYTES_MAX),
    ("action", VALUE_BYTES_MAX),
    ("background", VALUE_BYTES_MAX),
    ("data", VALUE_BYTES_MAX),
    ("imagesrcset", LIST_BYTES_MAX),
    ("method", VALUE_BYTES_MAX),
    ("poster", VALUE_BYTES_MAX),
    ("srcset", LIST_BYTES_MAX),
    ("style", LIST_BYTES_MAX),
    ("type", VALUE_BYTES_MAX),
    ("xlink:href", VALUE_BYTES_MAX),
];

fn push_name(name: &mut Vec<u8>, part: &[u8]) {
    let room = NAME_BYTES_MAX - name.len();
    let kept = &part[..part.len().min(room)];
    name.extend(kept.iter().map(u8::to_ascii_lowercase));
}
