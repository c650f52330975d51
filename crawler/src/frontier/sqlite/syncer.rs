//! The thread that has the disk take what was committed: at once where commits are rare, and else once a second, so that no
//! commit waits for it. What was committed is the system's by then: no end of this process can harm it, only one of the
//! machine. With a power cut goes what was settled in the last second, and is fetched again.
//!
//! It also works the log into the database when that has become long, beside the one who writes; who waits for it only
//! while what was written meanwhile follows.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::lock::beside;
use super::schema;

/// How long the log becomes before it is worked in: a page of a busy leaf is written back once for hundreds of settles.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// How long the log's end waits for the one who writes, and for readers, who keep that one waiting too.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// From the end of one sync to the begin of the next.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The thread; dropping it waits until what was committed is on the disk.
#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there is something that no sync was begun for.
    is_dirty: bool,
    is_closed: bool,
    /// Why the disk took nothing more.
    failed: Option<Arc<io::Error>>,
}

impl Syncer {
    /// Starts one for the log of a database.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let mut log = Log {
            database: database.to_owned(),
            path: beside(database, "-wal"),
            is_listed: false,
            connection: None,
        };
        Self::start(SYNC_EVERY, move || log.sync())
    }

    fn start(
        every: Duration,
        mut sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        let thread = thread::Builder::new().name("frontier-sync".to_owned());
        let thread = thread.spawn(move || {
            while told.wait_for_more() {
                if let Err(error) = sync() {
                    told.lock().failed = Some(Arc::new(error));
                    return;
                }
                told.rest(every);
            }
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Notes that something was committed.
    ///
    /// # Errors
    ///
    /// Why the disk did not take what was committed before.
    pub(super) fn committed(&self) -> Result<(), Arc<io::Error>> {
        let mut state = self.shared.lock();
        if let Some(failed) = &state.failed {
            return Err(Arc::clone(failed));
        }
        if !std::mem::replace(&mut state.is_dirty, true) {
            self.shared.changed.notify_one();
        }
        Ok(())
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    /// Waits for something to sync, and returns whether there is any before the end.
    fn wait_for_more(&self) -> bool {
        let idle = |state: &mut State| !state.is_dirty && !state.is_closed;
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.is_dirty)
    }

    /// Waits so long, or until the end.
    fn rest(&self, every: Duration) {
        let open = |state: &mut State| !state.is_closed;
        let waited = self.changed.wait_timeout_while(self.lock(), every, open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// No code that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log of a database, in which a commit stands before the database has it.
struct Log {
    database: PathBuf,
    path: PathBuf,
    /// Whether its folder is known to have it.
    is_listed: bool,
    /// By which it is worked in, once that was needed.
    connection: Option<Connection>,
}

impl Log {
    fn sync(&mut self) -> io::Result<()> {
        let log = match File::open(&self.path) {
            // It is worked in, and gone with the last connection.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
            log => log?,
        };
        log.sync_data()?;
        if log.metadata()?.len() > LOG_BYTES_MAX {
            self.work_in().map_err(io::Error::other)?;
        }
        if !self.is_listed {
            // Elsewhere a folder can't be opened, and needs no sync.
            #[cfg(unix)]
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
            self.is_listed = true;
        }
        Ok(())
    }

    /// Writes what is in the log to the database, so that the log begins anew.
    fn work_in(&mut self) -> rusqlite::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connection = schema::connect(Some(&self.database))?;
                connection.busy_timeout(WAIT_MAX)?;
                none.insert(connection)
            }
        };
        // Beside the one who writes, then again for what was written meanwhile, so that little is left for which that one waits.
        for how in ["PASSIVE", "PASSIVE", "TRUNCATE"] {
            let sql = format!("PRAGMA wal_checkpoint({how})");
            match connection.query_row(&sql, [], |_| Ok(())) {
                // A reader is in the way, or the disk is full: it is tried again after a second.
                Err(error) if is_passing(&error) => return Ok(()),
                done => done?,
            }
        }
        Ok(())
    }
}

fn is_passing(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A disk that takes what is synced when it is let.
    fn disk(every: Duration) -> (Syncer, Receiver<()>, Sender<io::Result<()>>) {
        let (begins, begun) = channel();
        let (lets, may_end) = channel();
        let syncer = Syncer::start(every, move || {
            begins.send(()).map_err(io::Error::other)?;
            may_end.recv().map_err(io::Error::other)?
        });
        (syncer.unwrap(), begun, lets)
    }

    #[test]
    fn what_is_committed_during_a_sync_has_one_of_its_own() {
        let (syncer, begun, lets) = disk(Duration::ZERO);
        syncer.committed().unwrap();
        begun.recv().unwrap();
        syncer.committed().unwrap();
        syncer.committed().unwrap();
        lets.send(Ok(())).unwrap();
        begun.recv().unwrap();
        lets.send(Ok(())).unwrap();
        drop(syncer);
        assert!(begun.recv().is_err(), "two were enough");
    }

    #[test]
    fn what_was_committed_is_synced_before_the_end_however_soon_that_is() {
        let (syncer, begun, lets) = disk(Duration::from_secs(3600));
        syncer.committed().unwrap();
        begun.recv().unwrap();
        syncer.committed().unwrap();
        lets.send(Ok(())).unwrap();
        lets.send(Ok(())).unwrap();
        drop(syncer);
        assert_eq!(begun.try_iter().count(), 1);
    }

    #[test]
    fn a_disk_that_fails_is_told_to_those_who_commit() {
        let (syncer, begun, lets) = disk(Duration::ZERO);
        syncer.committed().unwrap();
        begun.recv().unwrap();
        lets.send(Err(io::Error::other("worn out"))).unwrap();
        let failed = loop {
            if let Err(failed) = syncer.committed() {
                break failed;
            }
            thread::yield_now();
        };
        assert_eq!(failed.to_string(), "worn out");
    }

    #[test]
    fn a_long_log_is_worked_in_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crawl.db");
        let connection = schema::connect(Some(&path)).unwrap();
        schema::set_up(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t(x)").unwrap();
        let megabyte = "INSERT INTO t VALUES (zeroblob(1 << 20))";
        for _ in 0..=LOG_BYTES_MAX >> 20 {
            connection.execute_batch(megabyte).unwrap();
        }
        let log = beside(&path, "-wal");
        assert!(log.metadata().unwrap().len() > LOG_BYTES_MAX);
        let syncer = Syncer::of(&path).unwrap();
        syncer.committed().unwrap();
        drop(syncer);
        assert_eq!(log.metadata().unwrap().len(), 0);
        let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        assert_eq!(count, Ok(65_i64));
    }
}
