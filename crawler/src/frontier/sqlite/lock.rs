//! One process a crawl: a lock on a file beside the database, which holds the number of the process for those who find
//! it taken. The system lets go of it when the process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs4::TryLockError;

use crate::frontier::FrontierError;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Lets go of it by itself: to close the file is not enough while a child that is being started has a copy of it.
    fn drop(&mut self) {
        if let Err(error) = fs4::FileExt::unlock(&self.file) {
            tracing::debug!(%error, "the lock goes with its file");
        }
    }
}

impl Lock {
    /// Takes the lock of the crawl in `database`.
    pub(super) fn take(database: &Path) -> Result<Self, FrontierError> {
        let path = beside(database, ".lock");
        let failed = |error| FrontierError::of_file(&path, Arc::new(error));
        let mut options = OpenOptions::new();
        // What it holds is read by those who do not get it, so that it is cut only by the one who does.
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FrontierError::Held {
                    path: database.to_owned(),
                    pid: read_pid(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { file })
    }

    /// Returns whether a process holds the lock of the crawl in `database`.
    pub(super) fn is_held(database: &Path) -> bool {
        let file = File::open(beside(database, ".lock"));
        file.is_ok_and(|file| {
            let tried = fs4::FileExt::try_lock_shared(&file);
            matches!(tried, Err(TryLockError::WouldBlock))
        })
    }
}

/// Returns the path of a file that belongs to the database.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("crawl.db");
        let first = Lock::take(&database).unwrap();
        let second = Lock::take(&database).unwrap_err();
        let me = std::process::id();
        assert!(
            matches!(second, FrontierError::Held { pid: Some(pid), .. } if pid == me),
            "{second}"
        );
        assert!(Lock::is_held(&database));
        // As a child has that was forked and not yet run.
        let _copy = first.file.try_clone().unwrap();
        drop(first);
        assert!(!Lock::is_held(&database));
        assert!(Lock::take(&database).is_ok());
    }
}
