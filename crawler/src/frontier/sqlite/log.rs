//! The log of a database, looked at without the engine: where its begin is damaged the engine takes all of it for nothing, and
//! would begin it anew.

use std::collections::BTreeSet;
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
/// So many logs ago a page may have been written that is still behind the end of one; else what is there is damaged, which
/// reads as of any age.
const AGE_MAX: u32 = 1_000;

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

/// Refuses a database whose log is gone, or whose log does not begin with what the engine wrote.
pub(super) fn refuse_lost(database: &Path) -> Result<(), FrontierError> {
    let path = beside(database, "-wal");
    match begins_whole(&path) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let why = "its begin is damaged, and nothing behind that can be read";
            Err(corrupt(path, why))
        }
        Err(error) if is_gone(&error) => {
            let why = "its log is gone, and held what was done last";
            Err(corrupt(database.to_owned(), why))
        }
        // Who opens it tells that it can't be read.
        Err(_) => Ok(()),
    }
}

/// Refuses a database that is shorter than it says, where its log does not have what it lacks. The engine does not look for
/// that where there is a log.
pub(super) fn refuse_cut_off(database: &Path) -> Result<(), FrontierError> {
    if lacks_pages(database).unwrap_or(false) {
        let why = "it was cut off, and holds less than it says";
        return Err(corrupt(database.to_owned(), why));
    }
    Ok(())
}

/// Whoever works on it may work its log in meanwhile, and then begins that anew, so that the log is read before the length
/// is.
fn lacks_pages(database: &Path) -> io::Result<bool> {
    let mut file = File::open(database)?;
    let mut head = [0; 100];
    file.read_exact(&mut head)?;
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        page => u32::from(page),
    };
    // Source: <https://www.sqlite.org/fileformat2.html#in_header_database_size>, also when it is to be believed.
    let is_sure = head.starts_with(b"SQLite format 3\0") && head[24..28] == head[92..96];
    if !is_sure || !is_page_size(page) {
        return Ok(false);
    }
    let said = be(&head[28..32]);
    let pages = || io::Result::Ok(file.metadata()?.len() / u64::from(page));
    if pages()? >= u64::from(said) {
        return Ok(false);
    }
    let logged = match logged_pages(&beside(database, "-wal")) {
        Err(error) if is_gone(&error) => BTreeSet::new(),
        logged => logged?,
    };
    let there = pages()?;
    let lacking = u64::from(said).saturating_sub(there);
    let is_lacking = |number: &&u32| u64::from(**number) > there && **number <= said;
    Ok(lacking > logged.iter().filter(is_lacking).count() as u64)
}

/// Returns the numbers of the pages that a log has.
fn logged_pages(path: &Path) -> io::Result<BTreeSet<u32>> {
    match Frames::of(path)? {
        Log::Whole(frames) => frames.map(|frame| Ok(frame?.page)).collect(),
        Log::Empty | Log::Unknown => Ok(BTreeSet::new()),
    }
}

/// What a log is by its head.
enum Log {
    /// Nothing was written to it.
    Empty,
    /// None that the engine wrote.
    Unknown,
    Whole(Frames),
}

/// The pages of a log, one after the other.
struct Frames {
    log: File,
    length: u64,
    /// The bytes of each, with its head.
    each: u64,
    at: u64,
}

/// What the head of one says.
struct Frame {
    page: u32,
    /// Whether it is the last of what was committed together.
    is_commit: bool,
}

impl Frames {
    fn of(path: &Path) -> io::Result<Log> {
        let mut log = File::open(path)?;
        let length = log.metadata()?.len();
        if length <= HEAD {
            return Ok(Log::Empty);
        }
        let mut head = [0; 12];
        log.read_exact(&mut head)?;
        let (magic, page) = (be(&head), be(&head[8..]));
        if magic & !1 != MAGIC || !is_page_size(page) {
            return Ok(Log::Unknown);
        }
        Ok(Log::Whole(Self {
            log,
            length,
            each: FRAME_HEAD + u64::from(page),
            at: HEAD,
        }))
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 8];
        self.log.seek(SeekFrom::Start(self.at))?;
        self.log.read_exact(&mut head)?;
        self.at += self.each;
        Ok(Frame {
            page: be(&head),
            is_commit: be(&head[4..]) != 0,
        })
    }
}

impl Iterator for Frames {
    type Item = io::Result<Frame>;

