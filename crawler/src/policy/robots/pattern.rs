//! The paths that a rule is about.

use std::borrow::Cow;

use crate::web_url::{is_triplet, push_octet, push_triplet};

/// A pattern of a rule: text from the beginning of a path, in which `*` is any octets and a `$` at the end is the
/// end of the path.
///
/// Both pattern and path are compared in one form: unreserved triplets decoded, all others in upper case, and what no
/// URL holds in itself as triplets. Source: RFC 9309 §2.2.2, §2.2.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Its pieces, apart by single stars; the first stands at the beginning. One text, as a body of nothing but stars
    /// has hundreds of thousands of pieces.
    text: String,
    is_anchored: bool,
    octets: usize,
}

impl Pattern {
    /// Reads the value of a rule.
    pub(super) fn new(value: &[u8]) -> Self {
        let (value, is_anchored) = match value.strip_suffix(b"$") {
            Some(value) => (value, true),
            None => (value, false),
        };
        let mut text = String::with_capacity(value.len());
        // The stars and the dollar count as Google counts them.
        let mut octets = usize::from(is_anchored);
        for (at, piece) in value.split(|byte| *byte == b'*').enumerate() {
            if at > 0 {
                octets += 1;
                // Stars in a row are one star.
                if !text.ends_with('*') {
                    text.push('*');
                }
            }
            let before = text.len();
            push_comparable(&mut text, piece);
            octets += text.len() - before;
        }
        text.shrink_to_fit();
        Self {
            text,
            is_anchored,
            octets,
        }
    }

    /// Returns how many octets it has, of which the most decides.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// Returns whether the path, in its [`comparable`] form, is one of those.
    ///
    /// As nothing but the two ends is fixed, the first place where each piece fits is as good as any other, so there
    /// is no way back: the cost is at most that of finding each piece once.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut pieces = self.text.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else {
            return false;
        };
        let Some(last) = pieces.next_back() else {
            return !self.is_anchored || rest.is_empty();
        };
        for piece in pieces {
            let Some(at) = rest.find(piece) else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
        if self.is_anchored {
            rest.ends_with(last)
        } else {
            rest.contains(last)
        }
    }
}

/// Returns octets in the form in which patterns and paths are compared; it is ASCII.
///
/// A star or dollar of a path becomes a triplet, as only a triplet in a pattern can mean it.
pub(super) fn comparable(octets: &[u8]) -> Cow<'_, str> {
    // Most paths have it already.
    if octets.iter().all(|octet| stands_in_a_url(*octet))
        && let Ok(text) = str::from_utf8(octets)
    {
        return text.into();
    }
    let mut text = String::with_capacity(octets.len());
    push_comparable(&mut text, octets);
    text.into()
}

fn push_comparable(text: &mut String, octets: &[u8]) {
    let mut rest = octets;
    while let Some(octet) = rest.first() {
        if is_triplet(rest) {
            push_triplet(text, rest);
            rest = &rest[3..];
            continue;
        }
        if stands_in_a_url(*octet) {
            text.push(char::from(*octet));
        } else {
            push_octet(text, *octet);
        }
        rest = &rest[1..];
    }
}

