//! Seeding: the first URLs enter the frontier, and what is wrong with some of them is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Seeds, list::Rejected};
use crate::frontier::{Frontier, FrontierError, NewUrl};
use crate::run::Crew;
use crate::telling::say;

/// Lines without a URL that are told one by one.
const REJECTED_TOLD: u64 = 10;

/// What became of the first URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seeded {
    /// How many were new.
    pub(crate) added: u64,
    /// How many were there before, in this list or an earlier run.
    pub(crate) repeated: u64,
    /// How many lines held no URL.
    pub(crate) rejected: u64,
    /// How many are none of this crawl, by the code of the rule; each run tells that of its own.
    #[serde(skip)]
    pub(crate) left_out: BTreeMap<&'static str, u64>,
}

impl Seeded {
    /// Returns whether all of them will be fetched.
    pub(crate) fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// Adds those that were admitted, and counts the others by the code of the rule.
    async fn add(
        &mut self,
        admitted: Vec<Result<NewUrl, &'static str>>,
        frontier: &dyn Frontier,
    ) -> Result<(), FrontierError> {
        let mut urls = Vec::with_capacity(admitted.len());
        for url in admitted {
            match url {
                Ok(new) => urls.push(new),
                Err(code) => *self.left_out.entry(code).or_default() += 1,
            }
        }
        if urls.is_empty() {
            return Ok(());
        }
        let added = frontier.add(urls).await?;
        self.added += added.new as u64;
        self.repeated += added.known as u64;
        Ok(())
    }

    fn reject(&mut self, line: &Rejected) {
        self.rejected += 1;
        if self.rejected <= REJECTED_TOLD {
            say(format!("crawler: {line}"));
        }
    }

    /// Tells what was not told one by one.
    fn tell(&self) {
        let untold = self.rejected.saturating_sub(REJECTED_TOLD);
        if untold > 0 {
            say(format!("crawler: {untold} more lines hold no URL"));
        }
        for (code, count) in &self.left_out {
            let what = if *count == 1 { "seed is" } else { "seeds are" };
            say(format!("crawler: {count} {what} left out: {code}"));
        }
    }
}

/// Adds all of them. Private ones are made the crew's own first, where it takes those of a list for typed.
///
/// # Errors
///
/// When the list can't be read on, or the frontier fails.
pub(crate) async fn seed(
    seeds: &mut Seeds<'_>,
    crew: &mut Crew,
    frontier: &dyn Frontier,
) -> anyhow::Result<Seeded> {
    let mut seeded = Seeded::default();
    // First, so that what is given as both is read as a sitemap.
    let sitemaps = seeds.take_sitemaps();
    let admitted = sitemaps
        .iter()
        .map(|url| crew.rules().admit_sitemap(url, 0, 0));
    seeded.add(admitted.collect(), frontier).await?;
    loop {
        let part = seeds.next_part().await?;
        if part.is_empty() {
            break;
        }
        let mut admitted = Vec::with_capacity(part.len());
        for line in part {
            match line {
                Ok(url) => {
                    crew.meet(&url);
                    admitted.push(crew.rules().admit(&url, 0));
                }
                Err(rejected) => seeded.reject(&rejected),
            }
        }
        seeded.add(admitted, frontier).await?;
    }
    seeded.tell();
    Ok(seeded)
}
