//! Suspects: what was lost thrice, a site of one lane or a URL of a site of many. One of the whole file is on lease at a
//! time, so that nobody dies of one while another is at work; those that were lost less often as suspects go first, so that
//! who is killed by something else is not killed beside the same one again and again.
//!
//! As long as nothing was lost twice none of it costs a look at the file.

use rusqlite::{OptionalExtension as _, params};

use super::claim::{DUE_COLUMNS, Due};
use super::turn::Turn;
use super::wide::{Place, Purpose, read_queued};
use crate::frontier::{Lease, SiteId};

/// A site of one lane that is one, or is by a lease that ran out; whose turn it is comes first.
const SITE: &str = "FROM site WHERE lost >= 2 AND lost + (token <> 0) >= 3
     AND next_at <= ?1 AND next_at < 9223372036854775807 ORDER BY alone, next_at LIMIT 1";

/// A URL of a site of many lanes.
const LANE: &str = "SELECT lane.alone, lane.site, lane.prio, lane.seq FROM lane JOIN site ON site.site = lane.site
     WHERE lane.lost >= 2 AND lane.lost + (lane.token <> 0) >= 3 AND lane.until <= ?1 AND site.polite_at <= ?1
         AND EXISTS (SELECT 1 FROM queue
             WHERE queue.site = lane.site AND queue.prio = lane.prio AND queue.seq = lane.seq)
     ORDER BY lane.alone, lane.seq LIMIT 1";

/// The one whose turn it is.
enum Suspect {
    Site(Due),
    Lane(SiteId, Place),
}

