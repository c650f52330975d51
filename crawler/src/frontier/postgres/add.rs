//! Adding URLs: each that was not seen before is queued in its lane, and the lane is woken.
//!
//! The order in which rows are locked is the same in all that adds and settles, so that nobody waits in a circle: `seen`,
//! then `site`, then the lanes, each in the order of its keys.

use std::collections::HashSet;
use std::num::NonZeroU16;

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::{columns, lane_from, small};
use super::layouts::Layouts;
use super::sites::Resting;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::span_millis;
use crate::frontier::known::Key;
use crate::frontier::lane::Lane;
use crate::frontier::{Added, NewUrl, SiteId, State, UrlHash};

/// Most are known, and to look costs less than to try; what another has just added is waited for all the same.
const SEE: Sql = Sql {
    text: "
INSERT INTO seen SELECT x.site, x.url_hash FROM (SELECT unnest($1) AS site, unnest($2) AS url_hash) x
WHERE NOT EXISTS (SELECT FROM seen s WHERE (s.site, s.url_hash) = (x.site, x.url_hash))
ON CONFLICT DO NOTHING RETURNING site, url_hash",
    types: &[Type::INT8_ARRAY, Type::INT8_ARRAY],
};

const SITES: Sql = Sql {
    text: "
SELECT s.site, s.lanes FROM unnest($1) AS x(site) JOIN site s ON s.site = x.site",
    types: &[Type::INT8_ARRAY],
};

