//! Suspects: what was lost thrice, a site of one lane or a URL of a site of many. Those that were not lost as suspects yet are
//! on lease some at a time, so that a run that was killed a few times is soon through; one that was is on lease with no other
//! suspect of the whole file beside it, so that nobody dies of one while another is at work. Those that were lost less often
//! go first, so that who is killed by something else is not killed beside the same one again and again.
//!
//! As long as nothing was lost twice none of it costs a look at the file.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::claim::{DUE_COLUMNS, Due};
use super::turn::Turn;
use super::wide::{Place, Purpose, read_queued};
use crate::frontier::losses::{CAREFUL_FROM, TOGETHER};
use crate::frontier::{Lease, SiteId, Suspects, UrlHash};

/// A site of one lane that is one, or is by a lease that ran out; whose turn it is comes first. Beside others only who was
/// not lost as one yet.
const SITE: &str = "FROM site WHERE lost >= 2 AND lost + (token <> 0) >= 3
     AND next_at <= ?1 AND next_at < 9223372036854775807 AND (?2 = 0 OR lost + (token <> 0) = 3)
     ORDER BY lost + (token <> 0), alone, next_at LIMIT 1";

/// A URL of a site of many lanes.
const LANE: &str = "SELECT lane.lost + (lane.token <> 0), lane.alone, lane.site, lane.prio, lane.seq
     FROM lane JOIN site ON site.site = lane.site
     WHERE lane.lost >= 2 AND lane.lost + (lane.token <> 0) >= 3 AND lane.until <= ?1 AND site.polite_at <= ?1
         AND (?2 = 0 OR lane.lost + (lane.token <> 0) = 3)
         AND EXISTS (SELECT 1 FROM queue
             WHERE queue.site = lane.site AND queue.prio = lane.prio AND queue.seq = lane.seq)
     ORDER BY 1, lane.alone, lane.seq LIMIT 1";

/// The suspects of a file, for who only reads it: what is on lease is lost already where nobody works on the crawl.
const COUNT: &str = "SELECT (SELECT count(*) FROM site
         WHERE lost >= 2 AND lost + (?1 AND token <> 0) >= 3 AND next_at < 9223372036854775807)
     + (SELECT count(*) FROM lane WHERE lost >= 2 AND lost + (?1 AND token <> 0) >= 3)";

/// Which URLs they are, and how often each was lost. Of a site of one lane that is the one that its last lease held.
const WHICH: &str = "SELECT queue.url_hash, site.lost + (?1 AND site.token <> 0)
     FROM site JOIN queue ON queue.site = site.site AND queue.seq = site.suspect
     WHERE site.lost >= 2 AND site.lost + (?1 AND site.token <> 0) >= 3 AND site.next_at < 9223372036854775807
     UNION ALL SELECT queue.url_hash, lane.lost + (?1 AND lane.token <> 0)
     FROM lane JOIN queue ON queue.site = lane.site AND queue.prio = lane.prio AND queue.seq = lane.seq
     WHERE lane.lost >= 2 AND lane.lost + (?1 AND lane.token <> 0) >= 3";

/// What became of the leases that stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holders {
    /// They last.
    AtWork,
    /// They were lost with whoever held them.
    Gone,
}

/// Counts the suspects of a file.
pub(super) fn count(connection: &Connection, holders: Holders) -> rusqlite::Result<Suspects> {
    let is_lost = holders == Holders::Gone;
    let count: i64 = connection.query_row(COUNT, [is_lost], |row| row.get(0))?;
    Ok(Suspects {
        count: count.cast_unsigned(),
        leased: 0,
    })
}

/// Returns the suspects of a file, each with how often it was lost in a row.
pub(super) fn which(
    connection: &Connection,
    holders: Holders,
) -> rusqlite::Result<Vec<(UrlHash, u16)>> {
    let mut which = connection.prepare(WHICH)?;
    let read = |row: &Row<'_>| Ok((UrlHash(row.get(0)?), row.get(1)?));
    which.query_map([holders == Holders::Gone], read)?.collect()
}

/// The one whose turn it is.
enum Suspect {
    Site(Due),
    Lane(SiteId, Place),
}

/// The suspects on lease.
#[derive(Debug, Clone, Copy)]
struct AtWork {
    count: i64,
    /// With those that wait for their turn.
    all: i64,
    /// Whether one of them was lost as one before, so that none may be beside it.
    is_alone: bool,
}

impl AtWork {
    const fn has_room(self) -> bool {
        !self.is_alone && self.count < TOGETHER
    }
}

