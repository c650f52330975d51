//! Claiming: lanes that are due are leased, and their first URLs handed out.
//!
//! The lanes are locked by one statement, and their URLs read by the next, which sees what was settled until the lock
//! was had; one statement for both would hand out a URL that has just been finished. A lane that another works on is
//! passed by, so that a claim waits for nobody.

use std::collections::VecDeque;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::{LaneRow, small};
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::span_millis;
use crate::frontier::{Claims, LEASE, Lease, LeaseKey, Next, Round, UrlHash};

/// The lanes that are due, the longest first.
const DUE: Sql = Sql {
    text: "
SELECT site, lane, lanes, delay_ms, next_at, polite_at, token, held, lost, suspect, alone, pushbacks, aside FROM site_lane
WHERE next_at <= $1 AND next_at < 9223372036854775807 ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    types: &[Type::INT8, Type::INT8],
};

/// The first URLs of lanes, behind those that were taken.
const TAKE: Sql = Sql {
    text: "
SELECT x.ord, q.prio, q.seq, q.url_hash, q.depth, q.attempts, q.hops, q.referrer, q.chain, q.url
FROM (SELECT unnest($1) AS site, unnest($2) AS lane, unnest($3) AS skip, unnest($4) AS take, unnest($5) AS ord) x
CROSS JOIN LATERAL (SELECT * FROM queue q WHERE (q.site, q.lane) = (x.site, x.lane)
                    ORDER BY q.prio, q.seq LIMIT x.take OFFSET x.skip) q
ORDER BY x.ord, q.prio, q.seq",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Leases at most so many URLs.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) demand: usize,
    /// What was known to have changed before it.
    pub(super) round: Round,
}

/// A lane with what is handed out of it.
struct Taken {
    row: LaneRow,
    leases: Vec<Lease>,
}

impl Work for Claim {
    type Answer = Claims;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Claims, Failure> {
        if turn.has_ready {
            turn.move_ready().await?;
        }
        let room = turn.room(self.demand).await?;
        let mut leases: Vec<Lease> = Vec::new();
        // A lane whose URLs are all done was due too: there may be more.
        while leases.len() < room.now {
            let wanted = room.now - leases.len();
            let due = turn.due(wanted).await?;
            let is_last = due.len() < wanted;
            leases.extend(turn.lease(due, wanted).await?);
            if is_last {
                break;
            }
        }
        leases.sort_by_key(|lease| (lease.priority, lease.seq));
        let next = if leases.len() == self.demand && self.demand > 0 {
            // There may be more; the next claim will see.
            Next::Now
        } else {
            turn.next(&room, leases.len()).await?
        };
        Ok(Claims {
            leases,
            next,
            round: self.round,
        })
    }

    fn is_change(claims: &Claims) -> bool {
        claims.next == Next::Done
    }
}

