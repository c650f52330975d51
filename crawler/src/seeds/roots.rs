//! What a crawl begins with, as it was typed.

use anyhow::bail;
use url::ParseError;

use crate::web_url::{RefusedUrl, WebUrl};

/// The URLs that a crawl begins with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    pub(crate) pages: Vec<WebUrl>,
    pub(crate) sitemaps: Vec<WebUrl>,
}

impl Roots {
    /// Reads them as they were typed; an error tells which one is none, and never repeats it, as it may hold a password.
    ///
    /// # Errors
    ///
    /// At the first text that is no URL to fetch.
    pub(crate) fn read(pages: &[String], sitemaps: &[String]) -> anyhow::Result<Self> {
        Ok(Self {
            pages: typed("seed", pages)?,
            sitemaps: typed("sitemap", sitemaps)?,
        })
    }

    /// Returns all of them: a crawl is about the sites of its sitemaps too.
    pub(crate) fn all(&self) -> Vec<WebUrl> {
        [self.pages.as_slice(), self.sitemaps.as_slice()].concat()
    }
}

fn typed(what: &str, texts: &[String]) -> anyhow::Result<Vec<WebUrl>> {
    let read = |(at, text): (usize, &String)| {
        WebUrl::parse(text).or_else(|refused| {
            let wrong = match refused {
                // As it is typed into a browser.
                RefusedUrl::NotUrl(ParseError::RelativeUrlWithoutBase) => {
                    "it does not begin with http:// or https://".to_owned()
                }
                refused => refused.to_string(),
            };
            bail!(
                "{what} {} is no URL to crawl: {wrong}; write one such as https://example.com/",
                at + 1
            )
        })
    };
    texts.iter().enumerate().map(read).collect()
}
