//! Opening a frontier: begun, resumed, begun anew, or in memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::handle::SqliteFrontier;
use super::lock::{Lock, beside};
use super::log;
use super::schema::{self, Found};
use super::syncer::Syncer;
use super::writer::Writer;
use crate::frontier::known::Known;
use crate::frontier::{Clock, FrontierError, Job, SystemClock};

/// Pieces of work that wait for the writer; with more, their senders wait too.
const WAITING_MAX: usize = 1_024;

/// About 20 MB at most, and the links of the latest 25,000 pages of 20.
const KNOWN_MAX: usize = 500_000;

/// How to open a frontier in SQLite.
///
/// # Examples
///
/// ```
/// use crawler::frontier::{Frontier, FrontierError, Job, SqliteOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("crawl.db");
/// let options = SqliteOptions::default();
/// let job = Job { config: "depth = 3".to_owned(), ..Job::default() };
/// let begun = options.create(&path, job.clone()).await?;
/// begun.close().await?;
///
/// let again = options.create(&path, Job::default()).await;
/// assert!(matches!(again, Err(FrontierError::Exists { .. })));
/// let resumed = options.open(&path).await?;
/// assert_eq!(resumed.job().await?, job);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    clock: Arc<dyn Clock>,
    known_max: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            known_max: KNOWN_MAX,
        }
    }
}

impl SqliteOptions {
    /// Goes by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Remembers so many URLs that are known, so that they cost the engine nothing; 40 bytes each at most.
    #[must_use]
    pub const fn known_max(mut self, urls: usize) -> Self {
        self.known_max = urls;
        self
    }

    /// Begins a crawl in a new file.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Exists`] when the file holds a crawl, [`FrontierError::Older`], [`FrontierError::Newer`] or
    /// [`FrontierError::Foreign`] when it holds something else; [`FrontierError::Held`] by another process; [`FrontierError::File`] and
    /// [`FrontierError::Engine`] when it can't be written; [`FrontierError::Corrupt`] and [`FrontierError::Full`].
    pub async fn create(&self, path: &Path, job: Job) -> Result<SqliteFrontier, FrontierError> {
        self.start(Place::New(path.to_owned(), job)).await
    }

    /// Begins a crawl, in place of any that the file holds.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), but for [`FrontierError::Exists`] and what else is replaced.
    pub async fn replace(&self, path: &Path, job: Job) -> Result<SqliteFrontier, FrontierError> {
        self.start(Place::Anew(path.to_owned(), job)).await
    }

    /// Resumes a crawl.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Missing`] when there is none; else as [`create`](Self::create).
    pub async fn open(&self, path: &Path) -> Result<SqliteFrontier, FrontierError> {
        self.start(Place::Old(path.to_owned())).await
    }

    /// Begins a crawl that ends with the process.
    ///
    /// # Errors
    ///
    /// [`FrontierError::File`] when no thread can be had for it, [`FrontierError::Engine`] when no memory.
    pub async fn in_memory(&self, job: Job) -> Result<SqliteFrontier, FrontierError> {
        self.start(Place::Memory(job)).await
    }

    /// Opens the place on the thread that will write to it, for that reads and writes files.
    async fn start(&self, place: Place) -> Result<SqliteFrontier, FrontierError> {
        let (opened, answer) = oneshot::channel();
        let (messages, received) = mpsc::channel(WAITING_MAX);
        let clock = Arc::clone(&self.clock);
        let path = place.path().to_owned();
        let thread = thread::Builder::new().name("frontier".to_owned());
        let started = thread.spawn(move || {
            let writer = match place.open(clock) {
                Ok((writer, config)) => {
                    let is_awaited = opened.send(Ok((writer.told(), config))).is_ok();
                    is_awaited.then_some(writer)
                }
                Err(error) => {
                    let _nobody_waits = opened.send(Err(error));
                    None
                }
            };
            if let Some(writer) = writer {
                writer.run(received);
            }
        });
        started.map_err(|error| no_file(&path, error))?;
        let (told, config) = answer.await.unwrap_or(Err(FrontierError::Closed))?;
        let known = Known::new(self.known_max);
        Ok(SqliteFrontier::new(config, messages, told, known))
    }
}

/// Where a frontier is, and what is expected there.
enum Place {
    New(PathBuf, Job),
    Anew(PathBuf, Job),
    Old(PathBuf),
    Memory(Job),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::New(path, _) | Self::Anew(path, _) | Self::Old(path) => path,
            Self::Memory(_) => Path::new("the memory"),
        }
    }

    fn open(self, clock: Arc<dyn Clock>) -> Result<(Writer, String), FrontierError> {
        let path = self.path().to_owned();
        let explain = |error| schema::explain(&path, error);
        if matches!(self, Self::New(..) | Self::Old(_)) {
            schema::refuse_damaged_files(&path)?;
        }
        // The lock would make a file of its own where there is nothing to be locked.
        if matches!(self, Self::Old(_)) {
            schema::refuse_absent(&path)?;
        }
        let lock = match &self {
            Self::Memory(_) => None,
            _ => Some(Lock::take(&path)?),
        };
        if let Self::Anew(path, _) = &self {
            remove(path)?;
        }
        let file = lock.as_ref().map(|_| path.as_path());
        let mut connection = schema::connect(file).map_err(explain)?;
        let found = schema::look(&connection).map_err(explain)?;
        if found == Found::Nothing {
            log::refuse_damaged(&path)?;
        }
        let job = match (self, found) {
            (Self::New(_, job) | Self::Anew(_, job) | Self::Memory(job), Found::Nothing) => {
                Some(job)
            }
            (Self::Old(_), Found::Crawl) => None,
            _ => return Err(schema::refuse(&path, found)),
        };
        schema::set_up(&connection).map_err(explain)?;
        if let Some(job) = job {
            schema::lay_out(&mut connection, &job).map_err(explain)?;
        }
        let config = schema::config(&connection).map_err(explain)?;
        let syncer = file.map(Syncer::of).transpose();
        let syncer = syncer.map_err(|error| no_file(&path, error))?;
        let writer = Writer::new(&path, connection, lock, syncer, clock).map_err(explain)?;
        Ok((writer, config))
    }
}

/// Removes the database with its log: the log first, which without its database is nothing.
fn remove(path: &Path) -> Result<(), FrontierError> {
    for file in [beside(path, "-wal"), beside(path, "-shm"), path.to_owned()] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(no_file(&file, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn no_file(path: &Path, error: io::Error) -> FrontierError {
    FrontierError::of_file(path, Arc::new(error))
}
