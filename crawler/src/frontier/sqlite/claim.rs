//! Claiming: sites that are due are leased, whole or by lanes, and their first URLs handed out.

use std::num::NonZeroU16;

use rusqlite::{Row, params};

use super::turn::Turn;
use super::wide::{Purpose, Taking, Waiting, read_queue};
use crate::frontier::clock::{NEVER, span_millis};
use crate::frontier::lane::Lane;
use crate::frontier::losses::Losses;
use crate::frontier::{ABORT_AFTER, Claims, LEASE, Lease, LeaseKey, Round, SiteId};
use crate::policy::welcome::Welcome;

/// A literal, so that a statement can be made of it.
macro_rules! due_columns {
    () => {
        "site, lanes, token, held, lost, suspect, asked, alone, pushbacks, aside"
    };
}

/// What [`Due`] is read from.
pub(super) const DUE_COLUMNS: &str = due_columns!();

/// The sites that are due, the longest first; a suspect has its turn elsewhere.
pub(super) const DUE: &str = concat!(
    "SELECT ",
    due_columns!(),
    " FROM site
     WHERE next_at <= ?1 AND next_at < 9223372036854775807 AND lost + (token <> 0) < 3 ORDER BY next_at LIMIT ?2"
);

/// Retries that are moved in one claim; the next claim moves more.
const MOVED_MAX: i64 = 1_000;

/// A site that is due. What follows its lanes is for a site of one.
pub(super) struct Due {
    site: SiteId,
    lanes: NonZeroU16,
    token: i64,
    held: i64,
    losses: Losses,
    welcome: Welcome,
    /// What is handed out of it.
    leases: Vec<Lease>,
}

