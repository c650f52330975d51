//! What a crawl keeps beside its URLs: copies of robots.txt, and how far its output files are settled.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::column;
use super::turn::Turn;
use crate::frontier::clock::{millis, time};
use crate::frontier::{RobotsCopy, Written};

/// Returns the copy of a robots.txt.
pub(super) fn robots(
    connection: &Connection,
    authority: &str,
) -> rusqlite::Result<Option<RobotsCopy>> {
    let sql = "SELECT status, body, fetched_at, expires_at, tries FROM robots WHERE authority = ?1";
    let mut robots = connection.prepare_cached(sql)?;
    let copy = robots.query_row([authority], |row| {
        Ok(RobotsCopy {
            status: row.get(0)?,
            body: row.get(1)?,
            fetched_at: time(row.get(2)?),
            expires_at: time(row.get(3)?),
            tries: row.get(4)?,
        })
    });
    copy.optional()
}

/// Returns how far each output file is settled.
pub(super) fn written(connection: &Connection) -> rusqlite::Result<Vec<Written>> {
    let sql = "SELECT file, committed_bytes FROM output ORDER BY file";
    let mut output = connection.prepare_cached(sql)?;
    let files = output.query_map([], |row| {
        Ok(Written {
            file: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.cast_unsigned(),
        })
    });
    files?.collect()
}

impl Turn<'_> {
    pub(super) fn robots(&self, authority: &str) -> rusqlite::Result<Option<RobotsCopy>> {
        robots(self.connection, authority)
    }

    pub(super) fn keep_robots(&self, authority: &str, copy: &RobotsCopy) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO robots VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let columns = params![
            authority,
            copy.status,
            copy.body,
            millis(copy.fetched_at),
            millis(copy.expires_at),
            copy.tries
        ];
        self.connection
            .prepare_cached(sql)?
            .execute(columns)
            .map(drop)
    }

    pub(super) fn written(&self) -> rusqlite::Result<Vec<Written>> {
        written(self.connection)
    }

    pub(super) fn note_written(&self, file: &Written) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO output VALUES (?1, ?2)";
        let mut output = self.connection.prepare_cached(sql)?;
        output
            .execute(params![file.file, column(file.bytes)])
            .map(drop)
    }
}
