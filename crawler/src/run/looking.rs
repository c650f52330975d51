//! A job that is only looked at, wherever it is kept, beside those who work on it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Plan;
use super::home::{AT_WORK, DATABASE};
use crate::flags::SharedFlags;
use crate::frontier::{
    Frontier, FrontierError, PostgresFrontier, PostgresOptions, RobotsCopy, SqliteReader, State,
    Stats, Trace, UrlHash,
};
use crate::pipeline::Lost;

/// A job that is looked at.
pub(super) enum Looking {
    File(PathBuf, SqliteReader),
    Shared(PostgresFrontier),
}

impl Looking {
    /// Opens the job of a folder, or else the shared one that the flags name, or else the one that is kept here; `command`
    /// is what looks at a job whose folder is written behind it.
    ///
    /// # Errors
    ///
    /// When there is none, or it can't be read.
    pub(super) async fn open(
        folder: Option<&Path>,
        shared: &SharedFlags,
        command: &str,
    ) -> anyhow::Result<Self> {
        let folder = match (folder, &shared.frontier) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(url)) => {
                let options = PostgresOptions::new(url, &shared.crawl)?;
                return Ok(Self::Shared(options.open().await?));
            }
            (None, None) => only_job(command)?,
        };
        let file = SqliteReader::open(&folder.join(DATABASE))?;
        Ok(Self::File(folder, file))
    }

    pub(super) async fn stats(&self) -> Result<Stats, FrontierError> {
        match self {
            Self::File(_, file) => file.stats(),
            Self::Shared(shared) => shared.stats().await,
        }
    }

    /// Returns whether anybody works on it.
    pub(super) async fn is_at_work(&self) -> Result<bool, FrontierError> {
        match self {
            Self::File(_, file) => Ok(file.is_at_work()),
            Self::Shared(shared) => {
                let nodes = shared.nodes().await?;
                Ok(nodes.iter().any(|node| node.silent_for < AT_WORK))
            }
        }
    }

    pub(super) async fn config(&self) -> Result<String, FrontierError> {
        match self {
            Self::File(_, file) => file.config(),
            Self::Shared(shared) => Ok(shared.job().await?.config),
        }
    }

    /// Returns what the outputs of a folder's job lack of what is settled; those of a shared one are each node's own.
    pub(super) fn lost(&self) -> Result<Vec<Lost>, FrontierError> {
        let Self::File(folder, file) = self else {
            return Ok(Vec::new());
        };
        // What the plan of another version says is not known; resume tells of that.
        let Ok(plan) = Plan::of_config(&file.config()?) else {
            return Ok(Vec::new());
        };
        let outputs = plan.said_outputs(folder);
        // They were good names when the job was begun.
        Ok(Lost::of(&outputs, Some(folder), &file.written()?).unwrap_or_default())
    }

    pub(super) async fn robots(
        &self,
        authority: &str,
    ) -> Result<Option<RobotsCopy>, FrontierError> {
        match self {
            Self::File(_, file) => file.robots(authority),
            Self::Shared(shared) => shared.robots(authority).await,
        }
    }

    pub(super) async fn traces(
        &self,
        urls: &[UrlHash],
    ) -> Result<HashMap<UrlHash, Trace>, FrontierError> {
        match self {
            Self::File(_, file) => file.traces(urls),
            Self::Shared(shared) => shared.traces(urls).await,
        }
    }

    /// Returns which URLs are suspects, each with the number of kills; in a shared job they keep none waiting.
    pub(super) fn suspects(&self) -> Result<HashMap<UrlHash, u16>, FrontierError> {
        match self {
            Self::File(_, file) => file.suspects(),
            Self::Shared(_) => Ok(HashMap::new()),
        }
    }

    pub(super) async fn close(self) -> Result<(), FrontierError> {
        match self {
            Self::File(..) => Ok(()),
            Self::Shared(shared) => shared.close().await,
        }
    }
}

/// Returns the word for how far a job has come: one that is not done does not run while nobody works on it.
pub(super) const fn state(state: State, is_at_work: bool) -> &'static str {
    match (state, is_at_work) {
        (State::Done, _) | (_, true) => state.as_str(),
        (_, false) => "stopped",
    }
}

/// Jobs that are told where there are several.
const JOBS_TOLD: usize = 20;

/// Returns the folder of the one job that is kept here; `command` is what asks for one whose folder is written behind it.
///
/// # Errors
///
/// When there is none, or are several, which are told.
pub(super) fn only_job(command: &str) -> anyhow::Result<PathBuf> {
    let here = Path::new(".");
    if here.join(DATABASE).exists() {
        return Ok(here.to_owned());
    }
    let entries = std::fs::read_dir(here).into_iter().flatten().flatten();
    let mut jobs: Vec<_> = entries
        .filter(|entry| entry.path().join(DATABASE).exists())
        .map(|entry| PathBuf::from(entry.file_name()))
        .collect();
    jobs.sort_unstable();
    match jobs.as_slice() {
        [] => Err(anyhow!(
            "no job is kept here; name its folder: {command} DIR"
        )),
        [job] => Ok(job.clone()),
        [first, ..] => Err(several(&jobs, command, first)),
    }
}

/// Tells the jobs that are kept here, each with how far it has come, and how to ask for one.
fn several(jobs: &[PathBuf], command: &str, first: &Path) -> anyhow::Error {
    let mut told = String::from("several jobs are kept here:");
    for job in jobs.iter().take(JOBS_TOLD) {
        let state = SqliteReader::open(&job.join(DATABASE))
            .and_then(|file| Ok(state(file.stats()?.state, file.is_at_work())))
            .unwrap_or("can't be read");
        told.push_str(&format!("\n  {}  {state}", job.display()));
    }
    if let Some(untold @ 1..) = jobs.len().checked_sub(JOBS_TOLD) {
        told.push_str(&format!("\n  and {untold} more"));
    }
    let first = first.display();
    anyhow!("{told}\nname the folder of one, such as: {command} {first}")
}
