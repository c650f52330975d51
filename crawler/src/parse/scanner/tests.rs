//! 1. Each of some thousand short documents, and any soup of what documents are made of, has the tags, the values and
//!    the titles that html5ever's tokenizer finds in it.
//! 2. In whatever pieces a document comes, it is the same document.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag as TheirTag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
    TokenizerOpts,
};
use proptest::prelude::*;

use super::super::tags::VALUE_BYTES_MAX;
use super::*;

/// What a document says, as text: tags with two of the attributes that are known, and the text of titles.
#[derive(Debug, Default)]
struct Said(Vec<u8>);

impl Sink for Said {
    fn on_start(&mut self, tag: &Tag) {
        self.start(&tag.name, |name| tag.value(name).map(str::to_owned));
    }

    fn on_end(&mut self, name: &[u8]) {
        self.0
            .extend_from_slice(format!("</{}>", name.escape_ascii()).as_bytes());
    }

    fn on_text(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }
}

impl Said {
    fn start(&mut self, name: &[u8], value: impl Fn(&str) -> Option<String>) {
        let mut tag = format!("<{}", name.escape_ascii());
        for known in ["href", "content"] {
            if let Some(value) = value(known) {
                tag += &format!(" {known}={value:?}");
            }
        }
        self.0.extend_from_slice(tag.as_bytes());
        self.0.push(b'>');
    }

    /// Returns it without line ends, which nothing here tells apart from each other or from none.
    fn text(self) -> String {
        let text = String::from_utf8(self.0).expect("no character is cut");
        text.replace(['\r', '\n'], "")
            .replace("\\r", "")
            .replace("\\n", "")
    }
}

fn ours(html: &str) -> String {
    let mut said = Said::default();
    scan(html.as_bytes(), &mut said);
    said.text()
}

/// What html5ever tells of; it is told what is foreign and what is raw by our own rules, which are held against its tree
/// in another test.
#[derive(Default)]
struct Theirs(std::cell::RefCell<(Said, Namespaces, bool)>);

impl TokenSink for Theirs {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let (said, namespaces, is_in_title) = &mut *self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                *is_in_title = false;
                // A NUL in a name is replaced there; no name that is known has either.
                let name = tag.name.replace('\u{fffd}', "\0");
                let name = &name.as_bytes()[..name.len().min(16)];
                if tag.kind == TagKind::EndTag {
                    namespaces.on_end(name);
                    said.on_end(name);
                    return TokenSinkResult::Continue;
                }
                let is_foreign = namespaces.on_start(name, tag.self_closing);
                said.start(name, |wanted| value(&tag, wanted));
                let raw = Raw::of(name).filter(|_| !is_foreign);
                *is_in_title = raw == Some(Raw::Title);
                match raw {
                    None => TokenSinkResult::Continue,
                    Some(Raw::Title) => TokenSinkResult::RawData(RawKind::Rcdata),
                    Some(Raw::Text(_)) => TokenSinkResult::RawData(RawKind::Rawtext),
                    Some(Raw::Script(_)) => TokenSinkResult::RawData(RawKind::ScriptData),
                    Some(Raw::Plain) => TokenSinkResult::Plaintext,
                }
            }
            Token::CharacterTokens(text) if *is_in_title => {
                said.on_text(text.as_bytes());
                TokenSinkResult::Continue
            }
            Token::NullCharacterToken if *is_in_title => {
                said.on_text("\u{fffd}".as_bytes());
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.0.borrow().1.is_foreign()
    }
}

fn value(tag: &TheirTag, wanted: &str) -> Option<String> {
    let mut attributes = tag.attrs.iter();
    let found = attributes.find(|attribute| &*attribute.name.local == wanted);
    found.map(|attribute| attribute.value.to_string())
}