/// Returns whether the octet stands for itself: a URL may hold it, and a pattern gives it no other meaning.
/// Source: RFC 3986 §2.2, §2.3.
const fn stands_in_a_url(octet: u8) -> bool {
    let is_other = matches!(
        octet,
        b'"' | b'$' | b'%' | b'*' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
    );
    octet.is_ascii_graphic() && !is_other
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        let matches = Pattern::new(pattern.as_bytes()).matches(&comparable(path.as_bytes()));
        assert_eq!(matches, expected, "{pattern:?} and {path:?}");
    }

    #[test]
    fn a_pattern_stands_at_the_beginning() {
        check("/fish", "/fish", true);
        check("/fish", "/fishheads/yummy.html", true);
        check("/fish", "/Fish", false);
        check("/fish", "/catfish", false);
        check("/fish/", "/fish", false);
        check("", "/a", true);
        check("a", "/a", false);
    }

    #[test]
    fn a_star_is_any_octets() {
        check("/*.php", "/index?f=filename.php/", true);
        check("/*.php", "/windows.PHP", false);
        check("/fish*.php", "/fishheads/catfish.php?p", true);
        check("/*/a/*/b", "/x/a/y/a/b", true);
        check("/*/a/*/b", "/x/a/b", false);
        check("/a**b***", "/axxb", true);
        check("*", "/", true);
        check("*/a", "/b/a", true);
    }

    #[test]
    fn a_dollar_at_the_end_is_the_end() {
        check("/*.php$", "/a.php", true);
        check("/*.php$", "/a.php.php", true);
        check("/*.php$", "/a.php5", false);
        check("/*.php$", "/a.php?b", false);
        check("/a$", "/a", true);
        check("/a$", "/ab", false);
        check("/a*$", "/ab", true);
        check("/a*b*b$", "/ab", false);
        check("/a*ab$", "/ab", false);
        check("$", "/", false);
    }

    #[test]
    fn a_star_or_dollar_of_a_path_is_meant_by_a_triplet() {
        // Source: RFC 9309 §2.2.3.
        check(
            "/path/file-with-a-%2A.html",
            "/path/file-with-a-*.html",
            true,
        );
        check("/path/foo-%24", "/path/foo-$", true);
        check("/a$b", "/a$b", true);
        check("/a%2A", "/ab", false);
    }

    #[test]
    fn triplets_are_compared_by_what_they_mean() {
        // Source: RFC 9309 §2.2.2, the table.
        check("/foo/bar?baz=quz", "/foo/bar?baz=quz", true);
        check(
            "/foo/bar?baz=https://foo.bar",
            "/foo/bar?baz=https://foo.bar",
            true,
        );
        check("/foo/bar/ツ", "/foo/bar/%E3%83%84", true);
        check("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", true);
        check("/foo/bar/%62%61%7A", "/foo/bar/baz", true);
        check("/foo/bar/baz", "/foo/bar/%62%61%7a", true);
        check("/a%2fb", "/a%2Fb", true);
        check("/a%2fb", "/a/b", false);
        check("/a b|c", "/a%20b%7Cc", true);
        check("/100%", "/100%25", true);
        check("/100%4", "/100%4", true);
    }

    #[test]
    fn octets_are_counted_as_they_are_compared() {
        fn check(pattern: &str, expected: usize) {
            assert_eq!(
                Pattern::new(pattern.as_bytes()).octets(),
                expected,
                "{pattern:?}"
            );
        }
        check("", 0);
        check("/a", 2);
        check("/a*", 3);
        check("/a**$", 5);
        check("/%61", 2);
        check("/ü", 7);
    }

    proptest! {
        /// The reference follows all ways at once, octet by octet, as Google's matcher does.
        #[test]
        fn the_way_without_way_back_finds_what_all_ways_find(
            pattern in "/[ab*]{0,8}\\$?",
            path in "/[ab]{0,10}",
        ) {
            let matches = Pattern::new(pattern.as_bytes()).matches(&comparable(path.as_bytes()));
            prop_assert_eq!(matches, reference(pattern.as_bytes(), path.as_bytes()));
        }

        #[test]
        fn any_octets_have_a_comparable_form_that_stays(octets: Vec<u8>) {
            let once = comparable(&octets);
            prop_assert!(once.is_ascii());
            prop_assert_eq!(&comparable(once.as_bytes()), &once);
            prop_assert!(Pattern::new(&octets).octets() <= 3 * octets.len());
        }
    }

    fn reference(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => true,
            [b'$'] => path.is_empty(),
            [b'*', after @ ..] => (0..=path.len()).any(|at| reference(after, &path[at..])),
            [octet, after @ ..] => path.first() == Some(octet) && reference(after, &path[1..]),
        }
    }
}
