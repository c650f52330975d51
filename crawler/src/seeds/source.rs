//! The sources of first URLs, in parts of one kind.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::vec;

use super::{Api, Line, Roots, UrlList};
use crate::web_url::WebUrl;

/// URLs that are made at once.
const PART: usize = 1_000;

/// The first URLs, in parts.
#[derive(Debug)]
pub(crate) enum Seeds<'a> {
    Typed {
        pages: vec::IntoIter<WebUrl>,
        sitemaps: Vec<WebUrl>,
    },
    List(UrlList),
    Pages {
        api: &'a Api,
        numbers: RangeInclusive<usize>,
    },
}

impl<'a> Seeds<'a> {
    /// Returns those that a crawl was begun with.
    pub(crate) fn typed(roots: Roots) -> Self {
        Self::Typed {
            pages: roots.pages.into_iter(),
            sitemaps: roots.sitemaps,
        }
    }

    /// Returns the sitemaps among them, once; they are in no part.
    pub(crate) fn take_sitemaps(&mut self) -> Vec<WebUrl> {
        match self {
            Self::Typed { sitemaps, .. } => std::mem::take(sitemaps),
            _ => Vec::new(),
        }
    }

    /// Returns so many pages of an API.
    pub(crate) const fn pages(api: &'a Api, count: NonZeroUsize) -> Self {
        let numbers = 1..=count.get();
        Self::Pages { api, numbers }
    }

    /// Returns the next of the pages; none when there are no more.
    ///
    /// # Errors
    ///
    /// When a list can't be read on.
    pub(crate) fn next_part(&mut self) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Typed { pages, .. } => Ok(pages.by_ref().take(PART).map(Ok).collect()),
            Self::List(list) => Ok(list.next_part()?),
            Self::Pages { api, numbers } => {
                let part = numbers.by_ref().take(PART);
                part.map(|number| Ok(Ok(api.page(number)?))).collect()
            }
        }
    }
}
