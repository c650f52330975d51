//! Finds the tags of a document, as the tokenizer of the HTML standard does; of all else it finds only the end.
//!
//! ```text
//!            ┌──────────────────────────────────────────────────────────────┐
//!            ▼                                                              │ >
//!         Markup ── <a, </a ──► TagName ──► Attributes ──► AttributeName    │
//!          │  ▲                                 ▲  ▲ │            │         │
//!   <!--   │  │ -->                             │  │ └────────────┼─────────┤
//!   <!, <? │  │ >                               │  └── AfterAttributeName   │
//!          ▼  │                                 │                 │ =       │
//!   Comment, Bogus, Cdata                     Value ◄──────── BeforeValue   │
//!                                                                           │
//!                      Raw ◄── <title>, <script>, … ────────────────────────┘
//!                       └── </title …: TagName
//! ```
//!
//! A document may come in pieces. A step looks at most [`AHEAD`] bytes ahead of what it takes, so no more than that is
//! ever kept of a piece, whatever is in it. Source: HTML §13.2.5.

use memchr::{memchr, memchr3};

use super::char_reference::{self, Place};
use super::foreign::Namespaces;
use super::raw::{Next, Raw, is_blank, is_name_end};
use super::tags::{Sink, Tag};

/// How many bytes are enough to tell what begins there: the longest is a reference.
pub(super) const AHEAD: usize = char_reference::BYTES_MAX;

/// Finds the tags of a whole document, or of the beginning of one.
pub(super) fn scan(text: &[u8], sink: &mut impl Sink) {
    Scanner::new(sink).read(text, IsLast::Yes);
}

/// Whether anything follows a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsLast {
    Yes,
    No,
}

/// Where in a document it is, and the tag it is in.
pub(super) struct Scanner<'s, S> {
    sink: &'s mut S,
    state: State,
    tag: Tag,
    namespaces: Namespaces,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between tags.
    Markup,
    TagName,
    /// Between attributes; after a slash that closes the element if the tag ends there.
    Attributes {
        after_slash: bool,
    },
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    /// In a value that ends with this quote, or without one at a blank.
    Quoted(u8),
    Unquoted,
    Comment,
    /// In a declaration or an instruction, which ends with the tag it may look like.
    Bogus,
    Cdata,
    Raw(Raw),
}

impl<'s, S: Sink> Scanner<'s, S> {
    pub(super) fn new(sink: &'s mut S) -> Self {
        Self {
            state: State::Markup,
            tag: Tag::new(sink.attributes()),
            sink,
            namespaces: Namespaces::default(),
        }
    }

    /// Reads a piece, and returns how much of it: less than [`AHEAD`] bytes are left, and nothing of the last. What is
    /// left begins the next piece.
    pub(super) fn read(&mut self, text: &[u8], is_last: IsLast) -> usize {
        let enough = match is_last {
            IsLast::Yes => 1,
            IsLast::No => AHEAD,
        };
        let mut rest = text;
        while rest.len() >= enough {
            let taken = self.step(rest);
            rest = &rest[taken..];
        }
        text.len() - rest.len()
    }

    /// Takes what begins here, which is not empty, or goes to another state without taking any.
    fn step(&mut self, rest: &[u8]) -> usize {
        match self.state {
            State::Markup => self.markup(rest),
            State::TagName => self.tag_name(rest),
            State::Attributes { after_slash } => self.attributes(rest, after_slash),
            State::AttributeName => self.attribute_name(rest),
            State::AfterAttributeName => match rest[0] {
                byte if is_blank(byte) => 1,
                b'=' => self.go(State::BeforeValue, 1),
                _ => self.go(State::Attributes { after_slash: false }, 0),
            },
            State::BeforeValue => match rest[0] {
                byte if is_blank(byte) => 1,
                quote @ (b'"' | b'\'') => self.go(State::Quoted(quote), 1),
                b'>' => self.go(State::Attributes { after_slash: false }, 0),
                _ => self.go(State::Unquoted, 0),
            },
            State::Quoted(quote) => self.quoted(rest, quote),
            State::Unquoted => self.unquoted(rest),
            State::Comment => match rest {
                [b'-', b'-', b'>', ..] => self.go(State::Markup, 3),
                [b'-', b'-', b'!', b'>', ..] => self.go(State::Markup, 4),
                _ => 1 + before(b'-', &rest[1..]),
            },
            State::Bogus => match memchr(b'>', rest) {
                Some(at) => self.go(State::Markup, at + 1),
                None => rest.len(),
            },
            State::Cdata => match rest {
                [b']', b']', b'>', ..] => self.go(State::Markup, 3),
                _ => 1 + before(b']', &rest[1..]),
            },
            State::Raw(raw) => self.raw(rest, raw),
        }
    }

    const fn go(&mut self, state: State, taken: usize) -> usize {
        self.state = state;
        taken
    }

