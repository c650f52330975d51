//! A URL that the crawler may fetch, checked once: `http` or `https`, with a host, of a bounded length, and without
//! what no server sees (a fragment) or nobody else may see (user-info).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8};
use thiserror::Error;
use url::{Host, ParseError, Position, Url};

use super::Base;
use super::plain::Plain;

/// The longest URL, in bytes: longer than any that is in use, and servers may refuse more.
pub const URL_BYTES_MAX: usize = 2048;
/// The longest text that is parsed at all, in bytes: the longest URL, and room for a fragment, blanks and `../`.
pub(crate) const TEXT_BYTES_MAX: usize = 4 * URL_BYTES_MAX;
/// The longest host that is parsed, in bytes. A name has at most 253 characters (RFC 1035 §2.3.4), of up to four bytes
/// each as they are written; to decode a longer one costs the square of its length.
const HOST_BYTES_MAX: usize = 1024;

/// Why a text is no URL to fetch. The text is not part of it, as it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusedUrl {
    /// It can't be parsed. Source: the URL standard.
    #[error("not a URL: {0}")]
    NotUrl(ParseError),
    /// It is a URL of something that no web server answers for.
    #[error("neither an http nor an https URL")]
    OtherScheme,
    /// It is longer than [`URL_BYTES_MAX`].
    #[error("longer than {URL_BYTES_MAX} bytes")]
    TooLong,
}

impl RefusedUrl {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUrl(_) => "url-invalid",
            Self::OtherScheme => "url-scheme",
            Self::TooLong => "url-too-long",
        }
    }
}

/// A URL that may be fetched, in the form it is requested in.
///
/// Invariant: its scheme is `http` or `https`, it has a host, neither user-info nor a fragment, and at most
/// [`URL_BYTES_MAX`] bytes; so it can be written anywhere. It is as the URL standard serialises it, and where its parts
/// end follows from that text.
///
/// ```
/// use crawler::web_url::WebUrl;
///
/// let page = WebUrl::parse("HTTP://ann:secret@Example.com:80/a/../b?q=1#top")?;
/// assert_eq!(page.as_str(), "http://example.com/b?q=1");
/// assert_eq!(page.join("../c")?.as_str(), "http://example.com/c");
/// # Ok::<(), crawler::web_url::RefusedUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebUrl {
    text: String,
    host_at: u16,
    host_end: u16,
    path_at: u16,
    path_end: u16,
}

impl WebUrl {
    /// Parses a whole URL by the URL standard.
    ///
    /// # Errors
    ///
    /// [`RefusedUrl`], by its three cases.
    pub fn parse(text: &str) -> Result<Self, RefusedUrl> {
        Self::read(text, None, UTF_8)
    }

    /// Parses a URL that may be relative to this one.
    ///
    /// # Errors
    ///
    /// [`RefusedUrl`], by its three cases.
    pub fn join(&self, reference: &str) -> Result<Self, RefusedUrl> {
        Base::new(self, UTF_8).join(reference)
    }

    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns it as the value that clients take.
    ///
    /// # Panics
    ///
    /// Never: its text is that of a URL.
    #[must_use]
    pub fn to_url(&self) -> Url {
        Url::parse(&self.text).expect("what the standard serialised it parses again")
    }

