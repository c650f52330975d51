//! How much may be claimed, when a claim may give more than the one before, and when none ever will.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::turn::{Sql, Turn};
use crate::frontier::clock::span;
use crate::frontier::{Next, State};

/// When another turn is at work on all that is due, or as the crawl seems to be done, it is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The first times after a given one at which a lane is due and a retry is ready.
const FIRST: Sql = Sql {
    text: "
SELECT (SELECT next_at FROM site_lane WHERE next_at > $1 AND next_at < 9223372036854775807 ORDER BY next_at LIMIT 1),
       (SELECT ready_at FROM delayed WHERE ready_at > $1 ORDER BY ready_at LIMIT 1)",
    types: &[Type::INT8],
};

/// Holds other claims off until the commit: they count what this one leases.
const ONE_BY_ONE: Sql = Sql {
    text: "SELECT pg_advisory_xact_lock($1)",
    types: &[Type::INT8],
};

/// Gets the crawl alone, if nobody else is at work.
const ALONE: Sql = Sql {
    text: "SELECT pg_try_advisory_xact_lock($1)",
    types: &[Type::INT8],
};

/// Ends the crawl if nothing is left, all of it seen at one moment.
const END: Sql = Sql {
    text: "
UPDATE crawl SET state = 'done'
WHERE state = 'running' AND NOT EXISTS (SELECT FROM site_lane WHERE next_at < 9223372036854775807)
  AND NOT EXISTS (SELECT FROM delayed)",
    types: &[],
};

/// Ends the leases that ran out, so that their URLs no longer count against the budget.
const END_LOST: Sql = Sql {
    text: "
WITH lost AS (SELECT site, lane, held FROM site_lane
              WHERE next_at <= $1 AND next_at < 9223372036854775807 AND token <> 0 FOR UPDATE SKIP LOCKED)
UPDATE site_lane l SET lost = least(l.lost + 1, 1000), alone = least(l.alone + (l.suspect > 0 AND l.lost >= 3)::int, 1000),
    token = 0, held = 0
FROM lost WHERE (l.site, l.lane) = (lost.site, lost.lane) RETURNING lost.held",
    types: &[Type::INT8],
};

/// How many URLs may be leased.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) now: usize,
    /// What the budget has left of pages, and how many are on lease of it.
    budget: Option<Budget>,
}

#[derive(Debug)]
struct Budget {
    left: i64,
    leased: i64,
}

impl Budget {
    fn room(&self) -> usize {
        usize::try_from(self.left - self.leased).unwrap_or(0)
    }
}

impl Turn<'_> {
    /// Returns how many of the demand the budgets allow. With one claims go one by one.
    pub(super) async fn room(&mut self, demand: usize) -> Result<Room, Failure> {
        if self.pages_max.is_none() && self.bytes_max.is_none() {
            return Ok(Room {
                now: demand,
                budget: None,
            });
        }
        self.query(&ONE_BY_ONE, &[&self.core.keys.budget]).await?;
        let sum = self.sum().await?;
        let is_read = self
            .bytes_max
            .is_some_and(|max| sum.bytes_left_of(max) == 0);
        let pages = self.pages_max.map_or(i64::MAX, |max| sum.left_of(max));
        let mut budget = Budget {
            left: if is_read { 0 } else { pages },
            leased: sum.leased + self.tally.leased,
        };
        if budget.room() < demand {
            let lost = self.end_lost().await?;
            self.tally.leased -= lost;
            budget.leased -= lost;
        }
        Ok(Room {
            now: budget.room().min(demand),
            budget: Some(budget),
        })
    }

    /// Ends leases that ran out, and returns how many URLs they held.
    async fn end_lost(&self) -> Result<i64, Failure> {
        let rows = self.query(&END_LOST, &[&self.now]).await?;
        let held = rows
            .iter()
            .map(|row| row.try_get::<_, i32>(0).map(i64::from));
        Ok(held.sum::<Result<i64, _>>()?)
    }

    /// Says when to ask again after `found` URLs were leased; a crawl of which nothing is left is done from here on.
    pub(super) async fn next(&mut self, room: &Room, found: usize) -> Result<Next, Failure> {
        let Some(mut first) = self.first_after(-1).await? else {
            return self.end().await;
        };
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        if let Some(budget) = &room.budget
            && budget.left - budget.leased - found <= 0
        {
            if budget.leased + found == 0 {
                return Ok(Next::Spent);
            }
            // What is due may not be leased before what is leased comes back.
            match self.first_after(self.now).await? {
                Some(later) => first = later,
                None => return Ok(Next::Changed),
            }
        }
        Ok(if first > self.now {
            Next::After(span(first - self.now))
        } else if room.now > 0 && found == 0 {
            // What is due is in others' hands.
            Next::After(LOOK_AGAIN)
        } else {
            Next::Now
        })
    }

    async fn first_after(&self, at: i64) -> Result<Option<i64>, Failure> {
        let rows = self.query(&FIRST, &[&at]).await?;
        let row = rows.first().ok_or(Failure::Gone)?;
        let (lane, retry): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(lane.into_iter().chain(retry).min())
    }

    /// Nothing is left to see. That is the end only if nobody is about to add something, and all seeds are in.
    async fn end(&mut self) -> Result<Next, Failure> {
        match self.state {
            State::Seeding => return Ok(Next::Changed),
            State::Done => return Ok(Next::Done),
            State::Running => {}
        }
        let alone = self.query(&ALONE, &[&self.core.keys.crawl]).await?;
        let is_alone = alone.first().map(|row| row.try_get::<_, bool>(0));
        if !is_alone.transpose()?.unwrap_or(false) {
            return Ok(Next::After(LOOK_AGAIN));
        }
        Ok(if self.execute(&END, &[]).await? > 0 {
            Next::Done
        } else {
            Next::Now
        })
    }
}
