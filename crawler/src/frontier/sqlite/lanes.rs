//! Leases that go on, are given back, or ran out.

use rusqlite::params;

use super::turn::Turn;
use crate::frontier::clock::span_millis;
use crate::frontier::{LEASE, LeaseKey};

impl Turn<'_> {
    /// Makes the leases last from now on, and returns those that were lost.
    pub(super) fn renew(&self, mut keys: Vec<LeaseKey>) -> rusqlite::Result<Vec<LeaseKey>> {
        keys.sort_unstable();
        keys.dedup();
        let sql = "UPDATE site_lane SET next_at = max(free_at, ?4)
                   WHERE site = ?1 AND lane = ?2 AND token = ?3";
        let mut renew = self.connection.prepare_cached(sql)?;
        let until = self.now + span_millis(LEASE);
        let mut lost = Vec::new();
        for key in keys {
            let lane = key.lane;
            if renew.execute(params![lane.site.0, lane.number, key.token, until])? == 0 {
                lost.push(key);
            }
        }
        Ok(lost)
    }

    /// Takes back a URL for each key, unfetched.
    pub(super) fn release(&mut self, keys: &[LeaseKey]) -> rusqlite::Result<()> {
        let sql =
            "UPDATE site_lane SET held = held - 1, token = CASE held WHEN 1 THEN 0 ELSE token END,
                       next_at = CASE
                           WHEN held > 1 THEN next_at
                           WHEN EXISTS (SELECT 1 FROM queue WHERE site = ?1 AND lane = ?2) THEN max(free_at, ?4)
                           ELSE 9223372036854775807 END
                   WHERE site = ?1 AND lane = ?2 AND token = ?3";
        let mut release = self.connection.prepare_cached(sql)?;
        for key in keys {
            let lane = key.lane;
            let columns = params![lane.site.0, lane.number, key.token, self.now];
            self.ledger.leased -= i64::from(release.execute(columns)? > 0);
        }
        self.changed();
        Ok(())
    }

    /// Ends the leases that ran out, so that their URLs no longer count against the budget.
    pub(super) fn end_lost_leases(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT coalesce(sum(held), 0) FROM site_lane
                   WHERE next_at <= ?1 AND next_at < 9223372036854775807 AND token <> 0";
        let mut held = self.connection.prepare_cached(sql)?;
        let held: i64 = held.query_row([self.now], |row| row.get(0))?;
        if held == 0 {
            return Ok(());
        }
        let sql = "UPDATE site_lane SET lost = min(lost + 1, 1000), token = 0, held = 0,
                       alone = min(alone + (suspect <> 0 AND lost >= 3), 1000)
                   WHERE next_at <= ?1 AND next_at < 9223372036854775807 AND token <> 0";
        self.connection.prepare_cached(sql)?.execute([self.now])?;
        self.ledger.leased -= held;
        Ok(())
    }
}
