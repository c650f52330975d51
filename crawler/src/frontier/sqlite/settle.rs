//! Settling: what was fetched leaves the queue, its links come in, its lane is free again when it is polite.
//!
//! Only what this transaction took out of the queue counts. A late outcome, whose lease was lost, is one of three:
//!
//! | the URL is | a final answer | a retry |
//! |---|---|---|
//! | done, or waits for its next try | is ignored | is ignored |
//! | queued, or leased by another | counts: the other's will be the late one | is ignored |
//!
//! Where files hold records of those that are ignored, all of it is undone instead, so that no file is told to hold them.

use rusqlite::{CachedStatement, Connection, params};

use super::ledger::column;
use super::turn::Turn;
use crate::frontier::clock::span_millis;
use crate::frontier::known::Key;
use crate::frontier::{
    Ending, Late, Lease, NewUrl, Outcome, Record, Settled, SiteId, UrlHash, Written,
};
use crate::policy::welcome::Welcome;

/// What becomes of a queue's row, besides its end.
struct Delay {
    ready_at: i64,
    attempts: u16,
    /// Its place among those of its priority.
    seq: i64,
}

/// Whose record it is.
struct Recorded<'a> {
    key: Key,
    url: &'a str,
    referrer: Option<UrlHash>,
    depth: u16,
    at: i64,
}

/// The statement that writes records, found once for many of them.
pub(super) struct Recording<'c>(CachedStatement<'c>);

impl<'c> Recording<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let sql = "INSERT INTO result(site, url_hash, url, referrer, depth, at, fate, status, about, file, file_offset)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        connection.prepare_cached(sql).map(Self)
    }

    fn write(&mut self, of: &Recorded<'_>, record: &Record) -> rusqlite::Result<()> {
        let archive = record.archive.as_ref();
        let columns = params![
            of.key.0.0,
            of.key.1.0,
            of.url,
            UrlHash::column(of.referrer),
            of.depth,
            of.at,
            record.fate.as_str(),
            record.status,
            record.about,
            archive.map(|archive| &archive.file),
            archive.map(|archive| column(archive.offset))
        ];
        self.0.execute(columns).map(drop)
    }
}

/// What each outcome needs, found once for all of a settle.
struct Finishing<'c> {
    dequeueing: CachedStatement<'c>,
    recording: Recording<'c>,
}

impl<'c> Finishing<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let sql = "DELETE FROM queue WHERE site = ?1 AND prio = ?2 AND seq = ?3";
        Ok(Self {
            dequeueing: connection.prepare_cached(sql)?,
            recording: Recording::prepare(connection)?,
        })
    }
}

