//! Leases that go on, are given back, or are ended because nobody else is there to hold them.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::successors::REST_MAX;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::span_millis;
use crate::frontier::lane::REST_AGAIN_MAX;
use crate::frontier::{Asks, Lease, LeaseKey};

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
            row.renew(turn.now);
        }
        turn.write_lanes(&lanes).await?;
        Ok(lost)
    }
}

/// Notes what is asked for of a suspect.
#[derive(Debug)]
pub(super) struct NoteAsked(pub(super) LeaseKey, pub(super) Asks);

impl Work for NoteAsked {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Self(key, asks) = self;
        let mut lanes = turn.lock(vec![key.lane]).await?;
        lanes.retain(|row| row.token == key.token);
        for row in &mut lanes {
            row.on_asks(*asks);
        }
        turn.write_lanes(&lanes).await
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
                row.release(turn.now, span_millis(*rest));
                turn.tally.leased -= 1;
            }
        }
        turn.write_lanes(&lanes).await
    }

    fn is_change((): &()) -> bool {
        true
    }
}

/// No rest goes on for longer than it was to be: the clock may have gone back.
const CUT_RESTS: Sql = Sql {
    text: "UPDATE site_lane SET polite_at = $1 + rest_ms WHERE polite_at > $1 + rest_ms",
    types: &[Type::INT8],
};

/// Nor that of the lanes to come: those that are there rest as long.
const CUT_RESTS_OF_SITES: Sql = Sql {
    text: "
UPDATE site s SET rest_until = least(s.rest_until, (SELECT max(l.polite_at) FROM site_lane l WHERE l.site = s.site))
WHERE s.rest_until > $1",
    types: &[Type::INT8],
};

/// A site that was being asked for one URL at a time rests from now on as it did after its last answer. Of one that went on
/// that is not written, but it was no longer than `$3`. A lane with nothing queued is due never: its last URL was done by a
/// late answer.
const END_ALL: Sql = Sql {
    text: "
WITH held AS (SELECT site, lane, held, CASE WHEN lanes = 1 AND aside = 0
                  THEN greatest(delay_ms, least(rest_ms, $2), (token < 0)::int * $3) ELSE 0 END AS rest_ms
              FROM site_lane WHERE next_at < 9223372036854775807 AND token <> 0 ORDER BY site, lane FOR UPDATE)
UPDATE site_lane l SET polite_at = greatest(l.polite_at, $1 + held.rest_ms),
    rest_ms = greatest(l.rest_ms, held.rest_ms), lost = least(l.lost + 1, 1000),
    alone = least(l.alone + (l.suspect > 0 AND l.lost >= 3)::int, 1000), token = 0, held = 0,
    next_at = CASE WHEN (SELECT true FROM queue q WHERE (q.site, q.lane) = (l.site, l.lane) LIMIT 1) IS NULL
                  THEN 9223372036854775807 ELSE l.next_at END
FROM held WHERE (l.site, l.lane) = (held.site, held.lane) RETURNING held.held",
    types: &[Type::INT8, Type::INT8, Type::INT8],
};

const WELCOME_ALL: Sql = Sql {
    text: "UPDATE site_lane SET pushbacks = 0, aside = 0 WHERE aside <> 0",
    types: &[],
};

/// What is queued is due when it is polite.
const WAKE_ALL: Sql = Sql {
    text: "
UPDATE site_lane SET next_at = greatest(polite_at, least(next_at, $1))
WHERE next_at < 9223372036854775807 AND next_at <> greatest(polite_at, least(next_at, $1))",
    types: &[Type::INT8],
};

/// Ends all leases, of which nobody knows when their holders ended: they count as lost, and their requests may have run until
/// just now. A site that was set aside gets another chance, when it is polite too.
#[derive(Debug)]
pub(super) struct EndAll;

impl Work for EndAll {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        turn.execute(&CUT_RESTS, &[&turn.now]).await?;
        turn.execute(&CUT_RESTS_OF_SITES, &[&turn.now]).await?;
        let (again_max, kept_max) = (span_millis(REST_AGAIN_MAX), span_millis(REST_MAX));
        let rows = turn
            .query(&END_ALL, &[&turn.now, &again_max, &kept_max])
            .await?;
        for row in rows {
            turn.tally.leased -= i64::from(row.try_get::<_, i32>(0)?);
        }
        turn.execute(&WELCOME_ALL, &[]).await?;
        turn.execute(&WAKE_ALL, &[&turn.now]).await.map(drop)
    }
}
