//! How much of the disk is left free: a crawl that fills the disk of a machine stops others on it too.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

/// Between two looks: the time in which a fast disk takes less than is left free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// There is less free space than is to be left, so that the crawl pauses.
#[derive(Debug, Error)]
#[error(
    "only {} MiB are free on the disk of {}, and {} MiB are to be left: make room, or allow less with --min-free",
    mebibytes(*free), path.display(), mebibytes(*least)
)]
pub struct LowSpaceError {
    path: PathBuf,
    free: u64,
    least: u64,
}

const fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// Looks at the free space of some folders, once a second at most.
#[derive(Debug)]
pub(super) struct FreeSpace {
    least: u64,
    folders: Vec<PathBuf>,
    /// Bytes that are free for this user on the disk of a path.
    read: fn(&Path) -> io::Result<u64>,
    looked_at: Option<Instant>,
}

impl FreeSpace {
    pub(super) fn of(folders: Vec<PathBuf>, least: u64) -> Self {
        Self {
            least,
            folders,
            read: |path| fs4::available_space(path),
            looked_at: None,
        }
    }

    /// Checks that enough is free. It asks the system, and so may block for a moment.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), LowSpaceError> {
        let is_fresh = self
            .looked_at
            .is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY);
        if is_fresh {
            return Ok(());
        }
        self.looked_at = Some(now);
        for path in &self.folders {
            // A disk that does not tell says so when it is full.
            let free = (self.read)(path).unwrap_or(u64::MAX);
            if free < self.least {
                return Err(LowSpaceError {
                    path: path.clone(),
                    free,
                    least: self.least,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: u64 = 1 << 30;

    fn space(read: fn(&Path) -> io::Result<u64>) -> FreeSpace {
        FreeSpace {
            read,
            ..FreeSpace::of(vec!["job".into(), "output".into()], LEAST)
        }
    }

    #[test]
    fn each_folder_must_have_what_is_to_be_left() {
        let now = Instant::now();
        assert!(space(|_| Ok(LEAST)).check(now).is_ok());
        let mut low = space(|path| Ok(LEAST - u64::from(path.ends_with("output"))));
        let said = low.check(now).unwrap_err().to_string();
        for words in ["only 1023 MiB", "disk of output", "1024 MiB", "--min-free"] {
            assert!(said.contains(words), "{said}");
        }
        low.least = 0;
        assert!(low.check(now + LOOK_EVERY).is_ok());
    }

    #[test]
    fn it_looks_once_a_second() {
        let (mut low, now) = (space(|_| Ok(0)), Instant::now());
        assert!(low.check(now).is_err());
        assert!(low.check(now + LOOK_EVERY / 2).is_ok(), "it does not look");
        assert!(low.check(now + LOOK_EVERY).is_err());
    }

    #[test]
    fn a_disk_that_does_not_tell_pauses_nothing() {
        let mut silent = space(|_| Err(io::ErrorKind::Unsupported.into()));
        assert!(silent.check(Instant::now()).is_ok());
    }
}
