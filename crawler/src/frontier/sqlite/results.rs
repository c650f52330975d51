//! What a crawl has settled, read beside who works on it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::ledger::column;
use super::schema;
use crate::frontier::{FrontierError, Written};

/// The records and the outputs of a crawl as they stood at one moment, whatever is settled later. It reads a file, and so
/// may block for a moment.
#[derive(Debug)]
pub struct SqliteResults {
    path: PathBuf,
    connection: Connection,
    /// The number of the last record that was read.
    last: i64,
}

impl SqliteResults {
    /// Looks at a crawl that another process may work on.
    ///
    /// # Errors
    ///
    /// As [`SqliteOptions::open`](super::SqliteOptions::open), but for [`FrontierError::Held`]; and
    /// [`FrontierError::Unwritable`].
    pub fn open(path: &Path) -> Result<Self, FrontierError> {
        let connection = schema::connect_to_read(path)?;
        // All that is read in a transaction is of one moment.
        let begun = connection.execute_batch("BEGIN");
        begun.map_err(|error| schema::explain(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            last: 0,
        })
    }

    /// Returns how far each output file holds these records.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Corrupt`] and [`FrontierError::Engine`].
    pub fn written(&self) -> Result<Vec<Written>, FrontierError> {
        let written = super::notes::written(&self.connection);
        written.map_err(|error| schema::explain(&self.path, error))
    }

    /// Returns the configuration that the crawl was begun with.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Corrupt`] and [`FrontierError::Engine`].
    pub fn config(&self) -> Result<String, FrontierError> {
        let config = schema::config(&self.connection);
        config.map_err(|error| schema::explain(&self.path, error))
    }

    /// Returns the next records, `most` of them at most, each as it was [told](crate::frontier::Record::about); none at
    /// their end.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Corrupt`] and [`FrontierError::Engine`].
    pub fn next(&mut self, most: usize) -> Result<Vec<String>, FrontierError> {
        let mut read = || {
            let sql = "SELECT id, about FROM result WHERE id > ?1 ORDER BY id LIMIT ?2";
            let mut result = self.connection.prepare_cached(sql)?;
            let rows = result.query_map(params![self.last, column(most as u64)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            let rows: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
            self.last = rows.last().map_or(self.last, |(id, _)| *id);
            Ok::<Vec<_>, rusqlite::Error>(rows.into_iter().map(|(_, about)| about).collect())
        };
        read().map_err(|error| schema::explain(&self.path, error))
    }
}
