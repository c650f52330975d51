//! The layout of the database, and the check that a file has it.
//!
//! Times are milliseconds since the epoch, the largest integer is never. `next_at` of a site is its politeness timer, the
//! end of its lease and its wake-up in one; a site without queued URLs is due never. A site of many lanes has its leases in
//! `lane`, by the numbers of the URLs that are leased or were lost, and is due when it may have something to give. `aside` is
//! the status for which a site was set aside, 0 for none; such a site keeps `polite_at` for another day, and its `free_at` is
//! at once. `asked` is whether that was asked for, of a suspect, which the last lease of a site or of a lane held. `rest_ms`
//! is how long the rest was to be that ends at `polite_at`, and `again_ms` how long a site rests of which nobody knows whether
//! it is being asked. Invariants: `next_at >= free_at`, and by a clock that never went back `polite_at <= now + rest_ms`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use url::Url;

use super::ledger::Ledger;
use super::lock::{Lock, beside};
use super::{log, mark};
use crate::frontier::{FrontierError, Job};

/// Tells our files from those of other programs: "crwl".
const APPLICATION: i64 = 0x6372_776c;
/// The layout below.
const LAYOUT: i64 = 7;
/// In this one no site told its `rest_ms`. It is the oldest that is brought up to the present one; any other is refused.
const WITHOUT_RESTS: i64 = 4;
/// In this one the lanes of a site were parts of its queue, by the hashes of its URLs.
const LANES_BY_HASH: i64 = 5;
/// In this one the crawl had no [mark](super::mark).
const WITHOUT_MARK: i64 = 6;

