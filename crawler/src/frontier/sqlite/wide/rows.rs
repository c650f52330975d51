//! What the file has of a site of many lanes: its lanes' leases, and its queue.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::site::{HEAD_MAX, LaneLease, Place, Times, Waiting, WideSite};
use crate::frontier::losses::Losses;
use crate::frontier::{SiteId, UrlHash};

/// The queue of a site behind a place, in its order.
const READ: &str =
    "SELECT prio, seq, url_hash, depth, attempts, hops, referrer, chain, url FROM queue
     WHERE site = ?1 AND (prio, seq) > (?2, ?3) ORDER BY prio, seq LIMIT ?4";

impl Waiting {
    /// Reads the columns from `url_hash` to `url`, of which the first has this number.
    pub(in crate::frontier::sqlite) fn from_row(
        row: &Row<'_>,
        first: usize,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: UrlHash(row.get(first)?),
            depth: row.get(first + 1)?,
            attempts: row.get(first + 2)?,
            hops: row.get(first + 3)?,
            referrer: UrlHash::from_column(row.get(first + 4)?),
            chain: UrlHash::from_column(row.get(first + 5)?),
            url: row.get(first + 6)?,
        })
    }
}

impl WideSite {
    /// Reads a site, if it is one of many lanes.
    pub(super) fn read(connection: &Connection, id: SiteId) -> rusqlite::Result<Option<Self>> {
        let sql =
            "SELECT lanes, polite_at, rest_ms, next_at FROM site WHERE site = ?1 AND lanes > 1";
        let mut site = connection.prepare_cached(sql)?;
        let found = site.query_row([id.0], |row| {
            let times = Times {
                polite_at: row.get(1)?,
                rest_ms: row.get(2)?,
                next_at: row.get(3)?,
            };
            Ok((row.get(0)?, times))
        });
        let Some((lanes, times)) = found.optional()? else {
            return Ok(None);
        };
        let sql = "SELECT seq, token, until, lost, alone, asked, prio FROM lane WHERE site = ?1";
        let mut leases = connection.prepare_cached(sql)?;
        let leases = leases.query_map([id.0], |row| {
            let losses = Losses {
                lost: row.get(3)?,
                suspect: row.get(0)?,
                is_asked: row.get(5)?,
                alone: row.get(4)?,
            };
            let lease = LaneLease {
                token: row.get(1)?,
                until: row.get(2)?,
                priority: row.get(6)?,
                losses,
            };
            Ok((row.get(0)?, lease))
        });
        let leases = leases?.collect::<rusqlite::Result<HashMap<_, _>>>()?;
        Ok(Some(Self::new(id, lanes, times, leases, HEAD_MAX)))
    }

    /// Writes what changed.
    pub(super) fn write(&mut self, connection: &Connection, id: SiteId) -> rusqlite::Result<()> {
        let (times, lanes) = self.unwritten();
        if let Some(times) = times {
            let sql = "UPDATE site SET polite_at = ?2, rest_ms = ?3, next_at = ?4 WHERE site = ?1";
            let mut site = connection.prepare_cached(sql)?;
            site.execute([id.0, times.polite_at, times.rest_ms, times.next_at])?;
        }
        if lanes.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM lane WHERE site = ?1 AND seq = ?2";
        let mut forget = connection.prepare_cached(sql)?;
        let sql = "INSERT OR REPLACE INTO lane(site, seq, prio, token, until, lost, asked, alone)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut note = connection.prepare_cached(sql)?;
        for (number, lease) in lanes {
            if lease.is_nothing() {
                forget.execute(params![id.0, number])?;
                continue;
            }
            let losses = lease.losses;
            note.execute(params![
                id.0,
                number,
                lease.priority,
                lease.token,
                lease.until,
                losses.lost,
                losses.is_asked,
                losses.alone
            ])?;
        }
        Ok(())
    }
}

/// Reads one URL of the queue, if it is there.
pub(in crate::frontier::sqlite) fn read_queued(
    connection: &Connection,
    id: SiteId,
    place: Place,
) -> rusqlite::Result<Option<Waiting>> {
    let sql = "SELECT url_hash, depth, attempts, hops, referrer, chain, url FROM queue
               WHERE site = ?1 AND prio = ?2 AND seq = ?3";
    let mut queued = connection.prepare_cached(sql)?;
    let queued = queued.query_row(params![id.0, place.0, place.1], |row| {
        Waiting::from_row(row, 0)
    });
    queued.optional()
}

/// Reads up to `count` URLs of the queue behind a place.
pub(in crate::frontier::sqlite) fn read_queue(
    connection: &Connection,
    id: SiteId,
    behind: Place,
    count: usize,
) -> rusqlite::Result<Vec<(Place, Waiting)>> {
    let mut queue = connection.prepare_cached(READ)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = queue.query_map(params![id.0, behind.0, behind.1, count], |row| {
        Ok(((row.get(0)?, row.get(1)?), Waiting::from_row(row, 2)?))
    });
    rows?.collect()
}