    /// Returns the scheme: `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..usize::from(self.host_at) - "://".len()]
    }

    /// Returns the host as it is written in the URL: an IPv6 address stands in brackets.
    #[must_use]
    pub fn host_str(&self) -> &str {
        self.part(self.host_at, self.host_end)
    }

    /// Returns the host: a name in lower case, or an address that was written in any of the ways the standard knows.
    #[must_use]
    pub fn host(&self) -> Host<&str> {
        let host = self.host_str();
        let v6 = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if let Some(address) = v6.and_then(|host| host.parse().ok()) {
            return Host::Ipv6(address);
        }
        // A host whose last label is a number is an address to the standard, so a name never reads as one.
        host.parse().map_or(Host::Domain(host), Host::Ipv4)
    }

    /// Returns the port, also when it is the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.written_port().unwrap_or(match self.scheme() {
            "https" => 443,
            _ => 80,
        })
    }

    /// Returns the port, unless it is the scheme's own.
    #[must_use]
    pub fn written_port(&self) -> Option<u16> {
        let port = self.part(self.host_end, self.path_at).strip_prefix(':')?;
        port.parse().ok()
    }

    /// Returns scheme, host and port, the port only if it is not the scheme's own: what a robots.txt is valid for.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.part(0, self.path_at)
    }

    /// Returns host and port, the port only if it is not the scheme's own.
    pub(super) fn authority(&self) -> &str {
        self.part(self.host_at, self.path_at)
    }

    /// Returns the path, which begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.part(self.path_at, self.path_end)
    }

    /// Returns the query without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.text[usize::from(self.path_end)..].strip_prefix('?')
    }

    /// Returns path and query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.text[usize::from(self.path_at)..]
    }

    /// Returns it with a part of its own query, or without one.
    pub(super) fn with_query(&self, query: Option<&str>) -> Self {
        let mut text = self.part(0, self.path_end).to_owned();
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        Self { text, ..*self }
    }

    fn part(&self, from: u16, to: u16) -> &str {
        &self.text[usize::from(from)..usize::from(to)]
    }

    /// Returns it with another path and query: what is kept of its text is its origin at least.
    pub(super) fn with_plain(&self, plain: &Plain<'_>) -> Self {
        let mut text = String::with_capacity(plain.length());
        text.push_str(&self.text[..plain.kept]);
        text.push_str(plain.text);
        Self {
            text,
            path_end: offset(plain.path_end()),
            ..*self
        }
    }

    /// Parses a URL that may be relative, by the standard.
    pub(super) fn read(
        text: &str,
        base: Option<&Url>,
        encoding: &'static Encoding,
    ) -> Result<Self, RefusedUrl> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(RefusedUrl::TooLong);
        }
        if written_host(text).len() > HOST_BYTES_MAX {
            return Err(RefusedUrl::NotUrl(ParseError::IdnaError));
        }
        // Source: the URL standard, "query state": a query is percent-encoded from the document's own encoding.
        let encode: &dyn Fn(&str) -> Cow<'_, [u8]> =
            &|query| encoding.encode(query).0.into_owned().into();
        let mut options = Url::options().base_url(base);
        if encoding.output_encoding() != UTF_8 {
            options = options.encoding_override(Some(encode));
        }
        Self::check(options.parse(text).map_err(RefusedUrl::NotUrl)?)
    }

    fn check(mut url: Url) -> Result<Self, RefusedUrl> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RefusedUrl::OtherScheme);
        }
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            // Only a URL without a host has no place for user-info.
            return Err(RefusedUrl::NotUrl(ParseError::EmptyHost));
        }
        if url.host_str().is_none_or(|host| host == ".") {
            // The root of all names is no name.
            return Err(RefusedUrl::NotUrl(ParseError::EmptyHost));
        }
        url.set_fragment(None);
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(RefusedUrl::TooLong);
        }
        Ok(Self::of(url))
    }

    /// Finds the parts of a URL that was checked.
    fn of(url: Url) -> Self {
        let end = |position| offset(url[..position].len());
        Self {
            host_at: end(Position::BeforeHost),
            host_end: end(Position::AfterHost),
            path_at: end(Position::BeforePath),
            path_end: end(Position::AfterPath),
            text: url.into(),
        }
    }
}

/// Returns a place in the text of a URL, which is no longer than a short number holds.
fn offset(at: usize) -> u16 {
    u16::try_from(at).expect("a URL has at most URL_BYTES_MAX bytes")
}

