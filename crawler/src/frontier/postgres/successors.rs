//! Successors: URLs of a polite lane that were claimed behind the one that is on lease, and follow it under the same lease
//! without the database. A pure machine; what it is told of are claims, settles, renewals and the time of this process.
//!
//! ```text
//!              claim                  settle, and the lane goes on
//!  the database ────▶ one is in hand ───────────────────────────▶ the next waits until its site is polite
//!        ▲                 │      ▲                                    │       │
//!        └─────────────────┘      └──────── claim, once it is due ─────┘       │
//!        ▲   settle, and it                                                    │
//!        │   does not                  nobody claims it for a moment           │
//!        └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The lane has one URL on lease all the while: the one in hand, or the one that waits. Those behind it are only known
//! here, and nothing is written of them: with their lane given back, they are queued as if never claimed.
//!
//! A lane goes on, in the transaction that settles the URL in hand, only where all of this holds; else it is given back:
//!
//! | what | why |
//! |---|---|
//! | the URL is done | what is to be tried again has its own time |
//! | the site rests no longer than [`REST_MAX`], and is as welcome as before | what it asks for holds over all nodes |
//! | the next may begin within [`GO_ON_UNTIL`] of the last renewal | it is renewed in time as any other |
//! | a lane is due that nobody has claimed | nodes without work come first |
//! | no budget is set | one is kept by the database |
//! | the lease is the lane's, which rests no longer by another's late answer | it is no more than a lease |
//!
//! Invariant: at most [`SUCCESSORS_MAX`] URLs are in it, and at most [`LINE_MAX`] of a lane less the one on lease; so that
//! a newcomer that is more urgent waits for no more than these.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::frontier::{LEASE, Lease, LeaseKey, RENEW_EVERY, START_UNTIL};

/// URLs that are claimed of a lane at most: with more a claim and the end of a lease cost no noticeable part of a page.
const LINE_MAX: usize = 8;

/// The time that the rests of a line may take together, where they are as short as they may be.
const LINE_SPAN: Duration = Duration::from_secs(5);

/// The longest rest that is kept here. A node that is gone aborted its last fetch 25 s after its last renewal, so that the
/// lease, which lasts 30 s, ends after its rest.
pub(super) const REST_MAX: Duration = Duration::from_secs(3);

/// How long after the last renewal was sent the last of a line is handed out: its first renewal then comes before a visit
/// is aborted.
const GO_ON_UNTIL: Duration = RENEW_EVERY;

/// How long one that is due waits to be claimed: a node that has no place for it, or ends, lets others have it.
const GRACE: Duration = Duration::from_secs(1);

/// About 3 MB.
const SUCCESSORS_MAX: usize = 8_192;

const _: () = assert!(
    GO_ON_UNTIL.as_millis() + GRACE.as_millis() < START_UNTIL.as_millis(),
    "what is given back could still be started"
);

/// The successors of a process.
#[derive(Debug, Default)]
pub(super) struct Successors {
    lines: HashMap<LeaseKey, Line>,
    /// The lines of which none is in hand, by when they are due.
    waiting: BTreeSet<(Instant, LeaseKey)>,
    count: usize,
    /// Whether somebody looks after those that nobody claims.
    is_watched: bool,
}

/// What follows under one lease.
#[derive(Debug)]
struct Line {
    /// When the claim, or the last renewal that succeeded, was sent.
    since: Instant,
    urls: VecDeque<Lease>,
    /// When the first may begin; none while the one before is in hand.
    due: Option<Instant>,
}

/// Returns whether a lease was made for several URLs, one after the other; by its token, so that any node knows.
pub(super) const fn has_successors(key: LeaseKey) -> bool {
    key.token < 0
}

/// Returns how many URLs are claimed at once of a lane with this delay.
pub(super) fn line_of(delay: Duration) -> usize {
    if delay > REST_MAX {
        return 1;
    }
    let more = LINE_SPAN.as_millis().checked_div(delay.as_millis());
    let more = more.and_then(|more| usize::try_from(more).ok());
    more.map_or(LINE_MAX, |more| LINE_MAX.min(1 + more))
}

