//! A list of URLs, one a line, read in parts, so that a list of any length takes the room of one part.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};
use thiserror::Error;
use url::ParseError;

use crate::web_url::{RefusedUrl, URL_BYTES_MAX, WebUrl};

/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// How much of a line is kept: the longest URL and room for a fragment and blanks.
const LINE_BYTES_KEPT: usize = 2 * URL_BYTES_MAX;
/// The longest line, in bytes; a list of URLs has none like it, and what has may have no end.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Lines that are read at once.
const PART: usize = 1_000;

/// A list that can't be read.
#[derive(Debug, Error)]
pub(crate) enum ReadListError {
    #[error("cannot read the URLs of {name}; check the path, or give - for standard input")]
    Read { name: String, source: io::Error },
    #[error(
        "{name}: line {line} is longer than {LINE_BYTES_MAX} bytes, so this is no list of URLs; write one URL a line"
    )]
    Endless { name: String, line: usize },
    #[error("{0} holds no URLs; write one a line")]
    Empty(String),
}

/// Why a line holds no URL to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NotUtf8,
    Refused(RefusedUrl),
}

impl fmt::Display for Reason {
    /// Writes what is wrong, and what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("not UTF-8; save the list as UTF-8"),
            Self::Refused(RefusedUrl::NotUrl(ParseError::RelativeUrlWithoutBase)) => {
                f.write_str("not a URL; write a full one, such as https://example.com/page")
            }
            Self::Refused(refused @ RefusedUrl::OtherScheme) => write!(
                f,
                "{refused}; begin it with http:// or https://, or leave it out"
            ),
            Self::Refused(refused @ RefusedUrl::TooLong) => write!(f, "{refused}; leave it out"),
            Self::Refused(refused) => write!(f, "{refused}; correct it"),
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

/// A line that holds something.
pub(crate) type Line = Result<WebUrl, Rejected>;

/// The lines of a list that hold something, in parts and in their order; blank lines and lines that begin with `#` are
/// skipped.
pub(crate) struct UrlList {
    name: String,
    from: Box<dyn BufRead + Send>,
    /// Lines that were read.
    number: usize,
    /// The first part, which is read when the list is opened, so that what is no list is told at once.
    first: Option<Vec<Line>>,
}

impl fmt::Debug for UrlList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlList")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl UrlList {
    /// Opens the list of a file, or of standard input for `-`.
    ///
    /// # Errors
    ///
    /// [`ReadListError`] when it can't be read, is no list, or holds nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadListError> {
        if path == Path::new("-") {
            let from = BufReader::new(io::stdin());
            return Self::of("standard input".to_owned(), Box::new(from));
        }
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::of(name, Box::new(BufReader::new(file))),
            Err(source) => Err(ReadListError::Read { name, source }),
        }
    }

    fn of(name: String, from: Box<dyn BufRead + Send>) -> Result<Self, ReadListError> {
        let mut list = Self {
            name,
            from,
            number: 0,
            first: None,
        };
        let first = list.read()?;
        if first.is_empty() {
            return Err(ReadListError::Empty(list.name));
        }
        list.first = Some(first);
        Ok(list)
    }

    /// Returns what tells its file from another list, as far as a file can be read twice.
    ///
    /// # Errors
    ///
    /// [`ReadListError::Read`] when it can't be read.
    pub(crate) fn identity(path: &Path) -> Result<String, ReadListError> {
        if !path.is_file() {
            return Ok("of a stream".to_owned());
        }
        let hash = File::open(path).and_then(|file| {
            let (mut from, mut hash) = (BufReader::new(file), Sha256::new());
            loop {
                let read = from.fill_buf()?;
                if read.is_empty() {
                    return Ok(hash.finalize());
                }
                hash.update(read);
                let length = read.len();
                from.consume(length);
            }
        });
        let hash = hash.map_err(|source| ReadListError::Read {
            name: path.display().to_string(),
            source,
        })?;
        let digits = hash.iter().map(|byte| format!("{byte:02x}"));
        Ok(format!("of SHA-256 {}", digits.collect::<String>()))
    }

    /// Returns the next lines; none at its end.
    ///
    /// # Errors
    ///
    /// [`ReadListError`] when it can't be read on.
    pub(crate) fn next_part(&mut self) -> Result<Vec<Line>, ReadListError> {
        match self.first.take() {
            Some(first) => Ok(first),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Vec<Line>, ReadListError> {
        let (mut part, mut line) = (Vec::new(), Vec::new());
        while part.len() < PART {
            line.clear();
            let length = read_line(&mut self.from, &mut line).map_err(|source| {
                let name = self.name.clone();
                ReadListError::Read { name, source }
            })?;
            if length == 0 {
                break;
            }
            self.number += 1;
            if length > LINE_BYTES_MAX {
                let (name, line) = (self.name.clone(), self.number);
                return Err(ReadListError::Endless { name, line });
            }
            part.extend(self.line(&line, length == line.len()));
        }
        Ok(part)
    }

    /// Reads a line of which this is the whole, or the beginning.
    fn line(&self, line: &[u8], is_whole: bool) -> Option<Line> {
        let text = match self.number {
            1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            _ => line,
        };
        let text = text.trim_ascii();
        if (text.is_empty() && is_whole) || text.starts_with(b"#") {
            return None;
        }
        let url = match is_whole {
            true => parse(text),
            false => Err(Reason::Refused(RefusedUrl::TooLong)),
        };
        let line = self.number;
        Some(url.map_err(|reason| Rejected { line, reason }))
    }
}

fn parse(text: &[u8]) -> Result<WebUrl, Reason> {
    let text = str::from_utf8(text).map_err(|_| Reason::NotUtf8)?;
    WebUrl::parse(text).map_err(Reason::Refused)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: impl Into<Vec<u8>>) -> Result<UrlList, ReadListError> {
        // A small buffer, so that lines come in pieces.
        let from = BufReader::with_capacity(7, io::Cursor::new(text.into()));
        UrlList::of("list".to_owned(), Box::new(from))
    }

    fn read(text: impl Into<Vec<u8>>) -> Vec<Line> {
        list(text).unwrap().next_part().unwrap()
    }

    fn urls(lines: &[Line]) -> Vec<&str> {
        let urls = lines.iter().filter_map(|line| line.as_ref().ok());
        urls.map(WebUrl::as_str).collect()
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let comment = format!("#{}\n", "x".repeat(LINE_BYTES_KEPT));
        let text = format!("\u{feff}# a list\r\n\r\n{comment}  http://h/a  \r\n");
        let lines = read(text);
        assert_eq!((lines.len(), urls(&lines)), (1, vec!["http://h/a"]));
    }

    #[test]
    fn rubbish_is_rejected_by_its_line_number_and_not_repeated() {
        let lines = read("http://h/\n#\nann:secret\nnot a url");
        let rejected: Vec<_> = lines
            .iter()
            .filter_map(|line| line.as_ref().err())
            .collect();
        assert_eq!((rejected[0].line, rejected[1].line), (3, 4));
        let told = rejected[0].to_string();
        assert!(!told.contains("secret") && !told.contains("ann"), "{told}");
    }

    #[test]
    fn each_reason_has_an_advice_of_its_own() {
        fn check(line: &[u8], advice: &str) {
            let lines = read(line);
            let told = lines[0].as_ref().unwrap_err().to_string();
            assert!(told.ends_with(advice), "{told}");
        }
        check(b"\xff\xfe", "; save the list as UTF-8");
        check(
            b"h/a",
            "; write a full one, such as https://example.com/page",
        );
        check(b"http://h:99999/", "invalid port number; correct it");
        check(
            b"ftp://h/",
            "; begin it with http:// or https://, or leave it out",
        );
        let long = format!("http://h/{}", "a".repeat(URL_BYTES_MAX));
        check(long.as_bytes(), "longer than 2048 bytes; leave it out");
    }

    #[test]
    fn a_line_that_is_not_utf_8_spoils_only_itself() {
        let lines = read(b"http://h/a\n\xff\xfe\nhttp://h/b");
        assert_eq!(urls(&lines), ["http://h/a", "http://h/b"]);
    }

    #[test]
    fn the_longest_url_is_read_and_a_longer_one_is_not() {
        fn check(bytes: usize, expected: (usize, usize)) {
            let url = format!("http://h/{}", "a".repeat(bytes - 9));
            let lines = read(format!("{url}\r\nhttp://h/"));
            let urls = urls(&lines).len();
            assert_eq!((urls, lines.len() - urls), expected, "{bytes}");
        }
        check(URL_BYTES_MAX, (2, 0));
        check(URL_BYTES_MAX + 1, (1, 1));
        check(LINE_BYTES_MAX - 2, (1, 1));
    }

    #[test]
    fn a_line_without_an_end_is_read_no_further() {
        let endless = BufReader::new(io::repeat(0));
        let from = io::Read::chain(&b"#\n"[..], endless);
        let error = UrlList::of("list".to_owned(), Box::new(from)).unwrap_err();
        assert!(
            matches!(error, ReadListError::Endless { line: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_list_of_comments_is_empty() {
        let error = list("# nothing\n\n").unwrap_err();
        assert!(matches!(error, ReadListError::Empty(_)), "{error}");
    }

    #[test]
    fn a_long_list_comes_in_parts() {
        let text: String = (0..PART + 1).map(|n| format!("http://h/{n}\n")).collect();
        let mut list = list(text).unwrap();
        let mut next = || list.next_part().unwrap().len();
        assert_eq!([next(), next(), next()], [PART, 1, 0]);
    }
}
