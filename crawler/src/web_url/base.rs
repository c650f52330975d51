//! What references are read against: a page, or what its `<base>` says.

use std::cell::OnceCell;

use encoding_rs::Encoding;
use url::Url;

use super::plain::Plain;
use super::{RefusedUrl, TEXT_BYTES_MAX, URL_BYTES_MAX, WebUrl};

/// A URL and the encoding of the document that refers from there. The standard's parser sees the URL at most once, and
/// only when a reference is not plain.
#[derive(Debug)]
pub(crate) struct Base<'a> {
    url: &'a WebUrl,
    encoding: &'static Encoding,
    parsed: OnceCell<Url>,
}

impl<'a> Base<'a> {
    pub(crate) const fn new(url: &'a WebUrl, encoding: &'static Encoding) -> Self {
        Self {
            url,
            encoding,
            parsed: OnceCell::new(),
        }
    }

    /// Parses a reference, whose query is sent in the encoding of the document.
    ///
    /// # Errors
    ///
    /// [`RefusedUrl`], by its three cases.
    pub(crate) fn join(&self, reference: &str) -> Result<WebUrl, RefusedUrl> {
        let plain = Plain::of(reference, self.url)
            .filter(|plain| reference.len() <= TEXT_BYTES_MAX && plain.length() <= URL_BYTES_MAX);
        if let Some(plain) = plain {
            return Ok(self.url.with_plain(&plain));
        }
        if let Some(url) = WebUrl::whole(reference) {
            return Ok(url);
        }
        let parsed = self.parsed.get_or_init(|| self.url.to_url());
        WebUrl::read(reference, Some(parsed), self.encoding)
    }
}
