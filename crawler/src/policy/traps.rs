//! Which URLs look like the beginning of an endless web: calendars, links that repeat their own path, sessions in
//! paths. Sources: the traps that Heritrix's `PathologicalPathDecideRule` and `TooManyPathSegmentsDecideRule` and
//! Nutch's `urlfilter-regex` know.

use std::collections::HashMap;

use thiserror::Error;

use crate::web_url::WebUrl;

/// How often a URL may hold one path segment, or one pair of its query. Three occur in honest URLs (`/a/b/a/c/a`); a
/// relative link that lacks its leading slash goes on for ever.
pub const REPEATS_MAX: usize = 3;
/// How many path segments a URL may have: Heritrix's number.
pub const SEGMENTS_MAX: usize = 20;
/// How many links of one page are taken: more than any page for readers has.
pub const LINKS_MAX: usize = 5_000;

/// Why a URL is taken for a trap.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Trap {
    /// A path segment comes too often.
    #[error("the path segment {segment:?} more than {REPEATS_MAX} times")]
    RepeatedSegment {
        /// The segment as it stands in the URL.
        segment: String,
    },
    /// A pair of the query comes too often.
    #[error("the parameter {pair:?} more than {REPEATS_MAX} times")]
    RepeatedPair {
        /// The pair as it stands in the URL.
        pair: String,
    },
    /// The path is too deep.
    #[error("{segments} path segments, more than {SEGMENTS_MAX}")]
    TooManySegments {
        /// How many there are.
        segments: usize,
    },
}

impl Trap {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RepeatedSegment { .. } => "trap-segment",
            Self::RepeatedPair { .. } => "trap-parameter",
            Self::TooManySegments { .. } => "trap-depth",
        }
    }
}

/// Decides whether a URL may be followed.
///
/// ```
/// use crawler::policy::traps;
/// use crawler::web_url::WebUrl;
///
/// assert!(traps::check(&WebUrl::parse("http://h/a/b/a/b/a/b")?).is_ok());
/// let trap = traps::check(&WebUrl::parse("http://h/a/b/a/b/a/b/a/b")?).unwrap_err();
/// assert_eq!(trap.code(), "trap-segment");
/// # Ok::<(), crawler::web_url::RefusedUrl>(())
/// ```
///
/// # Errors
///
/// [`Trap`] is the first rule that refuses it.
pub fn check(url: &WebUrl) -> Result<(), Trap> {
    // The slash at the end names a directory; what follows it is no segment.
    let path = url.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments = path.split('/').skip(1);
    let count = segments.clone().count();
    if count > SEGMENTS_MAX {
        return Err(Trap::TooManySegments { segments: count });
    }
    if let Some(segment) = repeated(segments) {
        let segment = segment.to_owned();
        return Err(Trap::RepeatedSegment { segment });
    }
    let pairs = url.query().unwrap_or_default().split('&');
    // An ampersand too many is no parameter.
    match repeated(pairs.filter(|pair| !pair.is_empty())) {
        Some(pair) => Err(Trap::RepeatedPair {
            pair: pair.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Returns the first part that comes once too often.
fn repeated<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    // Among as few as most URLs have, looking back takes less than a table.
    let mut before = [""; SEGMENTS_MAX];
    for (at, part) in parts.clone().enumerate() {
        if at == before.len() {
            return repeated_of_many(parts);
        }
        let same = before[..at].iter().filter(|other| **other == part);
        if same.count() == REPEATS_MAX {
            return Some(part);
        }
        before[at] = part;
    }
    None
}

fn repeated_of_many<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    parts.find(|part| {
        let count = counts.entry(part).or_default();
        *count += 1;
        *count > REPEATS_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        let url = WebUrl::parse(&format!("http://h{path}")).unwrap();
        let code = super::check(&url).map_or_else(|trap| trap.code(), |()| "none");
        assert_eq!(code, expected, "{path}");
    }

    #[test]
    fn a_segment_may_come_three_times() {
        check("/", "none");
        check("/a/a/a", "none");
        check("/a/a/a/", "none");
        check("/a/b/a/c/a/d/A", "none");
        check("/a/a/a/a", "trap-segment");
        check("/a/b/a/c/a/d/a/e", "trap-segment");
        check("///a", "none");
        check("/////a", "trap-segment");
    }

    #[test]
    fn a_pair_may_come_three_times_and_a_name_always() {
        check("/?a=1&a=1&a=1", "none");
        check("/?a=1&a=1&a=1&a=1", "trap-parameter");
        check("/?a=1&a=2&a=3&a=4&a=5", "none");
        check("/?a&a&b&a&a", "trap-parameter");
        check("/?&&&&&&", "none");
        let many: String = (0..30).map(|n| format!("{n}&")).collect();
        check(&format!("/?{many}"), "none");
        check(&format!("/?{many}29&29&29"), "trap-parameter");
        check(&format!("/?0&0&0&{many}"), "trap-parameter");
    }

    #[test]
    fn a_path_may_have_twenty_segments() {
        let path = |segments: usize| -> String { (0..segments).map(|n| format!("/{n}")).collect() };
        check(&path(SEGMENTS_MAX), "none");
        check(&format!("{}/", path(SEGMENTS_MAX)), "none");
        check(&path(SEGMENTS_MAX + 1), "trap-depth");
    }

    #[test]
    fn a_refusal_says_what_came_too_often() {
        let url = WebUrl::parse("http://h/?b=1&b=1&b=1&b=1").unwrap();
        let trap = super::check(&url).unwrap_err();
        assert_eq!(trap.to_string(), "the parameter \"b=1\" more than 3 times");
    }
}