const MAKE_SITES: Sql = Sql {
    text: "
INSERT INTO site(site, lanes, delay_ms, rest_until, name)
SELECT x.site, x.lanes, x.delay_ms, 0, x.name FROM unnest($1, $2, $3, $4) AS x(site, lanes, delay_ms, name)
ON CONFLICT DO NOTHING",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Those of the lanes that are not there.
const MISSING: Sql = Sql {
    text: "
SELECT x.site, x.lane FROM unnest($1, $2) AS x(site, lane)
WHERE NOT EXISTS (SELECT FROM site_lane l WHERE (l.site, l.lane) = (x.site, x.lane))",
    types: &[Type::INT8_ARRAY, Type::INT4_ARRAY],
};

/// A site that rests rests in all its lanes, also in those to come.
const MAKE_LANES: Sql = Sql {
    text: "
INSERT INTO site_lane(site, lane, lanes, delay_ms, next_at, polite_at, rest_ms)
SELECT s.site, x.lane, s.lanes, s.delay_ms, 9223372036854775807, s.rest_until, greatest(s.rest_until - $3, 0)
FROM unnest($1, $2) AS x(site, lane) JOIN site s ON s.site = x.site ON CONFLICT DO NOTHING",
    types: &[Type::INT8_ARRAY, Type::INT4_ARRAY, Type::INT8],
};

/// The numbers are given in the order of the page.
const QUEUE: Sql = Sql {
    text: "
INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
SELECT unnest($1), unnest($2), unnest($3), nextval('seq'), unnest($4), unnest($5), 0, unnest($6), unnest($7),
    unnest($8), unnest($9)",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

const RUN_AGAIN: Sql = Sql {
    text: "UPDATE crawl SET state = 'running' WHERE state = 'done'",
    types: &[],
};

/// Queues the URLs that are new.
#[derive(Debug)]
pub(super) struct Add(pub(super) Vec<NewUrl>);

impl Work for Add {
    type Answer = Added;

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Added, Failure> {
        let filled = turn.add(&self.0, &Resting::new()).await?;
        let mut lanes = turn.lock(filled.lanes).await?;
        for lane in &mut lanes {
            lane.wake(turn.now);
        }
        turn.write_lanes(&lanes).await?;
        Ok(Added {
            new: filled.new,
            known: self.0.len() - filled.new,
        })
    }

    fn is_change(added: &Added) -> bool {
        added.new > 0
    }
}

/// What URLs came to.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) new: usize,
    /// Those that were known, and have a record for nothing.
    pub(super) late: HashSet<Key>,
    /// The lanes that they are in, which are to be locked and woken.
    pub(super) lanes: Vec<Lane>,
}

impl Turn<'_> {
    /// Queues the URLs that are new, or records them, in lanes that are there then, and locks none of these; and lets sites rest, for these
    /// are locked on the way.
    pub(super) async fn add(
        &mut self,
        urls: &[NewUrl],
        resting: &Resting,
    ) -> Result<Filled, Failure> {
        let new = self.see(urls).await?;
        let count = new.len();
        self.tally.known += i64::try_from(count).unwrap_or(i64::MAX);
        let (recorded, new): (Vec<_>, Vec<_>) =
            new.into_iter().partition(|url| url.record.is_some());
        let late = late(urls, &recorded);
        self.record_links(&recorded).await?;
        if new.is_empty() {
            self.lock_sites(Vec::new(), resting).await?;
            return Ok(Filled {
                new: count,
                late,
                lanes: Vec::new(),
            });
        }
        let (layouts, made) = self.layouts(&new).await?;
        let lanes = lanes_of(&new, &layouts);
        let is_wide = |site: &SiteId| layouts[site].get() > 1;
        // The only lane of a site is as old as the site.
        let is_sure = |lane: &Lane| !is_wide(&lane.site) && !made.contains(&lane.site);
        let unsure = lanes.iter().filter(|lane| !is_sure(lane));
        let missing = self.missing(unsure).await?;
        let growing = missing.iter().map(|lane| lane.site).filter(is_wide);
        self.lock_sites(growing.collect(), resting).await?;
        self.make_lanes(&missing).await?;
        self.queue(&new, &layouts).await?;
        if self.state == State::Done {
            self.execute(&RUN_AGAIN, &[]).await?;
        }
        self.tally.queued += i64::try_from(new.len()).unwrap_or(i64::MAX);
        Ok(Filled {
            new: count,
            late,
            lanes,
        })
    }

    /// Returns the URLs that were never seen before, in the order they came.
    async fn see<'u>(&self, urls: &'u [NewUrl]) -> Result<Vec<&'u NewUrl>, Failure> {
        let mut keys: Vec<Key> = urls.iter().map(NewUrl::key).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (sites, hashes): (Vec<i64>, Vec<i64>) =
            keys.iter().map(|(site, hash)| (site.0, hash.0)).unzip();
        let rows = self.query(&SEE, &[&sites, &hashes]).await?;
        let mut new = HashSet::with_capacity(rows.len());
        for row in rows {
            new.insert((SiteId(row.try_get(0)?), UrlHash(row.try_get(1)?)));
        }
        Ok(urls.iter().filter(|url| new.remove(&url.key())).collect())
    }

    /// Returns how the sites are laid out, as they were when they were first seen or as they are now, and which of them
    /// were not there.
    async fn layouts(&self, urls: &[&NewUrl]) -> Result<(Layouts, HashSet<SiteId>), Failure> {
        let mut firsts: Vec<_> = urls.iter().map(|url| &url.site).collect();
        firsts.sort_by_key(|site| site.id());
        firsts.dedup_by_key(|site| site.id());
        let mut layouts = Layouts::with_capacity(firsts.len());
        firsts.retain(|site| {
            let known = self.core.layouts().get(site.id());
            known
                .map(|lanes| layouts.insert(site.id(), lanes))
                .is_none()
        });
        let found = self.read_sites(firsts.iter().map(|site| site.id().0));
        let found = found.await?;
        self.core.layouts().keep(&found);
        firsts.retain(|site| !found.contains_key(&site.id()));
        layouts.extend(found);
        if firsts.is_empty() {
            return Ok((layouts, HashSet::new()));
        }
        let sites: Vec<i64> = firsts.iter().map(|site| site.id().0).collect();
        let lanes: Vec<i32> = firsts
            .iter()
            .map(|site| site.lanes().get().into())
            .collect();
        let delays: Vec<i64> = firsts
            .iter()
            .map(|site| span_millis(site.delay()))
            .collect();
        let names: Vec<&str> = firsts.iter().map(|site| site.name()).collect();
        self.execute(&MAKE_SITES, &[&sites, &lanes, &delays, &names])
            .await?;
        // Another may have made one of them first.
        layouts.extend(self.read_sites(sites).await?);
        Ok((layouts, firsts.iter().map(|site| site.id()).collect()))
    }

    async fn read_sites(&self, sites: impl IntoIterator<Item = i64>) -> Result<Layouts, Failure> {
        let sites: Vec<i64> = sites.into_iter().collect();
        if sites.is_empty() {
            return Ok(Layouts::new());
        }
        let rows = self.query(&SITES, &[&sites]).await?;
        let layouts = rows.iter().map(|row| {
            let lanes = NonZeroU16::new(small(row, 1)?);
            let lanes = lanes.ok_or(Failure::Damaged("a site without lanes"))?;
            Ok((SiteId(row.try_get(0)?), lanes))
        });
        layouts.collect()
    }

    /// Returns those of the lanes that are not there.
    async fn missing(&self, lanes: impl Iterator<Item = &Lane>) -> Result<Vec<Lane>, Failure> {
        let (sites, numbers) = columns(lanes);
        if sites.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.query(&MISSING, &[&sites, &numbers]).await?;
        rows.iter().map(lane_from).collect()
    }

    async fn make_lanes(&self, lanes: &[Lane]) -> Result<(), Failure> {
        if lanes.is_empty() {
            return Ok(());
        }
        let (sites, numbers) = columns(lanes);
        let made = self
            .execute(&MAKE_LANES, &[&sites, &numbers, &self.now])
            .await;
        made.map(drop)
    }

    async fn queue(&self, urls: &[&NewUrl], layouts: &Layouts) -> Result<(), Failure> {
        let sites: Vec<i64> = urls.iter().map(|url| url.site.id().0).collect();
        let lanes: Vec<i32> = urls
            .iter()
            .map(|url| lane_of(url, layouts).column())
            .collect();
        let priorities: Vec<i16> = urls.iter().map(|url| url.priority).collect();
        let hashes: Vec<i64> = urls.iter().map(|url| url.hash.0).collect();
        let depths: Vec<i32> = urls.iter().map(|url| url.depth.into()).collect();
        let hops: Vec<i16> = urls.iter().map(|url| url.hops.into()).collect();
        let referrers: Vec<i64> = urls
            .iter()
            .map(|url| UrlHash::column(url.referrer))
            .collect();
        let chains: Vec<i64> = urls.iter().map(|url| UrlHash::column(url.chain)).collect();
        let texts: Vec<&str> = urls.iter().map(|url| url.url.as_str()).collect();
        self.execute(
            &QUEUE,
            &[
                &sites,
                &lanes,
                &priorities,
                &hashes,
                &depths,
                &hops,
                &referrers,
                &chains,
                &texts,
            ],
        )
        .await
        .map(drop)
    }
}

fn lane_of(url: &NewUrl, layouts: &Layouts) -> Lane {
    let site = url.site.id();
    Lane {
        site,
        number: url.lane(layouts[&site]).into(),
    }
}

/// Returns the lanes that URLs go to, in the order of their keys.
fn lanes_of(urls: &[&NewUrl], layouts: &Layouts) -> Vec<Lane> {
    let mut lanes: Vec<_> = urls.iter().map(|url| lane_of(url, layouts)).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

/// Returns those of the URLs with a record that are not among these.
fn late(urls: &[NewUrl], recorded: &[&NewUrl]) -> HashSet<Key> {
    let with_record = urls.iter().filter(|url| url.record.is_some());
    let late = with_record.filter(|url| !recorded.iter().any(|new| std::ptr::eq(*new, *url)));
    late.map(NewUrl::key).collect()
}
