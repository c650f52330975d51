//! A mark by which a log is missed that is gone, or whose begin is damaged: the engine takes it for none, and would go on
//! with what was there before.
//!
//! ```text
//!  the file says | the log says | when
//!  nothing       | nothing      | the crawl is closed, and has no log
//!  more          | read         | it is open, or was killed
//!  read          | read         | a log was worked in since, by the syncer or by another program: what is behind is not missed
//! ```
//!
//! Invariant: while the file says that there is more, the log is there, and its first page is as it was written.

use std::path::Path;

use rusqlite::Connection;

use super::lock::Lock;
use super::{log, schema};
use crate::frontier::FrontierError;

/// What is to be read of a crawl is in its file.
const NOTHING: i64 = 0;
/// There is more in the log.
const MORE: i64 = 1;
/// The log was read.
const READ: i64 = 2;

/// Has the file say that there is more in the log, and the log that it was read, before anything else is in it.
pub(super) fn open(connection: &Connection) -> rusqlite::Result<()> {
    // It was killed, and its file says that there is more.
    if read(connection)? == READ {
        return Ok(());
    }
    set(connection, MORE)?;
    // Of a reader who is in the way the file says nothing then, and nothing is missed.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    // A power cut is to take nothing from the begin of the log.
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let marked = set(connection, READ);
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    marked
}

/// Has the file say that there is no more, once the log is worked in.
pub(super) fn close(connection: &Connection) -> rusqlite::Result<()> {
    set(connection, NOTHING)
}

/// Refuses a database that says that there is more in a log which is gone, or whose begin is damaged. It is not opened for
/// that, as the engine would make another log.
pub(super) fn refuse_lost_log(database: &Path) -> Result<(), FrontierError> {
    let Err(lost) = log::refuse_lost(database) else {
        return Ok(());
    };
    // Who works on it changes both.
    if Lock::is_held(database) || file_says(database) != Some(MORE) {
        return Ok(());
    }
    // It may have been closed between the two looks.
    log::refuse_lost(database).map_err(|_| lost)
}

/// Returns what the file says, whatever is in the log.
fn file_says(database: &Path) -> Option<i64> {
    let (connection, found) = schema::open_file_alone(database)?.ok()?;
    // What else is wrong with it is told by who opens it.
    let is_crawl = found == schema::Found::Crawl && schema::is_latest(&connection).ok()?;
    is_crawl.then(|| read(&connection).ok())?
}

fn read(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT log FROM crawl", [], |row| row.get(0))
}

fn set(connection: &Connection, mark: i64) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE crawl SET log = ?1", [mark])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::frontier::Job;
    use crate::frontier::sqlite::lock::beside;

    /// A crawl that is looked at after each step of its life, as if it had been killed there.
    struct Life {
        path: PathBuf,
        connection: Connection,
        folder: tempfile::TempDir,
    }

    impl Life {
        fn begin() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("crawl.db");
            let mut connection = schema::connect(Some(&path)).unwrap();
            schema::set_up(&connection).unwrap();
            schema::lay_out(&mut connection, &Job::default()).unwrap();
            Self {
                path,
                connection,
                folder,
            }
        }

        /// Looks at a copy of its files as they are, and without its log; returns whether the log is missed then.
        fn misses_its_log(&self) -> bool {
            let copy = self.folder.path().join("copy.db");
            let [log, log_of_copy] = [&self.path, &copy].map(|path| beside(path, "-wal"));
            fs::copy(&self.path, &copy).unwrap();
            fs::copy(log, &log_of_copy).unwrap();
            refuse_lost_log(&copy).expect("nothing is lost");
            fs::remove_file(log_of_copy).unwrap();
            refuse_lost_log(&copy).is_err()
        }
    }

    #[test]
    fn a_log_is_missed_from_the_first_thing_in_it_to_the_close() {
        let life = Life::begin();
        assert!(!life.misses_its_log(), "nothing was done");
        open(&life.connection).unwrap();
        for _ in 0..3 {
            assert!(life.misses_its_log());
            let change = "UPDATE crawl SET known = known + 1";
            life.connection.execute_batch(change).unwrap();
        }
        // As one does that goes on after a kill.
        open(&life.connection).unwrap();
        assert!(life.misses_its_log());
        close(&life.connection).unwrap();
        assert!(life.misses_its_log(), "it is not worked in yet");
        schema::work_in_at_close(&life.connection).unwrap();
        life.connection.close().unwrap();
        assert!(!beside(&life.path, "-wal").exists());
        refuse_lost_log(&life.path).unwrap();
    }
}
