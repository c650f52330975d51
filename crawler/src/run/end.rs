//! How a run ended: what is told of it, and the exit code.

use stage::Exit;

use super::Home;
use super::report::Report;
use crate::frontier::FrontierError;
use crate::seeds::Seeded;
use crate::telling::Counted;

/// Which budgets a run has for itself, in place of those that its job was begun with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) pages: bool,
    pub(crate) bytes: bool,
}

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
                    "it ended early: {}; {left}; to go on: {home}{}",
                    explain(exit),
                    unspent(report)
                )
            }
            Self::Interrupted if report.is_endless => return None,
            Self::Interrupted => {
                let unspent = unspent(report);
                format!("interrupted, and {left}; to go on: {home}{unspent}")
            }
            Self::Done if report.left() > Some(0) => {
                let more = more(report, home);
                format!("its budget is spent, and {left}; to fetch more of them: {more}")
            }
            Self::Done => return None,
        })
    }
}

/// Returns the exit code of a job that is done.
pub(super) fn finished(seeds_failed: u64, seeded: &Seeded) -> u8 {
    u8::from(seeds_failed > 0 || !seeded.is_whole())
}

/// Returns the flags that give the next run what this one had for itself and has not spent.
fn unspent(report: &Report) -> String {
    let (allowed, stats) = (report.allowed, report.stats.unwrap_or_default());
    let pages = stats.pages_left.filter(|left| allowed.pages && *left > 0);
    let bytes = stats.bytes_left.filter(|left| allowed.bytes && *left > 0);
    let pages = pages.map(|left| format!(" --pages {left}"));
    let bytes = bytes.map(|left| format!(" --bytes {left}B"));
    pages.into_iter().chain(bytes).collect()
}

/// Returns how a job is given more of what is spent.
fn more(report: &Report, home: &Home) -> String {
    if let Home::Shared(_) = home {
        return "begin it anew with --fresh and more of it, or another with --crawl".to_owned();
    }
    let stats = report.stats.unwrap_or_default();
    let budgets = [
        ("--pages N", stats.pages_left, report.allowed.pages),
        ("--bytes SIZE", stats.bytes_left, report.allowed.bytes),
    ];
    let spent = budgets.iter().filter(|(_, left, _)| *left == Some(0));
    let flags: Vec<_> = spent.clone().map(|(flag, ..)| *flag).collect();
    let flags = flags.join(" ");
    // What a run had for itself alone holds the next one up no more.
    let again = match spent.into_iter().all(|(.., is_own)| *is_own) {
        true => ", or without that as the job was begun",
        false => "",
    };
    format!("{home} {flags}{again}")
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
