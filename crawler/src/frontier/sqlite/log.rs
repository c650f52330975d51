//! The log of a database, looked at without the engine: where its begin is damaged the engine takes all of it for nothing, and
//! would begin it anew.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::beside;
use crate::frontier::FrontierError;

/// Source: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>, as the three below; the last bit says how checksums are
/// read.
const MAGIC: u32 = 0x377f_0682;
const HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;
const PAGE_BYTES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// Refuses a database that holds nothing beside a log to which something was committed. The log of one that was killed before
/// it had begun has no commit.
pub(super) fn refuse_damaged(database: &Path) -> Result<(), FrontierError> {
    let path = beside(database, "-wal");
    if !has_commit(&path).unwrap_or(false) {
        return Ok(());
    }
    let why = "something was committed to it, and none of that can be read";
    Err(corrupt(path, why))
}

/// Refuses a database that is empty or not there beside a log to which something was committed, before the engine opens the
/// one and removes the other.
pub(super) fn refuse_lone(database: &Path) -> Result<(), FrontierError> {
    let is_empty = || database.metadata().map_or(true, |about| about.len() == 0);
    let has_commit = || has_commit(&beside(database, "-wal")).unwrap_or(false);
    // Looked at once more, since another process may have begun it between the first look and that at the log.
    if !(is_empty() && has_commit() && is_empty()) {
        return Ok(());
    }
    let why = "it is empty or not there, and its log holds what was committed";
    Err(corrupt(database.to_owned(), why))
}

fn corrupt(path: PathBuf, why: &str) -> FrontierError {
    FrontierError::Corrupt {
        path,
        source: Arc::new(io::Error::other(why)),
    }
}

/// Returns whether something was committed to a log, or it is none.
fn has_commit(path: &Path) -> io::Result<bool> {
    let mut log = File::open(path)?;
    let length = log.metadata()?.len();
    if length <= HEAD {
        return Ok(false);
    }
    let (magic, _version, page) = (number(&mut log)?, number(&mut log)?, number(&mut log)?);
    if magic & !1 != MAGIC || !page.is_power_of_two() || !PAGE_BYTES.contains(&page) {
        return Ok(true);
    }
    let frame = FRAME_HEAD + u64::from(page);
    let mut at = HEAD;
    while at + frame <= length {
        log.seek(SeekFrom::Start(at))?;
        let (_page, pages_at_commit) = (number(&mut log)?, number(&mut log)?);
        if pages_at_commit != 0 {
            return Ok(true);
        }
        at += frame;
    }
    Ok(false)
}

fn number(log: &mut File) -> io::Result<u32> {
    let mut bytes = [0; 4];
    log.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