    fn markup(&mut self, rest: &[u8]) -> usize {
        match rest {
            [b'<', first, ..] if first.is_ascii_alphabetic() => self.begin(false),
            [b'<', b'/', first, ..] if first.is_ascii_alphabetic() => self.begin(true),
            [b'<', b'/', b'>', ..] => 3,
            // Its own dashes may end a comment.
            [b'<', b'!', b'-', b'-', b'>', ..] => 5,
            [b'<', b'!', b'-', b'-', b'-', b'>', ..] => 6,
            [b'<', b'!', b'-', b'-', ..] => self.go(State::Comment, 4),
            [b'<', b'!', after @ ..]
                if after.starts_with(b"[CDATA[") && self.namespaces.is_foreign() =>
            {
                self.go(State::Cdata, 2 + b"[CDATA[".len())
            }
            [b'<', b'!' | b'?', ..] | [b'<', b'/', _, ..] => self.go(State::Bogus, 2),
            [b'<', ..] => 1,
            _ => before(b'<', rest),
        }
    }

    /// Begins a tag, and takes what is before its name.
    fn begin(&mut self, is_end: bool) -> usize {
        self.tag.begin(is_end);
        self.go(State::TagName, 1 + usize::from(is_end))
    }

    fn tag_name(&mut self, rest: &[u8]) -> usize {
        let end = rest.iter().position(|byte| is_name_end(*byte));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.tag.push_name(name);
        if end.is_some() {
            self.state = State::Attributes { after_slash: false };
        }
        name.len()
    }

    fn attributes(&mut self, rest: &[u8], after_slash: bool) -> usize {
        match rest[0] {
            byte if is_blank(byte) => self.go(State::Attributes { after_slash: false }, 1),
            b'/' => self.go(State::Attributes { after_slash: true }, 1),
            b'>' => {
                self.tag.is_self_closing = after_slash;
                self.state = self.end_tag();
                1
            }
            // An equals sign here begins a name as any letter does.
            _ => {
                self.tag.begin_attribute();
                self.tag.push_attribute_name(&rest[..1]);
                self.go(State::AttributeName, 1)
            }
        }
    }

    fn attribute_name(&mut self, rest: &[u8]) -> usize {
        let is_end = |byte: &u8| is_name_end(*byte) || *byte == b'=';
        let end = rest.iter().position(is_end);
        let name = &rest[..end.unwrap_or(rest.len())];
        self.tag.push_attribute_name(name);
        if end.is_some() {
            self.tag.end_attribute_name();
            self.state = State::AfterAttributeName;
        }
        name.len()
    }

    fn quoted(&mut self, rest: &[u8], quote: u8) -> usize {
        if !self.tag.is_value_kept() {
            return match memchr(quote, rest) {
                Some(at) => self.go(State::Attributes { after_slash: false }, at + 1),
                None => rest.len(),
            };
        }
        match memchr3(quote, b'&', 0, rest) {
            Some(0) if rest[0] == quote => self.go(State::Attributes { after_slash: false }, 1),
            Some(0) => self.special(rest),
            at => self.value(&rest[..at.unwrap_or(rest.len())]),
        }
    }

    fn unquoted(&mut self, rest: &[u8]) -> usize {
        let is_special = |byte: &u8| is_blank(*byte) || matches!(byte, b'>' | b'&' | 0);
        match rest.iter().position(is_special) {
            Some(0) if matches!(rest[0], b'&' | 0) => self.special(rest),
            Some(0) => self.go(State::Attributes { after_slash: false }, 0),
            at => self.value(&rest[..at.unwrap_or(rest.len())]),
        }
    }

    fn value(&mut self, part: &[u8]) -> usize {
        if self.tag.is_value_kept() {
            self.tag.push_value(part);
        }
        part.len()
    }

    /// Takes a reference or a NUL in a value.
    fn special(&mut self, rest: &[u8]) -> usize {
        let tag = &mut self.tag;
        let give = |part: &[u8]| {
            if tag.is_value_kept() {
                tag.push_value(part);
            }
        };
        decode(rest, Place::Value, give)
    }

    /// Gives the tag to the sink; returns how what follows is read.
    fn end_tag(&mut self) -> State {
        let tag = &mut self.tag;
        if tag.is_end {
            self.namespaces.on_end(&tag.name);
            self.sink.on_end(&tag.name);
            return State::Markup;
        }
        tag.is_foreign = self.namespaces.on_start(&tag.name, tag.is_self_closing);
        self.sink.on_start(tag);
        match Raw::of(&tag.name) {
            Some(raw) if !tag.is_foreign => State::Raw(raw),
            _ => State::Markup,
        }
    }

    fn raw(&mut self, rest: &[u8], raw: Raw) -> usize {
        match raw.next(rest) {
            Next::EndTag => self.begin(true),
            Next::Other(raw, taken) => self.go(State::Raw(raw), taken),
            Next::Text(_) if raw == Raw::Title && matches!(rest[0], b'&' | 0) => {
                decode(rest, Place::Text, |part| self.sink.on_text(part))
            }
            Next::Text(taken) => {
                if raw == Raw::Title || raw == Raw::STYLE && self.sink.takes_styles() {
                    self.sink.on_text(&rest[..taken]);
                }
                taken
            }
        }
    }
}

/// Gives what the reference or the NUL at the beginning stands for, and returns its length.
fn decode(rest: &[u8], place: Place, mut give: impl FnMut(&[u8])) -> usize {
    if rest[0] == 0 {
        give("\u{fffd}".as_bytes());
        return 1;
    }
    char_reference::read(rest, place, give)
}

/// Returns how many bytes stand before that one.
fn before(byte: u8, rest: &[u8]) -> usize {
    memchr(byte, rest).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
