//! Lanes as rows: locked in the order of their keys, decided about while they are locked, and written back.

use std::num::NonZeroU16;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::successors::line_of;
use super::turn::{Sql, Turn};
use crate::frontier::clock::{NEVER, span, span_millis};
use crate::frontier::lane::{Lane, REST_AGAIN_MAX};
use crate::frontier::losses::Losses;
use crate::frontier::{ABORT_AFTER, Asks, LEASE, SiteId};
use crate::policy::welcome::Welcome;

/// When a lane is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    At(i64),
    /// Then, if anything is queued in it as it is written; never if nothing is.
    IfQueued(i64),
}

/// A lane that is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LaneRow {
    pub(super) lane: Lane,
    pub(super) lanes: NonZeroU16,
    pub(super) delay_ms: i64,
    pub(super) due: Due,
    pub(super) polite_at: i64,
    /// How long the rest was to be that ends then.
    rest_ms: i64,
    pub(super) token: i64,
    /// URLs on its lease.
    pub(super) held: i32,
    pub(super) losses: Losses,
    pub(super) welcome: Welcome,
    /// Whether it is to be written back.
    is_changed: bool,
}

/// Locks lanes by their keys, in the order that all keep to.
const LOCK: Sql = Sql {
    text: "
SELECT l.site, l.lane, l.lanes, l.delay_ms, l.next_at, l.polite_at, l.token, l.held, l.lost, l.suspect, l.alone,
    l.pushbacks, l.aside, l.rest_ms
FROM (SELECT unnest($1) AS site, unnest($2) AS lane) x JOIN site_lane l ON (l.site, l.lane) = (x.site, x.lane)
ORDER BY l.site, l.lane FOR UPDATE OF l",
    types: &[Type::INT8_ARRAY, Type::INT4_ARRAY],
};

/// A lane is awake if it need not be asked, or anything is queued in it; to look for one row never reads them all.
const WRITE: Sql = Sql {
    text: "
UPDATE site_lane l SET polite_at = x.polite_at, token = x.token, held = x.held, lost = x.lost, suspect = x.suspect,
    alone = x.alone, pushbacks = x.pushbacks, aside = x.aside, rest_ms = x.rest_ms,
    next_at = CASE WHEN x.is_awake THEN x.next_at ELSE 9223372036854775807 END
FROM (SELECT x.*, NOT x.if_queued
          OR (SELECT true FROM queue q WHERE (q.site, q.lane) = (x.site, x.lane) LIMIT 1) IS NOT NULL AS is_awake
      FROM (SELECT unnest($1) AS site, unnest($2) AS lane, unnest($3) AS next_at, unnest($4) AS if_queued,
                unnest($5) AS polite_at, unnest($6) AS token, unnest($7) AS held, unnest($8) AS lost,
                unnest($9) AS suspect, unnest($10) AS alone, unnest($11) AS pushbacks, unnest($12) AS aside,
                unnest($13) AS rest_ms) x
      OFFSET 0) x
WHERE (l.site, l.lane) = (x.site, x.lane)",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT4_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
    ],
};

