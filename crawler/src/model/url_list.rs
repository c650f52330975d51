//! A list of URLs, one a line, read without any input or output of its own.

use std::collections::HashSet;
use std::fmt;

use url::Url;

/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A line that holds no URL to fetch. The line itself is not kept: it may hold a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {}; write a full http or https URL",
            self.line, self.reason
        )
    }
}

/// The URLs of a list, each once and in their order.
#[derive(Debug, Default)]
pub(crate) struct UrlList {
    pub(crate) urls: Vec<Url>,
    pub(crate) duplicates: usize,
    pub(crate) rejected: Vec<Rejected>,
}

impl UrlList {
    /// Reads a list; blank lines and lines that begin with `#` are skipped.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut list = Self::default();
        let mut seen = HashSet::new();
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match parse_url(line) {
                Ok(url) if seen.insert(url.clone()) => list.urls.push(url),
                Ok(_) => list.duplicates += 1,
                Err(reason) => list.rejected.push(Rejected {
                    line: index + 1,
                    reason,
                }),
            }
        }
        list
    }

    /// Returns whether no line held anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.urls.is_empty() && self.rejected.is_empty()
    }
}

/// Parses one URL; its fragment is dropped, as no server sees it.
fn parse_url(line: &[u8]) -> Result<Url, String> {
    let line = str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let mut url = Url::parse(line).map_err(|error| format!("not a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("neither an http nor an https URL".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let list = UrlList::parse("\u{feff}# a list\r\n\r\n  http://h/a  \r\n".as_bytes());
        assert_eq!(list.urls.len(), 1);
        assert!(list.rejected.is_empty());
    }

    #[test]
    fn the_same_url_in_two_spellings_is_one_url() {
        let list = UrlList::parse(b"http://H:80/a\nhttp://h/a#top\nhttp://h/b");
        assert_eq!((list.urls.len(), list.duplicates), (2, 1));
    }

    #[test]
    fn rubbish_is_rejected_by_its_line_number_and_not_repeated() {
        let list = UrlList::parse(b"http://h/\n#\nann:secret\nnot a url");
        let lines: Vec<usize> = list.rejected.iter().map(|line| line.line).collect();
        assert_eq!(lines, [3, 4]);
        let told = list.rejected[0].to_string();
        assert!(!told.contains("secret") && !told.contains("ann"), "{told}");
    }

    #[test]
    fn a_line_that_is_not_utf_8_spoils_only_itself() {
        let list = UrlList::parse(b"http://h/a\n\xff\xfe\nhttp://h/b");
        assert_eq!((list.urls.len(), list.rejected[0].line), (2, 2));
    }

    #[test]
    fn a_list_of_comments_is_empty() {
        assert!(UrlList::parse(b"# nothing\n\n").is_empty());
    }
}
