//! Leases that go on, are given back, or are ended because nobody else is there to hold them.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::successors::REST_MAX;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::span_millis;
use crate::frontier::{LEASE, Lease, LeaseKey};

/// Makes leases last from now on, and returns those that were lost.
#[derive(Debug)]
pub(super) struct Renew(pub(super) Vec<LeaseKey>);

impl Work for Renew {
    type Answer = Vec<LeaseKey>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Vec<LeaseKey>, Failure> {
        let mut keys = self.0.clone();
        keys.sort_unstable();
        keys.dedup();
        let mut lanes = turn.lock(keys.iter().map(|key| key.lane).collect()).await?;
        let tokens: HashMap<_, _> = lanes.iter().map(|row| (row.lane, row.token)).collect();
        let (held, lost): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .partition(|key| tokens.get(&key.lane) == Some(&key.token));
        let held: HashMap<_, _> = held.into_iter().map(|key| (key.lane, key.token)).collect();
        lanes.retain(|row| held.contains_key(&row.lane));
        for row in &mut lanes {
            let until = turn.now + span_millis(LEASE);
            row.lease(row.token, row.held, until.max(row.free_at(turn.now)));
        }
        turn.write_lanes(&lanes).await?;
        Ok(lost)
    }
}

/// Takes a URL back for each key, unfetched, and leaves its lane alone for so long.
#[derive(Debug)]
pub(super) struct Release(pub(super) Vec<(LeaseKey, Duration)>);

impl Release {
    pub(super) fn of(leases: &[Lease]) -> Self {
        let keys = leases.iter().map(Lease::key);
        Self(keys.map(|key| (key, Duration::ZERO)).collect())
    }
}

impl Work for Release {
    type Answer = ();

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        if turn.is_repeat {
            // The try before may have done it, and a lease must not lose a URL twice; what was not taken back comes
            // back when its lease runs out.
            return Ok(());
        }
        let mut lanes = turn
            .lock(self.0.iter().map(|(key, _)| key.lane).collect())
            .await?;
        for (key, rest) in &self.0 {
            let place = lanes.binary_search_by_key(&key.lane, |row| row.lane);
            if let Ok(at) = place
                && let Some(row) = lanes.get_mut(at).filter(|row| row.token == key.token)
            {
                row.release(turn.now, turn.now + span_millis(*rest));
                turn.tally.leased -= 1;
            }
        }
        turn.write_lanes(&lanes).await
    }

    fn is_change((): &()) -> bool {
        true
    }
}

const END_ALL: Sql = Sql {
    text: "
WITH held AS (SELECT site, lane, held FROM site_lane
              WHERE next_at < 9223372036854775807 AND token <> 0 ORDER BY site, lane FOR UPDATE)
UPDATE site_lane l SET next_at = greatest(l.polite_at, $1 + (l.token < 0)::int * $2), lost = least(l.lost + 1, 1000),
    alone = least(l.alone + (l.suspect <> 0 AND l.lost >= 3)::int, 1000), token = 0, held = 0
FROM held WHERE (l.site, l.lane) = (held.site, held.lane) RETURNING held.held",
    types: &[Type::INT8, Type::INT8],
};

const WELCOME_ALL: Sql = Sql {
    text: "UPDATE site_lane SET next_at = greatest(polite_at, next_at), pushbacks = 0, aside = 0 WHERE aside <> 0",
    types: &[],
};

/// Ends all leases: they count as lost, and their lanes are due when it is polite; of one that went on it is not written
/// when that is. A site that was set aside gets another
/// chance, when it is polite too.
#[derive(Debug)]
pub(super) struct EndAll;

impl Work for EndAll {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let rest = span_millis(REST_MAX);
        let rows = turn.query(&END_ALL, &[&turn.now, &rest]).await?;
        for row in rows {
            turn.tally.leased -= i64::from(row.try_get::<_, i32>(0)?);
        }
        turn.execute(&WELCOME_ALL, &[]).await.map(drop)
    }
}
