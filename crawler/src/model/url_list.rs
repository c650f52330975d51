//! A list of URLs, one a line, read line by line, so that it takes the room of its distinct URLs and no more.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufRead};
use std::sync::Arc;

use thiserror::Error;
use url::{ParseError, Url};

/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The longest URL, in bytes: longer than any that is in use, and servers may refuse more.
const URL_BYTES_MAX: usize = 2048;
/// How much of a line is kept: the longest URL and room for a fragment and blanks.
const LINE_BYTES_KEPT: usize = 2 * URL_BYTES_MAX;
/// The longest line, in bytes; a list of URLs has none like it, and what has may have no end.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A list that can't be read to its end.
#[derive(Debug, Error)]
pub(crate) enum ReadListError {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("line {0} is longer than {LINE_BYTES_MAX} bytes, so this is no list of URLs")]
    Endless(usize),
}

/// Why a line holds no URL to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NotUtf8,
    NotUrl(ParseError),
    OtherScheme,
    TooLong,
}

impl fmt::Display for Reason {
    /// Writes what is wrong, and what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("not UTF-8; save the list as UTF-8"),
            Self::NotUrl(ParseError::RelativeUrlWithoutBase) => {
                f.write_str("not a URL; write a full one, such as https://example.com/page")
            }
            Self::NotUrl(error) => write!(f, "not a URL ({error}); correct it"),
            Self::OtherScheme => f.write_str(
                "neither an http nor an https URL; begin it with http:// or https://, or leave it out",
            ),
            Self::TooLong => write!(f, "longer than {URL_BYTES_MAX} bytes; leave it out"),
        }
    }
}

/// A line that holds no URL to fetch. The line itself is not kept: it may hold a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: usize,
    pub(crate) reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The URLs of a list, each once and in their order.
#[derive(Debug, Default)]
pub(crate) struct UrlList {
    /// As text, which takes a third of the room; each reads as the URL it was.
    pub(crate) urls: Vec<Arc<str>>,
    pub(crate) duplicates: usize,
    pub(crate) rejected: Vec<Rejected>,
}

impl UrlList {
    /// Reads a list to its end; blank lines and lines that begin with `#` are skipped.
    pub(crate) fn read(mut from: impl BufRead) -> Result<Self, ReadListError> {
        let (mut list, mut seen) = (Self::default(), HashSet::new());
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let length = read_line(&mut from, &mut line)?;
            if length == 0 {
                break;
            }
            if length > LINE_BYTES_MAX {
                return Err(ReadListError::Endless(number));
            }
            let text = match number {
                1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line),
                _ => &line,
            };
            let text = text.trim_ascii();
            if (text.is_empty() && length == line.len()) || text.starts_with(b"#") {
                continue;
            }
            let url = match length == line.len() {
                true => parse_url(text),
                false => Err(Reason::TooLong),
            };
            match url {
                Ok(url) if seen.contains(url.as_str()) => list.duplicates += 1,
                Ok(url) => {
                    let url = Arc::from(url.as_str());
                    seen.insert(Arc::clone(&url));
                    list.urls.push(url);
                }
                Err(reason) => list.rejected.push(Rejected {
                    line: number,
                    reason,
                }),
            }
        }
        Ok(list)
    }

    /// Returns whether no line held anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.urls.is_empty() && self.rejected.is_empty()
    }
}

/// Reads to the end of a line, or past the longest; keeps its beginning, and returns its length with the line feed.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    while length <= LINE_BYTES_MAX {
        let available = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.map_or(available.len(), |end| end + 1)];
        let room = LINE_BYTES_KEPT - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        length += part.len();
        let (taken, is_last) = (part.len(), end.is_some() || part.is_empty());
        from.consume(taken);
        if is_last {
            break;
        }
    }
    Ok(length)
}

/// Parses one URL; its fragment is dropped, as no server sees it.
fn parse_url(line: &[u8]) -> Result<Url, Reason> {
    let line = str::from_utf8(line).map_err(|_| Reason::NotUtf8)?;
    let mut url = Url::parse(line).map_err(Reason::NotUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Reason::OtherScheme);
    }
    url.set_fragment(None);
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    // It is kept as text and read again, which must not fail then.
    Url::parse(url.as_str()).map_err(Reason::NotUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> UrlList {
        // A small buffer, so that lines come in parts.
        UrlList::read(io::BufReader::with_capacity(7, text)).unwrap()
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let comment = format!("#{}\n", "x".repeat(LINE_BYTES_KEPT));
        let text = format!("\u{feff}# a list\r\n\r\n{comment}  http://h/a  \r\n");
        let list = read(text.as_bytes());
        assert_eq!((list.urls.len(), list.rejected), (1, Vec::new()));
    }

    #[test]
    fn the_same_url_in_two_spellings_is_one_url() {
        let list = read(b"http://H:80/a\nhttp://h/a#top\nhttp://h/b");
        assert_eq!((list.urls.len(), list.duplicates), (2, 1));
    }

    #[test]
    fn rubbish_is_rejected_by_its_line_number_and_not_repeated() {
        let list = read(b"http://h/\n#\nann:secret\nnot a url");
        let lines: Vec<usize> = list.rejected.iter().map(|line| line.line).collect();
        assert_eq!(lines, [3, 4]);
        let told = list.rejected[0].to_string();
        assert!(!told.contains("secret") && !told.contains("ann"), "{told}");
    }

    #[test]
    fn each_reason_has_an_advice_of_its_own() {
        fn check(line: &[u8], advice: &str) {
            let told = read(line).rejected[0].to_string();
            assert!(told.ends_with(advice), "{told}");
        }
        check(b"\xff\xfe", "; save the list as UTF-8");
        check(
            b"h/a",
            "; write a full one, such as https://example.com/page",
        );
        check(b"http://h:99999/", "(invalid port number); correct it");
        check(
            b"ftp://h/",
            "; begin it with http:// or https://, or leave it out",
        );
        let long = format!("http://h/{}", "a".repeat(URL_BYTES_MAX));
        check(long.as_bytes(), "longer than 2048 bytes; leave it out");
    }

    #[test]
    fn a_line_that_is_not_utf_8_spoils_only_itself() {
        let list = read(b"http://h/a\n\xff\xfe\nhttp://h/b");
        assert_eq!((list.urls.len(), list.rejected[0].line), (2, 2));
    }

    #[test]
    fn the_longest_url_is_read_and_a_longer_one_is_not() {
        fn check(bytes: usize, expected: (usize, usize)) {
            let url = format!("http://h/{}", "a".repeat(bytes - 9));
            let list = read(format!("{url}\r\nhttp://h/").as_bytes());
            assert_eq!((list.urls.len(), list.rejected.len()), expected, "{bytes}");
        }
        check(URL_BYTES_MAX, (2, 0));
        check(URL_BYTES_MAX + 1, (1, 1));
        check(LINE_BYTES_MAX - 2, (1, 1));
    }

    #[test]
    fn a_line_without_an_end_is_read_no_further() {
        let endless = io::BufReader::new(io::repeat(0));
        let error = UrlList::read(io::Read::chain(&b"#\n"[..], endless)).unwrap_err();
        assert!(matches!(error, ReadListError::Endless(2)), "{error}");
    }

    #[test]
    fn a_list_of_comments_is_empty() {
        assert!(read(b"# nothing\n\n").is_empty());
    }
}
