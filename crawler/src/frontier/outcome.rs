//! What comes back: the outcome of a fetch, with the links it found.

use std::collections::HashSet;
use std::time::Duration;

use super::known::Key;
use super::{Lease, NewUrl};
use crate::policy::welcome::Welcome;

/// The outcome of one fetch.
///
/// # Examples
///
/// ```
/// # use crawler::frontier::{FrontierError, Frontier, Job, NewUrl, Site, SqliteOptions};
/// use crawler::frontier::{Fate, Outcome, Record};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), FrontierError> {
/// # let frontier = SqliteOptions::default().in_memory(Job::default()).await?;
/// # frontier.add(vec![NewUrl::seed("http://h/", Site::unlimited("h"))]).await?;
/// let claims = frontier.claim(1).await?;
/// let outcomes = claims.leases.into_iter().map(|lease| {
///     let link = lease.link("http://h/next", Site::unlimited("h"));
///     Outcome::done(lease, Record::new(Fate::Fetched)).with_links([link])
/// });
/// let settled = frontier.settle(outcomes.collect(), vec![]).await?;
/// assert_eq!((settled.outcomes, settled.links), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What was fetched.
    pub lease: Lease,
    /// What becomes of its URL.
    pub ending: Ending,
    /// What its page links to, in the page's order.
    pub links: Vec<NewUrl>,
    /// How long ago the fetch ended; told as an age, so that only the frontier's clock counts.
    pub age: Duration,
    /// How long the site asked to be left alone from the end of the fetch on, if longer than its delay.
    pub rest: Duration,
    /// Whether nothing was asked of the site, so that it needs no rest.
    pub is_unasked: bool,
    /// How many bytes of bodies were read for it; they count against the budget of bytes, whatever becomes of the URL.
    pub bytes: u64,
    /// How welcome the crawl is at the site by now; as the lease told it, unless an answer changed it.
    pub welcome: Welcome,
}

impl Outcome {
    /// Says that the URL has its final answer.
    #[must_use]
    pub const fn done(lease: Lease, record: Record) -> Self {
        Self::new(lease, Ending::Done(record))
    }

    /// Says that the URL is to be tried again.
    #[must_use]
    pub const fn retry(lease: Lease, after: Duration) -> Self {
        Self::new(lease, Ending::Retry { after })
    }

    /// Says that the URL was not asked for, and its turn comes again after this time: it counts as no try.
    #[must_use]
    pub const fn later(lease: Lease, after: Duration) -> Self {
        Self::new(lease, Ending::Later { after })
    }

    /// Says that the URL has an answer, and is to be fetched anew.
    #[must_use]
    pub const fn again(lease: Lease, record: Record, after: Duration) -> Self {
        Self::new(lease, Ending::Again { record, after })
    }

    /// Adds links that were found.
    #[must_use]
    pub fn with_links(mut self, links: impl IntoIterator<Item = NewUrl>) -> Self {
        self.links.extend(links);
        self
    }

    /// Says how long ago the fetch ended.
    #[must_use]
    pub const fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Leaves the site alone for this long, if that is longer than its delay.
    #[must_use]
    pub const fn resting(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// Says that nothing was asked of the site: its next URL need not wait.
    #[must_use]
    pub const fn unasked(mut self) -> Self {
        self.is_unasked = true;
        self
    }

    /// Says how many bytes of bodies were read for it.
    #[must_use]
    pub const fn read(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Says how welcome the crawl is at the site by its answer. It is for sites that are asked for one URL at a time.
    #[must_use]
    pub const fn welcomed(mut self, welcome: Welcome) -> Self {
        self.welcome = welcome;
        self
    }

    /// Returns what is to be recorded of it, if it counts.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match &self.ending {
            Ending::Done(record) | Ending::Again { record, .. } => Some(record),
            Ending::Retry { .. } | Ending::Later { .. } => None,
        }
    }

    /// Says where an archive holds the answer, if it counts.
    pub(crate) fn archived_at(&mut self, place: Option<Archived>) {
        if let Ending::Done(record) | Ending::Again { record, .. } = &mut self.ending {
            record.archive = place;
        }
    }