impl Turn<'_> {
    /// Leases up to `count` suspects whose turn it is.
    pub(super) fn claim_suspects(&mut self, count: usize) -> rusqlite::Result<Vec<Lease>> {
        let mut leases = Vec::new();
        if count == 0 || !self.ledger.may_suspect {
            return Ok(leases);
        }
        self.wide.write(self.connection)?;
        self.know_sites()?;
        self.end_done_suspects()?;
        let mut at_work = self.suspects_at_work()?;
        while leases.len() < count && at_work.has_room() {
            let Some((lost, suspect)) = self.next_suspect(at_work.count > 0)? else {
                break;
            };
            let lease = match suspect {
                Suspect::Site(due) => self.lease_suspect_site(due)?,
                Suspect::Lane(site, place) => self.lease_suspect_lane(site, place)?,
            };
            self.wide.write(self.connection)?;
            if let Some(lease) = lease {
                at_work.count += 1;
                at_work.is_alone = lost > CAREFUL_FROM;
                leases.push(lease);
            }
        }
        if at_work.count == 0 {
            let sql = "SELECT EXISTS (SELECT 1 FROM site WHERE lost >= 2) OR EXISTS (SELECT 1 FROM lane WHERE lost >= 2)";
            let mut any = self.connection.prepare_cached(sql)?;
            self.ledger.may_suspect = any.query_row([], |row| row.get(0))?;
        }
        Ok(leases)
    }

    /// Has the sites of many lanes in memory that have suspects: they tell when they are due without them.
    fn know_sites(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT DISTINCT site FROM lane WHERE lost >= 2";
        let mut sites = self.connection.prepare_cached(sql)?;
        let sites = sites.query_map([], |row| row.get(0).map(SiteId))?;
        for site in sites.collect::<rusqlite::Result<Vec<_>>>()? {
            self.wide.find(self.connection, site)?;
        }
        Ok(())
    }

    fn suspects_at_work(&mut self) -> rusqlite::Result<AtWork> {
        self.wide.write(self.connection)?;
        let sql = "SELECT count(*) FILTER (WHERE at_work), coalesce(max(lost) FILTER (WHERE at_work), 0), count(*) FROM (
                SELECT lost, token <> 0 AND next_at > ?1 AS at_work FROM site
                    WHERE lost >= 2 AND lost >= 3 AND next_at < 9223372036854775807
                UNION ALL SELECT lost, token <> 0 AND until > ?1 FROM lane WHERE lost >= 2 AND lost >= 3)";
        let mut at_work = self.connection.prepare_cached(sql)?;
        at_work.query_row([self.now], |row| {
            let lost: u16 = row.get(1)?;
            Ok(AtWork {
                count: row.get(0)?,
                all: row.get(2)?,
                is_alone: lost > CAREFUL_FROM,
            })
        })
    }

    /// Returns the first time after `at` at which a suspect could be leased that is not, as those on lease are.
    pub(super) fn first_suspect_after(&mut self, at: i64) -> rusqlite::Result<Option<i64>> {
        if !self.ledger.may_suspect {
            self.ledger.suspects = Suspects::default();
            return Ok(None);
        }
        let at_work = self.suspects_at_work()?;
        self.ledger.suspects = Suspects {
            count: at_work.all.cast_unsigned(),
            leased: at_work.count.cast_unsigned(),
        };
        if !at_work.has_room() {
            return Ok(None);
        }
        let others = i64::from(at_work.count > 0);
        let first = |sql| {
            let mut first = self.connection.prepare_cached(sql)?;
            first.query_row([at, self.now, others], |row| row.get::<_, Option<i64>>(0))
        };
        let site = first(
            "SELECT min(next_at) FROM site WHERE lost >= 2 AND next_at > ?1 AND next_at < 9223372036854775807
                 AND (lost >= 3 AND token = 0 OR lost + (token <> 0) >= 3 AND next_at <= ?2)
                 AND (?3 = 0 OR lost + (token <> 0) = 3)",
        )?;
        let lane = first(
            "SELECT min(polite_at) FROM (SELECT max(site.polite_at, lane.until) AS polite_at
                 FROM lane JOIN site ON site.site = lane.site
                 WHERE lane.lost >= 2 AND lane.lost + (lane.token <> 0) >= 3 AND lane.until <= ?2
                     AND (?3 = 0 OR lane.lost + (lane.token <> 0) = 3)
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

    /// Returns whose turn it is, beside others or with none, and how often it was lost.
    fn next_suspect(&self, is_beside: bool) -> rusqlite::Result<Option<(u16, Suspect)>> {
        let sql = format!("SELECT {DUE_COLUMNS} {SITE}");
        let turn = params![self.now, is_beside];
        let mut site = self.connection.prepare_cached(&sql)?;
        let site = site.query_row(turn, Due::from_row).optional()?;
        let mut lane = self.connection.prepare_cached(LANE)?;
        let lane = lane.query_row(turn, |row| {
            let lost: (u16, u16) = (row.get(0)?, row.get(1)?);
            let place = (row.get(3)?, row.get(4)?);
            Ok((lost, SiteId(row.get(2)?), place))
        });
        Ok(match (site, lane.optional()?) {
            (Some(due), Some((lost, ..))) if due.lost() <= lost => {
                Some((due.lost().0, Suspect::Site(due)))
            }
            (_, Some((lost, site, place))) => Some((lost.0, Suspect::Lane(site, place))),
            (site, None) => site.map(|due| (due.lost().0, Suspect::Site(due))),
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
