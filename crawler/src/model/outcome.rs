//! What became of one try, and the record that is written of a final one.

use std::time::Duration;

use serde::Serialize;

use super::{Job, Rejected};

/// What went wrong with a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No connection, or it was lost before the answer began.
    Connect,
    /// What came was no proper HTTP answer.
    Protocol,
    /// The time was over.
    Timeout,
    /// The answer's status is no final answer.
    Status(u16),
    /// The connection was lost within the body.
    Body,
    /// The body is larger than is read.
    BodyTooLarge,
    /// The URL can't be requested.
    InvalidUrl,
    /// The child that fetched it panicked.
    Panicked,
    /// The child that fetched it was ended by its name.
    Aborted,
}

impl Problem {
    /// Returns the class as records name it.
    pub(crate) fn class(self) -> String {
        match self {
            Self::Connect => "connect".to_owned(),
            Self::Protocol => "protocol".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Status(status) => format!("status-{status}"),
            Self::Body | Self::BodyTooLarge => "body".to_owned(),
            Self::InvalidUrl => "invalid-url".to_owned(),
            Self::Panicked => "panic".to_owned(),
            Self::Aborted => "aborted".to_owned(),
        }
    }

    /// Returns what the user can do about it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Connect => "check that the server runs and that its address is right",
            Self::Protocol => {
                "check that the URL's scheme and port are an HTTP server's; if so, its log may say why"
            }
            Self::Timeout => "raise --timeout or lower --concurrency",
            Self::Status(429 | 503) => "lower --concurrency",
            Self::Status(_) => "the server's log may say why",
            Self::Body => "raise --retries",
            Self::BodyTooLarge => "leave it out",
            Self::InvalidUrl => "write a full http or https URL",
            Self::Panicked => "this is a defect of the crawler; report it with the log's message",
            Self::Aborted => "run it again",
        }
    }
}

/// What became of one try; the last one of a URL is its record.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// The URL without its private parts; a rejected line has none.
    pub(crate) url: Option<String>,
    /// Whether private parts were left out, so that the URL may be another's as well.
    pub(crate) hidden: bool,
    pub(crate) status: Option<u16>,
    pub(crate) millis: u64,
    pub(crate) bytes: u64,
    pub(crate) attempts: u32,
    /// The problem's class.
    pub(crate) error: Option<String>,
    pub(crate) message: Option<String>,
    #[serde(skip)]
    pub(crate) problem: Option<Problem>,
    /// How long the server asked to be left alone.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
}

impl Outcome {
    /// Starts the record of a try with nothing known yet.
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            url: Some(job.subject.clone()),
            hidden: job.is_hidden,
            status: None,
            millis: 0,
            bytes: 0,
            attempts: job.tried + 1,
            error: None,
            message: None,
            problem: None,
            retry_after: None,
        }
    }

    /// Makes the record of a job whose last child ended without a word.
    pub(crate) fn lost(job: &Job, problem: Problem) -> Self {
        let message = match problem {
            Problem::Panicked => "the task that fetched it panicked; the log has its message",
            _ => "the task that fetched it was aborted",
        };
        let attempts = job.tried;
        Self {
            attempts,
            ..Self::of(job)
        }
        .failed(problem, message.to_owned())
    }

    /// Makes the record of a line that holds no URL.
    pub(crate) fn rejected(line: &Rejected) -> Self {
        Self {
            url: None,
            hidden: false,
            status: None,
            millis: 0,
            bytes: 0,
            attempts: 0,
            error: None,
            message: None,
            problem: None,
            retry_after: None,
        }
        .failed(Problem::InvalidUrl, line.to_string())
    }

    /// Returns the URL and what was said of it, in a line.
    pub(crate) fn what_and_where(&self) -> String {
        let url = self.url.as_deref().unwrap_or_default();
        let message = self.message.as_deref().unwrap_or("an answer");
        format!("{url}: {message}")
    }

    /// Adds what went wrong.
    pub(crate) fn failed(mut self, problem: Problem, message: String) -> Self {
        self.error = Some(problem.class());
        self.message = Some(message);
        self.problem = Some(problem);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    #[test]
    fn a_record_names_the_status_that_was_no_answer() {
        let line = Rejected {
            line: 3,
            reason: Reason::OtherScheme,
        };
        let mut outcome = Outcome::rejected(&line);
        assert_eq!(outcome.error.as_deref(), Some("invalid-url"));
        outcome = outcome.failed(Problem::Status(503), String::new());
        let record = serde_json::to_value(&outcome).unwrap();
        assert_eq!(record["error"], "status-503");
        assert!(record.get("problem").is_none());
    }
}