impl Successors {
    /// Returns whether a claim may bring more.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        if self.count >= SUCCESSORS_MAX {
            // Of a URL that was neither settled nor released the lease has run out.
            let is_over = |line: &Line| line.due.is_none() && line.since + LEASE <= now;
            let over = self.lines.iter().filter(|(_, line)| is_over(line));
            let over: Vec<_> = over.map(|(key, _)| *key).collect();
            for key in over {
                self.forget(key);
            }
        }
        self.count < SUCCESSORS_MAX
    }

    /// Takes what follows a URL that was claimed by a claim sent then. Where there is no room it takes nothing: the lane
    /// is given back by the settle of that URL.
    pub(super) fn on_claimed(&mut self, urls: VecDeque<Lease>, since: Instant) {
        let Some(key) = urls.front().map(Lease::key) else {
            return;
        };
        if urls.len() >= LINE_MAX || self.count + urls.len() > SUCCESSORS_MAX {
            return;
        }
        self.count += urls.len();
        let line = Line {
            since,
            urls,
            due: None,
        };
        let before = self.lines.insert(key, line);
        debug_assert!(before.is_none(), "each claim has tokens of its own");
    }

    /// Returns whether a URL follows the one in hand that may begin then.
    pub(super) fn may_go_on(&self, key: LeaseKey, due: Instant) -> bool {
        let line = self.lines.get(&key);
        line.is_some_and(|line| line.due.is_none() && due <= line.since + GO_ON_UNTIL)
    }

    /// Notes that the URL in hand is settled, and when the next is due if the lane goes on.
    pub(super) fn on_settled(&mut self, key: LeaseKey, due: Option<Instant>) {
        match (due, self.lines.get_mut(&key)) {
            (Some(due), Some(line)) => {
                debug_assert!(line.due.is_none(), "one at a time");
                line.due = Some(due);
                self.waiting.insert((due, key));
            }
            _ => self.forget(key),
        }
    }

    /// Forgets what follows under a lease that is over.
    pub(super) fn forget(&mut self, key: LeaseKey) {
        if let Some(line) = self.lines.remove(&key) {
            self.count -= line.urls.len();
            if let Some(due) = line.due {
                self.waiting.remove(&(due, key));
            }
        }
    }

    /// Hands out at most so many that may begin now, the longest due first.
    pub(super) fn take_due(&mut self, now: Instant, most: usize) -> Vec<Lease> {
        let due = self.waiting.iter().take_while(|(due, _)| *due <= now);
        let may_start = |key: &LeaseKey| {
            let line = self.lines.get(key);
            line.is_some_and(|line| now < line.since + START_UNTIL)
        };
        let due = due.filter(|(_, key)| may_start(key)).take(most);
        let due: Vec<_> = due.copied().collect();
        let mut leases = Vec::with_capacity(due.len());
        for (at, key) in due {
            self.waiting.remove(&(at, key));
            let Some(line) = self.lines.get_mut(&key) else {
                continue;
            };
            line.due = None;
            if let Some(mut lease) = line.urls.pop_front() {
                self.count -= 1;
                lease.since = Some(line.since);
                leases.push(lease);
            }
            if line.urls.is_empty() {
                self.lines.remove(&key);
            }
        }
        leases
    }

    /// Returns when the next may begin.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// Returns whether from now on somebody is to look after those that nobody claims.
    pub(super) fn begin_watch(&mut self) -> bool {
        !self.waiting.is_empty() && !std::mem::replace(&mut self.is_watched, true)
    }

    /// Returns when the first that waits is to be given back, if nobody claims it. If there is none nobody is watched for.
    pub(super) fn next_unclaimed(&mut self) -> Option<Instant> {
        let due = self.next_due();
        self.is_watched = due.is_some();
        due.map(|due| due + GRACE)
    }

    /// Gives the leases back that nobody claimed for too long; their sites have rested.
    pub(super) fn take_unclaimed(&mut self, now: Instant) -> Vec<(LeaseKey, Duration)> {
        let late = self.waiting.iter().map(|(due, key)| (*due + GRACE, *key));
        let late = late.take_while(|(late, _)| *late <= now);
        let late: Vec<_> = late.map(|(_, key)| key).collect();
        for key in &late {
            self.forget(*key);
        }
        late.into_iter().map(|key| (key, Duration::ZERO)).collect()
    }

    /// Gives back all leases of which none is in hand, with how long their sites are to rest yet, which nobody else knows;
    /// and forgets what follows under the others.
    pub(super) fn take_all(&mut self, now: Instant) -> Vec<(LeaseKey, Duration)> {
        let waiting = std::mem::take(self).waiting.into_iter();
        waiting
            .map(|(due, key)| (key, due.saturating_duration_since(now)))
            .collect()
    }

    /// Returns the leases of which none is in hand: nobody else renews them.
    pub(super) fn waiting(&self) -> Vec<LeaseKey> {
        self.waiting.iter().map(|(_, key)| *key).collect()
    }

    /// Notes that leases were renewed by a renewal sent then, but for those that were lost.
    pub(super) fn on_renewed(&mut self, keys: &[LeaseKey], lost: &[LeaseKey], sent: Instant) {
        for key in lost {
            self.forget(*key);
        }
        for key in keys {
            if let Some(line) = self.lines.get_mut(key) {
                line.since = line.since.max(sent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;

    use super::*;
    use crate::frontier::lane::Lane;
    use crate::frontier::{SiteId, UrlHash};
    use crate::policy::welcome::Welcome;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(number: i64) -> LeaseKey {
        let site = SiteId(number);
        LeaseKey {
            lane: Lane { site, number: 0 },
            token: -1 - number,
        }
    }

    /// Returns what follows in a lane, numbered from 1.
    fn urls(key: LeaseKey, count: i64) -> VecDeque<Lease> {
        let lease = |seq| Lease {
            url: format!("http://h/{seq}"),
            site: key.lane.site,
            hash: UrlHash(seq),
            depth: 0,
            priority: 0,
            attempts: 0,
            referrer: None,
            hops: 0,
            chain: None,
            lost: 0,
            is_suspect: false,
            welcome: Welcome::default(),
            key,
            lanes: NonZeroU16::MIN,
            seq,
            since: None,
        };
        (1..=count).map(lease).collect()
    }

    #[test]
    fn a_line_is_as_long_as_its_rests_are_short() {
        let line = |millis| line_of(Duration::from_millis(millis));
        assert_eq!((line(0), line(1), line(700)), (8, 8, 8));
        assert_eq!((line(1_000), line(2_500), line(3_000)), (6, 3, 2));
        assert_eq!(line(3_001), 1);
        assert_eq!(line(u64::MAX), 1);
    }

    #[test]
    fn no_more_are_held_than_there_is_room_for() {
        let (mut successors, now) = (Successors::default(), Instant::now());
        let mut lines = 0;
        while successors.has_room(now) {
            successors.on_claimed(urls(key(lines), 7), now);
            lines += 1;
            assert!(successors.count <= SUCCESSORS_MAX);
            if successors.count + 7 > SUCCESSORS_MAX {
                break;
            }
        }
        let before = successors.count;
        successors.on_claimed(urls(key(lines), 7), now);
        assert_eq!(successors.count, before);
        assert!(!successors.may_go_on(key(lines), now), "it is not there");
        successors.on_claimed(urls(key(lines), 2), now);
        assert!(!successors.has_room(now));
        assert!(successors.has_room(now + LEASE), "nobody came back");
        assert_eq!(successors.count, 0);
    }

    #[test]
    fn what_follows_begins_when_it_is_due_and_tells_since_when_it_is_on_lease() {
        let (mut successors, now) = (Successors::default(), Instant::now());
        successors.on_claimed(urls(key(1), 2), now);
        assert_eq!(successors.take_due(now, 9), [], "one is in hand");
        successors.on_settled(key(1), Some(now + SECOND));
        assert_eq!(successors.take_due(now, 9), []);
        assert_eq!(successors.next_due(), Some(now + SECOND));
        let leases = successors.take_due(now + SECOND, 9);
        assert_eq!(leases[0].seq, 1);
        assert_eq!(leases[0].since, Some(now));
        assert!(!successors.may_go_on(key(1), now + GO_ON_UNTIL + SECOND));
        successors.on_renewed(&[key(1)], &[], now + 4 * SECOND);
        assert!(successors.may_go_on(key(1), now + GO_ON_UNTIL + SECOND));
        successors.on_renewed(&[key(1)], &[key(1)], now + 5 * SECOND);
        assert!(!successors.may_go_on(key(1), now + SECOND), "it was lost");
    }

    #[test]
    fn what_nobody_claims_is_given_back() {
        let (mut successors, now) = (Successors::default(), Instant::now());
        assert!(!successors.begin_watch(), "nothing waits");
        for number in 1..=3 {
            successors.on_claimed(urls(key(number), 2), now);
        }
        for number in 1..=2 {
            let due = now + SECOND * u32::try_from(number).unwrap();
            successors.on_settled(key(number), Some(due));
        }
        assert!(successors.begin_watch());
        assert!(!successors.begin_watch(), "somebody does");
        assert_eq!(successors.next_unclaimed(), Some(now + SECOND + GRACE));
        assert_eq!(successors.take_unclaimed(now + SECOND), []);
        let unclaimed = successors.take_unclaimed(now + SECOND + GRACE);
        assert_eq!(unclaimed, [(key(1), Duration::ZERO)]);
        assert_eq!(successors.waiting(), [key(2)]);
        let left = successors.take_all(now + SECOND);
        assert_eq!(left, [(key(2), SECOND)], "it rests yet");
        assert!(!successors.may_go_on(key(3), now), "nothing follows it");
        assert_eq!(successors.next_unclaimed(), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Claim(i64, i64),
        /// The URL in hand of a lane is settled, and the next is due so many milliseconds later, if at all.
        Settle(i64, Option<u64>),
        Take(usize),
        Renew(i64),
        Lose(i64),
        Wait(u64),
        GiveBack,
    }

    fn step() -> impl Strategy<Value = Step> {
        let lane = 0..4i64;
        prop_oneof![
            3 => (lane.clone(), 1..8i64).prop_map(|(lane, count)| Step::Claim(lane, count)),
            6 => (lane.clone(), prop::option::weighted(0.9, 0..3_000u64))
                .prop_map(|(lane, due)| Step::Settle(lane, due)),
            6 => (0..4usize).prop_map(Step::Take),
            2 => lane.clone().prop_map(Step::Renew),
            1 => lane.prop_map(Step::Lose),
            4 => prop_oneof![Just(1u64), Just(900), Just(4_000), Just(20_000)].prop_map(Step::Wait),
            1 => Just(Step::GiveBack),
        ]
    }

    /// A line as one would write it on paper.
    struct Paper {
        key: LeaseKey,
        since: Instant,
        seqs: Vec<i64>,
        due: Option<Instant>,
    }

    proptest! {
        /// One of a line at a time, in their order, none before it is due or when it may not begin any more; what waits
        /// is given back once, and the numbers are right.
        #[test]
        fn they_are_as_on_paper(steps in prop::collection::vec(step(), 1..80)) {
            let (mut successors, mut now) = (Successors::default(), Instant::now());
            let mut paper: Vec<Paper> = Vec::new();
            let mut number = 0;
            for step in steps {
                // The lanes of a step are the latest of each.
                let of = |lane: i64| move |line: &Paper| line.key.lane.site.0 % 4 == lane;
                match step {
                    Step::Claim(lane, count) => {
                        if !paper.iter().any(of(lane)) {
                            number += 4;
                            let key = key(number + lane);
                            successors.on_claimed(urls(key, count), now);
                            paper.push(Paper { key, since: now, seqs: (1..=count).collect(), due: None });
                        }
                    }
                    Step::Settle(lane, due) => {
                        if let Some(at) = paper.iter().position(|line| of(lane)(line) && line.due.is_none()) {
                            let line = &mut paper[at];
                            let due = due.map(|due| now + Duration::from_millis(due));
                            let due = due.filter(|due| {
                                let may = *due <= line.since + GO_ON_UNTIL;
                                assert_eq!(successors.may_go_on(line.key, *due), may);
                                may
                            });
                            successors.on_settled(line.key, due);
                            line.due = due;
                            if due.is_none() {
                                paper.remove(at);
                            }
                        }
                    }
                    Step::Take(most) => {
                        let taken = successors.take_due(now, most);
                        let can = |line: &Paper| {
                            line.due.is_some_and(|due| due <= now) && now < line.since + START_UNTIL
                        };
                        let count = paper.iter().filter(|line| can(line)).count();
                        prop_assert_eq!(taken.len(), count.min(most));
                        for lease in taken {
                            let line = paper.iter_mut().find(|line| line.key == lease.key).unwrap();
                            prop_assert!(can(line));
                            line.due = None;
                            prop_assert_eq!(line.seqs.remove(0), lease.seq);
                            prop_assert_eq!(lease.since, Some(line.since));
                        }
                        paper.retain(|line| !line.seqs.is_empty());
                    }
                    Step::Renew(lane) => {
                        for line in paper.iter_mut().filter(|line| of(lane)(line)) {
                            line.since = now;
                            successors.on_renewed(&[line.key], &[], now);
                        }
                    }
                    Step::Lose(lane) => {
                        for line in paper.iter().filter(|line| of(lane)(line)) {
                            successors.on_renewed(&[line.key], &[line.key], now);
                        }
                        paper.retain(|line| !of(lane)(line));
                    }
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::GiveBack => {
                        let is_late = |line: &Paper| line.due.is_some_and(|due| due + GRACE <= now);
                        let mut late: Vec<_> = paper.iter().filter(|line| is_late(line)).map(|line| line.key).collect();
                        let given = successors.take_unclaimed(now).into_iter();
                        let mut given: Vec<_> = given.map(|(key, _)| key).collect();
                        late.sort();
                        given.sort();
                        prop_assert_eq!(given, late);
                        paper.retain(|line| !is_late(line));
                    }
                }
                let count: usize = paper.iter().map(|line| line.seqs.len()).sum();
                prop_assert_eq!(successors.count, count);
                prop_assert_eq!(successors.lines.len(), paper.len());
                prop_assert_eq!(successors.next_due(), paper.iter().filter_map(|line| line.due).min());
                let waiting = paper.iter().filter(|line| line.due.is_some()).count();
                prop_assert_eq!(successors.waiting().len(), waiting);
            }
        }
    }
}
