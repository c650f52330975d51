//! In any soup of what style sheets are made of, the URLs are those that the tokens of cssparser, which browsers use, tell.

use cssparser::{Parser, ParserInput, Token};
use proptest::prelude::*;

use super::{End, urls};

fn ours(css: &str) -> Vec<String> {
    let mut found = Vec::new();
    urls(css.as_bytes(), End::Whole, |url| {
        found.push(url.into_owned());
    });
    found
}

fn theirs(css: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&mut Parser::new(&mut ParserInput::new(css)), &mut found);
    found
}

fn collect(parser: &mut Parser<'_, '_>, found: &mut Vec<String>) {
    let mut is_url = false;
    while let Ok(token) = parser.next().cloned() {
        let was_url = std::mem::take(&mut is_url);
        match token {
            Token::UnquotedUrl(url) => found.push(url.to_string()),
            Token::QuotedString(text) if was_url => found.push(text.to_string()),
            Token::AtKeyword(name) => is_url = name.eq_ignore_ascii_case("import"),
            Token::Function(name) if name.eq_ignore_ascii_case("url") => {
                within(parser, |parser| {
                    let start = parser.state();
                    match parser.next().cloned() {
                        Ok(Token::QuotedString(text)) => found.push(text.to_string()),
                        _ => parser.reset(&start),
                    }
                    collect(parser, found);
                });
            }
            Token::Function(_)
            | Token::ParenthesisBlock
            | Token::SquareBracketBlock
            | Token::CurlyBracketBlock => within(parser, |parser| collect(parser, found)),
            _ => {}
        }
    }
}

/// Reads a block to its end.
fn within(parser: &mut Parser<'_, '_>, read: impl FnOnce(&mut Parser<'_, '_>)) {
    let ended = parser.parse_nested_block(|parser| {
        read(parser);
        Ok::<_, cssparser::ParseError<'_, ()>>(())
    });
    assert!(ended.is_ok(), "all of a block was read");
}

/// Parts every backslash from white space before it: in what is left of a bad URL, cssparser takes the one that made it bad
/// for no escape.
fn without_a_known_fault(css: &str) -> String {
    let mut last = 'x';
    let mut parted = String::with_capacity(css.len());
    for character in css.chars() {
        if character == '\\' && last.is_ascii_whitespace() {
            parted.push('x');
        }
        parted.push(character);
        last = character;
    }
    parted
}

#[test]
fn an_escape_after_the_white_space_of_a_bad_url_does_not_end_it() {
    // Source: CSS Syntax Level 3, 4.3.14, consume the remnants of a bad url.
    assert_eq!(ours(r"url([ \)url(a)"), Vec::<String>::new());
    assert_eq!(ours(r"url([ \))url(a)"), ["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_urls_are_those_that_browsers_find(
        parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..24),
    ) {
        let css = without_a_known_fault(&parts.concat());
        prop_assert_eq!(ours(&css), theirs(&css), "{}", css);
    }
}

const SOUP: [&str; 52] = [
    "url(",
    "URL(",
    "u\\72l(",
    "\\75 rl(",
    "curl(",
    "a(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ":",
    ",",
    "'",
    "\"",
    "@import",
    "@\\69mport",
    "@media",
    "@",
    "\\",
    "\\\n",
    "\\\r\n",
    "\\29 ",
    "\\0",
    "\\110000",
    "\\)",
    "\\'",
    "/*",
    "*/",
    "/",
    " ",
    "\n",
    "\r\n",
    "\x0c",
    "\t",
    "\0",
    "\x01",
    "\x7f",
    "<!--",
    "-->",
    "-",
    "--",
    "#",
    "1",
    ".5e",
    "e+3",
    "a",
    "ü",
    "url",
    "é\\",
];
