//! Where a job is kept: in memory, in a folder of its own, or in a database that several processes share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::records::Records;
use super::{Kind, Plan};
use crate::flags::{SharedFlags, machine};
use crate::frontier::{
    Frontier, FrontierError, Job, Membership, PostgresOptions, SqliteOptions, SqliteReader,
    SqliteResults, State,
};

/// The name of the database in a job's folder.
pub(super) const DATABASE: &str = "crawl.db";

/// Where a job is kept.
#[derive(Debug, Clone)]
pub(crate) enum Home {
    Memory,
    Folder(PathBuf),
    Shared(SharedFlags),
}

/// A job that was begun, resumed or joined there.
pub(super) struct Opened {
    pub(super) frontier: Arc<dyn Frontier>,
    /// Among those that share it.
    pub(super) member: Option<Membership>,
    /// Whether it was there before.
    pub(super) is_old: bool,
}

impl fmt::Display for Home {
    /// Writes how a job that was kept there goes on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => {
                // What was written is kept, unless it is said that it may go.
                f.write_str("run the same command again, with --fresh if it has a file for -o; with --job DIR it could be resumed")
            }
            Self::Folder(folder) => write!(f, "crawler resume {}", folder.display()),
            Self::Shared(_) => f.write_str("run the same command again"),
        }
    }
}

impl Home {
    /// Returns the folder that it is, if it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    /// Returns whether there may be a job already.
    pub(super) fn may_be_there(&self) -> bool {
        match self {
            Self::Memory => false,
            Self::Folder(folder) => folder.join(DATABASE).exists(),
            Self::Shared(_) => true,
        }
    }

    /// Refuses a folder with a job whose database or log is gone or damaged: what is left of it is in the other.
    pub(super) fn refuse_damaged(&self) -> Result<(), FrontierError> {
        match self {
            Self::Folder(folder) => SqliteReader::refuse_damaged(&folder.join(DATABASE)),
            Self::Memory | Self::Shared(_) => Ok(()),
        }
    }

    /// Refuses a folder whose job another process works on, before anything of it is touched.
    pub(super) async fn refuse_held(&self) -> Result<(), FrontierError> {
        if let Self::Folder(folder) = self {
            let path = folder.join(DATABASE);
            match SqliteOptions::default().open(&path).await {
                Err(held @ FrontierError::Held { .. }) => return Err(held),
                // What else is wrong with it does not matter to one that begins anew.
                Err(_) => {}
                Ok(frontier) => frontier.close().await?,
            }
        }
        Ok(())
    }

    /// Returns whether it holds the job of a list that was not read to its end: nothing of that was fetched, and where it was
    /// left is not known, so that it is of no use.
    pub(super) fn holds_unread_list(&self) -> bool {
        let Self::Folder(folder) = self else {
            return false;
        };
        let look = || {
            let job = SqliteReader::open(&folder.join(DATABASE))?;
            let plan = Plan::of_config(&job.config()?)?;
            let is_unread = plan.kind == Kind::List && job.stats()?.state == State::Seeding;
            anyhow::Ok(is_unread && !job.is_at_work())
        };
        // What is wrong with it is told by those who open it.
        look().unwrap_or(false)
    }

    /// Begins a job, in place of another where that is wanted; one that is shared is joined if it is there.
    pub(super) async fn begin(&self, plan: &Plan, is_fresh: bool) -> anyhow::Result<Opened> {
        let job = Job {
            config: plan.to_config()?,
            pages: plan.reach.pages,
            bytes: plan.reach.bytes,
        };
        let sqlite = SqliteOptions::default();
        let frontier = match self {
            Self::Memory => sqlite.in_memory(job).await?,
            Self::Folder(folder) if is_fresh => sqlite.replace(&folder.join(DATABASE), job).await?,
            Self::Folder(folder) => match sqlite.create(&folder.join(DATABASE), job).await {
                Err(FrontierError::Exists { place }) => {
                    refuse_unreadable(folder)?;
                    bail!(
                        "{place} holds a crawl already; to go on with it: {self}; to start over, give --fresh"
                    )
                }
                created => created?,
            },
            Self::Shared(shared) => return share(shared, plan, job, is_fresh).await,
        };
        Ok(Opened {
            frontier: Arc::new(frontier),
            member: None,
            is_old: false,
        })
    }

