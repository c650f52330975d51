//! Leases that go on, are given back, or ran out.

use rusqlite::params;

use super::turn::Turn;
use crate::frontier::clock::span_millis;
use crate::frontier::{ABORT_AFTER, Asks, LEASE, LeaseKey, SiteId};

impl Turn<'_> {
    /// Makes the leases last from now on, and returns those that were lost.
    pub(super) fn renew(&mut self, mut keys: Vec<LeaseKey>) -> rusqlite::Result<Vec<LeaseKey>> {
        keys.sort_unstable();
        keys.dedup();
        let until = self.now + span_millis(LEASE);
        let mut lost = Vec::new();
        for key in keys {
            let is_held = match self.wide.find(self.connection, key.lane.site)? {
                Some(site) => site.on_renewed(key, self.now, until),
                None => self.renew_single(key, until)?,
            };
            if !is_held {
                lost.push(key);
            }
        }
        Ok(lost)
    }

    fn renew_single(&self, key: LeaseKey, until: i64) -> rusqlite::Result<bool> {
        let sql = "UPDATE site SET next_at = max(free_at, ?3, ?4 + again_ms) WHERE site = ?1 AND token = ?2";
        let mut renew = self.connection.prepare_cached(sql)?;
        let aborted_at = self.now + span_millis(ABORT_AFTER);
        Ok(renew.execute(params![key.lane.site.0, key.token, until, aborted_at])? > 0)
    }

    /// Takes back a URL for each key, unfetched.
    pub(super) fn release(&mut self, keys: &[LeaseKey]) -> rusqlite::Result<()> {
        for key in keys {
            let is_held = match self.wide.find(self.connection, key.lane.site)? {
                Some(site) => site.on_released(*key, self.now),
                None => self.release_single(*key)?,
            };
            self.ledger.leased -= i64::from(is_held);
        }
        self.changed();
        Ok(())
    }

    fn release_single(&self, key: LeaseKey) -> rusqlite::Result<bool> {
        let sql = "UPDATE site SET held = held - 1, token = CASE held WHEN 1 THEN 0 ELSE token END,
                       next_at = CASE
                           WHEN held > 1 THEN next_at
                           WHEN EXISTS (SELECT 1 FROM queue WHERE site = ?1) THEN max(free_at, ?3)
                           ELSE 9223372036854775807 END
                   WHERE site = ?1 AND token = ?2";
        let mut release = self.connection.prepare_cached(sql)?;
        Ok(release.execute(params![key.lane.site.0, key.token, self.now])? > 0)
    }

    /// Ends the leases that ran out, so that their URLs no longer count against the budget.
    pub(super) fn end_lost_leases(&mut self) -> rusqlite::Result<()> {
        self.ledger.leased -= self.end_lost_lanes()?;
        let sql = "SELECT coalesce(sum(held), 0) FROM site
                   WHERE next_at <= ?1 AND next_at < 9223372036854775807 AND token <> 0";
        let mut held = self.connection.prepare_cached(sql)?;
        let held: i64 = held.query_row([self.now], |row| row.get(0))?;
        if held == 0 {
            return Ok(());
        }
        let sql = "UPDATE site SET lost = min(lost + 1, 1000), token = 0, held = 0,
                       alone = min(alone + (suspect <> 0 AND asked <> 0 AND lost >= 3), 1000)
                   WHERE next_at <= ?1 AND next_at < 9223372036854775807 AND token <> 0";
        self.connection.prepare_cached(sql)?.execute([self.now])?;
        self.ledger.leased -= held;
        self.ledger.may_suspect = true;
        Ok(())
    }

    /// Notes what is asked for of a suspect.
    pub(super) fn asks(&mut self, key: LeaseKey, asks: Asks) -> rusqlite::Result<()> {
        if asks == Asks::RobotsAlone {
            // Another may have its turn.
            self.changed();
        }
        if let Some(site) = self.wide.find(self.connection, key.lane.site)? {
            site.on_asks(key, asks);
            return Ok(());
        }
        let sql = match asks {
            Asks::Page => "UPDATE site SET asked = 1 WHERE site = ?1 AND token = ?2",
            Asks::RobotsAlone => {
                "UPDATE site SET lost = 0, suspect = 0, alone = 0 WHERE site = ?1 AND token = ?2"
            }
        };
        let mut note = self.connection.prepare_cached(sql)?;
        note.execute([key.lane.site.0, key.token]).map(drop)
    }

    fn end_lost_lanes(&mut self) -> rusqlite::Result<i64> {
        self.wide.write(self.connection)?;
        let sql = "SELECT DISTINCT site FROM lane WHERE token <> 0 AND until <= ?1";
        let mut sites = self.connection.prepare_cached(sql)?;
        let sites = sites.query_map([self.now], |row| row.get(0).map(SiteId))?;
        let mut held = 0;
        for site in sites.collect::<rusqlite::Result<Vec<_>>>()? {
            if let Some(site) = self.wide.find(self.connection, site)? {
                held += site.end_lost_leases(self.now);
            }
        }
        self.ledger.may_suspect |= held > 0;
        self.wide.write(self.connection)?;
        Ok(held)
    }
}
