//! References that the URL standard takes as they stand, which most are: the URL is the base's, up to some place, and
//! the reference. All others are parsed.
//!
//! What is plain is a subset, on purpose small enough to be seen: the characters that RFC 3986 §3.3 and §3.4 let stand in
//! a path and a query, no segment that begins with a dot or is written so (`%2e`), and an absolute reference only to
//! the base's own origin. Before a relative path `../` and `./` are plain too.

use super::WebUrl;

/// What begins at the base and goes on with text of the reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    /// How much of the base's text is kept.
    pub(super) kept: usize,
    /// Path and query, without a fragment.
    pub(super) text: &'a str,
    /// How long the path of the text is.
    path_length: usize,
}

impl<'a> Plain<'a> {
    /// Reads a reference; `None` says nothing about it.
    pub(super) fn of(reference: &'a str, base: &WebUrl) -> Option<Self> {
        let origin_end = base.origin().len();
        let (kept, text) = if let Some(path) = path_of_own(reference, base) {
            (origin_end, path)
        } else if reference.starts_with('?') {
            (origin_end + base.path().len(), reference)
        } else {
            relative(reference, base)?
        };
        let (path_length, end) = ends(text)?;
        Some(Self {
            kept,
            text: &text[..end],
            path_length,
        })
    }

    /// Returns how long the URL is.
    pub(super) const fn length(&self) -> usize {
        self.kept + self.text.len()
    }

    /// Returns where in the URL its path ends.
    pub(super) const fn path_end(&self) -> usize {
        self.kept + self.path_length
    }
}

/// Returns the path of a reference that begins at the root of the base's own origin.
fn path_of_own<'a>(reference: &'a str, base: &WebUrl) -> Option<&'a str> {
    let is_path = |text: &&str| text.starts_with('/');
    if !reference.starts_with('/') {
        return reference.strip_prefix(base.origin()).filter(is_path);
    }
    match reference.strip_prefix("//") {
        Some(rest) => rest.strip_prefix(base.authority()).filter(is_path),
        None => Some(reference),
    }
}

/// Returns how much of the base is above a relative reference, and its text there.
fn relative<'a>(reference: &'a str, base: &WebUrl) -> Option<(usize, &'a str)> {
    let origin_end = base.origin().len();
    let mut directory = parent(base.path())?;
    let mut text = reference;
    loop {
        if let Some(rest) = text.strip_prefix("../") {
            // Above the root is the root.
            directory = parent(&directory[..directory.len() - 1]).unwrap_or(directory);
            text = rest;
        } else if let Some(rest) = text.strip_prefix("./") {
            text = rest;
        } else {
            break;
        }
    }
    let first = text.split(['/', '?', '#']).next()?;
    // What has a colon may have a scheme; what has nothing is a path of another kind.
    let is_segment = !first.is_empty() && !first.contains(':') && !first.starts_with(['.', '%']);
    is_segment.then_some((origin_end + directory.len(), text))
}

/// Returns a path up to its last slash.
fn parent(path: &str) -> Option<&str> {
    path.rfind('/').map(|at| &path[..=at])
}

/// Returns where the path of a text ends, and where its query does.
pub(super) fn ends(text: &str) -> Option<(usize, usize)> {
    let path_length = path_length(text)?;
    Some((
        path_length,
        path_length + query_length(&text[path_length..])?,
    ))
}

/// Returns where the path ends that is all of the text, or all of it before a query or a fragment.
fn path_length(text: &str) -> Option<usize> {
    let mut before = 0;
    for (at, byte) in text.bytes().enumerate() {
        match (before, byte) {
            (b'/', b'.' | b'%') => return None,
            (_, b'?' | b'#') => return Some(at),
            _ if KINDS[usize::from(byte)] & PATH == 0 => return None,
            _ => before = byte,
        }
    }
    Some(text.len())
}

/// Returns where the query ends that is all of the text, or all of it before a fragment.
fn query_length(text: &str) -> Option<usize> {
    let is_other = |byte: &u8| KINDS[usize::from(*byte)] & QUERY == 0;
    match text.as_bytes().iter().position(is_other) {
        None => Some(text.len()),
        Some(at) if text.as_bytes()[at] == b'#' => Some(at),
        Some(_) => None,
    }
}

/// May stand in a path.
const PATH: u8 = 1;
/// May stand in a query.
const QUERY: u8 = 2;

