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

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::core::Core;
use super::failure::Failure;
use super::lanes::{self, LaneRow};
use super::sites::Resting;
use super::successors::{REST_MAX, Successors, has_successors};
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::{span, span_millis};
use crate::frontier::known::Key;
use crate::frontier::lane::Lane;
use crate::frontier::{Ending, Late, LeaseKey, NewUrl, Outcome, Settled, Written};

/// Reads lanes that may go on, and whether a lane is due that nobody has claimed.
const GO_ON: Sql = Sql {
    text: "
SELECT l.site, l.lane, l.token, l.delay_ms, l.polite_at,
    (SELECT true FROM site_lane WHERE next_at <= $3 AND next_at < 9223372036854775807 LIMIT 1) IS NOT NULL
FROM (SELECT unnest($1) AS site, unnest($2) AS lane) x JOIN site_lane l ON (l.site, l.lane) = (x.site, x.lane)",
    types: &[Type::INT8_ARRAY, Type::INT4_ARRAY, Type::INT8],
};

/// Takes URLs out of the queue for good.
const FINISH: Sql = Sql {
    text: "
DELETE FROM queue q
USING (SELECT unnest($1) AS site, unnest($2) AS lane, unnest($3) AS prio, unnest($4) AS seq, unnest($5) AS ord) x
WHERE (q.site, q.lane, q.prio, q.seq) = (x.site, x.lane, x.prio, x.seq) RETURNING x.ord",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Takes URLs out of the queue to wait: their age among those of their priority is kept, or begins anew.
const DELAY: Sql = Sql {
    text: "
WITH gone AS (
    DELETE FROM queue q
    USING unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
        AS x(site, lane, prio, seq, ready_at, attempts, is_anew, ord)
    WHERE (q.site, q.lane, q.prio, q.seq) = (x.site, x.lane, x.prio, x.seq)
    RETURNING x.ord, x.ready_at, x.attempts, x.is_anew, q.site, q.lane, q.prio, q.seq, q.url_hash, q.depth, q.hops,
        q.referrer, q.chain, q.url),
kept AS (
    INSERT INTO delayed(ready_at, seq, site, lane, prio, url_hash, depth, attempts, hops, referrer, chain, url)
    SELECT ready_at, CASE WHEN is_anew THEN nextval('seq') ELSE seq END, site, lane, prio, url_hash, depth, attempts,
        hops, referrer, chain, url
    FROM (SELECT * FROM gone ORDER BY ord) g)
SELECT ord FROM gone",
    types: &[
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::BOOL_ARRAY,
    ],
};

/// Takes outcomes with their links, and how far the output files hold them.
#[derive(Debug)]
pub(super) struct Settle {
    outcomes: Vec<Outcome>,
    links: Vec<NewUrl>,
    written: Vec<Written>,
    /// When it was asked for: the ages are of then.
    at: Instant,
}

impl Settle {
    /// Takes the links out of the outcomes, in their order, and puts the outcomes in the order of their lanes.
    pub(super) fn new(mut outcomes: Vec<Outcome>, written: Vec<Written>) -> Self {
        let links = Outcome::take_links(&mut outcomes);
        outcomes.sort_by_key(|outcome| outcome.lease.key);
        Self {
            outcomes,
            links,
            written,
            at: Instant::now(),
        }
    }

    /// Gives the outcomes back, of which those at `late` may have no record.
    pub(super) fn refuse(self, late: &Late) -> Settled {
        Settled::refused(self.outcomes, self.links, late)
    }
}

/// What a settle came to.
#[derive(Debug)]
pub(super) enum Settling {
    Settled {
        settled: Settled,
        going_on: GoingOn,
    },
    /// Nothing, for these records came too late.
    Late(Late),
}

/// The leases whose lane goes on, and when what follows is due.
type GoingOn = HashMap<LeaseKey, Instant>;

/// Where a URL stands in the queue.
type Row = (Lane, i16, i64);

fn row_of(outcome: &Outcome) -> Row {
    let lease = &outcome.lease;
    (lease.key.lane, lease.priority, lease.seq)
}

/// What is to be taken out of the queue, and why.
#[derive(Default)]
struct Plan<'o> {
    finals: Vec<&'o Outcome>,
    delays: Vec<(&'o Outcome, Delay)>,
}

/// What becomes of a queue's row, besides its end.
#[derive(Debug, Clone, Copy)]
struct Delay {
    after: i64,
    attempts: u16,
    is_anew: bool,
}

impl Work for Settle {
    type Answer = Settling;

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Settling, Failure> {
        let resting = self.resting(turn.now);
        let going_on = self.going_on(turn).await?;
        let filled = turn.add(&self.links, &resting).await?;
        let mut keys = turn.lanes_of_sites(&resting).await?;
        keys.extend(&filled.lanes);
        let freed = self.outcomes.iter().map(|outcome| outcome.lease.key);
        let freed = freed.filter(|key| !going_on.contains_key(key));
        keys.extend(freed.map(|key| key.lane));
        let rows = turn.lock(keys).await?;
        let mut lanes: BTreeMap<_, _> = rows.into_iter().map(|row| (row.lane, row)).collect();
        for lane in &filled.lanes {
            if let Some(row) = lanes.get_mut(lane) {
                row.wake(turn.now);
            }
        }
        let done = turn.take_out(&self.plan(&lanes)).await?;
        let late = self.late_records(turn, &done, filled.late).await?;
        if !late.is_empty() {
            return Ok(Settling::Late(late));
        }
        self.free(turn, &mut lanes, &done, &going_on);
        turn.write_lanes(lanes.values()).await?;
        turn.note_written(&self.written).await?;
        let settled = Settled {
            outcomes: done.len(),
            late: self.outcomes.len() - done.len(),
            links: filled.new,
            ..Settled::default()
        };
        Ok(Settling::Settled { settled, going_on })
    }

    fn is_change(settling: &Settling) -> bool {
        matches!(settling, Settling::Settled { .. })
    }

    fn note(&self, core: &Core, settling: &Settling) {
        if let Settling::Settled { going_on, .. } = settling {
            let mut successors = core.successors();
            for outcome in &self.outcomes {
                let key = outcome.lease.key;
                successors.on_settled(key, going_on.get(&key).copied());
            }
        }
    }

    fn is_void(settling: &Settling) -> bool {
        matches!(settling, Settling::Late(_))
    }
}

impl Settle {
    /// Returns which sites are to rest in all their lanes, and until when. One with a single lane needs no row for it: that
    /// is as old as the site.
    fn resting(&self, now: i64) -> Resting {
        let mut resting = Resting::new();
        for outcome in self.outcomes.iter().filter(|outcome| {
            !outcome.rest.is_zero() && !outcome.is_unasked && !outcome.lease.is_in_a_row()
        }) {
            let until = now - span_millis(outcome.age) + span_millis(outcome.rest);
            let rest = resting.entry(outcome.lease.site).or_default();
            *rest = until.max(*rest);
        }
        resting
    }

    /// Returns whose records are in files though they do not count.
    async fn late_records(
        &self,
        turn: &Turn<'_>,
        done: &[&Outcome],
        links: HashSet<Key>,
    ) -> Result<Late, Failure> {
        if self.written.is_empty() {
            return Ok(Late::default());
        }
        let outcomes = self.outcomes.iter().enumerate();
        let late = outcomes.filter(|(_, outcome)| {
            outcome.record().is_some() && !done.iter().any(|done| std::ptr::eq(*done, *outcome))
        });
        let outcomes = late.map(|(at, _)| at).collect();
        let late = Late { outcomes, links };
        // What the try before has taken out of the queue, or recorded, came in time.
        if late.is_empty() || turn.is_repeat && turn.has_written(&self.written).await? {
            return Ok(Late::default());
        }
        Ok(late)
    }

    /// Returns what is to be taken out of the queue.
    fn plan(&self, lanes: &BTreeMap<Lane, LaneRow>) -> Plan<'_> {
        let mut plan = Plan::default();
        let mut taken = HashSet::new();
        for outcome in &self.outcomes {
            let delay = Delay::of(outcome);
            let may_count = delay.is_none() || is_held(outcome, lanes);
            // Of two outcomes of one URL the first that may counts.
            if may_count && taken.insert(row_of(outcome)) {
                match delay {
                    None => plan.finals.push(outcome),
                    Some(delay) => plan.delays.push((outcome, delay)),
                }
            }
        }
        plan
    }

    /// Returns which lanes go on with what follows in this process. Their rows are read and not locked: what is written to
    /// them at the same time comes as if it came a moment later, and finds them on lease.
    async fn going_on(&self, turn: &Turn<'_>) -> Result<GoingOn, Failure> {
        let mut going_on = GoingOn::new();
        if turn.is_repeat || !turn.may_go_on() {
            return Ok(going_on);
        }
        let candidates = self.candidates(&turn.core.successors());
        if candidates.is_empty() {
            return Ok(going_on);
        }
        let (sites, numbers) = lanes::columns(candidates.keys());
        let rows = turn.query(&GO_ON, &[&sites, &numbers, &turn.now]).await?;
        for row in rows {
            let outcome = candidates.get(&lanes::lane_from(&row)?);
            let (token, delay_ms): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            let (polite_at, has_more): (i64, bool) = (row.try_get(4)?, row.try_get(5)?);
            let is_free = has_more && polite_at <= turn.now;
            if let Some(outcome) = outcome
                && is_free
                && token == outcome.lease.key.token
                && let Some(due) = self.due_after(outcome, span(delay_ms))
                && turn.core.successors().may_go_on(outcome.lease.key, due)
            {
                going_on.insert(outcome.lease.key, due);
            }
        }
        Ok(going_on)
    }

    /// Returns the outcomes whose lane may go on as far as they know, but for those that share it with another.
    fn candidates(&self, successors: &Successors) -> BTreeMap<Lane, &Outcome> {
        let mut candidates = BTreeMap::new();
        // They are in the order of their lanes.
        for outcomes in self
            .outcomes
            .chunk_by(|one, other| one.lease.key.lane == other.lease.key.lane)
        {
            if let [outcome] = outcomes
                && matches!(outcome.ending, Ending::Done(_))
                && outcome.welcome == outcome.lease.welcome
                && successors.may_go_on(outcome.lease.key, self.at)
            {
                candidates.insert(outcome.lease.key.lane, outcome);
            }
        }
        candidates
    }

    /// Returns when a site with this delay may be asked again, if that is soon.
    fn due_after(&self, outcome: &Outcome, delay: Duration) -> Option<Instant> {
        if outcome.is_unasked {
            return Some(self.at);
        }
        let rest = delay.max(outcome.rest);
        (rest <= REST_MAX).then(|| self.at + rest.saturating_sub(outcome.age))
    }

    /// Gives each lease its URLs less, and lets sites rest.
    fn free(
        &self,
        turn: &mut Turn<'_>,
        lanes: &mut BTreeMap<Lane, LaneRow>,
        done: &[&Outcome],
        going_on: &GoingOn,
    ) {
        let done: HashSet<_> = done.iter().map(|outcome| row_of(outcome)).collect();
        for outcome in &self.outcomes {
            let ended_at = turn.now - span_millis(outcome.age);
            let rest = span_millis(outcome.rest);
            // What is not there any more may have been taken out, and its lease freed, by the try before.
            let is_new = !turn.is_repeat || done.contains(&row_of(outcome));
            if is_new {
                let bytes = i64::try_from(outcome.bytes).unwrap_or(i64::MAX);
                turn.tally.bytes = turn.tally.bytes.saturating_add(bytes);
            }
            if going_on.contains_key(&outcome.lease.key) {
                continue;
            }
            let is_held = is_held(outcome, lanes);
            // A lane may have gone on by the try before, and nobody knows with what; one that was freed has no lease.
            let is_new = is_new || is_held && has_successors(outcome.lease.key);
            if is_new && let Some(row) = lanes.get_mut(&outcome.lease.key.lane) {
                if is_held {
                    let asked = (!outcome.is_unasked).then_some(ended_at);
                    row.free(turn.now, asked, rest, outcome.welcome);
                    turn.tally.leased -= 1;
                } else {
                    row.let_sleep();
                }
            }
            if rest > 0 && !outcome.is_unasked {
                let site = outcome.lease.site;
                let lane = |number| Lane { site, number };
                for (_, row) in lanes.range_mut(lane(0)..=lane(i64::MAX)) {
                    row.rest(ended_at, rest);
                }
            }
        }
    }
}

