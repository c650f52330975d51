//! What a frontier is for, and how far it has come.

/// What a crawl was begun with, kept for the day it is resumed.
///
/// # Examples
///
/// ```
/// use crawler::frontier::Job;
///
/// let config = r#"{"scope":"same-host"}"#.to_owned();
/// let job = Job { config, pages: Some(1_000), ..Job::default() };
/// assert_ne!(job, Job::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Its configuration, as its program wrote it.
    pub config: String,
    /// How many pages may yet be fetched; any number if none is given.
    pub pages: Option<u64>,
    /// How many bytes of bodies may yet be read; any number if none is given.
    pub bytes: Option<u64>,
}

/// How far a crawl has come.
///
/// ```text
///  seeding ──every seed is in──▶ running ──nothing is left──▶ done
///                                   ▲                          │
///                                   └──────── a new URL ───────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum State {
    /// Seeds still come: that nothing is queued says nothing.
    #[default]
    Seeding,
    /// It ends when nothing is left.
    Running,
    /// Nothing is left.
    Done,
}

impl State {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seeding => "seeding",
            Self::Running => "running",
            Self::Done => "done",
        }
    }

    /// Returns the state that a word stands for.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Seeding, Self::Running, Self::Done]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// What was at work each of the last three times, or more, that a crawl was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Suspects {
    /// How many URLs.
    pub count: u64,
    /// Those of them that are on lease.
    pub leased: u64,
}

/// The frontier in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How far it has come.
    pub state: State,
    /// URLs ever added.
    pub known: u64,
    /// URLs that are not done and wait for no time of their own, with those on lease.
    pub queued: u64,
    /// URLs that wait for their next try.
    pub delayed: u64,
    /// URLs on lease.
    pub leased: u64,
    /// Which of those that are queued are suspects, as far as the last claim knew; an engine has none to tell of where
    /// they keep none waiting, and a file of an older layout.
    pub suspects: Option<Suspects>,
    /// Fetches that gave an answer.
    pub fetched: u64,
    /// Fetches that gave another URL.
    pub redirected: u64,
    /// URLs that a rule kept from being fetched.
    pub refused: u64,
    /// URLs without a final answer after their tries.
    pub failed: u64,
    /// How many pages may yet be fetched, if there is a limit.
    pub pages_left: Option<u64>,
    /// How many bytes of bodies may yet be read, if there is a limit.
    pub bytes_left: Option<u64>,
}