const LANES: &str = "
CREATE TABLE lane(
    site INTEGER NOT NULL, seq INTEGER NOT NULL, prio INTEGER NOT NULL, token INTEGER NOT NULL, until INTEGER NOT NULL,
    lost INTEGER NOT NULL, asked INTEGER NOT NULL, alone INTEGER NOT NULL, PRIMARY KEY (site, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_suspect ON site(alone, next_at) WHERE lost >= 2;
CREATE INDEX lane_suspect ON lane(alone, seq) WHERE lost >= 2;
";

const TABLES: &str = "
CREATE TABLE crawl(
    id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL, config TEXT NOT NULL, pages_left INTEGER,
    bytes_left INTEGER,
    seq INTEGER NOT NULL, known INTEGER NOT NULL, queued INTEGER NOT NULL, delayed INTEGER NOT NULL,
    fetched INTEGER NOT NULL, redirected INTEGER NOT NULL, refused INTEGER NOT NULL, failed INTEGER NOT NULL,
    log INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE site(
    site INTEGER PRIMARY KEY, lanes INTEGER NOT NULL, name TEXT NOT NULL,
    delay_ms INTEGER NOT NULL, next_at INTEGER NOT NULL, polite_at INTEGER NOT NULL, token INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0, suspect INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0, pushbacks INTEGER NOT NULL DEFAULT 0, aside INTEGER NOT NULL DEFAULT 0,
    rest_ms INTEGER NOT NULL DEFAULT 0,
    free_at INTEGER AS (CASE aside WHEN 0 THEN polite_at ELSE 0 END) VIRTUAL,
    again_ms INTEGER AS (CASE WHEN lanes > 1 OR aside <> 0 THEN 0 ELSE max(delay_ms, min(rest_ms, 120000)) END) VIRTUAL
) STRICT;
CREATE INDEX site_due ON site(next_at) WHERE next_at < 9223372036854775807;
CREATE TABLE seen(
    site INTEGER NOT NULL, url_hash INTEGER NOT NULL, PRIMARY KEY (site, url_hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE fresh(site INTEGER NOT NULL, url_hash INTEGER NOT NULL) STRICT;
CREATE TABLE queue(
    site INTEGER NOT NULL, prio INTEGER NOT NULL, seq INTEGER NOT NULL,
    url_hash INTEGER NOT NULL, depth INTEGER NOT NULL, attempts INTEGER NOT NULL, hops INTEGER NOT NULL,
    referrer INTEGER NOT NULL, chain INTEGER NOT NULL, url TEXT NOT NULL, PRIMARY KEY (site, prio, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE delayed(
    ready_at INTEGER NOT NULL, seq INTEGER NOT NULL, site INTEGER NOT NULL, prio INTEGER NOT NULL, url_hash INTEGER NOT NULL, depth INTEGER NOT NULL, attempts INTEGER NOT NULL,
    hops INTEGER NOT NULL, referrer INTEGER NOT NULL, chain INTEGER NOT NULL, url TEXT NOT NULL,
    PRIMARY KEY (ready_at, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE result(
    id INTEGER PRIMARY KEY, site INTEGER NOT NULL, url_hash INTEGER NOT NULL, url TEXT NOT NULL,
    referrer INTEGER NOT NULL, depth INTEGER NOT NULL, at INTEGER NOT NULL, fate TEXT NOT NULL, status INTEGER,
    about TEXT NOT NULL, file TEXT, file_offset INTEGER
) STRICT;
CREATE TABLE robots(
    authority TEXT PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, fetched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, tries INTEGER NOT NULL
) STRICT;
CREATE TABLE output(file TEXT PRIMARY KEY, committed_bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Statements kept prepared: more than there are.
const STATEMENTS: usize = 64;
/// What is shared with readers is made 32 KiB at a time, and the log begins with a page or two.
const ROOM_TO_BEGIN: u64 = 64 << 10;
/// A reader may hold the file, but only for the moment in which the log is begun or ended.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the file, or a database in memory for none, and changes nothing yet: it may be another program's.
pub(super) fn connect(path: Option<&Path>) -> rusqlite::Result<Connection> {
    let connection = match path {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The index of what is due is a partial one. To see whether a bound time is within it the engine would plan the
    // statement anew for each; its text says all that there is to know.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY)?;
    // Whoever closes it last works its log in and removes it, which is not to be done where one of them is damaged.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Makes the connection the one that writes.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // A commit waits for no disk: the syncer has it take the log, and works that in.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -12288;
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;",
    )
}

/// Has the log worked in when the connection is closed, if it is the last.
pub(super) fn work_in_at_close(connection: &Connection) -> rusqlite::Result<()> {
    let kept = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(kept, false).map(drop)
}

/// Opens the file of a crawl beside the one who writes it.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, FrontierError> {
    refuse_damaged_files(path)?;
    refuse_absent(path)?;
    let opened = match open_to_read(path, OpenFlags::empty()) {
        Err(error) if is_sealed(&error) => open_sealed(path, error)?,
        opened => opened.map_err(|error| explain(path, error))?,
    };
    match opened {
        (connection, Found::Crawl) => Ok(connection),
        (connection, Found::Nothing) => {
            let damaged = log::refuse_damaged(path).err();
            match look(&connection).map_err(|error| explain(path, error))? {
                // Another process has begun it since the first look.
                Found::Crawl => Ok(connection),
                found => Err(damaged.unwrap_or_else(|| refuse(path, found))),
            }
        }
        (_, found) => Err(refuse(path, found)),
    }
}

/// Refuses files that don't belong together, before the engine sees them.
pub(super) fn refuse_damaged_files(path: &Path) -> Result<(), FrontierError> {
    log::refuse_lone(path)?;
    log::refuse_cut_off(path)?;
    mark::refuse_lost_log(path)
}

fn open_to_read(path: &Path, more: OpenFlags) -> rusqlite::Result<(Connection, Found)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags | more)?;
    connection.busy_timeout(BUSY)?;
    let found = look(&connection)?;
    Ok((connection, found))
}

/// Returns whether the engine had no place for what it shares with who writes; it says so in one of two ways.
fn is_sealed(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a file where nothing may be written, as on a disc or in a snapshot: the engine has no place for what it shares with
/// who writes. Without a log the file is all there is, and nobody writes it.
fn open_sealed(path: &Path, error: rusqlite::Error) -> Result<(Connection, Found), FrontierError> {
    let log = fs::metadata(beside(path, "-wal"));
    let is_whole = log.map_or_else(
        |error| error.kind() == io::ErrorKind::NotFound,
        |log| log.len() == 0,
    );
    let is_alone = is_whole && !Lock::is_held(path);
    let Some(opened) = open_file_alone(path).filter(|_| is_alone) else {
        return Err(FrontierError::Unwritable {
            path: path.to_owned(),
            source: Arc::new(error),
        });
    };
    opened.map_err(|error| explain(path, error))
}

/// Opens a file without its log, and leaves no trace of that; nothing if it has no path.
pub(super) fn open_file_alone(path: &Path) -> Option<rusqlite::Result<(Connection, Found)>> {
    let whole = path.canonicalize().ok()?;
    let mut address = Url::from_file_path(whole).ok()?;
    // Source: https://www.sqlite.org/uri.html, "immutable": it locks nothing and looks for no change.
    address.set_query(Some("immutable=1"));
    let address = Path::new(address.as_str());
    Some(open_to_read(address, OpenFlags::SQLITE_OPEN_URI))
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or what was left by a process that was killed before it had begun.
    Nothing,
    /// A crawl in the present layout, or in one that is brought up to it.
    Crawl,
    /// A crawl in a layout that is no longer known.
    Older(i64),
    /// A crawl in a layout that is not known yet.
    Newer(i64),
    /// Something else.
    Foreign,
}

/// Looks what the database holds.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    // Another process may begin it meanwhile: all of it is of one moment.
    let _moment = connection.unchecked_transaction()?;
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout = layout_of(connection)?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    Ok(match (application, layout) {
        (0, 0) if tables == 0 => Found::Nothing,
        (APPLICATION, WITHOUT_RESTS..=LAYOUT) => Found::Crawl,
        (APPLICATION, newer) if newer > LAYOUT => Found::Newer(newer),
        (APPLICATION, older) if older > 0 => Found::Older(older),
        _ => Found::Foreign,
    })
}

fn layout_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Returns whether a crawl has the present layout, and so needs no [bringing up](bring_up).
pub(super) fn is_latest(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(layout_of(connection)? == LAYOUT)
}

/// Refuses a file that is not there, or can't be looked for.
pub(super) fn refuse_absent(path: &Path) -> Result<(), FrontierError> {
    match path.metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refuse(path, Found::Nothing)),
        Err(error) => Err(FrontierError::of_file(path, Arc::new(error))),
    }
}

/// Returns the error for a file that holds what it should not.
pub(super) fn refuse(path: &Path, found: Found) -> FrontierError {
    let place = path.into();
    match found {
        Found::Nothing => FrontierError::Missing { place },
        Found::Crawl => FrontierError::Exists { place },
        Found::Older(found) => FrontierError::Older { place, found },
        Found::Newer(found) => FrontierError::Newer {
            place,
            found,
            known: LAYOUT,
        },
        Found::Foreign => FrontierError::Foreign {
            path: path.to_owned(),
        },
    }
}

/// Lays out an empty database, all in one transaction.
pub(super) fn lay_out(connection: &mut Connection, job: &Job) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(LANES)?;
    Ledger::begin(&transaction, job)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()
}

/// Ends what another process left behind, of which nobody knows when it ended: its requests may have run until just now.
///
/// | a site | is due |
/// |---|---|
/// | that was being asked for one URL at a time | when it has rested from now on as it did after its last answer, or later, as it was |
/// | that rests | when it was, but no later than by its whole rest from now on: the clock may have gone back |
/// | that was set aside | when it is polite, and gets another chance |
/// | of many lanes, or any other | when it is polite, as it was |
/// | with nothing queued, its last URL done by a late answer | never |
///
/// All leases count as lost; a suspect is blamed where it was asked for and no other was.
pub(super) fn take_over(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    bring_up(&transaction, now)?;
    let rests = "UPDATE site SET polite_at = ?1 + rest_ms WHERE polite_at > ?1 + rest_ms";
    transaction.execute(rests, [now])?;
    let asked = "SELECT (SELECT count(*) FROM site WHERE lost >= 2 AND lost >= 3 AND token <> 0 AND asked <> 0)
                     + (SELECT count(*) FROM lane WHERE lost >= 2 AND lost >= 3 AND token <> 0 AND asked <> 0)";
    let asked: i64 = transaction.query_row(asked, [], |row| row.get(0))?;
    let is_alone = asked == 1;
    let sites = "UPDATE site SET lost = min(lost + 1, 1000),
                     alone = min(alone + (?1 AND suspect <> 0 AND asked <> 0 AND lost >= 3), 1000)
                 WHERE next_at < 9223372036854775807 AND token <> 0";
    transaction.execute(sites, [is_alone])?;
    let lanes = "UPDATE lane SET lost = min(lost + 1, 1000), alone = min(alone + (?1 AND asked <> 0 AND lost >= 3), 1000)
                 WHERE token <> 0";
    transaction.execute(lanes, [is_alone])?;
    give_back(&transaction, now)?;
    let asides = "UPDATE site SET pushbacks = 0, aside = 0 WHERE aside <> 0";
    transaction.execute(asides, [])?;
    let due = "UPDATE site SET next_at = max(polite_at, min(next_at, ?1))
               WHERE lanes = 1 AND next_at < 9223372036854775807 AND next_at <> max(polite_at, min(next_at, ?1))";
    transaction.execute(due, [now])?;
    let done = "UPDATE site SET next_at = 9223372036854775807
                WHERE lanes = 1 AND next_at < 9223372036854775807
                    AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.site = site.site)";
    transaction.execute(done, [])?;
    let wide = "UPDATE site SET next_at = CASE
                    WHEN EXISTS (SELECT 1 FROM queue WHERE queue.site = site.site) THEN max(polite_at, ?1)
                    ELSE 9223372036854775807 END
                WHERE lanes > 1";
    transaction.execute(wide, [now])?;
    transaction.commit()
}

/// Brings an older layout up to the present one.
fn bring_up(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let found = layout_of(connection)?;
    if found <= WITHOUT_RESTS {
        tell_rests(connection, now)?;
    }
    if found <= LANES_BY_HASH {
        // What is queued has its numbers already. Which of it the losses were of, nobody knows.
        connection.execute_batch(
            "DROP TABLE lane; ALTER TABLE site ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;",
        )?;
        connection.execute_batch(LANES)?;
    }
    if found <= WITHOUT_MARK {
        let mark = "ALTER TABLE crawl ADD COLUMN log INTEGER NOT NULL DEFAULT 0";
        connection.execute_batch(mark)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
    }
    Ok(())
}

/// How long the rests were to be that go on is known by what is left.
fn tell_rests(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection.execute_batch(
        "ALTER TABLE site ADD COLUMN rest_ms INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE site ADD COLUMN again_ms INTEGER AS
             (CASE WHEN lanes > 1 OR aside <> 0 THEN 0 ELSE max(delay_ms, min(rest_ms, 120000)) END) VIRTUAL;",
    )?;
    let rests = "UPDATE site SET rest_ms = max(polite_at - ?1, delay_ms)";
    connection.execute(rests, [now]).map(drop)
}

/// Ends all leases. Their sites may have been asked until just now, and rest; the lanes of a wide site find their times when
/// the crawl is [taken over](take_over). As the crawl is closed that is all: nobody died of what he held, so that it counts as no
/// loss.
pub(super) fn give_back(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let leases = "UPDATE site SET polite_at = max(polite_at, ?1 + again_ms), rest_ms = max(rest_ms, again_ms),
                      next_at = max(polite_at, ?1 + again_ms), token = 0, held = 0
                  WHERE next_at < 9223372036854775807 AND token <> 0";
    connection.execute(leases, [now])?;
    let lanes = "UPDATE lane SET token = 0, until = 0 WHERE token <> 0";
    connection.execute(lanes, []).map(drop)
}

/// Returns the configuration that the crawl was begun with.
pub(super) fn config(connection: &Connection) -> rusqlite::Result<String> {
    let config = connection.query_row("SELECT config FROM crawl", [], |row| row.get(0));
    Ok(config.optional()?.unwrap_or_default())
}

/// Returns what an error of the engine means to the one who has the file.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> FrontierError {
    if let Some(lacks) = lacking(&error) {
        return FrontierError::Corrupt {
            path: path.to_owned(),
            source: Arc::new(io::Error::other(lacks)),
        };
    }
    let code = error.sqlite_error_code();
    let (place, source) = (path.into(), Arc::new(error));
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => FrontierError::Corrupt {
            path: path.to_owned(),
            source,
        },
        Some(ErrorCode::DiskFull) => FrontierError::Full { place, source },
        // A file that can't be made, or made longer, for want of room is told as any other failure.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if has_no_room(path) => {
            FrontierError::Full { place, source }
        }
        _ => FrontierError::Engine { place, source },
    }
}