/// Returns what stands where a text has its host, before anything is decoded; it is empty where there can be none.
fn written_host(text: &str) -> Cow<'_, str> {
    // The standard drops these wherever they stand.
    const DROPPED: [char; 3] = ['\t', '\n', '\r'];
    const SLASHES: [char; 2] = ['/', '\\'];
    if text.contains(DROPPED) {
        return written_host(&text.replace(DROPPED, "")).into_owned().into();
    }
    let text = text.trim_start_matches(|char| char <= ' ');
    let is_web =
        |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let is_scheme = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.');
    let rest = text.trim_start_matches(is_scheme);
    let scheme = &text[..text.len() - rest.len()];
    let after = match rest.strip_prefix(':') {
        Some(rest) if is_web(scheme) => rest.trim_start_matches(SLASHES),
        None if text.starts_with(SLASHES) && text[1..].starts_with(SLASHES) => {
            text.trim_start_matches(SLASHES)
        }
        _ => return Cow::Borrowed(""),
    };
    let authority = after.split(['/', '\\', '?', '#']).next().unwrap_or(after);
    Cow::Borrowed(authority.rsplit('@').next().unwrap_or(authority))
}

impl FromStr for WebUrl {
    type Err = RefusedUrl;

    fn from_str(text: &str) -> Result<Self, RefusedUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebUrl({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1251};
    use proptest::prelude::*;

    use super::*;
    use crate::web_url::Grouping;

    fn check(text: &str, expected: Result<&str, &str>) {
        let url = WebUrl::parse(text);
        let url = url
            .as_ref()
            .map(WebUrl::as_str)
            .map_err(|refused| refused.code());
        assert_eq!(url, expected, "{text:?}");
    }

    #[test]
    fn a_url_takes_the_form_of_the_standard() {
        check("http://h", Ok("http://h/"));
        check(
            "HTTPS://EXAMPLE.com:443/A?B=C",
            Ok("https://example.com/A?B=C"),
        );
        check(" http://h/a b\t\n", Ok("http://h/a%20b"));
        check(r"http:\\h\a", Ok("http://h/a"));
        check("http://h/a/./b/../%2e%2E/c", Ok("http://h/c"));
        check(
            "http://bücher.example/ü?ü",
            Ok("http://xn--bcher-kva.example/%C3%BC?%C3%BC"),
        );
        check("http://h:8080/#top", Ok("http://h:8080/"));
        check("http://h/?", Ok("http://h/?"));
    }

    #[test]
    fn user_info_is_dropped_and_is_in_no_message() {
        check("http://ann:secret@h/a", Ok("http://h/a"));
        check("http://ann@h/a", Ok("http://h/a"));
        let refused = WebUrl::parse("http://ann:secret@h:99999/").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("secret"));
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "127.1",
            "0x7f.0.0.1.",
        ] {
            check(&format!("http://{host}/"), Ok("http://127.0.0.1/"));
        }
        check(
            "http://[0:0:0:0:0:FFFF:7f00:1]/",
            Ok("http://[::ffff:7f00:1]/"),
        );
        check("http://１２７.0.0.1/", Ok("http://127.0.0.1/"));
    }

    #[test]
    fn what_no_web_server_answers_for_is_refused() {
        for text in [
            "ftp://h/",
            "mailto:ann@h",
            "javascript:alert(1)",
            "data:,a",
            "file:///etc/passwd",
        ] {
            check(text, Err("url-scheme"));
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "h/a",
            "/a",
            "http://",
            "http://h:99999/",
            "http://[::1",
            "http://a b/",
            "http://./",
            "http://256.1.1.1/",
        ] {
            check(text, Err("url-invalid"));
        }
    }

    #[test]
    fn the_longest_url_is_taken_and_a_longer_one_is_not() {
        let path = "a".repeat(URL_BYTES_MAX - "http://h/".len());
        check(
            &format!("http://h/{path}#{path}"),
            Ok(&format!("http://h/{path}")),
        );
        check(&format!("http://h/{path}a"), Err("url-too-long"));
        check(&"a".repeat(TEXT_BYTES_MAX + 1), Err("url-too-long"));
    }

    #[test]
    fn a_host_longer_than_any_name_is_not_decoded() {
        let label = "xn--".to_owned() + &"a".repeat(HOST_BYTES_MAX);
        for text in [
            format!("http://{label}/"),
            format!("HTTP:{label}"),
            format!(" h\ttt\np:\\\\ann:secret@{label}?"),
        ] {
            check(&text, Err("url-invalid"));
        }
        let page = WebUrl::parse("http://h/").unwrap();
        for text in [format!("//{label}/"), format!("\n/\t/{label}")] {
            assert!(page.join(&text).is_err(), "{text:?}");
        }
        // Where there is no host, any length is a path.
        for text in [format!("/{label}"), label.clone(), format!("?//{label}")] {
            assert!(page.join(&text).is_ok(), "{text:?}");
        }
        check(&format!("http://{}@h/", label.repeat(2)), Ok("http://h/"));
    }

    #[test]
    fn a_reference_is_read_against_its_page() {
        fn check(reference: &str, expected: &str) {
            let page = WebUrl::parse("http://h/a/b?c").unwrap();
            assert_eq!(
                page.join(reference).unwrap().as_str(),
                expected,
                "{reference:?}"
            );
        }
        check("", "http://h/a/b?c");
        check("?d", "http://h/a/b?d");
        check("d#e", "http://h/a/d");
        check("//i/d", "http://i/d");
        check("../../../d", "http://h/d");
        check("https:d", "https://d/");
    }

    #[test]
    fn a_query_is_sent_in_the_encoding_of_its_document() {
        fn check(encoding: &'static Encoding, expected: &str) {
            let page = WebUrl::parse("http://h/").unwrap();
            let url = Base::new(&page, encoding).join("ю?ю").unwrap();
            assert_eq!(url.as_str(), expected);
        }
        check(UTF_8, "http://h/%D1%8E?%D1%8E");
        check(WINDOWS_1251, "http://h/%D1%8E?%FE");
        check(UTF_16LE, "http://h/%D1%8E?%D1%8E");
    }

    /// Checks that each part is what the standard's parser says of the text.
    fn assert_same_parts(url: &WebUrl) {
        let parsed = url.to_url();
        assert_eq!(parsed.as_str(), url.as_str());
        assert!(parsed.username().is_empty() && parsed.password().is_none());
        assert_eq!(parsed.fragment(), None, "{url}");
        assert_eq!(parsed.scheme(), url.scheme());
        assert_eq!(parsed.host(), Some(url.host()), "{url}");
        assert_eq!(parsed.host_str(), Some(url.host_str()));
        assert_eq!(parsed.port(), url.written_port(), "{url}");
        assert_eq!(parsed.port_or_known_default(), Some(url.port()));
        assert_eq!(parsed.path(), url.path());
        assert_eq!(parsed.query(), url.query());
    }

    #[test]
    fn its_parts_are_those_of_the_standard() {
        for text in [
            "http://h",
            "https://h:80/?",
            "http://127.1:8080/a?b",
            "https://[::1]/",
            "http://[::ffff:1.2.3.4]:81//a//?b?c",
            "http://1.2.3.4.example/",
            "http://a.1b/",
            "http://ann:secret@h:8080/a#b",
        ] {
            assert_same_parts(&WebUrl::parse(text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_that_keeps_the_rules_or_is_refused(
            text in "(http|https|ftp)?:?/{0,3}([a-z]{0,3}:?[a-z]?@)?\\PC{0,8}(:[0-9]{0,6})?[/?#]?\\PC{0,20}",
        ) {
            if let Ok(url) = WebUrl::parse(&text) {
                prop_assert!(url.as_str().is_ascii() && url.as_str().len() <= URL_BYTES_MAX);
                assert_same_parts(&url);
                let site = url.site(Grouping::RegistrableDomain);
                prop_assert!(!site.name().is_empty() && url.host_str().contains(site.name()));
                prop_assert_eq!(WebUrl::parse(url.as_str()), Ok(url));
            }
        }
    }
}