    /// Takes the links out of outcomes, in their order; those of a sitemap, which may be many, are not moved.
    pub(crate) fn take_links(outcomes: &mut [Self]) -> Vec<NewUrl> {
        let mut all = Vec::new();
        for outcome in outcomes {
            if all.is_empty() {
                all = std::mem::take(&mut outcome.links);
            } else {
                all.append(&mut outcome.links);
            }
        }
        all
    }

    const fn new(lease: Lease, ending: Ending) -> Self {
        Self {
            welcome: lease.welcome,
            lease,
            ending,
            links: Vec::new(),
            age: Duration::ZERO,
            rest: Duration::ZERO,
            is_unasked: false,
            bytes: 0,
        }
    }
}

/// What becomes of a URL. A redirect is [`Ending::Done`], its target one of the links.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It is never fetched again.
    Done(Record),
    /// It is tried again, so long after the end of this fetch.
    Retry {
        /// The wait.
        after: Duration,
    },
    /// It was not asked for yet: its turn comes again, so long after the end of this visit, and it keeps its place.
    Later {
        /// The wait.
        after: Duration,
    },
    /// It is fetched again, so long after the end of this fetch, behind what is queued by then.
    Again {
        /// What this fetch gave.
        record: Record,
        /// The wait.
        after: Duration,
    },
}

/// What is kept of a fetch, beside the body.
///
/// # Examples
///
/// ```
/// use crawler::frontier::{Fate, Record};
///
/// let mut record = Record::new(Fate::Fetched);
/// record.status = Some(200);
/// record.about = r#"{"title":"Home"}"#.to_owned();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// How it ended, in one word.
    pub fate: Fate,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// All else there is to tell, as the JSON that an export writes.
    pub about: String,
    /// Where an archive holds the answer.
    pub archive: Option<Archived>,
}

impl Record {
    /// Makes a record that tells the fate alone.
    #[must_use]
    pub const fn new(fate: Fate) -> Self {
        Self {
            fate,
            status: None,
            about: String::new(),
            archive: None,
        }
    }
}

/// How a URL ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// It has an answer, which counts against the budget of pages.
    Fetched,
    /// It has an answer that lists others: a sitemap, which is no page and counts against no budget of them.
    Listed,
    /// It has an answer that names another URL.
    Redirected,
    /// A rule kept it from being fetched.
    Refused,
    /// It has no final answer after its tries.
    Failed,
}

impl Fate {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Listed => "listed",
            Self::Redirected => "redirected",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A place in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The file's name.
    pub file: String,
    /// The first byte of the record in it.
    pub offset: u64,
}

/// How far an output file holds records that are settled. On start the file is cut back to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// What tells the file from all others.
    pub file: String,
    /// Its length then.
    pub bytes: u64,
}

/// What `add` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Added {
    /// How many URLs were new, and are queued, or recorded at once.
    pub new: usize,
    /// How many were known already.
    pub known: usize,
}

/// What `settle` did.
#[derive(Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settled {
    /// How many outcomes counted.
    pub outcomes: usize,
    /// How many came too late: their lease was lost, and the URL is another's or done.
    pub late: usize,
    /// How many links were new, and are queued, or recorded at once.
    pub links: usize,
    /// All outcomes, where nothing was done: records of theirs are in files though they came too late. Each of these is
    /// [`Ending::Later`] now, and links with a record that were known are left out, so that the rest can be settled with
    /// files that hold the rest.
    pub refused: Vec<Outcome>,
}

impl Settled {
    /// Gives outcomes back of which those at `late` may have no record, with their links but for those that are known and
    /// have one.
    pub(crate) fn refused(mut outcomes: Vec<Outcome>, links: Vec<NewUrl>, late: &Late) -> Self {
        for at in &late.outcomes {
            if let Some(outcome) = outcomes.get_mut(*at) {
                let after = Duration::ZERO;
                outcome.ending = Ending::Later { after };
            }
        }
        if let Some(first) = outcomes.first_mut() {
            first.links = links;
            let is_late = |link: &NewUrl| link.record.is_some() && late.links.contains(&link.key());
            first.links.retain(|link| !is_late(link));
        }
        Self {
            late: late.outcomes.len(),
            refused: outcomes,
            ..Self::default()
        }
    }
}

/// The records of a settle that do not count.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Where the outcomes are.
    pub(crate) outcomes: Vec<usize>,
    /// Links that were known.
    pub(crate) links: HashSet<Key>,
}

impl Late {
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.links.is_empty()
    }
}
