//! How long a probe waits, and what it says when it waited in vain.

use std::time::Duration;

use thiserror::Error;

/// How long a probe waits for what must come, and how long nothing must come.
///
/// Under tokio's paused clock both cost no time and are exact: the clock moves on only when every stage waits.
///
/// ```
/// use std::time::Duration;
/// use stage::test_util::Patience;
///
/// let slow_machine = Patience::new(Duration::from_secs(30), Duration::from_millis(200));
/// # let _ = slow_machine;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub(crate) most: Duration,
    pub(crate) quiet: Duration,
}

impl Patience {
    /// Waits up to `most` for what must come, and for `quiet` to see that nothing does.
    #[must_use]
    pub const fn new(most: Duration, quiet: Duration) -> Self {
        Self { most, quiet }
    }

    /// Waits for the quiet time.
    pub(crate) async fn rest(self) {
        tokio::time::sleep(self.quiet).await;
    }
}

impl Default for Patience {
    /// 5 s and 20 ms: many turns of a loop on a busy machine, and short enough for a hundred of them.
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_millis(20))
    }
}

/// What was expected is not what came. A test's `unwrap` on it shows the line of the expectation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}, but {came}")]
#[non_exhaustive]
pub struct Unexpected {
    /// What should have come.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl Unexpected {
    pub(crate) fn new(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            came: came.into(),
        }
    }
}

/// Fails with what was expected and what came unless `holds`.
pub(crate) fn expect(
    holds: bool,
    expected: impl Into<String>,
    came: impl Into<String>,
) -> Result<(), Unexpected> {
    if holds {
        Ok(())
    } else {
        Err(Unexpected::new(expected, came))
    }
}
