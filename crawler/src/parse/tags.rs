//! A document as its tags, with the few attributes that matter here, decoded.
//!
//! The tokenizer is `html5gum`, which keeps to the HTML standard state by state, character references included;
//! what it finds is put together here, so that no name, value or comment takes more room than it is allowed.

use std::convert::Infallible;

use html5gum::{Emitter, Error, Reader, State, Tokenizer};

use super::foreign::Namespaces;
use crate::web_url::TEXT_BYTES_MAX;

/// How much of an attribute's value is kept, in bytes: a character more than is parsed as a URL, so that one that was
/// cut is refused.
const VALUE_BYTES_MAX: usize = TEXT_BYTES_MAX + 4;
/// How long most values are at most, in bytes.
const VALUE_BYTES: usize = 64;
/// How much of a name is kept, in bytes: one more than the longest that is known here.
const NAME_BYTES_MAX: usize = 16;

/// What takes the tags of a document, in their order.
pub(super) trait Sink {
    /// Takes a start tag.
    fn on_start(&mut self, tag: &Tag);
    /// Takes the name of an end tag.
    fn on_end(&mut self, _name: &[u8]) {}
    /// Takes text, which may come in any number of parts.
    fn on_text(&mut self, _text: &[u8]) {}
}

/// A start tag.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// Its name in lower case, cut if it is longer than any that is known.
    pub(super) name: Vec<u8>,
    /// Whether it is an element of SVG or `MathML`.
    pub(super) is_foreign: bool,
    is_self_closing: bool,
    /// The first value of each attribute that is known.
    attributes: Vec<(&'static str, Vec<u8>)>,
}

impl Tag {
    /// Returns an attribute's value; one that is too long is cut, and so is the character it is cut in.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| *known == name)?;
        match str::from_utf8(value) {
            Ok(value) => Some(value),
            Err(error) => str::from_utf8(&value[..error.valid_up_to()]).ok(),
        }
    }
}

/// Runs through a document; `Err` is the reader's.
pub(super) fn run<R: Reader>(reader: R, sink: &mut impl Sink) -> Result<(), R::Error> {
    Tokenizer::new_with_emitter(reader, Tags::new(sink)).finish()
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

/// Puts tags together. Invariant: no buffer is longer than its bound.
struct Tags<'a, S> {
    sink: &'a mut S,
    namespaces: Namespaces,
    tag: Tag,
    is_end: bool,
    last_start: Vec<u8>,
    attribute_name: Vec<u8>,
    /// Where in the tag's attributes the value goes that is read.
    attribute: Option<usize>,
}

impl<'a, S: Sink> Tags<'a, S> {
    fn new(sink: &'a mut S) -> Self {
        Self {
            sink,
            namespaces: Namespaces::default(),
            tag: Tag::default(),
            is_end: false,
            last_start: Vec::new(),
            attribute_name: Vec::new(),
            attribute: None,
        }
    }

    fn begin_tag(&mut self, is_end: bool) {
        self.is_end = is_end;
        self.tag.name.clear();
        self.tag.is_self_closing = false;
        self.tag.attributes.clear();
        self.attribute_name.clear();
        self.attribute = None;
    }

    /// Finds the place of an attribute whose name is complete; the first of a name is the one that counts.
    fn end_name(&mut self) {
        let attributes = &mut self.tag.attributes;
        let name = KNOWN
            .iter()
            .find(|name| name.as_bytes() == self.attribute_name);
        self.attribute = name
            .filter(|name| !attributes.iter().any(|(known, _)| known == *name))
            .map(|name| {
                attributes.push((name, Vec::with_capacity(VALUE_BYTES)));
                attributes.len() - 1
            });
        self.attribute_name.clear();
    }
}

impl<S: Sink> Emitter for Tags<'_, S> {
    type Token = Infallible;

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_name();
        if self.is_end {
            self.namespaces.on_end(&self.tag.name);
            self.sink.on_end(&self.tag.name);
            return None;
        }
        self.last_start.clone_from(&self.tag.name);
        let tag = &mut self.tag;
        tag.is_foreign = self.namespaces.on_start(&tag.name, tag.is_self_closing);
        self.sink.on_start(tag);
        if tag.is_foreign {
            return None;
        }
        content(&tag.name)
    }

    fn init_start_tag(&mut self) {
        self.begin_tag(false);
    }

    fn init_end_tag(&mut self) {
        self.begin_tag(true);
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        push(&mut self.tag.name, name, NAME_BYTES_MAX);
    }

    fn set_self_closing(&mut self) {
        self.tag.is_self_closing = true;
    }

    fn init_attribute(&mut self) {
        // The one before it may have had no value.
        self.end_name();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        push(&mut self.attribute_name, name, NAME_BYTES_MAX);
    }

    fn init_attribute_value(&mut self) {
        self.end_name();
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        if let Some(at) = self.attribute {
            push(&mut self.tag.attributes[at].1, value, VALUE_BYTES_MAX);
        }
    }

    fn emit_string(&mut self, text: &[u8]) {
        self.sink.on_text(text);
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.is_end && !self.last_start.is_empty() && self.last_start == self.tag.name
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.namespaces.is_foreign()
    }

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start.clear();
        push(
            &mut self.last_start,
            name.unwrap_or_default(),
            NAME_BYTES_MAX,
        );
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    // What is left says nothing that is asked here.
    fn emit_eof(&mut self) {}
    fn emit_error(&mut self, _: Error) {}
    fn init_comment(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn emit_current_comment(&mut self) {}
    fn init_doctype(&mut self) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn set_force_quirks(&mut self) {}
    fn emit_current_doctype(&mut self) {}
}

