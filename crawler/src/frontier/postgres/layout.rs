//! The layout of a crawl: a schema of its own in the database, so that one that is begun anew is gone in a moment, and
//! its tables know no other. Made and brought up to date by one node at a time.
//!
//! Times are milliseconds since the epoch, the largest integer is never. `next_at` of a lane is its politeness timer,
//! the end of its lease and its wake-up in one; a lane without queued URLs is due never. Invariant:
//! `next_at >= polite_at`, but for a site that is set aside: `aside` is the status for which it was, 0 for none, and such
//! a lane keeps its `polite_at` for another day. `rest_ms` is how long the rest was to be that ends at `polite_at`. A `token` below zero is that of a lease under which URLs
//! [follow one another](super::successors); then `polite_at` is that of before the first of them.
//!
//! The upper eight bits of a site are its shard, and it comes first in every key: from some ten million URLs on `seen`
//! and `queue` are partitioned by ranges of it.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::tally;
use crate::frontier::{FrontierError, Job, Place};

/// The layout below. An older one is brought up to it here, a newer one is refused.
pub(super) const LAYOUT: i32 = 2;

/// The oldest server that is supported, as `server_version_num` has it.
const OLDEST: i32 = 140_000;

/// What brings a crawl from each layout to the next: from nothing to 1 first.
const STEPS: [&str; 2] = ["
CREATE TABLE crawl(
    id bigint PRIMARY KEY, layout int NOT NULL, state text NOT NULL, config text NOT NULL, pages_max bigint,
    bytes_max bigint);
CREATE TABLE tally(
    slot int PRIMARY KEY, known bigint NOT NULL DEFAULT 0, queued bigint NOT NULL DEFAULT 0,
    delayed bigint NOT NULL DEFAULT 0, leased bigint NOT NULL DEFAULT 0, fetched bigint NOT NULL DEFAULT 0,
    redirected bigint NOT NULL DEFAULT 0, refused bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
CREATE TABLE site(
    site bigint PRIMARY KEY, lanes int NOT NULL, delay_ms bigint NOT NULL, rest_until bigint NOT NULL,
    name text NOT NULL);
CREATE TABLE site_lane(
    site bigint NOT NULL, next_at bigint NOT NULL, polite_at bigint NOT NULL, delay_ms bigint NOT NULL,
    token bigint NOT NULL DEFAULT 0, suspect bigint NOT NULL DEFAULT 0, lane int NOT NULL, lanes int NOT NULL,
    held int NOT NULL DEFAULT 0, lost int NOT NULL DEFAULT 0, alone int NOT NULL DEFAULT 0,
    pushbacks int NOT NULL DEFAULT 0, aside int NOT NULL DEFAULT 0,
    PRIMARY KEY (site, lane)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lane_due ON site_lane(next_at) WHERE next_at < 9223372036854775807;
CREATE SEQUENCE seq;
CREATE TABLE seen(site bigint NOT NULL, url_hash bigint NOT NULL, PRIMARY KEY (site, url_hash));
CREATE TABLE queue(
    site bigint NOT NULL, seq bigint NOT NULL, url_hash bigint NOT NULL, referrer bigint NOT NULL,
    chain bigint NOT NULL, lane int NOT NULL, depth int NOT NULL, attempts int NOT NULL, prio smallint NOT NULL,
    hops smallint NOT NULL, url text NOT NULL, PRIMARY KEY (site, lane, prio, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE delayed(
    ready_at bigint NOT NULL, site bigint NOT NULL, seq bigint NOT NULL, url_hash bigint NOT NULL,
    referrer bigint NOT NULL, chain bigint NOT NULL, lane int NOT NULL, depth int NOT NULL, attempts int NOT NULL,
    prio smallint NOT NULL, hops smallint NOT NULL, url text NOT NULL, PRIMARY KEY (ready_at, seq));
CREATE TABLE result(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site bigint NOT NULL, url_hash bigint NOT NULL,
    referrer bigint NOT NULL, at bigint NOT NULL, file_offset bigint, depth int NOT NULL, status int,
    fate text NOT NULL, node text NOT NULL, url text NOT NULL, about text NOT NULL, file text);
CREATE TABLE robots(
    authority text PRIMARY KEY, status int NOT NULL, tries int NOT NULL, fetched_at bigint NOT NULL,
    expires_at bigint NOT NULL, body bytea NOT NULL);
CREATE TABLE output(node text NOT NULL, file text NOT NULL, committed_bytes bigint NOT NULL, PRIMARY KEY (node, file));
CREATE TABLE node(
    name text PRIMARY KEY, id bigint NOT NULL, addr text NOT NULL, capacity bigint NOT NULL DEFAULT 0,
    in_flight bigint NOT NULL DEFAULT 0, rate double precision NOT NULL DEFAULT 0,
    started_at bigint NOT NULL, beat_at bigint NOT NULL, draining bool NOT NULL DEFAULT false);
", "
ALTER TABLE site_lane ADD COLUMN rest_ms bigint NOT NULL DEFAULT 0;
UPDATE site_lane SET rest_ms = greatest(polite_at - (extract(epoch FROM clock_timestamp()) * 1000)::bigint, delay_ms);
"];

/// What is expected at a place, and what is to be there then.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// No crawl, and then this one.
    New(Job),
    /// Any crawl or none, and then this one.
    Anew(Job),
    /// A crawl.
    Old,
}

/// The crawl that was found or begun.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: i64,
}

/// Why there is no such crawl.
pub(super) enum Refusal {
    Failed(Failure),
    Told(FrontierError),
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Finds the crawl in its schema, or begins it; all of it in one transaction under a lock that no other node that
/// opens it shares, nor any that works on it.
pub(super) async fn open(
    client: &Client,
    schema: &str,
    key: i64,
    place: &Place,
    wish: Wish,
) -> Result<Found, Refusal> {
    client
        .batch_execute(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '30s'; SET LOCAL client_min_messages = warning;
             SELECT pg_advisory_xact_lock({key}); SET LOCAL search_path = \"{schema}\""
        ))
        .await?;
    let found = async {
        refuse_old(client).await?;
        in_transaction(client, schema, place, wish).await
    };
    let found = found.await;
    let end = if found.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    let found = found?;
    ended?;
    Ok(found)
}

/// Says that a newer program has the crawl.
pub(super) const fn newer(found: i32) -> Failure {
    Failure::Newer {
        found,
        known: LAYOUT,
    }
}

/// Refuses a server that is older than any that is known to do.
async fn refuse_old(client: &Client) -> Result<(), Failure> {
    let version =
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')";
    let row = client.query_typed_one(version, &[]).await?;
    check_version(row.try_get(0)?, row.try_get(1)?)
}

fn check_version(number: i32, name: String) -> Result<(), Failure> {
    if number < OLDEST {
        return Err(Failure::TooOld(name));
    }
    Ok(())
}

async fn in_transaction(
    client: &Client,
    schema: &str,
    place: &Place,
    wish: Wish,
) -> Result<Found, Refusal> {
    let place = place.clone();
    let layout = layout(client, schema).await?;
    let job = match (wish, layout) {
        (Wish::Old, None) => return Err(Refusal::Told(FrontierError::Missing { place })),
        (Wish::New(_), Some(layout)) if layout <= LAYOUT => {
            return Err(Refusal::Told(FrontierError::Exists { place }));
        }
        (Wish::Old | Wish::New(_), Some(layout)) if layout > LAYOUT => {
            return Err(Refusal::Failed(newer(layout)));
        }
        (Wish::New(job) | Wish::Anew(job), _) => Some(job),
        (Wish::Old, Some(_)) => None,
    };
    let from = match &job {
        Some(_) => 0,
        None => layout.unwrap_or(0),
    };
    if job.is_some() {
        let anew =
            format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE; CREATE SCHEMA \"{schema}\"");
        client.batch_execute(&anew).await?;
    }
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        client.batch_execute(step).await?;
    }
    if let Some(job) = job {
        begin(client, &job).await?;
    } else if from < LAYOUT {
        let newer = "UPDATE crawl SET layout = $1";
        client
            .execute_typed(newer, &[(&LAYOUT, Type::INT4)])
            .await?;
    }
    let row = client.query_typed_one("SELECT id FROM crawl", &[]).await?;
    Ok(Found {
        id: row.try_get(0)?,
    })
}

/// Returns the layout of the crawl in a schema, if there is one.
async fn layout(client: &Client, schema: &str) -> Result<Option<i32>, Failure> {
    let table = format!("\"{schema}\".crawl");
    let exists = "SELECT to_regclass($1) IS NOT NULL";
    let exists = client
        .query_typed_one(exists, &[(&table, Type::TEXT)])
        .await?;
    if !exists.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client
        .query_typed_opt("SELECT layout FROM crawl", &[])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Writes the row of a crawl that begins, and the slots of its numbers.
async fn begin(client: &Client, job: &Job) -> Result<(), Failure> {
    let limit = |most: Option<u64>| most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    let (pages, bytes) = (limit(job.pages), limit(job.bytes));
    let id = fastrand::i64(1..);
    let crawl = "INSERT INTO crawl VALUES ($1, $2, 'seeding', $3, $4, $5)";
    client
        .execute_typed(
            crawl,
            &[
                (&id, Type::INT8),
                (&LAYOUT, Type::INT4),
                (&job.config, Type::TEXT),
                (&pages, Type::INT8),
                (&bytes, Type::INT8),
            ],
        )
        .await?;
    let slots = "INSERT INTO tally(slot) SELECT generate_series(0, $1 - 1)";
    client
        .execute_typed(slots, &[(&tally::SLOTS, Type::INT4)])
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_refused_with_its_version() {
        assert!(check_version(140_000, "14.0".to_owned()).is_ok());
        let old = check_version(130_021, "13.21".to_owned()).unwrap_err();
        let place = Place::Database {
            server: "h:5432/web".to_owned(),
            crawl: "news".to_owned(),
        };
        let refused = old.explain(&place);
        let cause = std::error::Error::source(&refused).map(ToString::to_string);
        assert!(matches!(refused, FrontierError::Refused { .. }));
        assert!(refused.to_string().contains("PostgreSQL 14 or newer"));
        assert_eq!(cause.as_deref(), Some("it is PostgreSQL 13.21"));
    }
}
