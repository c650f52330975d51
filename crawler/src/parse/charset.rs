//! Which encoding a page is in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use url::Host;

use super::scanner::scan;
use super::tags::{Sink, Tag};
use crate::web_url::WebUrl;

/// How far a `<meta>` is looked for, in bytes. Source: HTML §4.2.5.4, §13.2.3.2.
const PRESCAN_BYTES: usize = 1024;
/// How much of a page without a word about it is looked at, in bytes; letters tell a language long before that.
const DETECT_BYTES: usize = 64 * 1024;

/// How an encoding was found: the first of these that says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharsetSource {
    /// The bytes before the text.
    ByteOrderMark,
    /// The header `Content-Type`.
    Header,
    /// A `<meta>` near the beginning, or the `@charset` of a style sheet.
    Meta,
    /// A guess from the text itself.
    Detected,
}

/// The encoding of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    /// The encoding.
    pub encoding: &'static Encoding,
    /// How it was found.
    pub source: CharsetSource,
}

impl Charset {
    /// Finds the encoding of a body. Source: HTML §13.2.3.2.
    ///
    /// ```
    /// use crawler::parse::{Charset, CharsetSource};
    /// use crawler::web_url::WebUrl;
    ///
    /// let url = WebUrl::parse("http://h/")?;
    /// let charset = Charset::of(b"<meta charset=latin1>", None, &url);
    /// assert_eq!((charset.encoding.name(), charset.source), ("windows-1252", CharsetSource::Meta));
    /// # Ok::<(), crawler::web_url::RefusedUrl>(())
    /// ```
    #[must_use]
    pub fn of(body: &[u8], content_type: Option<&str>, url: &WebUrl) -> Self {
        let of_header = || Encoding::for_label(label(content_type?)?.as_bytes());
        let (encoding, source) = if let Some((encoding, _)) = Encoding::for_bom(body) {
            (encoding, CharsetSource::ByteOrderMark)
        } else if let Some(encoding) = of_header() {
            (encoding, CharsetSource::Header)
        } else if let Some(encoding) = prescan(body) {
            (encoding, CharsetSource::Meta)
        } else {
            (detect(body, url), CharsetSource::Detected)
        };
        Self { encoding, source }
    }

    /// Finds the encoding of a style sheet, which is UTF-8 where nothing says another. Source: CSS Syntax Level 3 §3.2.
    #[must_use]
    pub fn of_css(body: &[u8], content_type: Option<&str>) -> Self {
        let of_header = || Encoding::for_label(label(content_type?)?.as_bytes());
        let (encoding, source) = if let Some((encoding, _)) = Encoding::for_bom(body) {
            (encoding, CharsetSource::ByteOrderMark)
        } else if let Some(encoding) = of_header() {
            (encoding, CharsetSource::Header)
        } else if let Some(encoding) = at_charset(body) {
            (encoding, CharsetSource::Meta)
        } else {
            (UTF_8, CharsetSource::Detected)
        };
        Self { encoding, source }
    }
}

/// Returns the encoding that a style sheet begins with. Source: CSS Syntax Level 3 §3.2.
fn at_charset(body: &[u8]) -> Option<&'static Encoding> {
    let label = body.strip_prefix(b"@charset \"")?;
    let label = &label[..label.len().min(PRESCAN_BYTES)];
    let end = memchr::memmem::find(label, b"\";")?;
    let encoding = Encoding::for_label(&label[..end])?;
    // It was read as ASCII, so it is not UTF-16.
    let is_wide = encoding == UTF_16BE || encoding == UTF_16LE;
    Some(if is_wide { UTF_8 } else { encoding })
}

fn prescan(body: &[u8]) -> Option<&'static Encoding> {
    let mut metas = Metas(None);
    scan(&body[..body.len().min(PRESCAN_BYTES)], &mut metas);
    metas.0
}

/// The first encoding that a `<meta>` names.
struct Metas(Option<&'static Encoding>);

impl Sink for Metas {
    fn on_start(&mut self, tag: &Tag) {
        if self.0.is_none() && tag.name == b"meta" {
            self.0 = of_meta(tag);
        }
    }
}

fn of_meta(tag: &Tag) -> Option<&'static Encoding> {
    let is_type = |equiv: &str| equiv.eq_ignore_ascii_case("content-type");
    let label = match tag.value("charset") {
        Some(label) => label,
        None if tag.value("http-equiv").is_some_and(is_type) => label(tag.value("content")?)?,
        None => return None,
    };
    let encoding = Encoding::for_label(label.as_bytes())?;
    Some(if encoding == UTF_16BE || encoding == UTF_16LE {
        // It was read as ASCII, so it is not UTF-16.
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    })
}

/// Returns the label after `charset=`. Source: HTML §2.4.4, extracting a character encoding from a `meta` element.
fn label(content: &str) -> Option<&str> {
    const NAME: &str = "charset";
    let mut rest = content;
    loop {
        let at = rest
            .as_bytes()
            .windows(NAME.len())
            .position(|window| window.eq_ignore_ascii_case(NAME.as_bytes()))?;
        rest = &rest[at + NAME.len()..];
        let Some(value) = rest.trim_ascii_start().strip_prefix('=') else {
            continue;
        };
        let value = value.trim_ascii_start();
        return match value.chars().next()? {
            quote @ ('"' | '\'') => Some(value[1..].split_once(quote)?.0),
            _ => value.split([';', ' ', '\t', '\n', '\x0c', '\r']).next(),
        };
    }
}