/// Returns how the content of an element is read, if not as markup. A browser without scripts reads `noscript` as
/// markup. Source: HTML §13.2.6.4.
fn content(name: &[u8]) -> Option<State> {
    match name {
        b"title" | b"textarea" => Some(State::RcData),
        b"style" | b"xmp" | b"iframe" | b"noembed" | b"noframes" => Some(State::RawText),
        b"script" => Some(State::ScriptData),
        b"plaintext" => Some(State::PlainText),
        _ => None,
    }
}

fn push(buffer: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) {
    let room = bytes_max - buffer.len();
    buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use html5gum::Readable;

    use super::*;

    #[derive(Default)]
    struct Hrefs(Vec<String>);

    impl Sink for Hrefs {
        fn on_start(&mut self, tag: &Tag) {
            let href = tag.value("href").map(str::to_owned);
            self.0.extend(href);
        }
    }

    fn hrefs(html: &str) -> Vec<String> {
        let mut sink = Hrefs::default();
        run(html.to_reader(), &mut sink).unwrap();
        sink.0
    }

    fn check(html: &str, expected: &[&str]) {
        assert_eq!(hrefs(html), expected, "{html}");
    }

    #[test]
    fn the_first_attribute_of_a_name_counts_in_whatever_form() {
        check("<a href=1 href=2>", &["1"]);
        check(
            "<A HREF = '1'><a href=\"2\"><a\nhref\n=\n3>",
            &["1", "2", "3"],
        );
        check("<a href href=1>", &[""]);
        check("<a href><a hreff=1 xhref=2 data-href=3>", &[""]);
        check("<a/href=1/><a title='>' href=2>", &["1/", "2"]);
    }

    #[test]
    fn what_is_no_markup_holds_no_tags() {
        for name in [
            "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes",
        ] {
            check(
                &format!("<{name}><a href=1></{name}x></{name}><a href=2>"),
                &["2"],
            );
        }
        check("<!-- <a href=1> --><a href=2><!-- <a href=3>", &["2"]);
        check("<noscript><a href=1></noscript>", &["1"]);
        check("<plaintext></plaintext><a href=1>", &[]);
        check(
            "<script><!--<script></script><a href=1>--></script><a href=2>",
            &["2"],
        );
    }

    #[test]
    fn in_svg_all_is_markup() {
        check(
            "<svg><style><a href=1></style><title><a href=2></title></svg>",
            &["1", "2"],
        );
        check("<svg><![CDATA[<a href=1>]]></svg><a href=2>", &["2"]);
        check("<![CDATA[<a href=1>]]><a href=2>", &["2"]);
        check("<svg><p><style><a href=1></style>", &[]);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let value = |html: &str| hrefs(html)[0].len();
        let long = "a".repeat(VALUE_BYTES_MAX - 1);
        assert_eq!(value(&format!("<a href={long}b>")), VALUE_BYTES_MAX);
        assert_eq!(value(&format!("<a href={long}ü>")), VALUE_BYTES_MAX - 1);
        assert_eq!(value(&format!("<a href={long}{long}>")), VALUE_BYTES_MAX);
    }

    #[test]
    fn long_names_are_none_that_is_known() {
        let name = "x".repeat(1000);
        check(&format!("<{name} {name}=1 href{name}=2 href=3>"), &["3"]);
    }

    /// Counts how often the tokenizer asks for input, and how many bytes come out of it.
    struct Counted<'a> {
        reader: html5gum::StringReader<'a>,
        steps: &'a Cell<usize>,
    }

    impl Reader for Counted<'_> {
        type Error = Infallible;

        fn read_byte(&mut self) -> Result<Option<u8>, Infallible> {
            self.steps.set(self.steps.get() + 1);
            self.reader.read_byte()
        }

        fn try_read_string(&mut self, text: &[u8], has_case: bool) -> Result<bool, Infallible> {
            self.steps.set(self.steps.get() + text.len());
            self.reader.try_read_string(text, has_case)
        }
    }

    impl Sink for &Cell<usize> {
        fn on_start(&mut self, tag: &Tag) {
            self.set(self.get() + tag.name.len());
        }

        fn on_text(&mut self, text: &[u8]) {
            self.set(self.get() + text.len());
        }
    }

    #[test]
    fn twice_the_document_is_twice_the_work() {
        fn steps(html: &str) -> usize {
            let (asked, given) = (Cell::new(0), Cell::new(0));
            let reader = Counted {
                reader: html.to_reader(),
                steps: &asked,
            };
            run(reader, &mut &given).unwrap();
            asked.get() + given.get()
        }
        for part in [
            "<a href=/x>",
            "<a ",
            "<",
            "</",
            "<!--",
            "--",
            "<!",
            "&",
            "&am",
            "&#x",
            "&NotEqualTild",
            "<svg>",
            "<p><svg>",
            "</svg>",
            "<template>",
            "<title>",
            "<script><!--<script>",
            "</script",
            "</title",
            "]]",
            "<![CDATA[",
            "a=b ",
            "<a a a a a a",
            "'",
            "\"",
            "<!doctype ",
            "<!doctype a public '",
            "\0",
            "\r",
            "ü",
        ] {
            for before in [
                "",
                "<script>",
                "<title>",
                "<a b='",
                "<!--",
                "<svg><![CDATA[",
            ] {
                let html = |count: usize| format!("{before}{}", part.repeat(count));
                let (once, twice) = (steps(&html(500)), steps(&html(1000)));
                assert!(
                    2 * twice <= 5 * once,
                    "{before}{part}: {once}, then {twice}"
                );
            }
        }
    }
}
