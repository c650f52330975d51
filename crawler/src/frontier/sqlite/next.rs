//! When a claim may give more than the one before, and when none ever will.

use rusqlite::OptionalExtension as _;

use super::turn::Turn;
use crate::frontier::clock::span;
use crate::frontier::{Next, State};

/// The first time after a given one at which a site is due that is no suspect, or at which a suspect's lease ends.
pub(super) const FIRST: &str = "SELECT next_at FROM site
     WHERE next_at > ?1 AND next_at < 9223372036854775807
         AND CASE token WHEN 0 THEN lost < 3 ELSE lost < 2 OR next_at > ?2 END ORDER BY next_at LIMIT 1";

impl Turn<'_> {
    /// Says when to ask again; a crawl of which nothing is left is done from here on.
    pub(super) fn next(&mut self) -> rusqlite::Result<Next> {
        self.look_at_wide()?;
        let at = match self.ledger.room() {
            // What is due may not be leased before what is leased comes back.
            Some(0) => self.now,
            _ => -1,
        };
        let suspect = self.first_suspect_after(at)?;
        let first = self.first_after(at)?.into_iter().chain(suspect).min();
        // What is leased counts too: a page that is done by a late outcome may yet bring links.
        if self.ledger.queued + self.ledger.delayed + self.ledger.leased == 0 {
            return Ok(match self.ledger.state {
                State::Seeding => Next::Changed,
                State::Running => {
                    self.ledger.state = State::Done;
                    self.changed();
                    Next::Done
                }
                State::Done => Next::Done,
            });
        }
        if self.ledger.room() == Some(0) && self.ledger.leased == 0 {
            return Ok(Next::Spent);
        }
        Ok(match first {
            None => Next::Changed,
            Some(first) if first <= self.now => Next::Now,
            Some(first) => Next::After(span(first - self.now)),
        })
    }

    /// Returns the first time after `at` at which a site is due, a lane's lease ends, or a retry is ready.
    fn first_after(&self, at: i64) -> rusqlite::Result<Option<i64>> {
        let first = |sql| {
            let mut first = self.connection.prepare_cached(sql)?;
            first.query_row([at], |row| row.get(0)).optional()
        };
        let mut site = self.connection.prepare_cached(FIRST)?;
        let site = site.query_row([at, self.now], |row| row.get(0));
        let site: Option<i64> = site.optional()?;
        let retry: Option<i64> =
            first("SELECT ready_at FROM delayed WHERE ready_at > ?1 ORDER BY ready_at LIMIT 1")?;
        let lane = if at < 0 {
            None
        } else {
            // What it holds is not due before, though its site may be.
            first("SELECT until FROM lane WHERE until > ?1 ORDER BY until LIMIT 1")?
        };
        Ok(site.into_iter().chain(lane).chain(retry).min())
    }
}
