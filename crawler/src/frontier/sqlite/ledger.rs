//! The numbers of a crawl, kept as they change: to count rows would read the whole queue. They are written in the
//! transaction that changes them, so they are right after any crash.

use rusqlite::{Connection, Row, params};

use crate::frontier::{Fate, Job, State, Stats, Suspects};

/// The one row of `crawl`, and what lives only as long as the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) state: State,
    /// What is left of the pages.
    pub(super) pages: Budget,
    /// What is left of the bytes.
    pub(super) bytes: Budget,
    /// The number of the last URL that was queued.
    pub(super) seq: i64,
    pub(super) known: i64,
    pub(super) queued: i64,
    pub(super) delayed: i64,
    fetched: i64,
    redirected: i64,
    refused: i64,
    failed: i64,
    /// The last lease; opening ends all, so that a number is used once in the life of a process.
    pub(super) token: i64,
    /// URLs on lease.
    pub(super) leased: i64,
    /// Whether there may be suspects, or what is one when it is lost once more.
    pub(super) may_suspect: bool,
    /// Those that there are, as the last claim found them.
    pub(super) suspects: Suspects,
    /// The round in which the last change was made.
    pub(super) round: u64,
}

impl Ledger {
    /// Writes the row of a crawl that begins.
    pub(super) fn begin(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
        let sql = "INSERT INTO crawl VALUES (1, ?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, 0, 0, 0)";
        let state = State::default().as_str();
        let begun = params![
            state,
            job.config,
            job.pages.map(column),
            job.bytes.map(column)
        ];
        connection.execute(sql, begun).map(drop)
    }

    /// Reads the row.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT state, pages_left, seq, known, queued, delayed, fetched, redirected, refused, failed,
                       bytes_left
                   FROM crawl";
        connection.query_row(sql, [], Self::from_row)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(0)?;
        Ok(Self {
            state: State::from_word(&state).ok_or(rusqlite::Error::InvalidQuery)?,
            pages: Budget::begun(row.get(1)?),
            seq: row.get(2)?,
            known: row.get(3)?,
            queued: row.get(4)?,
            delayed: row.get(5)?,
            fetched: row.get(6)?,
            redirected: row.get(7)?,
            refused: row.get(8)?,
            failed: row.get(9)?,
            bytes: Budget::begun(row.get(10)?),
            token: 0,
            leased: 0,
            may_suspect: true,
            suspects: Suspects::default(),
            round: 0,
        })
    }

    /// Writes the row, if it changed since `before`.
    pub(super) fn write(&self, before: &Self, connection: &Connection) -> rusqlite::Result<()> {
        if self.as_row() == before.as_row() {
            return Ok(());
        }
        let sql = "UPDATE crawl SET state = ?1, pages_left = ?2, seq = ?3, known = ?4, queued = ?5, delayed = ?6,
                       fetched = ?7, redirected = ?8, refused = ?9, failed = ?10, bytes_left = ?11";
        let numbers = params![
            self.state.as_str(),
            self.pages.begun,
            self.seq,
            self.known,
            self.queued,
            self.delayed,
            self.fetched,
            self.redirected,
            self.refused,
            self.failed,
            self.bytes.begun
        ];
        connection.prepare_cached(sql)?.execute(numbers).map(drop)
    }

    /// Counts a final outcome.
    pub(super) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Fetched => {
                self.fetched += 1;
                self.pages.spend(1);
            }
            Fate::Listed => {}
            Fate::Redirected => self.redirected += 1,
            Fate::Refused => self.refused += 1,
            Fate::Failed => self.failed += 1,
        }
    }

    /// Counts bytes of bodies that were read.
    pub(super) fn count_bytes(&mut self, bytes: u64) {
        self.bytes.spend(column(bytes));
    }

    /// Returns how many more URLs the budgets allow to be leased, if there is one.
    pub(super) fn room(&self) -> Option<usize> {
        if self.bytes.left() == Some(0) {
            return Some(0);
        }
        let left = self.pages.left()? - self.leased;
        Some(usize::try_from(left).unwrap_or(0))
    }

    /// Returns the numbers that there are to tell.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            state: self.state,
            known: self.known.cast_unsigned(),
            queued: self.queued.cast_unsigned(),
            delayed: self.delayed.cast_unsigned(),
            leased: self.leased.cast_unsigned(),
            suspects: Some(self.suspects),
            fetched: self.fetched.cast_unsigned(),
            redirected: self.redirected.cast_unsigned(),
            refused: self.refused.cast_unsigned(),
            failed: self.failed.cast_unsigned(),
            pages_left: self.pages.left().map(i64::cast_unsigned),
            bytes_left: self.bytes.left().map(i64::cast_unsigned),
        }
    }

    /// Returns it without what is not written.
    const fn as_row(&self) -> Self {
        Self {
            pages: Budget::begun(self.pages.begun),
            bytes: Budget::begun(self.bytes.begun),
            token: 0,
            leased: 0,
            may_suspect: true,
            suspects: Suspects {
                count: 0,
                leased: 0,
            },
            round: 0,
            ..*self
        }
    }
}

/// What is left of the budget that the crawl was begun with, and of the one that holds as long as the process lives. Both
/// are spent together; any number is left where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// The one that is written.
    begun: Option<i64>,
    /// The same, unless another was allowed.
    holds: Option<i64>,
}

impl Budget {
    const fn begun(left: Option<i64>) -> Self {
        Self {
            begun: left,
            holds: left,
        }
    }

    /// Takes another in its place, which whoever reads the row does not see.
    pub(super) const fn allow(&mut self, left: Option<i64>) {
        self.holds = left;
    }

    pub(super) const fn left(self) -> Option<i64> {
        self.holds
    }

    fn spend(&mut self, count: i64) {
        for left in [&mut self.begun, &mut self.holds].into_iter().flatten() {
            *left = left.saturating_sub(count).max(0);
        }
    }
}

/// Returns a number as a column, the largest there is for any larger.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
