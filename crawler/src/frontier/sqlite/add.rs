//! Adding URLs: each that was not seen before is queued in its lane, and the lane is woken.

use std::num::NonZeroU16;

use rusqlite::{OptionalExtension as _, params};

use super::turn::Turn;
use crate::frontier::clock::span_millis;
use crate::frontier::lane::Lane;
use crate::frontier::{Added, NewUrl, Site, SiteId, State, UrlHash};

/// How a site was laid out when its first URL came.
struct Layout {
    lanes: NonZeroU16,
    delay_ms: i64,
    polite_at: i64,
}

impl Turn<'_> {
    /// Queues the URLs that are new.
    pub(super) fn add(&mut self, urls: &[NewUrl]) -> rusqlite::Result<Added> {
        // The number is taken in the order of the page, and only then do they go in the order of the keys, which
        // touches few leaves.
        let first = self.ledger.seq + 1;
        let mut urls: Vec<_> = (first..).zip(urls).collect();
        self.ledger.seq += i64::try_from(urls.len()).unwrap_or(i64::MAX);
        urls.sort_unstable_by_key(|(seq, url)| (url.key(), *seq));

        let mut new = 0;
        for of_site in urls.chunk_by(|(_, a), (_, b)| a.site.id() == b.site.id()) {
            new += self.add_to_site(of_site)?;
        }
        if new > 0 {
            if self.ledger.state == State::Done {
                self.ledger.state = State::Running;
            }
            self.changed();
        }
        Ok(Added {
            new,
            known: urls.len() - new,
        })
    }

    fn add_to_site(&mut self, urls: &[(i64, &NewUrl)]) -> rusqlite::Result<usize> {
        let Some((_, first)) = urls.first() else {
            return Ok(0);
        };
        let site = &first.site;
        let mut layout = None;
        let mut lanes = Vec::new();
        let mut new = 0;
        for (seq, url) in urls {
            if !self.fresh.see(self.connection, url.key())? {
                continue;
            }
            let layout = match &mut layout {
                Some(layout) => layout,
                none => none.insert(self.layout(site)?),
            };
            let lane = url.hash.lane(layout.lanes);
            self.queue(*seq, lane, url)?;
            lanes.push(lane);
            new += 1;
        }
        if let Some(layout) = layout {
            lanes.sort_unstable();
            lanes.dedup();
            for lane in lanes {
                self.make_or_wake(lane, site, &layout)?;
            }
        }
        let count = i64::try_from(new).unwrap_or(i64::MAX);
        self.ledger.known += count;
        self.ledger.queued += count;
        Ok(new)
    }

    /// Returns how the site is laid out: as it was when it was first seen, or as it is now.
    fn layout(&self, site: &Site) -> rusqlite::Result<Layout> {
        let sql = "SELECT lanes, delay_ms, polite_at FROM site_lane WHERE site = ?1 LIMIT 1";
        let known = self
            .connection
            .prepare_cached(sql)?
            .query_row([site.id().0], |row| {
                Ok(Layout {
                    lanes: row.get(0)?,
                    delay_ms: row.get(1)?,
                    // A site that rests rests in all its lanes, also in those to come.
                    polite_at: row.get(2)?,
                })
            });
        Ok(known.optional()?.unwrap_or_else(|| Layout {
            lanes: site.lanes(),
            delay_ms: span_millis(site.delay()),
            polite_at: 0,
        }))
    }

    fn queue(&self, seq: i64, lane: u16, url: &NewUrl) -> rusqlite::Result<()> {
        let sql = "INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10)";
        let columns = params![
            url.site.id().0,
            lane,
            url.priority,
            seq,
            url.hash.0,
            url.depth,
            url.hops,
            UrlHash::column(url.referrer),
            UrlHash::column(url.chain),
            url.url
        ];
        self.connection
            .prepare_cached(sql)?
            .execute(columns)
            .map(drop)
    }

    fn make_or_wake(&self, lane: u16, site: &Site, layout: &Layout) -> rusqlite::Result<()> {
        let lane_key = Lane {
            site: site.id(),
            number: lane,
        };
        if self.wake(lane_key)? {
            return Ok(());
        }
        let sql =
            "INSERT OR IGNORE INTO site_lane(site, lane, lanes, name, delay_ms, next_at, polite_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, max(?6, ?7), ?6)";
        let columns = params![
            site.id().0,
            lane,
            layout.lanes,
            site.name(),
            layout.delay_ms,
            layout.polite_at,
            self.now
        ];
        self.connection
            .prepare_cached(sql)?
            .execute(columns)
            .map(drop)
    }

    /// Makes a lane that had nothing queued due when it is free, and returns whether it was such a lane.
    pub(super) fn wake(&self, lane: Lane) -> rusqlite::Result<bool> {
        let sql = "UPDATE site_lane SET next_at = max(free_at, ?3)
                   WHERE site = ?1 AND lane = ?2 AND next_at = 9223372036854775807";
        let SiteId(site) = lane.site;
        let mut wake = self.connection.prepare_cached(sql)?;
        Ok(wake.execute(params![site, lane.number, self.now])? > 0)
    }
}
