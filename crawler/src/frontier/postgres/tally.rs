//! The numbers of a crawl, kept as they change: to count rows would read the whole queue. They are changed in the
//! transaction that changes the rows, so they are right after any crash; and spread over slots, so that two commits
//! seldom wait for one another.

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::turn::{Sql, Turn};
use crate::frontier::{Fate, Stats};

/// Rows that the numbers are spread over: more than nodes that commit at a time.
pub(super) const SLOTS: i32 = 16;

/// Changes of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) known: i64,
    pub(super) queued: i64,
    pub(super) delayed: i64,
    pub(super) leased: i64,
    fetched: i64,
    redirected: i64,
    refused: i64,
    failed: i64,
    /// Of bodies that were read.
    pub(super) bytes: i64,
}

const WRITE: Sql = Sql {
    text: "
UPDATE tally SET known = known + $2, queued = queued + $3, delayed = delayed + $4, leased = leased + $5,
    fetched = fetched + $6, redirected = redirected + $7, refused = refused + $8, failed = failed + $9,
    bytes = bytes + $10
WHERE slot = $1",
    types: &[
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

const SUM: Sql = Sql {
    text: "
SELECT sum(known)::bigint, sum(queued)::bigint, sum(delayed)::bigint, sum(leased)::bigint, sum(fetched)::bigint,
       sum(redirected)::bigint, sum(refused)::bigint, sum(failed)::bigint, sum(bytes)::bigint FROM tally",
    types: &[],
};

impl Tally {
    /// Counts a final outcome.
    pub(super) const fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Fetched => self.fetched += 1,
            Fate::Listed => {}
            Fate::Redirected => self.redirected += 1,
            Fate::Refused => self.refused += 1,
            Fate::Failed => self.failed += 1,
        }
    }

    /// Returns how many of so many pages may yet be fetched.
    pub(super) fn left_of(&self, pages_max: i64) -> i64 {
        (pages_max - self.fetched).max(0)
    }

    /// Returns how many of so many bytes may yet be read.
    pub(super) fn bytes_left_of(&self, bytes_max: i64) -> i64 {
        (bytes_max - self.bytes).max(0)
    }

    /// Returns the budget for the whole crawl of which so many pages are left.
    pub(super) const fn budget(&self, left: i64) -> i64 {
        self.fetched.saturating_add(left)
    }
}

impl Turn<'_> {
    /// Writes what changed, as the last thing before the commit: a slot is never held by one who waits for a lane.
    pub(super) async fn write_tally(&mut self) -> Result<(), Failure> {
        let tally = std::mem::take(&mut self.tally);
        if tally == Tally::default() {
            return Ok(());
        }
        let slot = fastrand::i32(0..SLOTS);
        self.execute(
            &WRITE,
            &[
                &slot,
                &tally.known,
                &tally.queued,
                &tally.delayed,
                &tally.leased,
                &tally.fetched,
                &tally.redirected,
                &tally.refused,
                &tally.failed,
                &tally.bytes,
            ],
        )
        .await
        .map(drop)
    }

    /// Reads the numbers as they are before this turn.
    pub(super) async fn sum(&self) -> Result<Tally, Failure> {
        let rows = self.query(&SUM, &[]).await?;
        let row = rows.first().ok_or(Failure::Gone)?;
        Ok(Tally {
            known: row.try_get(0)?,
            queued: row.try_get(1)?,
            delayed: row.try_get(2)?,
            leased: row.try_get(3)?,
            fetched: row.try_get(4)?,
            redirected: row.try_get(5)?,
            refused: row.try_get(6)?,
            failed: row.try_get(7)?,
            bytes: row.try_get(8)?,
        })
    }

    pub(super) async fn stats(&self) -> Result<Stats, Failure> {
        let tally = self.sum().await?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Stats {
            state: self.state,
            known: number(tally.known),
            queued: number(tally.queued),
            delayed: number(tally.delayed),
            leased: number(tally.leased),
            suspects: None,
            fetched: number(tally.fetched),
            redirected: number(tally.redirected),
            refused: number(tally.refused),
            failed: number(tally.failed),
            pages_left: self.pages_max.map(|max| number(tally.left_of(max))),
            bytes_left: self.bytes_max.map(|max| number(tally.bytes_left_of(max))),
        })
    }
}
