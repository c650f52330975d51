//! How a run ended: what is told of it, and the exit code.

use stage::Exit;

use super::Home;
use super::report::Report;
use crate::frontier::FrontierError;
use crate::seeds::Seeded;
use crate::telling::Counted;

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    Done,
    Interrupted,
    Failed(Exit),
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        if exit.is_failure() {
            Self::Failed(exit)
        } else {
            Self::Done
        }
    }
}

impl From<FrontierError> for End {
    fn from(error: FrontierError) -> Self {
        Self::Failed(Exit::Failed(std::sync::Arc::new(error.into())))
    }
}

impl End {
    /// Returns the program's exit code.
    pub(super) fn code(&self, report: &Report) -> u8 {
        match self {
            // There is no other end.
            Self::Interrupted if report.is_endless => 0,
            Self::Failed(_) | Self::Interrupted => 3,
            Self::Done => finished(report.counts.seeds_failed, &report.seeded),
        }
    }

    /// Returns what there is to say of it, in a line; nothing when all is done.
    pub(super) fn told(&self, report: &Report, home: &Home) -> Option<String> {
        let left = match report.left() {
            Some(1) => "1 URL is left".to_owned(),
            Some(left) => format!("{} are left", Counted(left, "URL")),
            None => "how many URLs are left can't be told".to_owned(),
        };
        Some(match self {
            Self::Failed(exit) => {
                format!(
                    "it ended early: {}; {left}; to go on: {home}",
                    explain(exit)
                )
            }
            Self::Interrupted if report.is_endless => return None,
            Self::Interrupted => format!("interrupted, and {left}; to go on: {home}"),
            Self::Done if report.left() > Some(0) => {
                format!("its budget is spent, and {left}; to fetch more of them: {home} --pages N")
            }
            Self::Done => return None,
        })
    }
}

/// Returns the exit code of a job that is done.
pub(super) fn finished(seeds_failed: u64, seeded: &Seeded) -> u8 {
    u8::from(seeds_failed > 0 || !seeded.is_whole())
}

/// Returns the failure with its causes, in a line.
fn explain(exit: &Exit) -> String {
    let Exit::Failed(error) = exit else {
        return exit.to_string();
    };
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error.source());
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