/// Where each byte may stand. The apostrophe is none of a query's: the URL standard encodes it there.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'\'' => PATH,
            b'?' => QUERY,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' | b'@' | b'/' | b'%' => PATH | QUERY,
            _ if byte.is_ascii_alphanumeric() => PATH | QUERY,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16LE, WINDOWS_1251};
    use proptest::prelude::*;

    use super::*;
    use crate::web_url::Base;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    /// Checks the URL of a reference that is plain, or that it is none.
    fn check(base: &str, reference: &str, expected: Option<&str>) {
        let base = url(base);
        let plain = Plain::of(reference, &base);
        let joined = plain.map(|plain| base.as_str()[..plain.kept].to_owned() + plain.text);
        assert_eq!(joined.as_deref(), expected, "{reference:?} at {base}");
        if let Some(expected) = expected {
            let standard = base.to_url().join(reference).unwrap();
            assert_eq!(
                standard.as_str().split('#').next(),
                Some(expected),
                "{reference:?}"
            );
        }
    }

    #[test]
    fn a_path_from_the_root_is_taken_as_it_stands() {
        const BASE: &str = "http://h:81/a/b?c";
        check(BASE, "/d", Some("http://h:81/d"));
        check(BASE, "/d/e.f?g=h&i#j k", Some("http://h:81/d/e.f?g=h&i"));
        check(BASE, "/d%20e:f@g'", Some("http://h:81/d%20e:f@g'"));
        check(BASE, "http://h:81/d", Some("http://h:81/d"));
        check(BASE, "//h:81//d//", Some("http://h:81//d//"));
        for reference in [
            "/a b",
            "/ü",
            "/a\\b",
            "/./a",
            "/a/..",
            "/a/%2e%2e/b",
            "/a\t",
            "/?'",
            "/{a}",
        ] {
            check(BASE, reference, None);
        }
        for reference in [
            "//h/a",
            "//h:810/a",
            "http://h:81",
            "http://h:81?a",
            "https://h:81/a",
            "HTTP://h:81/a",
        ] {
            check(BASE, reference, None);
        }
    }

    #[test]
    fn a_relative_path_is_taken_as_it_stands() {
        const BASE: &str = "http://h/a/b/c?d";
        check(BASE, "e", Some("http://h/a/b/e"));
        check(BASE, "e/f?g/../h", Some("http://h/a/b/e/f?g/../h"));
        check(BASE, "./e", Some("http://h/a/b/e"));
        check(BASE, "../e", Some("http://h/a/e"));
        check(BASE, "../../../../e/", Some("http://h/e/"));
        check("http://h//a//b", "../c", Some("http://h//a/c"));
        check(BASE, "?e", Some("http://h/a/b/c?e"));
        check(BASE, "?", Some("http://h/a/b/c?"));
        for reference in [
            "",
            "#a",
            "..",
            ".",
            "../",
            "a:b",
            "a/../b",
            ".a",
            "%2e/a",
            "..//a",
            "mailto:a@b",
        ] {
            check(BASE, reference, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_reference_is_the_url_of_the_standard(
            base in "https?://(h|www\\.h\\.example|1\\.2\\.3\\.4|\\[::1\\])(:81)?(/{1,2}[a-c.%]{0,2}){0,4}(\\?[a-c/]{0,2})?",
            own in prop::sample::select(vec!["", "", "", "origin", "authority"]),
            text in prop_oneof![
                "[ -~]{0,4}",
                "(/{1,2}|\\.\\./|\\./|\\?)?[a-z./?#%2eE:@'\\\\ü\t]{0,6}",
                "(\\.\\./){0,3}[a-z]{0,2}(/[a-z.%]{1,3}){0,3}(\\?[a-z&=/']{0,4})?(#[ -~]{0,3})?",
            ],
            encoding in prop::sample::select(vec![UTF_8, WINDOWS_1251, SHIFT_JIS, ISO_2022_JP, UTF_16LE]),
        ) {
            let base = url(&base);
            let reference = match own {
                "origin" => base.origin().to_owned() + &text,
                "authority" => format!("//{}{text}", base.authority()),
                _ => text,
            };
            let joined = Base::new(&base, encoding).join(&reference);
            let parsed = WebUrl::read(&reference, Some(&base.to_url()), encoding);
            prop_assert_eq!(&joined, &parsed, "{:?} at {}", reference, base);
            if let Ok(url) = joined {
                // Its parts are where the standard's parser finds them.
                prop_assert_eq!(WebUrl::parse(url.as_str()), Ok(url));
            }
        }
    }
}