impl LaneRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, Failure> {
        let lanes = NonZeroU16::new(small(row, 2)?);
        let suspect: i64 = row.try_get(9)?;
        Ok(Self {
            lane: lane_from(row)?,
            lanes: lanes.ok_or(Failure::Damaged("a site without lanes"))?,
            delay_ms: row.try_get(3)?,
            due: Due::At(row.try_get(4)?),
            polite_at: row.try_get(5)?,
            rest_ms: row.try_get(13)?,
            token: row.try_get(6)?,
            held: row.try_get(7)?,
            losses: Losses {
                lost: small(row, 8)?,
                suspect: suspect.abs(),
                is_asked: suspect > 0,
                alone: small(row, 10)?,
            },
            welcome: match small(row, 12)? {
                0 => Welcome::Open {
                    pushbacks: u8::try_from(small(row, 11)?).unwrap_or(u8::MAX),
                },
                status => Welcome::SetAside { status },
            },
            is_changed: false,
        })
    }

    /// Returns how many URLs are claimed of it at once, of which but the first follow one another, if it may go on so.
    pub(super) fn line(&self) -> usize {
        if self.is_polite() && self.losses.lost == 0 {
            line_of(span(self.delay_ms))
        } else {
            1
        }
    }

    /// Returns whether it gives one URL at a time; of a site that is set aside nothing is asked, and all may go at once.
    pub(super) const fn is_single(&self) -> bool {
        self.is_polite() || self.losses.is_careful()
    }

    const fn is_polite(&self) -> bool {
        self.lanes.get() == 1 && !self.welcome.is_set_aside()
    }

    /// Gives its lease one URL less, whose fetch ended then, and ends it with its last. Where something was asked, it is
    /// polite from then on.
    pub(super) fn free(&mut self, now: i64, ended_at: Option<i64>, rest: i64, welcome: Welcome) {
        self.welcome = welcome;
        if let Some(ended_at) = ended_at {
            self.rest_from(ended_at, self.delay_ms.max(rest));
        }
        self.losses = Losses::default();
        self.is_changed = true;
        self.held -= 1;
        if self.held <= 0 {
            (self.held, self.token) = (0, 0);
            self.due = Due::IfQueued(self.free_at(now));
        } else {
            self.postpone(self.free_at(now));
        }
    }

    /// Returns when it is due next: when it is polite, or at once where nothing is asked.
    pub(super) const fn free_at(&self, now: i64) -> i64 {
        if self.welcome.is_set_aside() {
            now
        } else {
            self.polite_at
        }
    }

    /// Takes a URL of its lease back, unfetched, and is polite after so long; with no rest it is polite when it was.
    pub(super) fn release(&mut self, now: i64, rest: i64) {
        self.is_changed = true;
        if rest > 0 {
            self.polite_at = self.polite_at.max(now + rest);
            self.rest_ms = self.rest_ms.max(rest);
        }
        self.held -= 1;
        if self.held <= 0 {
            (self.held, self.token) = (0, 0);
            self.due = Due::IfQueued(self.free_at(now).max(now));
        }
    }

    /// Leases so many of its URLs. If they do not come back it is due when it has rested from the end of the last request that
    /// its holder may have made.
    pub(super) fn lease(&mut self, now: i64, token: i64, held: i32) {
        let rest = if self.is_polite() {
            self.delay_ms
                .max(self.rest_ms.min(span_millis(REST_AGAIN_MAX)))
        } else {
            0
        };
        let lease = span_millis(LEASE).max(span_millis(ABORT_AFTER) + rest);
        (self.token, self.held, self.due) = (token, held, Due::At(now + lease));
        self.is_changed = true;
    }

    /// Makes its lease last from now on.
    pub(super) fn renew(&mut self, now: i64) {
        self.lease(now, self.token, self.held);
        self.postpone(self.free_at(now));
    }

    /// Notes what is asked for of the URL that it gave alone.
    pub(super) fn on_asks(&mut self, asks: Asks) {
        self.losses = match asks {
            Asks::Page => self.losses.on_asked(),
            Asks::RobotsAlone => Losses::default(),
        };
        self.is_changed = true;
    }

    /// Returns the URL that it gave alone as a column: below 0 as long as it was not asked for.
    const fn suspect(&self) -> i64 {
        if self.losses.is_asked {
            self.losses.suspect
        } else {
            -self.losses.suspect
        }
    }

    /// Lets it sleep if nobody holds it and nothing is queued: a late answer may have been to its last URL.
    pub(super) fn let_sleep(&mut self) {
        if let (0, Due::At(at)) = (self.token, self.due) {
            self.due = Due::IfQueued(at);
            self.is_changed = true;
        }
    }

    /// Lets it sleep, for nothing is queued in it.
    pub(super) fn sleep(&mut self) {
        (self.token, self.held, self.due) = (0, 0, Due::At(NEVER));
        self.is_changed = true;
        self.losses = Losses::default();
    }

    /// Leaves it alone for so long from then on; what is leased goes on, and is not claimed by another before.
    pub(super) fn rest(&mut self, from: i64, rest: i64) {
        self.is_changed = true;
        self.rest_from(from, rest);
        if !self.welcome.is_set_aside() {
            self.postpone(from + rest);
        }
    }

    const fn rest_from(&mut self, from: i64, rest: i64) {
        if from + rest >= self.polite_at {
            (self.polite_at, self.rest_ms) = (from + rest, rest);
        }
    }

    /// Makes it due when it is polite, if it was due never.
    pub(super) fn wake(&mut self, now: i64) {
        if self.due == Due::At(NEVER) {
            self.due = Due::At(self.free_at(now).max(now));
            self.is_changed = true;
        }
    }

    fn postpone(&mut self, until: i64) {
        let (Due::At(at) | Due::IfQueued(at)) = &mut self.due;
        *at = (*at).max(until);
    }
}

