//! Adding URLs: each that was not seen before is queued, and its site is woken.

use std::collections::HashSet;

use rusqlite::{Statement, params};

use super::settle::Recording;
use super::turn::Turn;
use super::wide::Waiting;
use crate::frontier::clock::span_millis;
use crate::frontier::known::Key;
use crate::frontier::{NewUrl, SiteId, State, UrlHash};

const QUEUE: &str =
    "INSERT INTO queue(site, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
     VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9)";

/// What URLs came to.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// How many were new.
    pub(super) new: usize,
    /// Those that were known, and have a record for nothing.
    pub(super) late: HashSet<Key>,
}

impl Turn<'_> {
    /// Queues the URLs that are new, or records them.
    pub(super) fn add(&mut self, urls: &[NewUrl]) -> rusqlite::Result<Filled> {
        // The number is taken in the order of the page, and only then do they go in the order of the keys, which
        // touches few leaves.
        let first = self.ledger.seq + 1;
        let mut urls: Vec<_> = (first..).zip(urls).collect();
        self.ledger.seq += i64::try_from(urls.len()).unwrap_or(i64::MAX);
        urls.sort_unstable_by_key(|(seq, url)| (url.key(), *seq));

        let mut filled = Filled::default();
        let queued = self.ledger.queued;
        for of_site in urls.chunk_by(|(_, a), (_, b)| a.site.id() == b.site.id()) {
            self.add_to_site(of_site, &mut filled)?;
        }
        if self.ledger.queued > queued {
            if self.ledger.state == State::Done {
                self.ledger.state = State::Running;
            }
            self.changed();
        }
        Ok(filled)
    }

    fn add_to_site(
        &mut self,
        urls: &[(i64, &NewUrl)],
        filled: &mut Filled,
    ) -> rusqlite::Result<()> {
        let connection = self.connection;
        let are_new = (self.fresh).see(connection, urls.iter().map(|(_, url)| url.key()))?;
        let mut recording = Recording::prepare(connection)?;
        let mut queueing = connection.prepare_cached(QUEUE)?;
        let mut queued = Vec::new();
        for ((seq, url), is_new) in urls.iter().zip(are_new) {
            match &url.record {
                Some(record) if is_new => self.record_link(&mut recording, url, record)?,
                Some(_) => {
                    filled.late.insert(url.key());
                }
                None if is_new => {
                    queue(&mut queueing, *seq, url)?;
                    queued.push((*seq, *url));
                }
                None => {}
            }
            filled.new += usize::from(is_new);
            self.ledger.known += i64::from(is_new);
        }
        self.ledger.queued += i64::try_from(queued.len()).unwrap_or(i64::MAX);
        self.make_or_wake(&queued)
    }

    /// Makes the site of URLs that were queued due. It is laid out as it was when it was first seen, or as it is now.
    fn make_or_wake(&mut self, urls: &[(i64, &NewUrl)]) -> rusqlite::Result<()> {
        let Some((_, NewUrl { site, .. })) = urls.first() else {
            return Ok(());
        };
        if self.wide.find(self.connection, site.id())?.is_none() {
            if self.wake(site.id())? {
                return Ok(());
            }
            let sql = "INSERT OR IGNORE INTO site(site, lanes, name, delay_ms, next_at, polite_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, 0)";
            let delay = span_millis(site.delay());
            let columns = params![site.id().0, site.lanes(), site.name(), delay, self.now];
            self.connection.prepare_cached(sql)?.execute(columns)?;
        }
        let Some(wide) = self.wide.find(self.connection, site.id())? else {
            return Ok(());
        };
        for (seq, url) in urls {
            wide.on_queued((url.priority, *seq), Waiting::from(*url), self.now);
        }
        Ok(())
    }

    /// Makes a site of one lane that had nothing queued due when it is free, and returns whether it was such a site.
    pub(super) fn wake(&self, site: SiteId) -> rusqlite::Result<bool> {
        let sql = "UPDATE site SET next_at = max(free_at, ?2)
                   WHERE site = ?1 AND next_at = 9223372036854775807";
        let mut wake = self.connection.prepare_cached(sql)?;
        Ok(wake.execute([site.0, self.now])? > 0)
    }
}

fn queue(queueing: &mut Statement<'_>, seq: i64, url: &NewUrl) -> rusqlite::Result<()> {
    let columns = params![
        url.site.id().0,
        url.priority,
        seq,
        url.hash.0,
        url.depth,
        url.hops,
        UrlHash::column(url.referrer),
        UrlHash::column(url.chain),
        url.url
    ];
    queueing.execute(columns).map(drop)
}