    /// Returns what was recorded of the job, in a shared one by this node.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) async fn records(&self) -> anyhow::Result<Records> {
        Ok(match self {
            Self::Memory => bail!("nothing is kept of a job without a folder"),
            Self::Folder(folder) => Records::File(SqliteResults::open(&folder.join(DATABASE))?),
            Self::Shared(shared) => Records::Node(options(shared)?.open().await?, 0),
        })
    }

    /// Opens the job of a folder, with its plan.
    pub(super) async fn resume(folder: &Path) -> anyhow::Result<(Arc<dyn Frontier>, Plan)> {
        let frontier = SqliteOptions::default()
            .open(&folder.join(DATABASE))
            .await?;
        let plan = Plan::of_config(&frontier.job().await?.config)
            .with_context(|| format!("cannot go on in {}", folder.display()))?;
        Ok((Arc::new(frontier), plan))
    }
}

/// Refuses a job that is damaged, and so can't be gone on with.
fn refuse_unreadable(folder: &Path) -> Result<(), FrontierError> {
    let look = || SqliteReader::open(&folder.join(DATABASE))?.stats();
    match look() {
        Err(damaged @ FrontierError::Corrupt { .. }) => Err(damaged),
        _ => Ok(()),
    }
}

/// A node that was silent for longer is not at work.
pub(super) const AT_WORK: Duration = Duration::from_secs(10);

/// Refuses to take a crawl away from those who work on it.
async fn refuse_at_work(options: &PostgresOptions, crawl: &str) -> anyhow::Result<()> {
    let Ok(frontier) = options.open().await else {
        // One that is not there, or can't be read, is nobody's.
        return Ok(());
    };
    let nodes = frontier.nodes().await?;
    frontier.close().await?;
    let at_work = nodes.iter().filter(|node| node.silent_for < AT_WORK);
    let names: Vec<_> = at_work.map(|node| node.name.as_str()).collect();
    if !names.is_empty() {
        bail!(
            "{} at work on the crawl {crawl}: stop them before --fresh, or give another --crawl",
            names.join(", ")
        );
    }
    Ok(())
}

/// Returns how this node finds a shared job.
fn options(shared: &SharedFlags) -> Result<PostgresOptions, FrontierError> {
    let url = shared.frontier.as_deref().unwrap_or_default();
    PostgresOptions::new(url, &shared.crawl)?.node(&shared.node())
}

/// Begins or joins a job in a database.
async fn share(
    shared: &SharedFlags,
    plan: &Plan,
    job: Job,
    is_fresh: bool,
) -> anyhow::Result<Opened> {
    let options = options(shared)?;
    let begun = if is_fresh {
        refuse_at_work(&options, &shared.crawl).await?;
        options.replace(job).await
    } else {
        options.create(job).await
    };
    let (frontier, is_old) = match begun {
        Err(FrontierError::Exists { .. }) => (options.open().await?, true),
        begun => (begun?, false),
    };
    if is_old {
        let theirs = Plan::of_config(&frontier.job().await?.config)?;
        if let Some(difference) = plan.difference(&theirs)? {
            bail!(
                "the crawl {} was begun otherwise: {difference}; give the same flags, another --crawl, or --fresh",
                shared.crawl
            );
        }
    }
    let address = format!("{}:{}", machine(), std::process::id());
    let member = frontier.join(&address).await?;
    Ok(Opened {
        frontier: Arc::new(frontier),
        member: Some(member),
        is_old,
    })
}
