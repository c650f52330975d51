//! A crawl's file, read beside the process that works on it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};

use super::ledger::Ledger;
use super::lock::Lock;
use super::schema;
use super::suspects::{self, Holders};
use crate::frontier::clock::time;
use crate::frontier::url::demotion;
use crate::frontier::{FrontierError, RobotsCopy, Stats, Trace, UrlHash, Written};

/// Reads a crawl that another process may work on, and changes nothing. Each call reads a file, and so may block for a
/// moment.
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    connection: Connection,
}

impl SqliteReader {
    /// Opens the file of a crawl.
    ///
    /// # Errors
    ///
    /// As [`SqliteOptions::open`](super::SqliteOptions::open), but for [`FrontierError::Held`]; and
    /// [`FrontierError::Unwritable`].
    pub fn open(path: &Path) -> Result<Self, FrontierError> {
        Ok(Self {
            connection: schema::connect_to_read(path)?,
            path: path.to_owned(),
        })
    }

    /// Refuses a crawl whose file and log do not belong together, such as a log whose file is not there, which an engine
    /// would remove.
    pub(crate) fn refuse_damaged(path: &Path) -> Result<(), FrontierError> {
        schema::refuse_damaged_files(path)
    }

    /// Returns whether a process works on the crawl.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        Lock::is_held(&self.path)
    }

    /// Returns the crawl in numbers.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn stats(&self) -> Result<Stats, FrontierError> {
        let ledger = Ledger::read(&self.connection);
        let stats = ledger.and_then(|ledger| {
            let suspects = self.of_suspects(suspects::count)?;
            Ok(Stats {
                suspects,
                ..ledger.stats()
            })
        });
        self.told(stats)
    }

    /// Returns which URLs are suspects, each with how often in a row the crawl was killed while it was at work.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn suspects(&self) -> Result<HashMap<UrlHash, u16>, FrontierError> {
        let which = self.told(self.of_suspects(suspects::which))?;
        Ok(which.into_iter().flatten().collect())
    }

    /// Reads something of the suspects, which a file of an older layout has to be brought up for.
    fn of_suspects<T>(
        &self,
        read: fn(&Connection, Holders) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let holders = match self.is_at_work() {
            true => Holders::AtWork,
            false => Holders::Gone,
        };
        let is_latest = schema::is_latest(&self.connection)?;
        is_latest
            .then(|| read(&self.connection, holders))
            .transpose()
    }

    /// Returns the configuration that the crawl was begun with.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn config(&self) -> Result<String, FrontierError> {
        self.told(schema::config(&self.connection))
    }

    /// Returns how far each output file holds what is settled.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn written(&self) -> Result<Vec<Written>, FrontierError> {
        self.told(super::notes::written(&self.connection))
    }

    /// Returns the copy of the robots.txt of `authority`, fresh or not.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn robots(&self, authority: &str) -> Result<Option<RobotsCopy>, FrontierError> {
        self.told(super::notes::robots(&self.connection, authority))
    }

    /// Returns where each of these URLs stands; what the crawl has not seen is left out. All that is recorded is looked
    /// through once, however many they are.
    ///
    /// # Errors
    ///
    /// [`FrontierError`] when the file can't be read.
    pub fn traces(&self, urls: &[UrlHash]) -> Result<HashMap<UrlHash, Trace>, FrontierError> {
        let wanted: HashMap<UrlHash, ()> = urls.iter().map(|url| (*url, ())).collect();
        let mut traces = HashMap::new();
        let mut add = |sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<Trace>| {
            let mut all = self.connection.prepare(sql)?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let url = UrlHash(row.get(0)?);
                if wanted.contains_key(&url) {
                    traces.insert(url, read(row)?);
                }
            }
            Ok(())
        };
        // What is fetched again and again is queued too: its last answer tells more.
        let read = add("SELECT url_hash, depth, attempts, prio FROM queue", queued)
            .and_then(|()| {
                add(
                    "SELECT url_hash, depth, attempts, prio, ready_at FROM delayed",
                    delayed,
                )
            })
            .and_then(|()| add("SELECT url_hash, about FROM result ORDER BY id", recorded));
        self.told(read)?;
        Ok(traces)
    }

    fn told<T>(&self, read: rusqlite::Result<T>) -> Result<T, FrontierError> {
        read.map_err(|error| schema::explain(&self.path, error))
    }
}

fn queued(row: &Row<'_>) -> rusqlite::Result<Trace> {
    Ok(Trace::Queued {
        depth: row.get(1)?,
        attempts: row.get(2)?,
        demotion: demotion(row.get(3)?),
    })
}

fn delayed(row: &Row<'_>) -> rusqlite::Result<Trace> {
    Ok(Trace::Delayed {
        ready_at: time(row.get(4)?),
        depth: row.get(1)?,
        attempts: row.get(2)?,
        demotion: demotion(row.get(3)?),
    })
}

fn recorded(row: &Row<'_>) -> rusqlite::Result<Trace> {
    Ok(Trace::Recorded { about: row.get(1)? })
}
