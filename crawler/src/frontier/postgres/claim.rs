//! Claiming: lanes that are due are leased, and their first URLs handed out.
//!
//! The lanes are locked by one statement, and their URLs read by the next, which sees what was settled until the lock
//! was had; one statement for both would hand out a URL that has just been finished. A lane that another works on is
//! passed by, so that a claim waits for nobody.

use std::collections::VecDeque;
use std::time::Instant;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::{LaneRow, small};
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::{Claims, Lease, LeaseKey, Next, Round, UrlHash};

/// The lanes that are due, the longest first.
const DUE: Sql = Sql {
    text: "
SELECT site, lane, lanes, delay_ms, next_at, polite_at, token, held, lost, suspect, alone, pushbacks, aside, rest_ms
FROM site_lane
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

/// What a claim came to.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) claims: Claims,
    /// What follows some of the leases.
    pub(super) behind: Vec<VecDeque<Lease>>,
}

/// A lane with what is handed out of it.
struct Taken {
    row: LaneRow,
    leases: Vec<Lease>,
    /// How many URLs are taken of it if it gives one at a time.
    line: usize,
    /// What follows that one.
    behind: VecDeque<Lease>,
}

impl Work for Claim {
    type Answer = Claimed;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Claimed, Failure> {
        if turn.has_ready {
            turn.move_ready().await?;
        }
        let room = turn.room(self.demand).await?;
        let mut leases: Vec<Lease> = Vec::new();
        let mut behind = Vec::new();
        // A lane whose URLs are all done was due too: there may be more.
        while leases.len() < room.now {
            let wanted = room.now - leases.len();
            let mut due = turn.due(wanted).await?;
            let is_last = due.len() < wanted;
            if !is_last && turn.may_go_on() && turn.core.successors().has_room(Instant::now()) {
                for lane in &mut due {
                    lane.line = lane.row.line();
                }
            }
            for lane in turn.lease(due, wanted).await? {
                leases.extend(lane.leases);
                if !lane.behind.is_empty() {
                    behind.push(lane.behind);
                }
            }
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
        let claims = Claims {
            leases,
            next,
            round: self.round,
        };
        Ok(Claimed { claims, behind })
    }

    fn is_change(claimed: &Claimed) -> bool {
        claimed.claims.next == Next::Done
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
                line: 1,
                behind: VecDeque::new(),
            })
        });
        lanes.collect()
    }

    /// Takes the first URLs of each lane in turn, until `room` are found or no lane may give more.
    async fn lease(&mut self, mut due: Vec<Taken>, room: usize) -> Result<Vec<Taken>, Failure> {
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
            let wanted: Vec<_> = open.iter().map(|&at| (at, due[at].wanted(share))).collect();
            let mut given = self.take(&due, &wanted).await?;
            open.clear();
            for ((at, take), urls) in wanted.into_iter().zip(&mut given) {
                if found == room {
                    break;
                }
                reached = reached.max(at + 1);
                let lane = &mut due[at];
                let is_single = lane.row.is_single();
                let most = if is_single { 1 } else { room - found };
                let count = urls.len().min(most);
                found += count;
                lane.leases.extend(urls.drain(..count));
                if is_single {
                    lane.behind = std::mem::take(urls);
                } else if count == take {
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
        Ok(due)
    }

    /// Reads up to so many more URLs of each lane.
    async fn take(
        &self,
        due: &[Taken],
        wanted: &[(usize, usize)],
    ) -> Result<Vec<VecDeque<Lease>>, Failure> {
        let long = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let lanes = || wanted.iter().map(|(at, _)| &due[*at]);
        let sites: Vec<i64> = lanes().map(|lane| lane.row.lane.site.0).collect();
        let numbers: Vec<i32> = lanes().map(|lane| lane.row.lane.column()).collect();
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
            urls.push_back(due[*at].row.url(&row)?);
        }
        Ok(given)
    }

    /// Notes the lease in the lane, or that the lane has nothing to give.
    fn write_down(&mut self, lane: &mut Taken, token: i64) {
        let row = &mut lane.row;
        // A lease that ran out held it.
        self.tally.leased -= i64::from(row.held);
        if let Some(first) = lane.leases.first() {
            let count = lane.leases.len() + lane.behind.len();
            row.losses = row.losses.on_claim(first.seq, count);
            let held = i32::try_from(lane.leases.len()).unwrap_or(i32::MAX);
            let token = if lane.behind.is_empty() {
                token
            } else {
                -token
            };
            row.lease(self.now, token, held);
        } else {
            row.sleep();
        }
        self.tally.leased += i64::from(row.held);
        for lease in lane.leases.iter_mut().chain(&mut lane.behind) {
            lease.lost = row.losses.alone;
            lease.is_suspect = row.losses.is_careful();
            lease.key.token = row.token;
        }
    }
}

impl Taken {
    /// Returns how many URLs to take of it, of an equal share of what is wanted.
    const fn wanted(&self, share: usize) -> usize {
        if self.row.is_single() {
            self.line
        } else {
            share
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

    /// Reads a URL, whose lease is not known yet.
    fn url(&self, row: &Row) -> Result<Lease, Failure> {
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
            is_suspect: false,
            key: LeaseKey {
                lane: self.lane,
                token: 0,
            },
            lanes: self.lanes,
            welcome: self.welcome,
            since: None,
        })
    }
}
