//! Which output is being written to, for those who wait for it: one that nobody reads takes nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What takes longer is told.
const SLOW: Duration = Duration::from_millis(500);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The output that is being written to, if one is; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writing(Arc<Mutex<Option<(PathBuf, Instant)>>>);

impl Writing {
    /// Writes to an output.
    pub(super) fn during<T>(&self, path: PathBuf, write: impl FnOnce() -> T) -> T {
        *self.lock() = Some((path, Instant::now()));
        let written = write();
        *self.lock() = None;
        written
    }

    /// Waits until an output has taken nothing for a while, and returns which.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    pub(crate) async fn slow(&self) -> PathBuf {
        loop {
            if let Some((path, since)) = &*self.lock()
                && since.elapsed() >= SLOW
            {
                return path.clone();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What is under the lock is whole at any time, so a poisoned one is too.
    fn lock(&self) -> MutexGuard<'_, Option<(PathBuf, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