fn detect(body: &[u8], url: &WebUrl) -> &'static Encoding {
    let sample = &body[..body.len().min(DETECT_BYTES)];
    if Encoding::iso_2022_jp_ascii_valid_up_to(sample) == sample.len() {
        // ASCII is that in every encoding; what is written today with references is meant as UTF-8.
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, sample.len() == body.len());
    let domain = match url.host() {
        Host::Domain(name) => name.trim_end_matches('.').rsplit('.').next(),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    };
    // The detector takes no others, and a host has no others in practice.
    let domain = domain.filter(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    });
    detector.guess(domain.map(str::as_bytes), Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    fn check(body: &[u8], content_type: Option<&str>, name: &str, source: CharsetSource) {
        let url = WebUrl::parse("http://h.example/").unwrap();
        let charset = Charset::of(body, content_type, &url);
        let body = body.escape_ascii();
        assert_eq!(
            (charset.encoding.name(), charset.source),
            (name, source),
            "{body} {content_type:?}"
        );
    }

    #[test]
    fn a_byte_order_mark_goes_before_all() {
        let header = Some("text/html; charset=koi8-r");
        check(
            b"\xef\xbb\xbfa",
            header,
            "UTF-8",
            CharsetSource::ByteOrderMark,
        );
        check(
            b"\xff\xfea\0",
            header,
            "UTF-16LE",
            CharsetSource::ByteOrderMark,
        );
        check(
            b"\xfe\xff\0a",
            header,
            "UTF-16BE",
            CharsetSource::ByteOrderMark,
        );
    }

    #[test]
    fn the_header_goes_before_the_page() {
        fn check(content_type: &str, expected: &str) {
            super::tests::check(
                b"<meta charset=utf-8>",
                Some(content_type),
                expected,
                CharsetSource::Header,
            );
        }
        check("text/html; charset=koi8-r", "KOI8-R");
        check("text/html;Charset=\"KOI8-R\"", "KOI8-R");
        check("text/html; charset = 'koi8-r' ; x", "KOI8-R");
        check("text/html; charset=utf-16", "UTF-16LE");
        check("text/html; charset; charset=gbk", "GBK");
    }

    #[test]
    fn a_header_that_names_no_encoding_says_nothing() {
        for content_type in [
            "text/html",
            "",
            "text/html; charset=",
            "text/html; charset=nonsense",
            "charset=\"gbk",
        ] {
            check(
                b"<meta charset=gbk>",
                Some(content_type),
                "GBK",
                CharsetSource::Meta,
            );
        }
    }

    #[test]
    fn a_meta_near_the_beginning_names_it() {
        fn check(body: &str, expected: &str) {
            super::tests::check(body.as_bytes(), None, expected, CharsetSource::Meta);
        }
        check(
            "<!doctype html><html><head><META CharSet='Shift_JIS'>",
            "Shift_JIS",
        );
        check(
            "<meta content='text/html; charset=big5' http-equiv=Content-Type>",
            "Big5",
        );
        check("<!-- <meta charset=gbk> --><meta charset=big5>", "Big5");
        check(
            "<meta charset=nonsense><meta charset=big5><meta charset=gbk>",
            "Big5",
        );
        check("<meta charset=utf-16be>", "UTF-8");
        check("<meta charset=x-user-defined>", "windows-1252");
        check("<meta content='charset=gbk'><meta charset=big5>", "Big5");
    }

    #[test]
    fn a_meta_further_down_says_nothing() {
        let far = format!("{}<meta charset=gbk>", " ".repeat(PRESCAN_BYTES));
        check(far.as_bytes(), None, "UTF-8", CharsetSource::Detected);
        check(b"<meta charset=gb", None, "UTF-8", CharsetSource::Detected);
    }

    #[test]
    fn what_nobody_names_is_guessed() {
        fn check(encoding: &'static Encoding, text: &str) {
            let (body, ..) = encoding.encode(text);
            super::tests::check(&body, None, encoding.name(), CharsetSource::Detected);
        }
        check(UTF_8, "plain");
        check(UTF_8, "Straße, déjà vu, ツ");
        check(
            WINDOWS_1251,
            "Привет, как дела? Сегодня хорошая погода, и мы идём гулять.",
        );
        check(
            SHIFT_JIS,
            "これは日本語の文章です。文字コードを推測します。",
        );
        check(
            EUC_KR,
            "이것은 한국어 문장입니다. 문자 인코딩을 추측합니다.",
        );
        super::tests::check(b"", None, "UTF-8", CharsetSource::Detected);
        super::tests::check(
            b"\x1b$B$3$l\x1b(B",
            None,
            "ISO-2022-JP",
            CharsetSource::Detected,
        );
    }

    #[test]
    fn any_host_helps_to_guess() {
        for host in [
            "h",
            "h.ru.",
            "192.0.2.1",
            "[::1]",
            "xn--p1ai",
            "h.xn--p1ai",
            "a_b.c-d",
            "h.1a",
            "...",
        ] {
            if let Ok(url) = WebUrl::parse(&format!("http://{host}/")) {
                let charset = Charset::of(b"\xcf\xf0\xe8", None, &url);
                assert_eq!(charset.source, CharsetSource::Detected, "{host}");
            }
        }
    }
}
