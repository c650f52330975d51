//! Elements whose content is text, whatever it looks like, up to their own end tag.

use memchr::{memchr, memchr2, memchr3};

/// How the content of an element is read, if not as markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// Of a title the text is wanted.
    Title,
    /// Up to the end tag of this name.
    Text(&'static [u8]),
    Script(Escape),
    /// To the end of the document.
    Plain,
}

/// What hides the end of a script: a comment in it, and a script in that. Source: HTML §13.2.5.15 to §13.2.5.31.
///
/// ```text
/// None ── <!-- ──► Comment ── <script> ──► Script
///  ▲                │  ▲                     │
///  └────── --> ─────┴──┼─────────────────────┤
///                      └───── </script> ─────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    Comment,
    Script,
}

/// What comes next in such an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its end tag, here.
    EndTag,
    /// So much that is text for certain.
    Text(usize),
    /// So much of it, and what follows is read in another way.
    Other(Raw, usize),
}

const SCRIPT: &[u8] = b"script";

impl Raw {
    /// A style sheet, whose text may be wanted too.
    pub(super) const STYLE: Self = Self::Text(b"style");

    /// Returns how the content of the HTML element of that name is read, if not as markup. A browser without scripts
    /// reads `noscript` as markup. Source: HTML §13.2.6.4.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"title" => Self::Title,
            b"textarea" => Self::Text(b"textarea"),
            b"style" => Self::STYLE,
            b"xmp" => Self::Text(b"xmp"),
            b"iframe" => Self::Text(b"iframe"),
            b"noembed" => Self::Text(b"noembed"),
            b"noframes" => Self::Text(b"noframes"),
            SCRIPT => Self::Script(Escape::None),
            b"plaintext" => Self::Plain,
            _ => return None,
        })
    }

    /// Returns what begins here, which is not empty.
    pub(super) fn next(self, rest: &[u8]) -> Next {
        match self {
            Self::Title if is_tag(rest, b"</", b"title") => Next::EndTag,
            // What is to be decoded is given by itself.
            Self::Title => Next::Text(to_next(rest, |after| memchr3(b'<', b'&', 0, after))),
            Self::Text(name) => text(rest, name),
            Self::Script(escape) => escape.next(rest),
            Self::Plain => Next::Text(rest.len()),
        }
    }
}

fn text(rest: &[u8], name: &[u8]) -> Next {
    if is_tag(rest, b"</", name) {
        return Next::EndTag;
    }
    Next::Text(to_next(rest, |after| memchr(b'<', after)))
}

impl Escape {
    fn next(self, rest: &[u8]) -> Next {
        let other = |escape, taken| Next::Other(Raw::Script(escape), taken);
        match self {
            // Its dashes may end it again, so they are left.
            Self::None if rest.starts_with(b"<!--") => return other(Self::Comment, 2),
            Self::None => return text(rest, SCRIPT),
            Self::Comment | Self::Script if rest.starts_with(b"-->") => {
                return other(Self::None, 3);
            }
            Self::Comment if is_tag(rest, b"</", SCRIPT) => return Next::EndTag,
            Self::Comment if is_tag(rest, b"<", SCRIPT) => {
                return other(Self::Script, b"<script>".len());
            }
            Self::Script if is_tag(rest, b"</", SCRIPT) => {
                return other(Self::Comment, b"</script>".len());
            }
            Self::Comment | Self::Script => {}
        }
        Next::Text(to_next(rest, |after| memchr2(b'<', b'-', after)))
    }
}

/// Returns how far it is from here to the next that is found, or to the end.
fn to_next(rest: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> usize {
    find(&rest[1..]).map_or(rest.len(), |at| 1 + at)
}

/// Returns whether a tag of that name begins here, up to a byte that ends the name.
fn is_tag(rest: &[u8], before: &[u8], name: &[u8]) -> bool {
    let Some(after) = rest.strip_prefix(before) else {
        return false;
    };
    let is_name = |part: &[u8]| part.eq_ignore_ascii_case(name);
    after.get(..name.len()).is_some_and(is_name)
        && after.get(name.len()).is_some_and(|byte| is_name_end(*byte))
}

/// Returns whether a byte is a blank to the HTML standard; a carriage return is a line feed to it.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')
}

/// Returns whether a byte ends a name.
pub(super) const fn is_name_end(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'/' | b'>')
}
