//! What can go wrong with a frontier: what, where, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a frontier could not be opened, or could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// A crawl that was to be begun is there already.
    #[error("{} holds a crawl already: resume it, or start over with --fresh", path.display())]
    Exists {
        /// Its file.
        path: PathBuf,
    },
    /// A crawl that was to be resumed is not there.
    #[error("there is no crawl in {}: begin one, or name the folder of another", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// Another process works on it.
    #[error(
        "{} is held by {}: wait until it ends, or stop it; several processes share a crawl through PostgreSQL",
        path.display(),
        holder(*pid)
    )]
    Held {
        /// The crawl's file.
        path: PathBuf,
        /// The process, if it could be told.
        pid: Option<u32>,
    },
    /// It was written by a newer program.
    #[error(
        "{} has layout {found}, and this program knows layouts up to {known}: use a newer one",
        path.display()
    )]
    Newer {
        /// The crawl's file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The newest that is understood.
        known: i64,
    },
    /// It was written by an older program.
    #[error(
        "{} has layout {found} of an older program: finish it with that, or start over with --fresh",
        path.display()
    )]
    Older {
        /// The crawl's file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// The file is a database of another program.
    #[error("{} belongs to another program: choose another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{} is damaged: put back a copy of it, or start over with --fresh", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: Arc<rusqlite::Error>,
    },
    /// The disk is full. What was settled before is kept.
    #[error("no room left on the disk of {}: make some, and resume", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: Arc<rusqlite::Error>,
    },
    /// A file could not be read or written.
    #[error("cannot open {}: see that its folder exists and may be written to", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The engine failed in another way. What was settled before is kept.
    #[error("cannot use {}: see that it may be read and written, and resume", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: Arc<rusqlite::Error>,
    },
    /// It was closed.
    #[error("the frontier is closed")]
    Closed,
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}
