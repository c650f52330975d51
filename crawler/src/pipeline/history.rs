//! What became of each URL that is fetched again and again.

use std::time::Duration;

/// The fetches of one URL so far.
///
/// ```
/// use std::time::Duration;
/// use crawler::pipeline::History;
///
/// let mut history = History::default();
/// history.add(Some(Duration::from_millis(30)));
/// history.add(Some(Duration::from_millis(10)));
/// history.add(None);
/// assert_eq!((history.answers, history.failures), (2, 1));
/// assert_eq!(history.mean(), Some(Duration::from_millis(20)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// How many gave an answer.
    pub answers: u32,
    /// How many gave none after their tries.
    pub failures: u32,
    /// How long the fastest answer took.
    pub fastest: Duration,
    /// How long the slowest answer took.
    pub slowest: Duration,
    total: Duration,
}

impl History {
    /// Adds a fetch by the time its answer took, if there was one.
    pub fn add(&mut self, took: Option<Duration>) {
        let Some(took) = took else {
            self.failures = self.failures.saturating_add(1);
            return;
        };
        self.fastest = if self.answers == 0 {
            took
        } else {
            self.fastest.min(took)
        };
        self.slowest = self.slowest.max(took);
        self.total = self.total.saturating_add(took);
        self.answers = self.answers.saturating_add(1);
    }

    /// Returns how long an answer takes in the mean.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.total.checked_div(self.answers)
    }
}
