//! The sources of first URLs, in parts of one kind.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::vec;

use anyhow::bail;

use super::{Api, Line, UrlList};
use crate::web_url::WebUrl;

/// URLs that are made at once.
const PART: usize = 1_000;

/// The first URLs, in parts.
#[derive(Debug)]
pub(crate) enum Seeds<'a> {
    Typed(vec::IntoIter<WebUrl>),
    List(UrlList),
    Pages {
        api: &'a Api,
        numbers: RangeInclusive<usize>,
    },
}

impl<'a> Seeds<'a> {
    /// Returns so many pages of an API.
    pub(crate) const fn pages(api: &'a Api, count: NonZeroUsize) -> Self {
        let numbers = 1..=count.get();
        Self::Pages { api, numbers }
    }

    /// Returns the next of them; none when there are no more.
    ///
    /// # Errors
    ///
    /// When a list can't be read on.
    pub(crate) fn next_part(&mut self) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Typed(urls) => Ok(urls.by_ref().take(PART).map(Ok).collect()),
            Self::List(list) => Ok(list.next_part()?),
            Self::Pages { api, numbers } => {
                let part = numbers.by_ref().take(PART);
                part.map(|number| Ok(Ok(api.page(number)?))).collect()
            }
        }
    }
}

/// Reads URLs that were typed; an error tells which one is none, and never repeats it, as it may hold a password.
///
/// # Errors
///
/// At the first text that is no URL to fetch.
pub(crate) fn typed(texts: &[String]) -> anyhow::Result<Vec<WebUrl>> {
    let read = |(at, text): (usize, &String)| {
        WebUrl::parse(text).or_else(|refused| {
            bail!(
                "seed {} is no URL to crawl: {refused}; write one such as https://example.com/",
                at + 1
            )
        })
    };
    texts.iter().enumerate().map(read).collect()
}
