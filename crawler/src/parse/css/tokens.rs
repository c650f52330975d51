//! The tokens of a style sheet, as far as they tell where a URL stands. Source: CSS Syntax Level 3 §4.
//!
//! What the standard does to its input beforehand (line ends, NUL) is done here where it shows.

use std::borrow::Cow;

use memchr::memmem;

use super::End;

/// A token. Of numbers, words and signs nothing is told but that there is something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'c> {
    /// An at-keyword, without its sign.
    AtWord(Cow<'c, [u8]>),
    /// The name of a function, with its bracket.
    Function(Cow<'c, [u8]>),
    Url(Cow<'c, [u8]>),
    /// A string.
    Text(Cow<'c, [u8]>),
    /// A round or square bracket.
    Open,
    Close,
    /// A brace or a semicolon, which ends what is before.
    Boundary,
    Other,
}

/// The tokens of a style sheet, in their order, without blanks and comments.
pub(super) struct Tokens<'c> {
    rest: &'c [u8],
    end: End,
}

impl<'c> Tokens<'c> {
    pub(super) const fn new(css: &'c [u8], end: End) -> Self {
        Self { rest: css, end }
    }

    fn take(&mut self, length: usize) -> &'c [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'c [u8] {
        let end = self.rest.iter().position(|byte| !is_part(*byte));
        self.take(end.unwrap_or(self.rest.len()))
    }

    fn take_token(&mut self, token: Token<'c>) -> Token<'c> {
        self.take(1);
        token
    }

    /// Takes what is between two tokens.
    fn take_gap(&mut self) {
        loop {
            self.take_while(is_blank);
            let Some(comment) = self.rest.strip_prefix(b"/*") else {
                return;
            };
            let end = memmem::find(comment, b"*/");
            self.rest = end.map_or(&[], |end| &comment[end + 2..]);
        }
    }

    fn name(&mut self) -> Cow<'c, [u8]> {
        let mut name = Cow::Borrowed(self.take_while(is_name_part));
        while is_escape(self.rest) {
            self.take(1);
            self.take_escaped(name.to_mut());
            push(&mut name, self.take_while(is_name_part));
        }
        name
    }

    /// Takes what follows the backslash of an escape.
    fn take_escaped(&mut self, text: &mut Vec<u8>) {
        let digits = self.rest.iter().take(6);
        let digits = digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 0 {
            match self.rest.first() {
                None | Some(0) => text.extend_from_slice(REPLACEMENT),
                Some(byte) => text.push(*byte),
            }
            self.take(self.rest.len().min(1));
            return;
        }
        let value = self.take(digits).iter().fold(0, |value, digit| {
            16 * value + char::from(*digit).to_digit(16).unwrap_or_default()
        });
        let char = char::from_u32(value).filter(|char| *char != '\0');
        let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        if self.rest.first().is_some_and(|byte| is_blank(*byte)) {
            self.take_blank();
        }
    }

    /// Takes one blank; a carriage return and its line feed are one.
    fn take_blank(&mut self) {
        self.take(if self.rest.starts_with(b"\r\n") { 2 } else { 1 });
    }

    fn text(&mut self, quote: u8) -> Token<'c> {
        self.take(1);
        let mut text = Cow::default();
        loop {
            let is_part = |byte| byte != quote && byte != b'\\' && byte != 0 && !is_line_end(byte);
            push(&mut text, self.take_while(is_part));
            match *self.rest {
                [] => return self.at_end(Token::Text(text)),
                [b'\\', byte, ..] if is_line_end(byte) => {
                    self.take(1);
                    self.take_blank();
                }
                [b'\\'] => {
                    self.take(1);
                }
                [b'\\', ..] => {
                    self.take(1);
                    self.take_escaped(text.to_mut());
                }
                [0, ..] => self.take_nul(&mut text),
                // A bad string: the end of the line is no part of it.
                [byte, ..] if byte != quote => return Token::Other,
                _ => return self.take_token(Token::Text(text)),
            }
        }
    }

    /// Takes a word, and the bracket that makes it a function.
    fn word(&mut self) -> Token<'c> {
        let name = self.name();
        if !self.rest.starts_with(b"(") {
            return Token::Other;
        }
        self.take(1);
        if !name.eq_ignore_ascii_case(b"url") {
            return Token::Function(name);
        }
        self.take_while(is_blank);
        match self.rest.first() {
            Some(b'"' | b'\'') => Token::Function(name),
            _ => self.url(),
        }
    }

    /// Takes what stands in the brackets of a URL without quotes, and the one that closes them.
    fn url(&mut self) -> Token<'c> {
        let mut url = Cow::default();
        loop {
            push(&mut url, self.take_while(is_url_part));
            if self.take_while(is_blank).is_empty() {
                match *self.rest {
                    [0, ..] => {
                        self.take_nul(&mut url);
                        continue;
                    }
                    [b'\\', ..] if is_escape(self.rest) => {
                        self.take(1);
                        self.take_escaped(url.to_mut());
                        continue;
                    }
                    _ => {}
                }
            }
            return match self.rest.first() {
                None => self.at_end(Token::Url(url)),
                Some(b')') => self.take_token(Token::Url(url)),
                Some(_) => self.bad_url(),
            };
        }
    }

    /// Takes what is left of a URL that is none, with its bracket.
    fn bad_url(&mut self) -> Token<'c> {
        loop {
            self.take_while(|byte| byte != b')' && byte != b'\\');
            match self.rest {
                [b'\\', _, ..] => self.take(2),
                rest => {
                    self.take(rest.len().min(1));
                    return Token::Other;
                }
            };
        }
    }

    fn take_nul(&mut self, text: &mut Cow<'c, [u8]>) {
        self.take(1);
        text.to_mut().extend_from_slice(REPLACEMENT);
    }

    /// Returns what the end of the input makes of a token that it leaves open.
    fn at_end(&self, token: Token<'c>) -> Token<'c> {
        match self.end {
            End::Whole => token,
            End::Cut => Token::Other,
        }
    }
}