impl Turn<'_> {
    /// Leases at most `demand` URLs, and then at most `ahead` more that were never lost.
    pub(super) fn claim(&mut self, demand: usize, ahead: usize) -> rusqlite::Result<Claims> {
        self.move_ready()?;
        let mut leases = self.claim_for(Purpose::Places, demand)?;
        if leases.len() == demand && self.ledger.bytes.left().is_none() {
            leases.extend(self.claim_for(Purpose::Ahead, ahead)?);
        }
        let next = self.next()?;
        Ok(Claims {
            leases,
            next,
            round: Round(self.ledger.round),
        })
    }

    fn claim_for(&mut self, purpose: Purpose, count: usize) -> rusqlite::Result<Vec<Lease>> {
        let mut leases = Vec::new();
        let for_places = purpose == Purpose::Places;
        if for_places {
            // Where a budget ends, the last of it is for what was not lost.
            let room = self
                .ledger
                .room()
                .map_or(count, |room| room.saturating_sub(1));
            leases.extend(self.claim_suspects(room.min(count))?);
        }
        loop {
            let wanted = count - leases.len();
            if self.ledger.room().is_some_and(|room| room < wanted) {
                self.end_lost_leases()?;
            }
            let room = self.ledger.room().unwrap_or(wanted).min(wanted);
            self.wide.write(self.connection)?;
            let mut due = self.due(room)?;
            // Behind one that was lost nothing is claimed ahead, so that places come to it.
            if purpose == Purpose::Ahead
                && let Some(lost) = due.iter().position(Due::was_lost)
            {
                due.truncate(lost);
            }
            if due.is_empty() {
                break;
            }
            let more = self.lease(due, purpose, room)?;
            if more.is_empty() && purpose == Purpose::Ahead {
                break; // They may be due all the same.
            }
            leases.extend(more);
        }
        if for_places && leases.is_empty() && self.ledger.room() == Some(1) {
            leases.extend(self.claim_suspects(count.min(1))?);
        }
        leases.sort_by_key(|lease: &Lease| (lease.priority, lease.seq));
        Ok(leases)
    }

    fn due(&self, count: usize) -> rusqlite::Result<Vec<Due>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut due = self.connection.prepare_cached(DUE)?;
        due.query_map([self.now, count], Due::from_row)?.collect()
    }

    /// Takes the first URLs of each site in turn, until `room` are found or no site may give more.
    fn lease(
        &mut self,
        mut due: Vec<Due>,
        purpose: Purpose,
        room: usize,
    ) -> rusqlite::Result<Vec<Lease>> {
        let share = room.div_ceil(due.len().max(1));
        let (mut reached, mut found) = (0, 0);
        let taking = self.taking(purpose);
        for due in &mut due {
            if found == room {
                break;
            }
            reached += 1;
            let share = share.min(room - found);
            if due.is_wide() {
                if let Some(wide) = self.wide.find(self.connection, due.site)? {
                    wide.look_for_losses(self.now);
                }
                due.leases = self.take_wide(due.site, share, taking)?;
            } else {
                self.lease_single(due);
                let take = if due.is_single() { 1 } else { share };
                self.take(due, take)?;
            }
            found += due.leases.len();
            // It may have come to a lane that was lost.
            if purpose == Purpose::Ahead && due.is_wide() && due.leases.len() < share {
                break;
            }
        }
        // The rest stay as they are, and due.
        due.truncate(reached);
        // Few of them may hold all there is: they give more than their share.
        for due in due.iter_mut().filter(|due| due.leases.len() == share) {
            let more = room - found;
            if more == 0 {
                break;
            }
            if due.is_wide() {
                due.leases.extend(self.take_wide(due.site, more, taking)?);
            } else if !due.is_single() {
                self.take(due, more)?;
            }
            found += due.leases.len() - share;
        }
        let mut leases = Vec::with_capacity(found);
        for due in due {
            leases.extend(if due.is_wide() {
                due.leases
            } else {
                self.write(due)?
            });
        }
        Ok(leases)
    }

    /// Begins to take, for leases with tokens of their own.
    pub(super) fn taking(&self, purpose: Purpose) -> Taking {
        Taking {
            now: self.now,
            until: self.now + span_millis(LEASE),
            purpose,
        }
    }

    /// Leases up to `count` more URLs of a site of many lanes.
    fn take_wide(
        &mut self,
        site: SiteId,
        count: usize,
        taking: Taking,
    ) -> rusqlite::Result<Vec<Lease>> {
        let wide = self.wide.find(self.connection, site)?;
        // It was told by its row.
        let wide = wide.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let read = |behind, count| read_queue(self.connection, site, behind, count);
        let (leases, lost) = wide.claim(taking, count, &mut self.ledger.token, read)?;
        self.ledger.leased += i64::try_from(leases.len()).unwrap_or(i64::MAX) - lost;
        self.ledger.may_suspect |= lost > 0;
        Ok(leases)
    }

    /// Finds out when the sites of many lanes are due that rest.
    pub(super) fn look_at_wide(&mut self) -> rusqlite::Result<()> {
        for site in self.wide.to_look_at(self.now) {
            // It gives nothing while it rests.
            let taking = self.taking(Purpose::Places);
            self.take_wide(site, 1, taking)?;
        }
        self.wide.write(self.connection)
    }

    /// Begins a lease of a site of one lane.
    pub(super) const fn lease_single(&mut self, due: &mut Due) {
        if due.token != 0 {
            due.losses = due.losses.on_lost();
            self.ledger.leased -= due.held;
            self.ledger.may_suspect = true;
        }
        self.ledger.token += 1;
        due.token = self.ledger.token;
    }

    /// Hands out up to `count` more URLs of a site of one lane, behind those that were.
    pub(super) fn take(&self, due: &mut Due, count: usize) -> rusqlite::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let sql =
            "SELECT prio, seq, url_hash, depth, attempts, hops, referrer, chain, url FROM queue
                   WHERE site = ?1 ORDER BY prio, seq LIMIT ?2 OFFSET ?3";
        let mut queue = self.connection.prepare_cached(sql)?;
        let place = params![
            due.site.0,
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

    /// Writes the lease of a site of one lane down, or that it has nothing to give.
    pub(super) fn write(&mut self, mut due: Due) -> rusqlite::Result<Vec<Lease>> {
        let held = i64::try_from(due.leases.len()).unwrap_or(i64::MAX);
        let (mut token, mut next_at) = (due.token, self.now + span_millis(LEASE));
        let aborted_at = self.now + span_millis(ABORT_AFTER);
        if let Some(first) = due.leases.first() {
            due.losses = due.losses.on_claim(first.seq, due.leases.len());
        } else {
            (token, next_at, due.losses) = (0, NEVER, Losses::default());
        }
        let sql = "UPDATE site SET next_at = max(?2, ?8 + again_ms), token = ?3, held = ?4, lost = ?5, suspect = ?6, alone = ?7,
                       asked = 0
                   WHERE site = ?1";
        let columns = params![
            due.site.0,
            next_at,
            token,
            held,
            due.losses.lost,
            due.losses.suspect,
            due.losses.alone,
            aborted_at
        ];
        self.connection.prepare_cached(sql)?.execute(columns)?;
        self.ledger.leased += held;
        for lease in &mut due.leases {
            lease.lost = due.losses.alone;
            lease.is_suspect = due.losses.is_careful();
        }
        Ok(due.leases)
    }

    /// Puts the retries that are ready back into their queues.
    fn move_ready(&mut self) -> rusqlite::Result<()> {
        if self.ledger.delayed == 0 {
            return Ok(());
        }
        let sql = "SELECT ready_at, seq, site, prio, url_hash, depth, attempts, hops, referrer, chain, url FROM delayed
                   WHERE ready_at <= ?1 ORDER BY ready_at LIMIT ?2";
        let mut ready = self.connection.prepare_cached(sql)?;
        let ready = ready.query_map([self.now, MOVED_MAX], |row| {
            let (ready_at, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
            let place = (row.get(3)?, seq);
            Ok((
                ready_at,
                SiteId(row.get(2)?),
                place,
                Waiting::from_row(row, 4)?,
            ))
        });
        for ready in ready?.collect::<rusqlite::Result<Vec<_>>>()? {
            let (ready_at, site, place, url) = ready;
            let sql = "INSERT INTO queue(site, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
                       SELECT site, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url
                       FROM delayed WHERE ready_at = ?1 AND seq = ?2";
            let key = [ready_at, place.1];
            self.connection.prepare_cached(sql)?.execute(key)?;
            let sql = "DELETE FROM delayed WHERE ready_at = ?1 AND seq = ?2";
            self.connection.prepare_cached(sql)?.execute(key)?;
            match self.wide.find(self.connection, site)? {
                Some(wide) => wide.on_queued(place, url, self.now),
                None => self.wake(site).map(drop)?,
            }
            self.ledger.delayed -= 1;
            self.ledger.queued += 1;
        }
        Ok(())
    }
}

impl Due {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            site: SiteId(row.get(0)?),
            lanes: row.get(1)?,
            token: row.get(2)?,
            held: row.get(3)?,
            losses: Losses {
                lost: row.get(4)?,
                suspect: row.get(5)?,
                is_asked: row.get(6)?,
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

    /// Returns how often it was lost in a row, with a lease that ran out, and how often of that as a suspect alone.
    pub(super) fn lost(&self) -> (u16, u16) {
        (
            self.losses.lost + u16::from(self.token != 0),
            self.losses.alone,
        )
    }

    /// Returns whether its last lease was lost; of a wide site its lanes know.
    const fn was_lost(&self) -> bool {
        !self.is_wide() && (self.token != 0 || self.losses.lost > 0)
    }

    const fn is_wide(&self) -> bool {
        self.lanes.get() > 1
    }

    /// Returns whether it gives one URL at a time; of a site that is set aside nothing is asked, and all may go at once.
    const fn is_single(&self) -> bool {
        !self.is_wide() && !self.welcome.is_set_aside()
    }

    fn lease(&self, row: &Row<'_>) -> rusqlite::Result<Lease> {
        let url = Waiting::from_row(row, 2)?;
        let lane = Lane {
            site: self.site,
            number: 0,
        };
        let key = LeaseKey {
            lane,
            token: self.token,
        };
        let place = (row.get(0)?, row.get(1)?);
        Ok(Lease {
            welcome: self.welcome,
            since: None,
            ..url.leased(key, place, self.lanes)
        })
    }
}
