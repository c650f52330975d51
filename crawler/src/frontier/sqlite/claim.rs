//! Claiming: lanes that are due are leased, and their first URLs handed out.

use std::num::NonZeroU16;

use rusqlite::{Row, params};

use super::turn::Turn;
use crate::frontier::clock::{NEVER, span_millis};
use crate::frontier::lane::Lane;
use crate::frontier::losses::Losses;
use crate::frontier::{Claims, LEASE, Lease, LeaseKey, Round, SiteId, UrlHash};
use crate::policy::welcome::Welcome;

/// The lanes that are due, the longest first.
pub(super) const DUE: &str =
    "SELECT site, lane, lanes, token, held, lost, suspect, alone, pushbacks, aside FROM site_lane
     WHERE next_at <= ?1 AND next_at < 9223372036854775807 ORDER BY next_at LIMIT ?2";

/// Retries that are moved in one claim; the next claim moves more.
const MOVED_MAX: i64 = 1_000;

/// A lane that is due.
struct Due {
    lane: Lane,
    lanes: NonZeroU16,
    token: i64,
    held: i64,
    losses: Losses,
    welcome: Welcome,
    /// What is handed out of it.
    leases: Vec<Lease>,
}

impl Turn<'_> {
    /// Leases at most `demand` URLs.
    pub(super) fn claim(&mut self, demand: usize) -> rusqlite::Result<Claims> {
        self.move_ready()?;
        let mut leases = Vec::new();
        loop {
            let wanted = demand - leases.len();
            if self.ledger.room().is_some_and(|room| room < wanted) {
                self.end_lost_leases()?;
            }
            let room = self.ledger.room().unwrap_or(wanted).min(wanted);
            let due = self.due(room)?;
            if due.is_empty() {
                break;
            }
            leases.extend(self.lease(due, room)?);
        }
        leases.sort_by_key(|lease: &Lease| (lease.priority, lease.seq));
        let next = self.next()?;
        Ok(Claims {
            leases,
            next,
            round: Round(self.ledger.round),
        })
    }

    fn due(&self, count: usize) -> rusqlite::Result<Vec<Due>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut due = self.connection.prepare_cached(DUE)?;
        due.query_map([self.now, count], Due::from_row)?.collect()
    }

    /// Takes the first URLs of each lane in turn, until `room` are found or no lane may give more.
    fn lease(&mut self, mut due: Vec<Due>, room: usize) -> rusqlite::Result<Vec<Lease>> {
        let share = room.div_ceil(due.len().max(1));
        let (mut reached, mut found) = (0, 0);
        for due in &mut due {
            if found == room {
                break;
            }
            reached += 1;
            if due.token != 0 {
                due.losses = due.losses.on_lost();
                self.ledger.leased -= due.held;
            }
            self.ledger.token += 1;
            due.token = self.ledger.token;
            let take = if due.is_single() { 1 } else { share };
            self.take(due, take.min(room - found))?;
            found += due.leases.len();
        }
        // The rest stay as they are, and due.
        due.truncate(reached);
        // Few of them may hold all there is: they give more than their share.
        for due in due.iter_mut().filter(|due| due.leases.len() == share) {
            if !due.is_single() {
                self.take(due, room - found)?;
                found += due.leases.len() - share;
            }
        }
        let mut leases = Vec::with_capacity(found);
        for due in due {
            leases.extend(self.write(due)?);
        }
        Ok(leases)
    }

    /// Hands out up to `count` more URLs of the lane, behind those that were.
    fn take(&self, due: &mut Due, count: usize) -> rusqlite::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let sql =
            "SELECT prio, seq, url_hash, depth, attempts, hops, referrer, chain, url FROM queue
                   WHERE site = ?1 AND lane = ?2 ORDER BY prio, seq LIMIT ?3 OFFSET ?4";
        let mut queue = self.connection.prepare_cached(sql)?;
        let place = params![
            due.lane.site.0,
            due.lane.number,
            i64::try_from(count).unwrap_or(i64::MAX),
            i64::try_from(due.leases.len()).unwrap_or(i64::MAX)
        ];
        let mut rows = queue.query(place)?;
        while let Some(row) = rows.next()? {
            let lease = due.lease(row)?;
            due.leases.push(lease);
        }
        Ok(())
    }

    /// Writes the lease down, or that the lane has nothing to give.
    fn write(&mut self, mut due: Due) -> rusqlite::Result<Vec<Lease>> {
        let held = i64::try_from(due.leases.len()).unwrap_or(i64::MAX);
        let (mut token, mut next_at) = (due.token, self.now + span_millis(LEASE));
        if let Some(first) = due.leases.first() {
            due.losses = due.losses.on_claim(first.seq, due.leases.len());
        } else {
            (token, next_at, due.losses) = (0, NEVER, Losses::default());
        }
        let sql = "UPDATE site_lane SET next_at = ?3, token = ?4, held = ?5, lost = ?6, suspect = ?7, alone = ?8
                   WHERE site = ?1 AND lane = ?2";
        let columns = params![
            due.lane.site.0,
            due.lane.number,
            next_at,
            token,
            held,
            due.losses.lost,
            due.losses.suspect,
            due.losses.alone
        ];
        self.connection.prepare_cached(sql)?.execute(columns)?;
        self.ledger.leased += held;
        for lease in &mut due.leases {
            lease.lost = due.losses.alone;
        }
        Ok(due.leases)
    }

    /// Puts the retries that are ready back into their lanes.
    fn move_ready(&mut self) -> rusqlite::Result<()> {
        if self.ledger.delayed == 0 {
            return Ok(());
        }
        let sql = "SELECT site, lane, ready_at, seq FROM delayed WHERE ready_at <= ?1 ORDER BY ready_at LIMIT ?2";
        let mut ready = self.connection.prepare_cached(sql)?;
        let ready = ready.query_map([self.now, MOVED_MAX], |row| {
            let lane = Lane {
                site: SiteId(row.get(0)?),
                number: row.get(1)?,
            };
            Ok((lane, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        });
        for ready in ready?.collect::<rusqlite::Result<Vec<_>>>()? {
            let (lane, ready_at, seq) = ready;
            let sql = "INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
                       SELECT site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url
                       FROM delayed WHERE ready_at = ?1 AND seq = ?2";
            let key = [ready_at, seq];
            self.connection.prepare_cached(sql)?.execute(key)?;
            let sql = "DELETE FROM delayed WHERE ready_at = ?1 AND seq = ?2";
            self.connection.prepare_cached(sql)?.execute(key)?;
            self.wake(lane)?;
            self.ledger.delayed -= 1;
            self.ledger.queued += 1;
        }
        Ok(())
    }
}

impl Due {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            lane: Lane {
                site: SiteId(row.get(0)?),
                number: row.get(1)?,
            },
            lanes: row.get(2)?,
            token: row.get(3)?,
            held: row.get(4)?,
            losses: Losses {
                lost: row.get(5)?,
                suspect: row.get(6)?,
                alone: row.get(7)?,
            },
            welcome: match row.get(9)? {
                0 => Welcome::Open {
                    pushbacks: row.get(8)?,
                },
                status => Welcome::SetAside { status },
            },
            leases: Vec::new(),
        })
    }

    /// Returns whether it gives one URL at a time; of a site that is set aside nothing is asked, and all may go at once.
    const fn is_single(&self) -> bool {
        let is_polite = self.lanes.get() == 1 && !self.welcome.is_set_aside();
        is_polite || self.losses.is_careful()
    }

    fn lease(&self, row: &Row<'_>) -> rusqlite::Result<Lease> {
        Ok(Lease {
            site: self.lane.site,
            priority: row.get(0)?,
            seq: row.get(1)?,
            hash: UrlHash(row.get(2)?),
            depth: row.get(3)?,
            attempts: row.get(4)?,
            hops: row.get(5)?,
            referrer: UrlHash::from_column(row.get(6)?),
            chain: UrlHash::from_column(row.get(7)?),
            url: row.get(8)?,
            lost: 0,
            welcome: self.welcome,
            key: LeaseKey {
                lane: self.lane,
                token: self.token,
            },
            lanes: self.lanes,
        })
    }
}
