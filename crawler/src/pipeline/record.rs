//! What is told of each URL: one line of JSON.

use std::time::SystemTime;

use serde::Serialize;

/// As many bytes as most lines have.
const LINE_BYTES_EXPECTED: usize = 768;

/// What became of one URL. A field that does not apply is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PageRecord {
    /// The URL that was asked for. Where it redirects to, the target has a record of its own, with the final answer.
    pub url: String,
    /// The hash by which the crawl knows it.
    pub id: String,
    /// The `id` of the page that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// How it ended: `fetched`, `listed`, `redirected`, `refused` or `failed`.
    pub fate: &'static str,
    /// The status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Where it redirects to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When, by the clock of this machine: RFC 3339.
    pub at: String,
    /// Milliseconds from the request to the end of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// Bytes of the body, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes of the body over the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_bytes: Option<u64>,
    /// Why the body is not whole: `length`, `time` or `disconnect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<&'static str>,
    /// The header `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The encoding of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<&'static str>,
    /// SHA-256 of the body, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The `id` of the first page that had the same body, if that was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// How many links away from a seed.
    pub depth: u16,
    /// Why it was fetched after the others of its site, as a code: `trap-share` or `trap-equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_last: Option<&'static str>,
    /// How often it was tried before.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u16,
    /// What kind of sitemap it is, if it was read as one: `urlset`, `index`, `text`, `rss` or `atom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sitemap: Option<&'static str>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The language it says it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// The URL it says it is known under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Whether it names another URL as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub canonical_disputed: bool,
    /// Whether it asks not to be indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub noindex: bool,
    /// Whether it asks that none of its links be followed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nofollow: bool,
    /// How many links it has, or a sitemap URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<usize>,
    /// Why it was refused or failed, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The class of what led to it, where that was the answer to another URL of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(n: &u16) -> bool {
    *n == 0
}

impl PageRecord {
    /// Writes it as one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = Vec::with_capacity(LINE_BYTES_EXPECTED);
        // Nothing in a record can fail.
        let _written = serde_json::to_writer(&mut line, self);
        line.push(b'\n');
        String::from_utf8(line).unwrap_or_default()
    }
}

/// Returns the time as RFC 3339 has it, to the millisecond.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

#[cfg(test)]
impl PageRecord {
    /// Makes one with every field by name, so that a new one does not compile until it stands here.
    pub(crate) fn full() -> Self {
        Self {
            url: String::new(),
            id: String::new(),
            referrer: Some(String::new()),
            fate: "failed",
            status: Some(200),
            location: Some(String::new()),
            at: String::new(),
            millis: Some(1),
            bytes: Some(1),
            wire_bytes: Some(1),
            truncated: Some("time"),
            content_type: Some(String::new()),
            charset: Some("UTF-8"),
            digest: Some(String::new()),
            duplicate_of: Some(String::new()),
            depth: 0,
            put_last: Some("trap-share"),
            retries: 1,
            sitemap: Some("index"),
            title: Some(String::new()),
            lang: Some(String::new()),
            canonical: Some(String::new()),
            canonical_disputed: true,
            noindex: true,
            nofollow: true,
            links: Some(1),
            reason: Some("connect"),
            cause: Some("status-429"),
            message: Some(String::new()),
        }
    }
}
