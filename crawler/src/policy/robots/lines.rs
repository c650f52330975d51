//! A robots.txt as records: a line is a name and a value, and what is neither is nothing. Source: RFC 9309 §2.2.

/// What stands before UTF-8 that some editors wrote.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The records that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The line it stands on, from 1.
    pub(super) line: usize,
    pub(super) name: Name,
    /// Its value, without blanks around it and without a comment.
    pub(super) value: &'a [u8],
    /// The whole line, without blanks around it.
    pub(super) text: &'a [u8],
}

/// Returns the records in their order.
pub(super) fn records(body: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    lines(body).enumerate().filter_map(|(index, text)| {
        let text = text.trim_ascii();
        let (name, value) = split(text)?;
        Some(Record {
            line: index + 1,
            name: name_of(name)?,
            value,
            text,
        })
    })
}

/// Returns the lines, whichever of the three line ends follows each: CR, LF or CRLF.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            rest = None;
            return Some(text);
        };
        let length = if text[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + length..]);
        Some(&text[..end])
    })
}

/// Splits a line into name and value at its colon, or at its only gap, as owners forget colons. Source: Google.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|byte| *byte == b'#');
    let line = line[..end.unwrap_or(line.len())].trim_ascii();
    if let Some(colon) = line.iter().position(|byte| *byte == b':') {
        return Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()));
    }
    let gap = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let value = line[gap..].trim_ascii();
    let is_one_word = !value.iter().any(u8::is_ascii_whitespace);
    is_one_word.then_some((&line[..gap], value))
}

/// Returns what a name means, also in the misspellings that are frequent. Source: Google's `robots.cc`.
fn name_of(name: &[u8]) -> Option<Name> {
    const NAMES: [(&[u8], Name); 13] = [
        (b"user-agent", Name::UserAgent),
        (b"useragent", Name::UserAgent),
        (b"user agent", Name::UserAgent),
        (b"allow", Name::Allow),
        (b"disallow", Name::Disallow),
        (b"dissallow", Name::Disallow),
        (b"dissalow", Name::Disallow),
        (b"disalow", Name::Disallow),
        (b"diasllow", Name::Disallow),
        (b"disallaw", Name::Disallow),
        (b"crawl-delay", Name::CrawlDelay),
        (b"sitemap", Name::Sitemap),
        (b"site-map", Name::Sitemap),
    ];
    let known = NAMES
        .iter()
        .find(|(spelling, _)| name.eq_ignore_ascii_case(spelling));
    known.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: &[(usize, Name, &str)]) {
        let found: Vec<_> = records(body)
            .map(|record| {
                (
                    record.line,
                    record.name,
                    str::from_utf8(record.value).unwrap(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{}", body.escape_ascii());
    }

    #[test]
    fn lines_are_counted_by_any_line_end() {
        let expected = [
            (1, Name::UserAgent, "foo"),
            (2, Name::Allow, "/some/path"),
            (3, Name::UserAgent, "bar"),
            (6, Name::Disallow, "/"),
        ];
        let body = "User-Agent: foo\nAllow: /some/path\nUser-Agent: bar\n\n\nDisallow: /";
        check(body.as_bytes(), &expected);
        check(format!("{body}\n").as_bytes(), &expected);
        check(body.replace('\n', "\r\n").as_bytes(), &expected);
        check(body.replace('\n', "\r").as_bytes(), &expected);
        check(body.replacen('\n', "\r\n", 2).as_bytes(), &expected);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_only_whole_and_only_at_the_beginning() {
        check(b"\xef\xbb\xbfAllow: /", &[(1, Name::Allow, "/")]);
        check(b"\xef\xbbAllow: /", &[]);
        check(b"\xefAllow: /", &[]);
        check(b"\n\xef\xbb\xbfAllow: /", &[]);
    }

    #[test]
    fn comments_and_blanks_are_no_part_of_a_value() {
        check(b" \tAllow \t: \t/a b\t # c", &[(1, Name::Allow, "/a b")]);
        check(b"# Allow: /\nAllow:#\n", &[(2, Name::Allow, "")]);
        check(
            b"Sitemap: http://h/a:b",
            &[(1, Name::Sitemap, "http://h/a:b")],
        );
    }

    #[test]
    fn a_forgotten_colon_is_read_where_nothing_else_can_be_meant() {
        check(b"disallow /a", &[(1, Name::Disallow, "/a")]);
        check(b"disallow \t /a", &[(1, Name::Disallow, "/a")]);
        check(b"disallow /a b\ndisallow", &[]);
        check(b"user agent foo", &[]);
    }

    #[test]
    fn names_are_read_in_any_case_and_in_frequent_misspellings() {
        check(
            b"USER-AGENT: a\nuser agent: b",
            &[(1, Name::UserAgent, "a"), (2, Name::UserAgent, "b")],
        );
        check(b"DisAlow: /a", &[(1, Name::Disallow, "/a")]);
        check(b"crawl-Delay: 1", &[(1, Name::CrawlDelay, "1")]);
        check(b"disallowed: /a\nhost: b\n: c\nallow\n", &[]);
    }
}