fn theirs(html: &str) -> String {
    let tokenizer = Tokenizer::new(Theirs::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _finished = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner().0.text()
}

/// Returns what a document says that comes in pieces of that size, or larger where more has to be seen.
fn in_pieces(html: &str, size: usize) -> String {
    let mut said = Said::default();
    let mut scanner = Scanner::new(&mut said);
    let (text, mut begin, mut end) = (html.as_bytes(), 0, 0);
    while end < text.len() {
        end = (end + size).min(text.len());
        begin += scanner.read(&text[begin..end], IsLast::No);
        assert!(end - begin < AHEAD, "{} bytes are left", end - begin);
    }
    assert_eq!(
        scanner.read(&text[begin..], IsLast::Yes),
        text.len() - begin
    );
    said.text()
}

/// Checks every document that begins so and goes on with up to `length` of the parts.
fn check_all(before: &str, parts: &[&str], length: u32, after: &str) {
    let count = parts.len();
    for number in 0..count.pow(length) {
        let mut html = before.to_owned();
        let mut left = number;
        for _ in 0..length {
            html += parts[left % count];
            left /= count;
        }
        html += after;
        assert_eq!(ours(&html), theirs(&html), "{html:?}");
    }
}

#[test]
fn short_documents_are_read_as_the_standard_says() {
    let parts = ["<", "/", "a", ">", "!", "-", "?", " ", "=", "'", ""];
    check_all("", &parts, 4, "x><a href=1>");
    check_all("<!", &parts, 3, "'><a href=1>--><a href=2>]]><a href=3>");
}

#[test]
fn attributes_are_read_as_the_standard_says() {
    let parts = [
        "href", "=", "/", ">", " ", "\"", "'", "<", "&", "\0", "", "HREF",
    ];
    check_all("<a ", &parts, 4, "z><a href=1>\"'><a href=2>");
    let parts = ["a", "=", "\r", "\x0c", "\t", "/", ">", "&amp", ";", "`", ""];
    for before in [
        "<a href",
        "<a href=",
        "<a href='",
        "<a href=\"",
        "<a title=",
        "</a href=",
    ] {
        check_all(before, &parts, 3, "z'\"><a href=1>");
    }
}

#[test]
fn references_are_read_as_the_standard_says() {
    let parts = [
        "&", "amp", "not", "in", ";", "#", "x", "4", "0", "=", "", "\0", "ü",
    ];
    for (before, after) in [
        ("<a href='&", "'>"),
        ("<a href=&", ">"),
        ("<title>&", "</title>"),
    ] {
        check_all(before, &parts, 3, after);
    }
    for name in htmlize::ENTITIES.keys() {
        let name = str::from_utf8(name).expect("a name is ASCII");
        for after in ["", ";", "=", "a", "&"] {
            let html = format!(
                "<a href='{name}{after}' content={name}{after}><title>{name}{after}</title>"
            );
            assert_eq!(ours(&html), theirs(&html), "{html}");
        }
    }
    for number in (0..0x110).chain([
        0xd7ff,
        0xd800,
        0xdfff,
        0xfdd0,
        0xffff,
        0x0010_ffff,
        0x0011_0000,
    ]) {
        let html = format!("<a href='&#{number};&#x{number:x};&#X{number:X}'>");
        assert_eq!(ours(&html), theirs(&html), "{html}");
    }
}

#[test]
fn comments_end_where_the_standard_says() {
    check_all(
        "<!--",
        &["-", ">", "!", "<", "a", ""],
        6,
        "<a href=1>--><a href=2>",
    );
    check_all(
        "<svg><![CDATA[",
        &["]", ">", "<", "a", ""],
        4,
        "<a href=1>]]><a href=2>",
    );
    check_all(
        "<!",
        &["doctype", " ", "'", ">", "[CDATA[", "--", "]]", ""],
        4,
        "<a href=1>'><a href=2>",
    );
}

#[test]
fn raw_text_ends_where_the_standard_says() {
    let parts = ["<", "/", "title", "TITLE", " ", ">", "a", "<!--", ""];
    check_all("<title>", &parts, 4, "><a href=1></title><a href=2>");
    for name in [
        "style",
        "xmp",
        "iframe",
        "noembed",
        "noframes",
        "textarea",
        "plaintext",
        "noscript",
    ] {
        let parts = ["</", name, " ", "/", ">", "<", "&"];
        check_all(
            &format!("<{name}>"),
            &parts,
            3,
            &format!("><a href=1></{name}><a href=2>"),
        );
    }
}

#[test]
fn scripts_end_where_the_standard_says() {
    let parts = [
        "<", "/", "script", "Script", ">", "!--", "-->", "-", " ", "",
    ];
    check_all(
        "<script>",
        &parts,
        4,
        "<a href=1></script><a href=2></script><a href=3>",
    );
    check_all(
        "<script><!--",
        &parts,
        4,
        "<a href=1></script><a href=2></script><a href=3>",
    );
    check_all(
        "<script><!--<script>",
        &parts,
        4,
        "<a href=1></script><a href=2>--></script><a href=3>",
    );
}

#[test]
fn a_long_value_is_cut_between_characters() {
    #[derive(Default)]
    struct Length(usize);
    impl Sink for Length {
        fn on_start(&mut self, tag: &Tag) {
            self.0 = tag.value("href").map_or(0, str::len);
        }
    }
    let check = |value: &str, expected: usize| {
        let mut length = Length::default();
        scan(
            format!("<a content=c href={value}>").as_bytes(),
            &mut length,
        );
        assert_eq!(length.0, expected);
    };
    let long = "a".repeat(VALUE_BYTES_MAX - 1);
    check(&format!("{long}b"), VALUE_BYTES_MAX);
    check(&format!("{long}ü"), VALUE_BYTES_MAX - 1);
    check(&format!("{long}{long}&amp;"), VALUE_BYTES_MAX);
}

#[test]
fn long_names_are_none_that_is_known() {
    let name = "x".repeat(1000);
    let html = format!("<{name} {name}=1 href{name}=2 href=3>");
    assert_eq!(ours(&html), format!("<{} href=\"3\">", &name[..16]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_soup_is_read_as_the_standard_says(
        parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..40),
    ) {
        let html = parts.concat();
        prop_assert_eq!(ours(&html), theirs(&html), "{}", html);
    }

    #[test]
    fn a_document_in_pieces_is_the_same_document(
        parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..200),
        size in 1_usize..300,
    ) {
        let html = parts.concat();
        prop_assert_eq!(in_pieces(&html, size), ours(&html), "{}", html);
    }
}

const SOUP: [&str; 72] = [
    "<a href=",
    "<a href='",
    "<a href=\"",
    "<A HREF = ",
    "<p class=\"b c\" id=d>",
    "<a title='x' href=y>",
    "content=",
    "href",
    "</a>",
    "<br/>",
    "<meta content='0;url=/a'>",
    "'",
    "\"",
    ">",
    "/>",
    "<",
    "</",
    "<!",
    "<?",
    "<!--",
    "-->",
    "--!>",
    "--",
    "-",
    "!",
    "<!doctype html>",
    "<!doctype a public '",
    "<script>",
    "</script>",
    "</script ",
    "<SCRIPT/",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "</title/ href=b>",
    "</titl",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp>",
    "<iframe src=i>",
    "</iframe>",
    "<noembed>",
    "</noembed>",
    "<noscript>",
    "<plaintext>",
    "<svg>",
    "<svg/>",
    "</svg>",
    "<math>",
    "<mi>",
    "<desc>",
    "<![CDATA[",
    "]]>",
    "]",
    "&",
    "&amp",
    "&notin",
    "&#x41;",
    "&#0",
    "&#",
    ";",
    "=",
    "/",
    " ",
    "\n",
    "\r",
    "\0",
    "ü",
    "x",
    "\x0c",
];
