//! The URLs that a style sheet names, found in its tokens.
//!
//! | written | named |
//! |---|---|
//! | `url(a)`, `url("a")` | `a`, in whatever rule, function or custom property |
//! | `@import "a"` | `a`, wherever the rule stands |
//! | `image-set("a" 1x)` | `a` |
//! | `@namespace url(a)`, `@document url(a)` | nothing: they are names |
//!
//! It keeps no tree and calls nothing within itself, so that what is nested a million times takes no more room than what is
//! not; a byte is looked at a fixed number of times. The tokenizers that there are give what stands within brackets only to
//! a call within a call.

use std::borrow::Cow;

use self::tokens::{Token, Tokens};

mod tokens;

#[cfg(test)]
mod oracle;

/// Whether a style sheet goes on behind what is there of it, so that what the end cuts is not what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Cut,
}

/// Gives each URL of a style sheet as it is written, in their order. Any bytes are one; they are read as UTF-8.
///
/// What the end of a whole one leaves open is closed there, as the standard has it.
pub(super) fn urls(css: &[u8], end: End, mut give: impl FnMut(Cow<'_, str>)) {
    let mut place = Place::default();
    for token in Tokens::new(css, end) {
        if let Some(url) = place.on_token(token) {
            give(match url {
                Cow::Borrowed(url) => String::from_utf8_lossy(url),
                Cow::Owned(url) => String::from_utf8_lossy(&url).into_owned().into(),
            });
        }
    }
}

/// Where in a style sheet it is, as far as that tells what a string is.
#[derive(Debug, Default)]
struct Place {
    before: Before,
    /// How many brackets are open since the last brace or semicolon.
    depth: usize,
    /// The depth within an `image-set`, of which the strings are URLs.
    image_set: Option<usize>,
}

/// What stands before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    #[default]
    Nothing,
    /// What makes the next string a URL.
    Import,
    Url,
    /// The beginning of a rule whose URLs are names.
    Names,
}

impl Place {
    /// Takes a token; returns the URL that it is.
    fn on_token<'c>(&mut self, token: Token<'c>) -> Option<Cow<'c, [u8]>> {
        let before = self.before;
        if before != Before::Names {
            self.before = Before::Nothing;
        }
        match token {
            Token::AtWord(name) => self.before = after_at_word(&name),
            Token::Url(url) => return (before != Before::Names).then_some(url),
            Token::Text(text) => {
                let is_image = self.image_set == Some(self.depth);
                let is_url = is_image || matches!(before, Before::Import | Before::Url);
                return (is_url && before != Before::Names).then_some(text);
            }
            Token::Function(name) => {
                self.depth += 1;
                if is(&name, "image-set") || is(&name, "-webkit-image-set") {
                    self.image_set = Some(self.depth);
                }
                if is(&name, "url") && before != Before::Names {
                    self.before = Before::Url;
                }
            }
            Token::Open => self.depth += 1,
            Token::Close => {
                if self.image_set == Some(self.depth) {
                    self.image_set = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            Token::Boundary => *self = Self::default(),
            Token::Other => {}
        }
        None
    }
}

fn after_at_word(name: &[u8]) -> Before {
    if is(name, "import") {
        Before::Import
    } else if is(name, "namespace") || is(name, "document") || is(name, "-moz-document") {
        Before::Names
    } else {
        Before::Nothing
    }
}

fn is(name: &[u8], wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(css: &str, end: End) -> Vec<String> {
        let mut found = Vec::new();
        urls(css.as_bytes(), end, |url| found.push(url.into_owned()));
        found
    }

    fn check(css: &str, expected: &[&str]) {
        assert_eq!(found(css, End::Whole), expected, "{css}");
    }

    #[test]
    fn a_url_is_found_wherever_it_stands() {
        check("a{background:url(b.png)}", &["b.png"]);
        check("url( \n'b c' )url(\"d\")URL(e)", &["b c", "d", "e"]);
        check(
            "@media (a:url(b)){c{--d:url(e) f(url(g))}}",
            &["b", "e", "g"],
        );
        check(
            "@font-face{src:local('a'),url(b.woff2)format('woff2'),url(c)}",
            &["b.woff2", "c"],
        );
        check("background:url(a),url( b )", &["a", "b"]);
        check("url()url('')", &["", ""]);
        check("<!--url(a)-->url(b)", &["a", "b"]);
    }

    #[test]
    fn an_import_names_a_style_sheet() {
        check(
            "@import 'a';@IMPORT\"b\"print;@import/**/url(c)screen;",
            &["a", "b", "c"],
        );
        check("@import url('a') layer(b) supports(c: 'd');", &["a"]);
        check("@import a 'b';@imports 'c';@import;'d'", &[]);
        check("@\\69mport 'a'", &["a"]);
    }

    #[test]
    fn the_strings_of_an_image_set_are_urls_but_for_their_types() {
        check(
            "image-set('a' 1x type('image/png'), \"b\" 2x, url(c) 3x) 'd'",
            &["a", "b", "c"],
        );
        check("-webkit-image-set((''),'a')", &["a"]);
        check("image-set('a';'b')", &["a"]);
    }

    #[test]
    fn a_name_is_no_url() {
        check("@namespace a url(http://b/);c{d:url(e)}", &["e"]);
        check("@namespace url('http://b/')", &[]);
        check("@-moz-document url(a),url('b'){c{d:url(e)}}", &["e"]);
    }

    #[test]
    fn what_only_looks_like_a_url_is_none() {
        for css in [
            "/* url(a) */",
            "'url(a)'",
            "\"@import 'a'\"",
            "curl(a)",
            "url-prefix(a)",
            "url (a)",
            "#url(a)",
            "@url(a)",
            "1url(a)",
            "1e3url('a')",
            "content:'a'",
            "u/**/rl(a)",
        ] {
            check(css, &[]);
        }
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        check("u\\72 l(a)\\75RL(b)", &["a", "b"]);
        check("url(a\\)b\\ c\\28 \\000064 e)", &["a)b c(de"]);
        check("url('a\\'b\\\nc\\\r\nd\\e9 x')", &["a'bcd\u{e9}x"]);
        check("url(\\0)url(\\d800)url(\\110000)url(\0)", &["\u{fffd}"; 4]);
        check("url(\\1F600)url(\\é)", &["\u{1f600}", "é"]);
    }

    #[test]
    fn a_bad_url_ends_at_its_bracket_and_a_bad_string_with_its_line() {
        check("url(a b)url(c)", &["c"]);
        check("url(a'\\)b)url(c)", &["c"]);
        check("url(a(b)url(c)", &["c"]);
        check("url(a\\\nb)url(c)", &["c"]);
        check("url('a\n)url(b)", &["b"]);
        check("@import 'a\n'b'", &[]);
    }

    #[test]
    fn an_end_closes_what_is_open_unless_more_would_follow() {
        for css in [
            "url(a",
            "url(a ",
            "url('a",
            "@import 'a",
            "image-set('a",
            "url('a\\",
        ] {
            check(css, &["a"]);
            assert_eq!(found(css, End::Cut), [""; 0], "{css}");
        }
        check("/* url(a)", &[]);
        check("url(a\\", &["a\u{fffd}"]);
        assert_eq!(found("url(a)url(b", End::Cut), ["a"]);
    }
}