/// Returns what of its layout a file lacks, if that is what is wrong: the statements are always the same, and the file says
/// that they fit it.
fn lacking(error: &rusqlite::Error) -> Option<String> {
    match error {
        rusqlite::Error::SqlInputError { msg, .. }
        | rusqlite::Error::SqliteFailure(_, Some(msg)) => {
            msg.starts_with("no such ").then(|| msg.clone())
        }
        rusqlite::Error::QueryReturnedNoRows => {
            Some("a row is gone that it was begun with".to_owned())
        }
        rusqlite::Error::InvalidQuery
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => Some(error.to_string()),
        _ => None,
    }
}

/// Returns whether the disk of a file has no room for what the engine needs at its begin.
fn has_no_room(path: &Path) -> bool {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let free = fs4::available_space(folder.unwrap_or(Path::new(".")));
    free.is_ok_and(|free| free < ROOM_TO_BEGIN)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::frontier::clock::span_millis;
    use crate::frontier::lane::REST_AGAIN_MAX;

    #[test]
    fn a_file_is_told_by_its_head_and_nothing_is_not_another_program() {
        let mut connection = connect(None).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Nothing);
        lay_out(&mut connection, &Job::default()).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Crawl);
        for (layout, found) in [(2, Found::Older(2)), (8, Found::Newer(8))] {
            connection
                .pragma_update(None, "user_version", layout)
                .unwrap();
            assert_eq!(look(&connection).unwrap(), found);
        }
        connection.pragma_update(None, "application_id", 1).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Foreign);
    }

    #[test]
    fn a_file_that_is_begun_at_that_moment_is_not_another_program() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..100 {
            let path = folder.path().join(format!("{round}.db"));
            let mut connection = connect(Some(&path)).unwrap();
            set_up(&connection).unwrap();
            let looker = connect(Some(&path)).unwrap();
            let (began, begins) = std::sync::mpsc::channel();
            let looks = std::thread::spawn(move || {
                let first = look(&looker);
                began.send(()).unwrap();
                std::iter::once(first)
                    .chain(std::iter::repeat_with(|| look(&looker)))
                    .map(Result::unwrap)
                    .find(|found| *found != Found::Nothing)
            });
            begins.recv().unwrap();
            lay_out(&mut connection, &Job::default()).unwrap();
            assert_eq!(looks.join().unwrap(), Some(Found::Crawl), "{round}");
        }
    }

    /// A link to nowhere in the place of what is shared with writers keeps the engine from it, as such a disk does.
    #[test]
    fn where_nothing_may_be_written_a_file_is_read_that_has_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?#%.db");
        let mut connection = connect(Some(&path)).unwrap();
        set_up(&connection).unwrap();
        let job = Job {
            config: "kept".to_owned(),
            ..Job::default()
        };
        lay_out(&mut connection, &job).unwrap();
        work_in_at_close(&connection).unwrap();
        drop(connection);
        std::os::unix::fs::symlink("nowhere/shm", beside(&path, "-shm")).unwrap();
        let connection = connect_to_read(&path).unwrap();
        assert_eq!(config(&connection).unwrap(), "kept");
        fs::write(beside(&path, "-wal"), "more").unwrap();
        let refused = connect_to_read(&path).unwrap_err();
        assert!(
            matches!(refused, FrontierError::Unwritable { .. }),
            "{refused:?}"
        );
    }

    /// Source: <https://www.sqlite.org/rescode.html>, `SQLITE_READONLY_DIRECTORY` and `SQLITE_CANTOPEN`.
    #[test]
    fn a_folder_that_may_not_be_written_to_is_one_where_nothing_may_be_written() {
        let failed = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        for (code, expected) in [(1544, true), (14, true), (11, false)] {
            assert_eq!(is_sealed(&failed(code)), expected, "{code}");
        }
    }

    #[test]
    fn what_nobody_knows_of_rests_by_its_delay_or_its_last_rest_up_to_the_longest() {
        let mut connection = connect(None).unwrap();
        lay_out(&mut connection, &Job::default()).unwrap();
        let longest = span_millis(REST_AGAIN_MAX);
        let check = |(lanes, aside): (i64, i64), delay: i64, rest: i64, expected: i64| {
            let sql = "INSERT OR REPLACE INTO site(site, lanes, name, delay_ms, next_at, polite_at, aside, rest_ms)
                       VALUES (1, ?1, 'h', ?2, 0, 0, ?3, ?4)";
            connection
                .execute(sql, [lanes, delay, aside, rest])
                .unwrap();
            let again = "SELECT again_ms FROM site";
            let again: i64 = connection.query_row(again, [], |row| row.get(0)).unwrap();
            assert_eq!(again, expected, "{lanes} lanes, {aside}, {delay}, {rest}");
        };
        check((1, 0), 7, 0, 7);
        check((1, 0), 7, longest, longest);
        check((1, 0), 7, longest + 1, longest);
        check((1, 0), longest + 2, longest + 1, longest + 2);
        check((1, 429), 7, 9, 0);
        check((2, 0), 0, 9, 0);
    }

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let mut connection = connect(None).unwrap();
        lay_out(&mut connection, &Job::default()).unwrap();
        let mut due = connection.prepare(super::super::claim::DUE).unwrap();
        for now in 0..10 {
            assert!(due.query([now, 10]).unwrap().next().unwrap().is_none());
        }
        assert_eq!(due.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn a_claim_finds_what_is_due_by_the_index() {
        let mut connection = connect(None).unwrap();
        lay_out(&mut connection, &Job::default()).unwrap();
        for statement in [super::super::claim::DUE, super::super::next::FIRST] {
            let plan = format!("EXPLAIN QUERY PLAN {statement}");
            let mut plan = connection.prepare(&plan).unwrap();
            let numbers = [Some(0), Some(1)];
            let given = &numbers[..plan.parameter_count()];
            let how: String = plan
                .query_row(rusqlite::params_from_iter(given), |row| row.get(3))
                .unwrap();
            assert!(how.contains("USING") && how.contains("site_due"), "{how}");
        }
    }
}