impl Turn<'_> {
    /// Takes outcomes with their links, and how far the output files hold them.
    pub(super) fn settle(
        &mut self,
        mut outcomes: Vec<Outcome>,
        written: Vec<Written>,
    ) -> rusqlite::Result<Settled> {
        let links = Outcome::take_links(&mut outcomes);
        outcomes.sort_by_key(|outcome| outcome.lease.key);
        let (before, point) = (*self.ledger, self.fresh.point());
        self.wide.write(self.connection)?;
        self.run("SAVEPOINT settle")?;
        let filled = self.add(&links)?;
        let mut settled = Settled {
            links: filled.new,
            ..Settled::default()
        };
        let mut late = Late {
            links: filled.late,
            ..Late::default()
        };
        let mut finishing = Finishing::prepare(self.connection)?;
        for (at, outcome) in outcomes.iter().enumerate() {
            self.ledger.count_bytes(outcome.bytes);
            if self.finish(&mut finishing, outcome)? {
                settled.outcomes += 1;
            } else {
                settled.late += 1;
                late.outcomes.extend(outcome.record().map(|_| at));
            }
        }
        let is_refused = !late.is_empty() && !written.is_empty();
        if is_refused {
            self.run("ROLLBACK TO settle")?;
            *self.ledger = before;
            self.fresh.go_back(point);
            self.wide.forget();
        }
        self.run("RELEASE settle")?;
        if is_refused {
            return Ok(Settled::refused(outcomes, links, &late));
        }
        for file in written {
            self.note_written(&file)?;
        }
        self.changed();
        Ok(settled)
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Settles one URL and frees its lane; returns whether the outcome counted.
    fn finish(&mut self, with: &mut Finishing<'_>, outcome: &Outcome) -> rusqlite::Result<bool> {
        let ended_at = self.now - span_millis(outcome.age);
        let ready_at = |after| (ended_at + span_millis(after)).max(self.now);
        let lease = &outcome.lease;
        let is_settled = match &outcome.ending {
            Ending::Done(record) => {
                let is_settled = self.dequeue(with, outcome)?;
                if is_settled {
                    self.record(with, outcome, record)?;
                }
                is_settled
            }
            Ending::Retry { after } => {
                let delay = Delay {
                    ready_at: ready_at(*after),
                    attempts: lease.attempts.saturating_add(1),
                    seq: lease.seq,
                };
                self.delay(with, outcome, &delay)?
            }
            Ending::Later { after } => {
                let delay = Delay {
                    ready_at: ready_at(*after),
                    attempts: lease.attempts,
                    seq: lease.seq,
                };
                self.delay(with, outcome, &delay)?
            }
            Ending::Again { record, after } => {
                let delay = Delay {
                    ready_at: ready_at(*after),
                    attempts: 0,
                    seq: self.ledger.seq + 1,
                };
                let is_settled = self.delay(with, outcome, &delay)?;
                if is_settled {
                    self.ledger.seq += 1;
                    self.record(with, outcome, record)?;
                }
                is_settled
            }
        };
        self.free(outcome, ended_at)?;
        Ok(is_settled)
    }

    /// Takes the URL out of the queue, whoever holds it by now, and returns whether it was there.
    fn dequeue(&mut self, with: &mut Finishing<'_>, outcome: &Outcome) -> rusqlite::Result<bool> {
        let lease = &outcome.lease;
        let place = params![lease.site.0, lease.priority, lease.seq];
        let count = with.dequeueing.execute(place)?;
        self.ledger.queued -= i64::from(count > 0);
        if let Some(wide) = self.wide.find_of(self.connection, lease)? {
            wide.on_dequeued((lease.priority, lease.seq));
        }
        Ok(count > 0)
    }

    /// Lets the URL wait for its next try, if its lease holds, and returns whether it did.
    fn delay(
        &mut self,
        with: &mut Finishing<'_>,
        outcome: &Outcome,
        delay: &Delay,
    ) -> rusqlite::Result<bool> {
        if !self.is_held(&outcome.lease)? {
            return Ok(false);
        }
        let sql =
            "INSERT INTO delayed(ready_at, seq, site, prio, url_hash, depth, attempts, hops, referrer, chain, url)
                   SELECT ?4, ?5, site, prio, url_hash, depth, ?6, hops, referrer, chain, url FROM queue
                   WHERE site = ?1 AND prio = ?2 AND seq = ?3";
        let lease = &outcome.lease;
        let columns = params![
            lease.site.0,
            lease.priority,
            lease.seq,
            delay.ready_at,
            delay.seq,
            delay.attempts
        ];
        if self.connection.prepare_cached(sql)?.execute(columns)? == 0 {
            return Ok(false);
        }
        self.ledger.delayed += 1;
        self.dequeue(with, outcome)
    }

    /// Returns whether a lease is the present one of its lane.
    fn is_held(&mut self, lease: &Lease) -> rusqlite::Result<bool> {
        if let Some(wide) = self.wide.find_of(self.connection, lease)? {
            return Ok(wide.holds(lease.key));
        }
        let sql = "SELECT 1 FROM site WHERE site = ?1 AND token = ?2";
        let mut held = self.connection.prepare_cached(sql)?;
        held.exists([lease.site.0, lease.key.token])
    }

    fn record(
        &mut self,
        with: &mut Finishing<'_>,
        outcome: &Outcome,
        record: &Record,
    ) -> rusqlite::Result<()> {
        let lease = &outcome.lease;
        let of = Recorded {
            key: (lease.site, lease.hash),
            url: &lease.url,
            referrer: lease.referrer,
            depth: lease.depth,
            at: self.now - span_millis(outcome.age),
        };
        with.recording.write(&of, record)?;
        self.ledger.count(record.fate);
        Ok(())
    }

    /// Records a link that a rule refuses.
    pub(super) fn record_link(
        &mut self,
        recording: &mut Recording<'_>,
        link: &NewUrl,
        record: &Record,
    ) -> rusqlite::Result<()> {
        let of = Recorded {
            key: link.key(),
            url: &link.url,
            referrer: link.referrer,
            depth: link.depth,
            at: self.now,
        };
        recording.write(&of, record)?;
        self.ledger.count(record.fate);
        Ok(())
    }

    /// Gives the lane's lease one URL less, and ends it with its last, if it was not lost.
    fn free(&mut self, outcome: &Outcome, ended_at: i64) -> rusqlite::Result<()> {
        let key = outcome.lease.key;
        let rests_from = (!outcome.is_unasked).then_some(ended_at);
        let rest = span_millis(outcome.rest);
        let asked = rests_from.filter(|_| rest > 0);
        let is_held = if let Some(wide) = self.wide.find_of(self.connection, &outcome.lease)? {
            let is_held = wide.on_settled(key, self.now);
            if let Some(from) = asked {
                wide.on_rest(from, rest);
            }
            is_held
        } else {
            let is_held = self.free_single(outcome, rests_from)?;
            if let Some(from) = asked {
                self.rest(key.lane.site, from, rest)?;
            }
            is_held
        };
        self.ledger.leased -= i64::from(is_held);
        Ok(())
    }

    /// Does so for a site of one lane. It is polite from the end of the fetch on, and free at once when it is set aside.
    fn free_single(&self, outcome: &Outcome, rests_from: Option<i64>) -> rusqlite::Result<bool> {
        let sql = "UPDATE site SET held = held - 1, lost = 0, suspect = 0, alone = 0,
                       token = CASE held WHEN 1 THEN 0 ELSE token END, pushbacks = ?5, aside = ?6,
                       rest_ms = CASE WHEN ?3 + max(delay_ms, ?4) >= polite_at THEN max(delay_ms, ?4) ELSE rest_ms END,
                       polite_at = max(polite_at, coalesce(?3 + max(delay_ms, ?4), 0)),
                       next_at = CASE
                           WHEN held > 1 AND ?6 <> 0 THEN next_at
                           WHEN held > 1 THEN max(next_at, polite_at, coalesce(?3 + max(delay_ms, ?4), 0))
                           WHEN NOT EXISTS (SELECT 1 FROM queue WHERE site = ?1) THEN 9223372036854775807
                           WHEN ?6 <> 0 THEN ?7
                           ELSE max(polite_at, coalesce(?3 + max(delay_ms, ?4), 0)) END
                   WHERE site = ?1 AND token = ?2";
        let key = outcome.lease.key;
        let site = key.lane.site;
        let rest = span_millis(outcome.rest);
        let (pushbacks, aside) = match outcome.welcome {
            Welcome::Open { pushbacks } => (pushbacks, 0),
            Welcome::SetAside { status } => (0, status),
        };
        let columns = params![
            site.0, key.token, rests_from, rest, pushbacks, aside, self.now
        ];
        let is_held = self.connection.prepare_cached(sql)?.execute(columns)? > 0;
        if !is_held {
            self.let_sleep(site)?;
        }
        Ok(is_held)
    }

    /// Lets a site sleep that nobody holds and that has nothing queued: a late answer may have been to its last URL.
    fn let_sleep(&self, site: SiteId) -> rusqlite::Result<()> {
        let sql = "UPDATE site SET next_at = 9223372036854775807
                   WHERE site = ?1 AND token = 0 AND NOT EXISTS (SELECT 1 FROM queue WHERE site = ?1)";
        self.connection
            .prepare_cached(sql)?
            .execute([site.0])
            .map(drop)
    }

    /// Leaves a site of one lane alone for so long from then on; what is leased goes on, and is not claimed by another
    /// before.
    fn rest(&self, site: SiteId, from: i64, rest: i64) -> rusqlite::Result<()> {
        let sql =
            "UPDATE site SET rest_ms = CASE WHEN ?2 + ?3 >= polite_at THEN ?3 ELSE rest_ms END,
                       polite_at = max(polite_at, ?2 + ?3),
                       next_at = CASE aside WHEN 0 THEN max(next_at, ?2 + ?3) ELSE next_at END
                   WHERE site = ?1";
        let mut rests = self.connection.prepare_cached(sql)?;
        rests.execute([site.0, from, rest]).map(drop)
    }
}