    fn next(&mut self) -> Option<io::Result<Frame>> {
        (self.at + self.each <= self.length).then(|| self.read())
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn is_page_size(page: u32) -> bool {
    page.is_power_of_two() && PAGE_BYTES.contains(&page)
}

/// Returns whether the head of a log and the first page in it are what the engine wrote, or that page is, whole or in part, of
/// the log before, where it was killed as it began the log anew.
fn begins_whole(path: &Path) -> io::Result<bool> {
    let log = File::open(path)?;
    let mut begin = Vec::new();
    log.take(HEAD + 2 * FRAME_HEAD + u64::from(*PAGE_BYTES.end()))
        .read_to_end(&mut begin)?;
    let Some((head, frames)) = begin.split_at_checked(32) else {
        return Ok(false);
    };
    let (magic, page) = (be(&head[..4]), be(&head[8..12]));
    let mut sum = Checksum::of(magic);
    sum.add(&head[..24]);
    if magic & !1 != MAGIC || !is_page_size(page) || !sum.is(&head[24..]) {
        return Ok(false);
    }
    let Some((frame, page)) = frames.split_at_checked(24) else {
        return Ok(false);
    };
    let salt = be(&head[16..20]);
    // How many logs ago a page was written.
    let age = |frame: &[u8]| salt.wrapping_sub(be(&frame[8..12]));
    if age(frame) == 1 {
        return Ok(true);
    }
    let page_bytes = be(&head[8..12]) as usize;
    let Some((page, next)) = page.split_at_checked(page_bytes) else {
        return Ok(false);
    };
    sum.add(&frame[..8]);
    sum.add(page);
    let is_whole = || sum.is(&frame[16..24]);
    // Then nothing was lost but what was being written.
    let is_only = || next.len() < 24 || (1..=AGE_MAX).contains(&age(next));
    Ok(frame[8..16] == head[16..24] && (is_whole() || is_only()))
}

/// The checksum of a log, of which each goes on with the one before.
struct Checksum {
    sums: [u32; 2],
    word: fn([u8; 4]) -> u32,
}

impl Checksum {
    fn of(magic: u32) -> Self {
        let word = match magic & 1 {
            0 => u32::from_le_bytes,
            _ => u32::from_be_bytes,
        };
        Self { sums: [0; 2], word }
    }

    fn add(&mut self, bytes: &[u8]) {
        let [mut first, mut second] = self.sums;
        for pair in bytes.chunks_exact(8) {
            let word =
                |at: usize| (self.word)([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]]);
            first = first.wrapping_add(word(0)).wrapping_add(second);
            second = second.wrapping_add(word(4)).wrapping_add(first);
        }
        self.sums = [first, second];
    }

    fn is(&self, written: &[u8]) -> bool {
        self.sums == [be(&written[..4]), be(&written[4..8])]
    }
}

fn be(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn corrupt(path: PathBuf, why: &str) -> FrontierError {
    FrontierError::Corrupt {
        path,
        source: Arc::new(io::Error::other(why)),
    }
}

/// Returns whether something was committed to a log, or it is none.
fn has_commit(path: &Path) -> io::Result<bool> {
    match Frames::of(path)? {
        Log::Empty => Ok(false),
        Log::Unknown => Ok(true),
        Log::Whole(frames) => {
            for frame in frames {
                if frame?.is_commit {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::frontier::sqlite::schema;

    #[test]
    fn a_log_is_known_by_its_begin_also_where_it_was_begun_anew_and_has_no_page_yet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crawl.db");
        let connection = schema::connect(Some(&path)).unwrap();
        schema::set_up(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t(x)").unwrap();
        let log = beside(&path, "-wal");
        let whole = fs::read(&log).unwrap();
        let copy = folder.path().join("copy");
        let begins = |bytes: &[u8]| {
            fs::write(&copy, bytes).unwrap();
            begins_whole(&copy).unwrap()
        };
        assert!(begins(&whole));
        for at in [0, 9, 17, 25, 33, 41, 45, 50, 60, 4_000] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(!begins(&damaged), "{at}");
        }
        for length in [0, 31, 32, 56, 4_000] {
            assert!(!begins(&whole[..length]), "{length}");
        }
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        connection.query_row(passive, [], |_| Ok(())).unwrap();
        let more = "INSERT INTO t VALUES (1)";
        connection.execute_batch(more).unwrap();
        let anew = fs::read(&log).unwrap();
        assert!(begins(&anew));
        assert!(anew[..32] != whole[..32], "it was begun anew");
        for written in [32, 56, 1_000, 4_152] {
            let begun = [&anew[..written], &whole[written..]].concat();
            assert!(begins(&begun), "killed after {written} bytes");
            let only = &begun[..4_152];
            assert!(begins(only), "{written} of one page");
        }
        let mut damaged = [&anew[..4_152], &anew[32..]].concat();
        damaged[60] ^= 1;
        assert!(!begins(&damaged), "there is more in it");
        damaged[56..].fill(0);
        assert!(!begins(&damaged), "what is behind it is damaged too");
    }
}