impl Turn<'_> {
    /// Locks lanes, in the order of their keys, and returns them in it.
    pub(super) async fn lock(&self, mut lanes: Vec<Lane>) -> Result<Vec<LaneRow>, Failure> {
        lanes.sort_unstable();
        lanes.dedup();
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let (sites, numbers) = columns(&lanes);
        let rows = self.query(&LOCK, &[&sites, &numbers]).await?;
        rows.iter().map(LaneRow::from_row).collect()
    }

    /// Writes those of the lanes that changed while they are locked.
    pub(super) async fn write_lanes(
        &self,
        lanes: impl IntoIterator<Item = &LaneRow> + Send,
    ) -> Result<(), Failure> {
        let lanes: Vec<_> = lanes.into_iter().filter(|row| row.is_changed).collect();
        if lanes.is_empty() {
            return Ok(());
        }
        let next_at = |row: &LaneRow| match row.due {
            Due::At(at) | Due::IfQueued(at) => at,
        };
        let if_queued: Vec<bool> = lanes
            .iter()
            .map(|row| matches!(row.due, Due::IfQueued(_)))
            .collect();
        let pushbacks = |row: &LaneRow| match row.welcome {
            Welcome::Open { pushbacks } => pushbacks.into(),
            Welcome::SetAside { .. } => 0,
        };
        let aside = |row: &LaneRow| match row.welcome {
            Welcome::Open { .. } => 0,
            Welcome::SetAside { status } => status.into(),
        };
        let long = |value: &dyn Fn(&LaneRow) -> i64| -> Vec<i64> {
            lanes.iter().map(|row| value(row)).collect()
        };
        let short = |value: &dyn Fn(&LaneRow) -> i32| -> Vec<i32> {
            lanes.iter().map(|row| value(row)).collect()
        };
        self.execute(
            &WRITE,
            &[
                &long(&|row| row.lane.site.0),
                &short(&|row| row.lane.column()),
                &long(&next_at),
                &if_queued,
                &long(&|row| row.polite_at),
                &long(&|row| row.token),
                &short(&|row| row.held),
                &short(&|row| row.losses.lost.into()),
                &long(&|row| row.suspect()),
                &short(&|row| row.losses.alone.into()),
                &short(&pushbacks),
                &short(&aside),
                &long(&|row| row.rest_ms),
            ],
        )
        .await
        .map(drop)
    }
}

impl Lane {
    /// Returns its number, which is one of at most 65,535, as a column.
    pub(super) fn column(self) -> i32 {
        i32::try_from(self.number).unwrap_or(i32::MAX)
    }
}

/// Returns the keys of lanes, column by column.
pub(super) fn columns<'l>(lanes: impl IntoIterator<Item = &'l Lane>) -> (Vec<i64>, Vec<i32>) {
    let lanes = lanes.into_iter();
    lanes.map(|lane| (lane.site.0, lane.column())).unzip()
}

/// Reads the key of a lane, from the first two columns.
pub(super) fn lane_from(row: &Row) -> Result<Lane, Failure> {
    Ok(Lane {
        site: SiteId(row.try_get(0)?),
        number: small(row, 1)?.into(),
    })
}

/// Reads a column that holds a number of 16 bits.
pub(super) fn small(row: &Row, column: usize) -> Result<u16, Failure> {
    let value: i32 = row.try_get(column)?;
    u16::try_from(value).map_err(|_| Failure::Damaged("a number that is too large"))
}
