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
use super::whole::Whole;

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
        match Self::whole(text) {
            Some(url) => Ok(url),
            None => Self::read(text, None, UTF_8),
        }
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

    /// Takes a whole URL as it stands, where the standard does.
    pub(super) fn whole(text: &str) -> Option<Self> {
        let whole = Whole::of(text)
            .filter(|whole| text.len() <= TEXT_BYTES_MAX && whole.end <= URL_BYTES_MAX)?;
        Some(Self {
            host_at: offset(whole.host_at),
            host_end: offset(whole.host_end),
            path_at: offset(whole.path_at),
            path_end: offset(whole.path_end),
            text: text[..whole.end].to_owned(),
        })
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
mod tests;