/// Returns whether the lease of an outcome still is the lane's.
fn is_held(outcome: &Outcome, lanes: &BTreeMap<Lane, LaneRow>) -> bool {
    let key = outcome.lease.key;
    lanes
        .get(&key.lane)
        .is_some_and(|row| row.token == key.token)
}

impl Delay {
    /// Returns how the URL is to wait, if its answer is not final.
    fn of(outcome: &Outcome) -> Option<Self> {
        let attempts = outcome.lease.attempts;
        let (after, attempts, is_anew) = match &outcome.ending {
            Ending::Done(_) => return None,
            Ending::Retry { after } => (after, attempts.saturating_add(1), false),
            Ending::Later { after } => (after, attempts, false),
            Ending::Again { after, .. } => (after, 0, true),
        };
        Some(Self {
            after: span_millis(*after),
            attempts,
            is_anew,
        })
    }
}

impl Turn<'_> {
    /// Takes URLs out of the queue, records what they gave, and returns those that were there.
    async fn take_out<'o>(&mut self, plan: &Plan<'o>) -> Result<Vec<&'o Outcome>, Failure> {
        let mut done = self.finish(&plan.finals).await?;
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.tally.queued -= count(done.len());
        let delayed = self.delay(&plan.delays).await?;
        self.tally.queued -= count(delayed.len());
        self.tally.delayed += count(delayed.len());
        done.extend(delayed);
        for record in done.iter().filter_map(|outcome| outcome.record()) {
            self.tally.count(record.fate);
        }
        self.record(&done).await?;
        Ok(done)
    }

    async fn finish<'o>(&self, finals: &[&'o Outcome]) -> Result<Vec<&'o Outcome>, Failure> {
        if finals.is_empty() {
            return Ok(Vec::new());
        }
        let (sites, lanes, priorities, seqs) = columns(finals.iter().copied());
        let numbers: Vec<i64> = (1..).take(finals.len()).collect();
        let rows = self
            .query(&FINISH, &[&sites, &lanes, &priorities, &seqs, &numbers])
            .await?;
        numbered(&rows, |at| finals.get(at).copied())
    }

    async fn delay<'o>(
        &self,
        delays: &[(&'o Outcome, Delay)],
    ) -> Result<Vec<&'o Outcome>, Failure> {
        if delays.is_empty() {
            return Ok(Vec::new());
        }
        let (sites, lanes, priorities, seqs) = columns(delays.iter().map(|(outcome, _)| *outcome));
        let ready: Vec<i64> = delays
            .iter()
            .map(|(outcome, delay)| {
                self.now
                    .max(self.now - span_millis(outcome.age) + delay.after)
            })
            .collect();
        let attempts: Vec<i32> = delays
            .iter()
            .map(|(_, delay)| delay.attempts.into())
            .collect();
        let anew: Vec<bool> = delays.iter().map(|(_, delay)| delay.is_anew).collect();
        let rows = self
            .query(
                &DELAY,
                &[&sites, &lanes, &priorities, &seqs, &ready, &attempts, &anew],
            )
            .await?;
        numbered(&rows, |at| delays.get(at).map(|(outcome, _)| *outcome))
    }
}

type Columns = (Vec<i64>, Vec<i32>, Vec<i16>, Vec<i64>);

/// Returns the keys of the queue's rows, column by column.
fn columns<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> Columns {
    let mut columns = Columns::default();
    for (lane, priority, seq) in outcomes.map(row_of) {
        columns.0.push(lane.site.0);
        columns.1.push(lane.column());
        columns.2.push(priority);
        columns.3.push(seq);
    }
    columns
}

/// Returns what rows name by their numbers, which begin with 1.
fn numbered<'o>(
    rows: &[tokio_postgres::Row],
    at: impl Fn(usize) -> Option<&'o Outcome>,
) -> Result<Vec<&'o Outcome>, Failure> {
    let outcomes = rows.iter().map(|row| {
        let number = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
        at(number.wrapping_sub(1)).ok_or(Failure::Damaged("a URL that was not asked for"))
    });
    outcomes.collect()
}
