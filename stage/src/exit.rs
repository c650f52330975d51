//! Why a stage or a subscription ended, in one vocabulary for both sides of an edge.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Any error a callback returns, boxed; `?` converts into it.
///
/// It does not implement [`Error`] itself, so that every error converts into it; its cause is [`StageError::source`]. A
/// `main` that uses `?` on what callbacks return can return [`stage::Result`](Result) too.
///
/// ```
/// use stage::StageError;
///
/// let error: StageError = match "one".parse::<u32>() {
///     Ok(_) => "it is a number".into(),
///     Err(error) => error.into(),
/// };
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// assert!(error.source().is::<std::num::ParseIntError>());
/// ```
pub struct StageError(Box<dyn Error + Send + Sync>);

/// What callbacks return.
pub type Result<T = (), E = StageError> = std::result::Result<T, E>;

impl StageError {
    /// Returns the error as the callback made it.
    #[must_use]
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for StageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why a stage ended.
///
/// ```
/// use stage::{Exit, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(0..).spawn()?;
/// assert!(numbers.exit().is_none());
/// let exit = numbers.stop().await;
/// assert_eq!((exit.is_failure(), exit.to_string()), (false, "stopped".into()));
/// numbers.abort();
/// assert!(matches!(numbers.join().await, Exit::Stopped));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Exit {
    /// All events were handled, and what it emitted was sent: its buffer and the queues of its dispatcher were emptied.
    Completed,
    /// Its owner stopped or drained it. Whether a drain left anything is in its report.
    Stopped,
    /// A callback returned an error; both sides of an edge see the same one.
    Failed(Arc<StageError>),
    /// A callback panicked with this message.
    Panicked(Arc<str>),
    /// It was aborted: a running callback was dropped.
    Aborted,
    /// The producer had ended before the subscription reached it.
    Unreachable,
}

impl Exit {
    /// Returns whether the stage ended by failure rather than by completion or a stop.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !matches!(self, Self::Completed | Self::Stopped)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Aborted => f.write_str("aborted"),
            Self::Unreachable => f.write_str("its producer had already ended"),
        }
    }
}

/// The reason given with an explicit cancel.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Cancel {
    /// Nothing went wrong: the consumer has had enough.
    Normal,
    /// Something failed.
    Failed(Arc<StageError>),
}

impl Cancel {
    /// Makes the reason for a failure.
    pub fn failed(error: impl Into<StageError>) -> Self {
        Self::Failed(Arc::new(error.into()))
    }
}

impl fmt::Display for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// How a subscription ended, as `handle_cancel` hears it.
///
/// ```
/// use stage::{Cancel, End, Exit};
///
/// let end = End::Cancelled(Cancel::failed("it is too late"));
/// assert_eq!(end.to_string(), "cancelled: failed: it is too late");
/// assert!(end.is_failure());
/// assert!(!End::Down(Exit::Stopped).is_failure());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum End {
    /// The producer had no more events, and none waited for demand any more.
    Completed,
    /// One side cancelled it.
    Cancelled(Cancel),
    /// The peer ended.
    Down(Exit),
}

impl End {
    /// What the consumers of a stage hear of its exit.
    pub(crate) fn of(exit: &Exit) -> Self {
        match exit {
            Exit::Completed => Self::Completed,
            other => Self::Down(other.clone()),
        }
    }

    /// Returns whether the subscription ended by a failure.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Completed | Self::Cancelled(Cancel::Normal) => false,
            Self::Cancelled(Cancel::Failed(_)) => true,
            Self::Down(exit) => exit.is_failure(),
        }
    }

    /// Returns the exit of a stage that ends because of this.
    #[must_use]
    pub fn to_exit(&self) -> Exit {
        match self {
            Self::Completed | Self::Cancelled(Cancel::Normal) => Exit::Completed,
            Self::Cancelled(Cancel::Failed(error)) => Exit::Failed(Arc::clone(error)),
            Self::Down(exit) => exit.clone(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Cancelled(reason) => write!(f, "cancelled: {reason}"),
            Self::Down(exit) => write!(f, "down: {exit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_what_it_was_and_why() {
        let check = |end: &End, expected| assert_eq!(end.to_string(), expected);
        check(&End::Completed, "completed");
        check(&End::Cancelled(Cancel::Normal), "cancelled: normal");
        check(
            &End::Cancelled(Cancel::failed("no luck")),
            "cancelled: failed: no luck",
        );
        check(&End::Down(Exit::Stopped), "down: stopped");
        check(
            &End::Down(Exit::Panicked("no luck".into())),
            "down: panicked: no luck",
        );
        check(
            &End::Down(Exit::Unreachable),
            "down: its producer had already ended",
        );
    }
}