impl<'c> Iterator for Tokens<'c> {
    type Item = Token<'c>;

    fn next(&mut self) -> Option<Token<'c>> {
        self.take_gap();
        let first = *self.rest.first()?;
        Some(match first {
            b'"' | b'\'' => self.text(first),
            b'@' if is_name_begin(&self.rest[1..]) => {
                self.take(1);
                Token::AtWord(self.name())
            }
            // A hash and its name, or a number and its unit: what follows the name is no function's.
            b'#' | b'0'..=b'9' => {
                self.take(1);
                self.name();
                Token::Other
            }
            b'(' | b'[' => self.take_token(Token::Open),
            b')' | b']' => self.take_token(Token::Close),
            b'{' | b'}' | b';' => self.take_token(Token::Boundary),
            // Its dashes begin no name.
            b'<' if self.rest.starts_with(b"<!--") => {
                self.take(4);
                Token::Other
            }
            _ if is_name_begin(self.rest) => self.word(),
            _ => self.take_token(Token::Other),
        })
    }
}

/// Adds to a text, which is copied only where it has parts.
fn push<'c>(text: &mut Cow<'c, [u8]>, part: &'c [u8]) {
    if text.is_empty() {
        *text = Cow::Borrowed(part);
    } else if !part.is_empty() {
        text.to_mut().extend_from_slice(part);
    }
}

/// Returns whether a name begins here. Source: CSS Syntax Level 3 §4.3.9.
fn is_name_begin(rest: &[u8]) -> bool {
    match rest {
        [b'-', b'-', ..] => true,
        [b'-', after @ ..] | after => match after {
            [b'\\', ..] => is_escape(after),
            [first, ..] => is_name_part(*first) && !first.is_ascii_digit() && *first != b'-',
            [] => false,
        },
    }
}

/// Returns whether a backslash here escapes what follows it. Source: CSS Syntax Level 3 §4.3.8.
fn is_escape(rest: &[u8]) -> bool {
    match rest {
        [b'\\', next, ..] => !is_line_end(*next),
        rest => rest == b"\\",
    }
}

/// Returns whether a byte is part of a name; of a letter that is no ASCII each is, and so is what a NUL stands for.
const fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | 0 | 0x80..)
}

/// Returns whether a byte stands for itself in a URL without quotes. Source: CSS Syntax Level 3 §4.3.6.
const fn is_url_part(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0x80..) && !matches!(byte, b'"' | b'\'' | b'(' | b')' | b'\\')
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t') || is_line_end(byte)
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'\x0c')
}

/// What stands for a character that is none.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
