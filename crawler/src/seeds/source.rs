//! The sources of first URLs, in parts of one kind.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::vec;

use anyhow::Context as _;
use tokio::task::spawn_blocking;

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
    /// A list, none while it is read: who gives up a read has given up the list.
    List(Option<UrlList>),
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

    /// Returns the lines of a list.
    pub(crate) const fn listed(list: UrlList) -> Self {
        Self::List(Some(list))
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
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped takes the rest of a list with it.
    pub(crate) async fn next_part(&mut self) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Typed { pages, .. } => Ok(pages.by_ref().take(PART).map(Ok).collect()),
            Self::List(kept) => {
                let Some(mut list) = kept.take() else {
                    return Ok(Vec::new());
                };
                // Who writes to a pipe may keep its reader waiting for ever, and Ctrl-C is to be heard meanwhile.
                let read = spawn_blocking(move || (list.next_part(), list));
                let (part, list) = read.await.context("the list was read no further")?;
                *kept = Some(list);
                Ok(part?)
            }
            Self::Pages { api, numbers } => {
                let part = numbers.by_ref().take(PART);
                part.map(|number| Ok(Ok(api.page(number)?))).collect()
            }
        }
    }
}