impl Turn<'_> {
    /// Leases the suspect whose turn it is, if none is on lease.
    pub(super) fn claim_suspect(&mut self) -> rusqlite::Result<Option<Lease>> {
        if !self.ledger.may_suspect {
            return Ok(None);
        }
        self.wide.write(self.connection)?;
        self.end_done_suspects()?;
        if self.has_suspect()? {
            return Ok(None);
        }
        while let Some(suspect) = self.next_suspect()? {
            let lease = match suspect {
                Suspect::Site(due) => self.lease_suspect_site(due)?,
                Suspect::Lane(site, place) => self.lease_suspect_lane(site, place)?,
            };
            self.wide.write(self.connection)?;
            if let Some(lease) = lease {
                self.ledger.suspect = Some(lease.key());
                return Ok(Some(lease));
            }
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM site WHERE lost >= 2) OR EXISTS (SELECT 1 FROM lane WHERE lost >= 2)";
        let mut any = self.connection.prepare_cached(sql)?;
        self.ledger.may_suspect = any.query_row([], |row| row.get(0))?;
        Ok(None)
    }

    /// Returns whether a suspect is on lease.
    pub(super) fn has_suspect(&mut self) -> rusqlite::Result<bool> {
        let Some(key) = self.ledger.suspect else {
            return Ok(false);
        };
        let site = key.lane.site;
        if let Some(wide) = self.wide.find(self.connection, site)? {
            return Ok(wide.is_suspected(key, self.now));
        }
        let sql =
            "SELECT 1 FROM site WHERE site = ?1 AND token = ?2 AND next_at > ?3 AND lost >= 3";
        let mut held = self.connection.prepare_cached(sql)?;
        held.exists(params![site.0, key.token, self.now])
    }

    /// Returns the first time after `at` at which a suspect could be leased that is not, if none is on lease.
    pub(super) fn first_suspect_after(&mut self, at: i64) -> rusqlite::Result<Option<i64>> {
        if !self.ledger.may_suspect || self.has_suspect()? {
            return Ok(None);
        }
        let first = |sql| {
            let mut first = self.connection.prepare_cached(sql)?;
            first.query_row([at, self.now], |row| row.get::<_, Option<i64>>(0))
        };
        let site = first(
            "SELECT min(next_at) FROM site WHERE lost >= 2 AND next_at > ?1 AND next_at < 9223372036854775807
                 AND (lost >= 3 AND token = 0 OR lost + (token <> 0) >= 3 AND next_at <= ?2)",
        )?;
        let lane = first(
            "SELECT min(polite_at) FROM (SELECT max(site.polite_at, lane.until) AS polite_at
                 FROM lane JOIN site ON site.site = lane.site
                 WHERE lane.lost >= 2 AND lane.lost + (lane.token <> 0) >= 3 AND lane.until <= ?2
                     AND (lane.token <> 0 OR EXISTS (SELECT 1 FROM queue
                         WHERE queue.site = lane.site AND queue.prio = lane.prio AND queue.seq = lane.seq)))
             WHERE polite_at > ?1",
        )?;
        Ok(site.into_iter().chain(lane).min())
    }

    /// Ends leases of suspects that ran out with nothing left to fetch.
    fn end_done_suspects(&mut self) -> rusqlite::Result<()> {
        let sql = "UPDATE site SET next_at = 9223372036854775807, token = 0, lost = 0, suspect = 0, alone = 0
                   WHERE lost >= 2 AND token <> 0 AND next_at <= ?1 AND next_at < 9223372036854775807
                       AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.site = site.site) RETURNING held";
        let mut sites = self.connection.prepare_cached(sql)?;
        let held = sites.query_map([self.now], |row| row.get::<_, i64>(0))?;
        let mut ended: i64 = held.sum::<rusqlite::Result<_>>()?;
        let sql = "SELECT lane.site, lane.prio, lane.seq FROM lane JOIN site ON site.site = lane.site
                   WHERE lane.lost >= 2 AND lane.token <> 0 AND lane.until <= ?1 AND site.polite_at <= ?1
                       AND NOT EXISTS (SELECT 1 FROM queue
                           WHERE queue.site = lane.site AND queue.prio = lane.prio AND queue.seq = lane.seq)";
        let mut lanes = self.connection.prepare_cached(sql)?;
        let lanes = lanes.query_map([self.now], |row| {
            Ok((SiteId(row.get(0)?), (row.get(1)?, row.get(2)?)))
        })?;
        for lane in lanes.collect::<rusqlite::Result<Vec<(SiteId, Place)>>>()? {
            let taking = self.taking(Purpose::Places);
            if let Some(wide) = self.wide.find(self.connection, lane.0)? {
                wide.lease_suspect(lane.1, None, taking, &mut self.ledger.token);
                ended += 1;
            }
        }
        self.ledger.leased -= ended;
        self.wide.write(self.connection)
    }

    fn next_suspect(&self) -> rusqlite::Result<Option<Suspect>> {
        let sql = format!("SELECT {DUE_COLUMNS} {SITE}");
        let mut site = self.connection.prepare_cached(&sql)?;
        let site = site.query_row([self.now], Due::from_row).optional()?;
        let mut lane = self.connection.prepare_cached(LANE)?;
        let lane = lane.query_row([self.now], |row| {
            let place = (row.get(2)?, row.get(3)?);
            Ok((row.get::<_, u16>(0)?, SiteId(row.get(1)?), place))
        });
        Ok(match (site, lane.optional()?) {
            (Some(due), Some((alone, ..))) if due.alone() <= alone => Some(Suspect::Site(due)),
            (_, Some((_, site, place))) => Some(Suspect::Lane(site, place)),
            (site, None) => site.map(Suspect::Site),
        })
    }

    fn lease_suspect_site(&mut self, mut due: Due) -> rusqlite::Result<Option<Lease>> {
        self.lease_single(&mut due);
        self.take(&mut due, 1)?;
        Ok(self.write(due)?.pop())
    }

    fn lease_suspect_lane(
        &mut self,
        site: SiteId,
        place: Place,
    ) -> rusqlite::Result<Option<Lease>> {
        let url = read_queued(self.connection, site, place)?;
        let taking = self.taking(Purpose::Places);
        let wide = self.wide.find(self.connection, site)?;
        // It was told by its row.
        let wide = wide.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let (lease, was_held) = wide.lease_suspect(place, url, taking, &mut self.ledger.token);
        self.ledger.leased += i64::from(lease.is_some()) - i64::from(was_held);
        Ok(lease)
    }
}
