//! Retries that are ready go back to their lanes. Their lanes are locked first, and those of others passed by: another
//! claim moves what they wait for.

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::{LaneRow, columns};
use super::turn::{Sql, Turn};

/// The lanes of the retries that have waited longest; the next claim moves more.
const LANES: Sql = Sql {
    text: "
SELECT l.site, l.lane, l.lanes, l.delay_ms, l.next_at, l.polite_at, l.token, l.held, l.lost, l.suspect, l.alone,
    l.pushbacks, l.aside, l.rest_ms
FROM (SELECT DISTINCT site, lane
      FROM (SELECT site, lane FROM delayed WHERE ready_at <= $1 ORDER BY ready_at LIMIT 1000) d) x
JOIN site_lane l ON (l.site, l.lane) = (x.site, x.lane)
ORDER BY l.site, l.lane FOR UPDATE OF l SKIP LOCKED",
    types: &[Type::INT8],
};

const MOVE: Sql = Sql {
    text: "
WITH ready AS (
    DELETE FROM delayed d USING (
        SELECT d.ready_at, d.seq FROM delayed d JOIN unnest($2, $3) AS x(site, lane)
            ON (d.site, d.lane) = (x.site, x.lane)
        WHERE d.ready_at <= $1 ORDER BY d.ready_at LIMIT 1000) r
    WHERE (d.ready_at, d.seq) = (r.ready_at, r.seq) RETURNING d.*)
INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
SELECT site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url FROM ready",
    types: &[Type::INT8, Type::INT8_ARRAY, Type::INT4_ARRAY],
};

impl Turn<'_> {
    /// Puts the retries that are ready back into their lanes.
    pub(super) async fn move_ready(&mut self) -> Result<(), Failure> {
        let rows = self.query(&LANES, &[&self.now]).await?;
        let lanes: Result<Vec<_>, _> = rows.iter().map(LaneRow::from_row).collect();
        let mut lanes = lanes?;
        if lanes.is_empty() {
            return Ok(());
        }
        let (sites, numbers) = columns(lanes.iter().map(|row| &row.lane));
        let moved = self.execute(&MOVE, &[&self.now, &sites, &numbers]).await?;
        self.tally.delayed -= moved;
        self.tally.queued += moved;
        for lane in &mut lanes {
            lane.wake(self.now);
        }
        self.write_lanes(&lanes).await
    }
}
