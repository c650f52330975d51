//! What can go wrong with a frontier: what, where, and what to do about it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Place;

/// What an engine said.
type Cause = Arc<dyn Error + Send + Sync>;

/// Why a frontier could not be opened, or could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// A crawl that was to be begun is there already.
    #[error("{place} holds a crawl already: resume it, or start over with --fresh")]
    Exists {
        /// Where it is.
        place: Place,
    },
    /// A crawl that was to be resumed is not there, or was ended before it was begun.
    #[error(
        "{place} is not there, or was killed before it had begun: run the command that begins it, or name another"
    )]
    Missing {
        /// Where it was looked for.
        place: Place,
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
        "{place} has layout {found}, and this program knows layouts up to {known}: use a newer one"
    )]
    Newer {
        /// Where it is.
        place: Place,
        /// Its layout.
        found: i64,
        /// The newest that is understood.
        known: i64,
    },
    /// It was written by an older program.
    #[error(
        "{place} has layout {found} of an older program: finish it with that, or start over with --fresh"
    )]
    Older {
        /// Where it is.
        place: Place,
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
    #[error(
        "{} is damaged: put back copies of {} from one moment, or move their folder away and begin anew, by which what is \
         queued is lost and all is fetched again, while the records that were written stay in that folder; --fresh begins anew \
         and overwrites them",
        path.display(),
        with_log(path)
    )]
    Corrupt {
        /// The file, or the log that belongs to it.
        path: PathBuf,
        /// What the engine said.
        source: Cause,
    },
    /// The disk is full. What was settled before is kept.
    #[error("no room left on the disk of {place}: make some, and resume")]
    Full {
        /// Where it is.
        place: Place,
        /// What the engine said.
        source: Cause,
    },
    /// It was killed, and what it wrote last can't be worked into the file where nothing may be written.
    #[error(
        "{} can't be read where nothing may be written, as what worked on it was killed, or still works: copy its folder to \
         where that may be, and look at the copy",
        path.display()
    )]
    Unwritable {
        /// The crawl's file.
        path: PathBuf,
        /// What the engine said.
        source: Cause,
    },
    /// A file could not be read or written.
    #[error("cannot open {}: {}", path.display(), remedy(path, source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The address of a database, or the name of a crawl or of a node in it, is none.
    #[error("{what}: {help}")]
    Address {
        /// What is wrong.
        what: String,
        /// What to write instead.
        help: &'static str,
    },
    /// The database can't be reached now. It may be later: what was asked can be asked again.
    #[error(
        "cannot reach {place}: see that the server runs and may be connected to; it is worth another try"
    )]
    Unavailable {
        /// Where it is.
        place: Place,
        /// What the engine said, if it said anything.
        source: Option<Cause>,
    },
    /// Another process is this node of the crawl.
    #[error("{place} has a node {name} at work: give this one another name, or stop that one")]
    NodeInUse {
        /// Where it is.
        place: Place,
        /// The name of the node.
        name: String,
    },
    /// The server does not let this user, this database or this connection be used, and will not until that is changed.
    #[error("cannot use {place}: {help}")]
    Refused {
        /// Where it is.
        place: Place,
        /// What to change.
        help: &'static str,
        /// What the server said, or what is wrong with it.
        source: Cause,
    },
    /// The engine failed in another way. What was settled before is kept.
    #[error("cannot use {place}: see that it may be read and written, and resume")]
    Engine {
        /// Where it is.
        place: Place,
        /// What the engine said.
        source: Cause,
    },
    /// It was closed.
    #[error("the frontier is closed")]
    Closed,
}

impl FrontierError {
    /// Makes the error of a file that the system refuses.
    pub(crate) fn of_file(path: &Path, source: Arc<io::Error>) -> Self {
        if is_full(&source) {
            let place = path.into();
            return Self::Full { place, source };
        }
        let path = path.to_owned();
        Self::File { path, source }
    }

    /// Returns whether what failed may be done later as if nothing had been.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Returns whether a disk has no room left, or none for this user.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Returns the names of a crawl's file and of its log, by the path of either.
fn with_log(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let database = name.strip_suffix("-wal").unwrap_or(&name);
    format!("{database} and {database}-wal")
}

/// Returns what to do about a file that the system refuses.
fn remedy(path: &Path, error: &io::Error) -> String {
    let file = file_in(path).filter(|_| error.kind() == io::ErrorKind::NotADirectory);
    match (file, error.kind()) {
        (Some(file), _) => is_no_folder(file),
        (None, io::ErrorKind::PermissionDenied) => {
            "see that it and its folder may be read and written by you".to_owned()
        }
        _ => "see that its folder exists and may be written to".to_owned(),
    }
}

/// Returns the file that stands where a path needs a folder.
pub(crate) fn file_in(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|folder| folder.is_file())
}

/// Says that a file stands where a job is to be.
pub(crate) fn is_no_folder(file: &Path) -> String {
    format!(
        "{} is a file, and a job is a folder: name that",
        file.display()
    )
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes");
        std::fs::write(&file, "").unwrap();
        let check = |kind: io::ErrorKind, path: &Path, expected: &str| {
            let told = FrontierError::of_file(path, Arc::new(kind.into())).to_string();
            assert!(told.ends_with(expected), "{told}");
        };
        let (in_file, absent) = (file.join("crawl.db"), folder.path().join("job/crawl.db"));
        let is_file = "notes is a file, and a job is a folder: name that";
        check(io::ErrorKind::NotADirectory, &in_file, is_file);
        let denied = "see that it and its folder may be read and written by you";
        check(io::ErrorKind::PermissionDenied, &absent, denied);
        let other = "see that its folder exists and may be written to";
        check(io::ErrorKind::NotFound, &absent, other);
        check(io::ErrorKind::NotADirectory, &absent, other);
    }
}