impl Turn<'_> {
    async fn due(&self, count: usize) -> Result<Vec<Taken>, Failure> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = self.query(&DUE, &[&self.now, &count]).await?;
        let lanes = rows.iter().map(|row| {
            Ok(Taken {
                row: LaneRow::from_row(row)?.on_due(),
                leases: Vec::new(),
            })
        });
        lanes.collect()
    }

    /// Takes the first URLs of each lane in turn, until `room` are found or no lane may give more.
    async fn lease(&mut self, mut due: Vec<Taken>, room: usize) -> Result<Vec<Lease>, Failure> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // A number that no lease ever had: one that was drawn from a sequence may be drawn again after a crash.
        let token = fastrand::i64(1..);
        let mut found = 0;
        let mut open: Vec<usize> = (0..due.len()).collect();
        let mut reached = 0;
        // Few of them may hold all there is: they give more than their share.
        while found < room && !open.is_empty() {
            let share = (room - found).div_ceil(open.len());
            let wanted: Vec<_> = open
                .iter()
                .map(|&at| (at, if due[at].row.is_single() { 1 } else { share }))
                .collect();
            let mut given = self.take(&due, &wanted, token).await?;
            open.clear();
            for ((at, take), urls) in wanted.into_iter().zip(&mut given) {
                if found == room {
                    break;
                }
                reached = reached.max(at + 1);
                let lane = &mut due[at];
                let count = urls.len().min(room - found);
                found += count;
                lane.leases.extend(urls.drain(..count));
                if count == take && !lane.row.is_single() {
                    open.push(at);
                }
            }
        }
        // The rest stay as they are, and due.
        due.truncate(reached);
        for lane in &mut due {
            self.write_down(lane, token);
        }
        self.write_lanes(due.iter().map(|lane| &lane.row)).await?;
        Ok(due.into_iter().flat_map(|lane| lane.leases).collect())
    }

    /// Reads up to so many more URLs of each lane.
    async fn take(
        &self,
        due: &[Taken],
        wanted: &[(usize, usize)],
        token: i64,
    ) -> Result<Vec<VecDeque<Lease>>, Failure> {
        let long = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let lanes = || wanted.iter().map(|(at, _)| &due[*at]);
        let sites: Vec<i64> = lanes().map(|lane| lane.row.lane.site.0).collect();
        let numbers: Vec<i32> = lanes().map(|lane| lane.row.lane.number.into()).collect();
        let skip: Vec<i64> = lanes().map(|lane| long(lane.leases.len())).collect();
        let take: Vec<i64> = wanted.iter().map(|(_, take)| long(*take)).collect();
        let places: Vec<i64> = (0..wanted.len()).map(long).collect();
        let rows = self
            .query(&TAKE, &[&sites, &numbers, &skip, &take, &places])
            .await?;
        let mut given: Vec<VecDeque<Lease>> = wanted.iter().map(|_| VecDeque::new()).collect();
        for row in rows {
            let ord = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(usize::MAX);
            let place = wanted.get(ord).zip(given.get_mut(ord));
            let ((at, _), urls) = place.ok_or(Failure::Damaged("a lane that was not asked for"))?;
            urls.push_back(due[*at].row.url(&row, token)?);
        }
        Ok(given)
    }

    /// Notes the lease in the lane, or that the lane has nothing to give.
    fn write_down(&mut self, lane: &mut Taken, token: i64) {
        let row = &mut lane.row;
        // A lease that ran out held it.
        self.tally.leased -= i64::from(row.held);
        if let Some(first) = lane.leases.first() {
            row.losses = row.losses.on_claim(first.seq, lane.leases.len());
            let held = i32::try_from(lane.leases.len()).unwrap_or(i32::MAX);
            row.lease(token, held, self.now + span_millis(LEASE));
        } else {
            row.sleep();
        }
        self.tally.leased += i64::from(row.held);
        for lease in &mut lane.leases {
            lease.lost = row.losses.alone;
        }
    }
}

impl LaneRow {
    /// Notes that a lease ran out, if there was one: it may give one URL at a time from now on.
    const fn on_due(mut self) -> Self {
        if self.token != 0 {
            self.losses = self.losses.on_lost();
        }
        self
    }

    fn url(&self, row: &Row, token: i64) -> Result<Lease, Failure> {
        let hops = u8::try_from(row.try_get::<_, i16>(6)?);
        Ok(Lease {
            site: self.lane.site,
            priority: row.try_get(1)?,
            seq: row.try_get(2)?,
            hash: UrlHash(row.try_get(3)?),
            depth: small(row, 4)?,
            attempts: small(row, 5)?,
            hops: hops.map_err(|_| Failure::Damaged("too many hops"))?,
            referrer: UrlHash::from_column(row.try_get(7)?),
            chain: UrlHash::from_column(row.try_get(8)?),
            url: row.try_get(9)?,
            lost: 0,
            key: LeaseKey {
                lane: self.lane,
                token,
            },
            lanes: self.lanes,
            welcome: self.welcome,
        })
    }
}
