//! One site of many lanes, as a pure machine.
//!
//! ```text
//!   queue of the site, in the order of priority and number
//!   ├─ leased ─┬─ head: read, and not leased ─┬─ not read yet ──────▶
//!              │                              └ read_to
//! ```
//!
//! Each URL is a lane of its own, by its number in the queue: whatever else is on lease, one that waits is given to the next
//! place. But those that were lost thrice, the suspects, are none of the head: the file says whose turn it is.
//!
//! Invariants: all that is queued up to `read_to` is in the head, or was leased by a lease that holds; only a lease that
//! ran out or was given back brings what it held back, and then the head is read anew. A lane that is not listed is free
//! and was never lost.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroU16;

use crate::frontier::clock::NEVER;
use crate::frontier::lane::Lane;
use crate::frontier::losses::Losses;
use crate::frontier::{Asks, Lease, LeaseKey, NewUrl, SiteId, UrlHash};
use crate::policy::welcome::Welcome;

/// URLs that are kept in memory, at about 200 bytes each: those that wait for a lane, and some claims' worth.
pub(super) const HEAD_MAX: usize = 2_048;
/// The part of that which is read at once at least: with less a claim would read again and again.
const READ_PART: usize = 8;

/// Before all places.
const BEGIN: Place = (i16::MIN, i64::MIN);

/// Where a URL stands in its queue: its priority, then its number.
pub(in crate::frontier::sqlite) type Place = (i16, i64);

/// A URL that is queued.
#[derive(Debug, Clone)]
pub(in crate::frontier::sqlite) struct Waiting {
    pub(in crate::frontier::sqlite) url: String,
    pub(in crate::frontier::sqlite) hash: UrlHash,
    pub(in crate::frontier::sqlite) depth: u16,
    pub(in crate::frontier::sqlite) attempts: u16,
    pub(in crate::frontier::sqlite) hops: u8,
    pub(in crate::frontier::sqlite) referrer: Option<UrlHash>,
    pub(in crate::frontier::sqlite) chain: Option<UrlHash>,
}

impl Waiting {
    /// Makes it a lease.
    pub(in crate::frontier::sqlite) fn leased(
        self,
        key: LeaseKey,
        (priority, seq): Place,
        lanes: NonZeroU16,
    ) -> Lease {
        Lease {
            url: self.url,
            site: key.lane.site,
            hash: self.hash,
            depth: self.depth,
            priority,
            attempts: self.attempts,
            referrer: self.referrer,
            hops: self.hops,
            chain: self.chain,
            lost: 0,
            is_suspect: false,
            welcome: Welcome::default(),
            key,
            lanes,
            seq,
            since: None,
        }
    }
}

impl From<&NewUrl> for Waiting {
    fn from(new: &NewUrl) -> Self {
        Self {
            url: new.url.clone(),
            hash: new.hash,
            depth: new.depth,
            attempts: 0,
            hops: new.hops,
            referrer: new.referrer,
            chain: new.chain,
        }
    }
}

/// The lease of one URL, and its losses before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LaneLease {
    /// 0 for none.
    pub(super) token: i64,
    /// When it runs out.
    pub(super) until: i64,
    /// With its number the URL's place.
    pub(super) priority: i16,
    pub(super) losses: Losses,
}

impl LaneLease {
    const fn is_held(&self) -> bool {
        self.token != 0
    }

    /// What is left of it when it has ended: a suspect is found by its place.
    fn ended(self, losses: Losses) -> Self {
        Self {
            priority: self.priority,
            losses,
            ..Self::default()
        }
    }

    const fn ran_out(&self, now: i64) -> bool {
        self.is_held() && self.until <= now
    }

    /// Returns whether it need not be kept.
    pub(super) const fn is_nothing(&self) -> bool {
        !self.is_held() && self.losses.lost == 0
    }

    const fn holds(&self, now: i64) -> bool {
        self.is_held() && self.until > now
    }

    /// Returns whether it is not for a claim to come across.
    const fn is_out_of_head(&self, now: i64) -> bool {
        self.holds(now) || self.losses(now).is_careful()
    }

    /// Returns its losses, with that of a lease that ran out.
    const fn losses(&self, now: i64) -> Losses {
        if self.ran_out(now) {
            self.losses.on_lost()
        } else {
            self.losses
        }
    }
}

/// When a site is polite, and when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) polite_at: i64,
    /// How long the rest was to be that ends then.
    pub(super) rest_ms: i64,
    pub(super) next_at: i64,
}

/// What URLs are leased for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frontier::sqlite) enum Purpose {
    /// To be asked for at once.
    Places,
    /// To be at hand for the next places: nothing that was lost before.
    Ahead,
}

/// What a claim is about.
#[derive(Debug, Clone, Copy)]
pub(in crate::frontier::sqlite) struct Taking {
    pub(in crate::frontier::sqlite) now: i64,
    /// When the leases of it run out.
    pub(in crate::frontier::sqlite) until: i64,
    pub(in crate::frontier::sqlite) purpose: Purpose,
}

/// What was taken of the head.
#[derive(Debug, Default)]
struct Taken {
    leases: Vec<Lease>,
    /// How many leases ran out and are ended.
    lost: i64,
    /// Whether it ended at one that is for a place to take.
    comes_to_lost: bool,
}

/// The lanes of a site, and the head of its queue.
#[derive(Debug)]
pub(in crate::frontier::sqlite) struct WideSite {
    id: SiteId,
    head_max: usize,
    lanes: NonZeroU16,
    /// Until then nothing of it is leased.
    polite_at: i64,
    rest_ms: i64,
    /// By the number of the URL.
    leases: HashMap<i64, LaneLease>,
    head: BTreeMap<Place, Waiting>,
    /// How far the queue was read; to its end for `None`.
    read_to: Option<Place>,
    /// What is in the file about when it is due.
    written: Times,
    /// When it is due.
    next_at: i64,
    /// Whether it may be due later than that.
    is_unsure: bool,
    /// Lanes that are not in the file as they are here.
    changed: BTreeSet<i64>,
}

impl WideSite {
    /// Makes it of what the file has; its queue is not read yet.
    pub(super) fn new(
        id: SiteId,
        lanes: NonZeroU16,
        times: Times,
        leases: HashMap<i64, LaneLease>,
        head_max: usize,
    ) -> Self {
        Self {
            id,
            head_max,
            lanes,
            polite_at: times.polite_at,
            rest_ms: times.rest_ms,
            leases,
            head: BTreeMap::new(),
            read_to: Some(BEGIN),
            written: times,
            next_at: times.next_at,
            is_unsure: true,
            changed: BTreeSet::new(),
        }
    }

    /// Takes a URL that was queued, and is in the file.
    pub(in crate::frontier::sqlite) fn on_queued(&mut self, place: Place, url: Waiting, now: i64) {
        if self.is_read(place) {
            self.head.insert(place, url);
            self.shorten();
        }
        self.may_be_due(now);
    }

    /// Returns whether the queue was read as far as this place.
    fn is_read(&self, place: Place) -> bool {
        self.read_to.is_none_or(|read_to| place <= read_to)
    }

    /// Forgets a URL that was taken out of the queue.
    pub(in crate::frontier::sqlite) fn on_dequeued(&mut self, place: Place) {
        self.head.remove(&place);
    }

    /// Takes more of the queue; less than was asked for is its end.
    fn on_read(&mut self, rows: Vec<(Place, Waiting)>, asked: usize, now: i64) {
        let is_all = rows.len() < asked;
        self.read_to = rows.last().map(|(place, _)| *place).filter(|_| !is_all);
        let leases = &self.leases;
        let waits = |seq: &i64| {
            leases
                .get(seq)
                .is_none_or(|lease| !lease.is_out_of_head(now))
        };
        let waiting = rows.into_iter().filter(|((_, seq), _)| waits(seq));
        self.head.extend(waiting);
    }

    /// Returns behind what the queue is to be read on for a claim that wants more, if that may find it. Of a site that
    /// rests a part is enough, to know when it is due.
    fn reads_on(&self, now: i64) -> Option<Place> {
        let is_in_vain = self.polite_at > now && !self.head.is_empty();
        self.read_to.filter(|_| !is_in_vain)
    }

    /// Leaves all of it alone for so long from then on.
    pub(in crate::frontier::sqlite) fn on_rest(&mut self, from: i64, rest: i64) {
        if from + rest >= self.polite_at {
            (self.polite_at, self.rest_ms) = (from + rest, rest);
        }
        self.next_at = self.next_at.max(self.polite_at);
    }

    /// Takes back a URL that was settled, and returns whether its lease held.
    pub(in crate::frontier::sqlite) fn on_settled(&mut self, key: LeaseKey, now: i64) -> bool {
        let is_held = self.give_back(key, true);
        self.may_be_due(now);
        is_held
    }

    /// Takes back a URL that was not fetched, and returns whether its lease held.
    pub(in crate::frontier::sqlite) fn on_released(&mut self, key: LeaseKey, now: i64) -> bool {
        let is_held = self.give_back(key, false);
        if is_held {
            self.read_anew();
        }
        self.may_be_due(now);
        is_held
    }

    /// Makes a lease last until then, and returns whether it held.
    pub(in crate::frontier::sqlite) fn on_renewed(
        &mut self,
        key: LeaseKey,
        now: i64,
        until: i64,
    ) -> bool {
        let number = key.lane.number;
        let lease = self.leases.get_mut(&number);
        let Some(lease) = lease.filter(|lease| lease.token == key.token) else {
            return false;
        };
        lease.until = until;
        self.changed.insert(number);
        self.may_be_due(now);
        true
    }

    /// Ends the leases that ran out, and returns how many URLs they held.
    pub(in crate::frontier::sqlite) fn end_lost_leases(&mut self, now: i64) -> i64 {
        let mut held = 0;
        for (number, lease) in &mut self.leases {
            if lease.ran_out(now) {
                held += 1;
                *lease = lease.ended(lease.losses.on_lost());
                self.changed.insert(*number);
            }
        }
        if held > 0 {
            self.read_anew();
            self.may_be_due(now);
        }
        held
    }

    /// Brings back into the head what leases held that ran out; to be called before any of a claim is taken, which would
    /// come back with it.
    pub(in crate::frontier::sqlite) fn look_for_losses(&mut self, now: i64) {
        // Suspects do not come back into it.
        let comes_back = |lease: &LaneLease| lease.ran_out(now) && !lease.losses(now).is_careful();
        if self.leases.values().any(comes_back) {
            self.read_anew();
        }
    }

    /// Leases up to `count` URLs, and returns them with how many were on leases that ran out and are no longer. `read` reads
    /// up to so many URLs of the queue behind a place.
    pub(in crate::frontier::sqlite) fn claim<E>(
        &mut self,
        taking: Taking,
        count: usize,
        token: &mut i64,
        mut read: impl FnMut(Place, usize) -> Result<Vec<(Place, Waiting)>, E>,
    ) -> Result<(Vec<Lease>, i64), E> {
        let mut taken = self.take(taking, count, token);
        while taken.leases.len() < count && !taken.comes_to_lost {
            let Some(behind) = self.reads_on(taking.now) else {
                taken.lost += self.on_exhausted(taking.now);
                return Ok((taken.leases, taken.lost));
            };
            let asked = (self.head_max / READ_PART).max(count);
            self.on_read(read(behind, asked)?, asked, taking.now);
            let more = self.take(taking, count - taken.leases.len(), token);
            taken.leases.extend(more.leases);
            taken.lost += more.lost;
            taken.comes_to_lost = more.comes_to_lost;
        }
        self.on_left(taking.now);
        Ok((taken.leases, taken.lost))
    }

    /// Leases up to `count` URLs of the head, the first first.
    fn take(&mut self, taking: Taking, count: usize, token: &mut i64) -> Taken {
        let now = taking.now;
        if self.polite_at > now {
            return Taken::default();
        }
        let (mut taken, mut lost, mut comes_to_lost) = (Vec::new(), 0, false);
        for place in self.head.keys() {
            if taken.len() == count {
                break;
            }
            let before = self.leases.get(&place.1).copied().unwrap_or_default();
            let losses = before.losses(now);
            // One that ran out, and was renewed before it was come across, holds.
            if before.is_out_of_head(now) {
                continue;
            }
            if taking.purpose == Purpose::Ahead && losses.lost > 0 {
                comes_to_lost = true;
                break;
            }
            lost += i64::from(before.is_held());
            taken.push((*place, losses));
        }
        let mut leases = Vec::with_capacity(taken.len());
        for (place, losses) in taken {
            if let Some(url) = self.head.remove(&place) {
                leases.push(self.lease(place, url, losses, taking.until, token));
            }
        }
        Taken {
            leases,
            lost,
            comes_to_lost,
        }
    }

    /// Leases a URL with losses before.
    fn lease(
        &mut self,
        place: Place,
        url: Waiting,
        losses: Losses,
        until: i64,
        token: &mut i64,
    ) -> Lease {
        *token += 1;
        let losses = losses.on_claim(place.1, 1);
        let lease = LaneLease {
            token: *token,
            until,
            priority: place.0,
            losses,
        };
        self.leases.insert(place.1, lease);
        self.changed.insert(place.1);
        let lane = Lane {
            site: self.id,
            number: place.1,
        };
        let key = LeaseKey {
            lane,
            token: *token,
        };
        Lease {
            lost: losses.alone,
            is_suspect: losses.is_careful(),
            ..url.leased(key, place, self.lanes)
        }
    }

    /// Leases a suspect, or ends what there is of it, where the URL is done. Returns whether it was on a lease that ran out
    /// and is no longer.
    pub(in crate::frontier::sqlite) fn lease_suspect(
        &mut self,
        place: Place,
        url: Option<Waiting>,
        taking: Taking,
        token: &mut i64,
    ) -> (Option<Lease>, bool) {
        let before = self.leases.get(&place.1).copied().unwrap_or_default();
        let lease = url.map(|url| {
            let losses = before.losses(taking.now);
            self.lease(place, url, losses, taking.until, token)
        });
        if lease.is_none() {
            self.leases.insert(place.1, LaneLease::default());
            self.changed.insert(place.1);
        }
        // The end of its lease.
        self.may_be_due(taking.now);
        (lease, before.is_held())
    }

    /// Notes what is asked for of a suspect.
    pub(in crate::frontier::sqlite) fn on_asks(&mut self, key: LeaseKey, asks: Asks) {
        let number = key.lane.number;
        let lease = self.leases.get_mut(&number);
        let Some(lease) = lease.filter(|lease| lease.token == key.token) else {
            return;
        };
        lease.losses = match asks {
            Asks::Page => lease.losses.on_asked(),
            Asks::RobotsAlone => Losses::default(),
        };
        self.changed.insert(number);
    }

    /// Notes that a claim found all there is: says when it is due next, and ends leases that ran out with nothing left to
    /// fetch. Returns how many these were.
    fn on_exhausted(&mut self, now: i64) -> i64 {
        let rests = self.polite_at > now;
        let mut ended = 0;
        if self.read_to.is_none() && !rests {
            let waiting: HashSet<i64> = self.head.keys().map(|place| place.1).collect();
            for (number, lease) in &mut self.leases {
                // A suspect is looked for when it is its turn.
                let is_suspect = lease.losses(now).is_careful();
                if lease.ran_out(now) && !is_suspect && !waiting.contains(number) {
                    *lease = LaneLease::default();
                    ended += 1;
                    self.changed.insert(*number);
                }
            }
        }
        let held = self.leases.values().filter(|lease| lease.is_held());
        // Of those that ran out, what is still here is a suspect.
        let to_end = held.filter(|lease| {
            let is_suspect = lease.losses(now).is_careful();
            !lease.ran_out(now) || rests && !is_suspect
        });
        let first_end = to_end.map(|lease| lease.until.max(self.polite_at)).min();
        let is_waiting = self.read_to.is_some() || self.has_next(now);
        let polite_at = is_waiting.then_some(self.polite_at);
        self.next_at = first_end
            .into_iter()
            .chain(polite_at)
            .min()
            .unwrap_or(NEVER);
        self.shorten();
        ended
    }

    /// Returns whether a URL of the head could be given.
    fn has_next(&self, now: i64) -> bool {
        let is_out = |seq: &i64| {
            let lease = self.leases.get(seq);
            lease.is_some_and(|lease| lease.is_out_of_head(now))
        };
        self.head.keys().any(|(_, seq)| !is_out(seq))
    }

    /// Notes that a claim got what it wanted, and that there may be more.
    fn on_left(&mut self, now: i64) {
        // Behind those that wait already.
        (self.next_at, self.is_unsure) = (now, false);
        self.shorten();
    }

    /// Returns whether it rests, and it is to be looked at to say when it is due.
    pub(in crate::frontier::sqlite) const fn is_to_look_at(&self, now: i64) -> bool {
        self.is_unsure && self.polite_at > now
    }

    /// Returns whether a lease is the present one of its lane.
    pub(in crate::frontier::sqlite) fn holds(&self, key: LeaseKey) -> bool {
        let lease = self.leases.get(&key.lane.number);
        lease.is_some_and(|lease| lease.token == key.token)
    }

    /// Returns when it is polite and due, if the file has it otherwise, and the lanes that changed; from then on it has.
    pub(super) fn unwritten(&mut self) -> (Option<Times>, Vec<(i64, LaneLease)>) {
        let times = Times {
            polite_at: self.polite_at,
            rest_ms: self.rest_ms,
            next_at: self.next_at,
        };
        let is_new = std::mem::replace(&mut self.written, times) != times;
        let lanes = std::mem::take(&mut self.changed).into_iter().map(|number| {
            let lease = self.leases.get(&number).copied().unwrap_or_default();
            if lease.is_nothing() {
                self.leases.remove(&number);
            }
            (number, lease)
        });
        let lanes = lanes.collect();
        (is_new.then_some(times), lanes)
    }

    fn give_back(&mut self, key: LeaseKey, is_settled: bool) -> bool {
        let number = key.lane.number;
        let lease = self.leases.get_mut(&number);
        let Some(lease) = lease.filter(|lease| lease.token == key.token) else {
            return false;
        };
        let losses = if is_settled {
            Losses::default()
        } else {
            lease.losses
        };
        *lease = lease.ended(losses);
        self.changed.insert(number);
        true
    }

    /// Lets the next claim look whether it has something to give, and when it will.
    fn may_be_due(&mut self, now: i64) {
        self.next_at = self.next_at.min(now).max(self.polite_at);
        self.is_unsure = true;
    }

    fn read_anew(&mut self) {
        self.head.clear();
        self.read_to = Some(BEGIN);
    }

    /// Keeps the head within its bound; its end is read again when it is needed.
    fn shorten(&mut self) {
        if self.head.len() <= self.head_max {
            return;
        }
        while self.head.len() > self.head_max / 2 {
            self.head.pop_last();
        }
        self.read_to = self.head.last_key_value().map(|(place, _)| *place);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const LANES: NonZeroU16 = NonZeroU16::new(4).unwrap();
    const LEASE: i64 = 30;

    #[derive(Debug, Clone)]
    enum Step {
        Queue(i16),
        Claim(usize),
        ClaimAhead(usize),
        Settle(usize),
        Release(usize),
        Rest(i64),
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..3i16).prop_map(Step::Queue),
            3 => (0..9usize).prop_map(Step::Claim),
            2 => (0..9usize).prop_map(Step::ClaimAhead),
            4 => (0..20usize).prop_map(Step::Settle),
            1 => (0..20usize).prop_map(Step::Release),
            1 => (1..20i64).prop_map(Step::Rest),
            2 => (1..40i64).prop_map(Step::Wait),
        ]
    }

    /// Who holds a URL in the model, and how often it was lost.
    #[derive(Debug, Default)]
    struct Held {
        /// 0 for nobody.
        token: i64,
        until: i64,
        lost: u16,
    }

    impl Held {
        fn holds(&self, now: i64) -> bool {
            self.token != 0 && self.until > now
        }

        fn lost(&self, now: i64) -> u16 {
            self.lost + u16::from(self.token != 0 && self.until <= now)
        }
    }

    /// A naive model beside it: the whole queue, and who holds which URL.
    struct World {
        site: WideSite,
        queue: BTreeMap<Place, Waiting>,
        held: HashMap<i64, Held>,
        hands: Vec<Lease>,
        now: i64,
        token: i64,
        rests_until: i64,
        numbers: i64,
    }

    impl World {
        fn new() -> Self {
            let times = Times {
                polite_at: 0,
                rest_ms: 0,
                next_at: NEVER,
            };
            Self {
                site: WideSite::new(SiteId::of("h"), LANES, times, HashMap::new(), 6),
                queue: BTreeMap::new(),
                held: HashMap::new(),
                hands: Vec::new(),
                now: 1,
                token: 0,
                rests_until: 0,
                numbers: 0,
            }
        }

        fn queue(&mut self, priority: i16) {
            self.numbers += 1;
            let new = NewUrl::seed(
                format!("http://h/{}", self.numbers),
                crate::frontier::Site::unlimited("h"),
            );
            let place = (priority, self.numbers);
            self.queue.insert(place, Waiting::from(&new));
            self.site.on_queued(place, Waiting::from(&new), self.now);
        }

        fn claim(&mut self, count: usize, purpose: Purpose) {
            let taking = Taking {
                now: self.now,
                until: self.now + LEASE,
                purpose,
            };
            self.site.look_for_losses(self.now);
            let read = |behind, asked| {
                let rows = self
                    .queue
                    .range(behind..)
                    .filter(|(place, _)| **place > behind);
                let rows = rows.map(|(place, url)| (*place, url.clone()));
                Ok::<_, Infallible>(rows.take(asked).collect())
            };
            let Ok((leases, _)) = self.site.claim(taking, count, &mut self.token, read);
            let (expected, comes_to_lost) = self.expected(count, purpose);
            let given = leases.iter().map(|lease| (lease.priority, lease.seq));
            assert_eq!(given.collect::<Vec<_>>(), expected);
            for lease in &leases {
                let key = lease.key();
                let held = self.held.entry(key.lane.number).or_default();
                held.lost = held.lost(self.now);
                (held.token, held.until) = (key.token, taking.until);
            }
            if leases.len() < count && !comes_to_lost && self.rests_until <= self.now {
                // Leases that ran out with nothing left to fetch were come across.
                let waiting: BTreeSet<_> = self.queue.keys().map(|place| place.1).collect();
                let now = self.now;
                let is_over =
                    |held: &Held| held.token != 0 && !held.holds(now) && held.lost(now) < 3;
                self.held
                    .retain(|number, held| waiting.contains(number) || !is_over(held));
            }
            self.hands.extend(leases);
        }

        /// Looks at the whole queue; returns what is to be given, and whether that ends at one that was lost.
        fn expected(&self, count: usize, purpose: Purpose) -> (Vec<Place>, bool) {
            let mut places = Vec::new();
            if self.rests_until > self.now {
                return (places, false);
            }
            for place in self.queue.keys() {
                if places.len() == count {
                    break;
                }
                let held = self.held.get(&place.1);
                let lost = held.map_or(0, |held| held.lost(self.now));
                if held.is_some_and(|held| held.holds(self.now)) || lost >= 3 {
                    continue;
                }
                if lost > 0 && purpose == Purpose::Ahead {
                    return (places, true);
                }
                places.push(*place);
            }
            (places, false)
        }

        /// Gives a lease back, and returns whether it held.
        fn back(&mut self, lease: &Lease, is_settled: bool) -> bool {
            let key = lease.key();
            let held = self.held.get_mut(&key.lane.number);
            let Some(held) = held.filter(|held| held.token == key.token) else {
                return false;
            };
            held.token = 0;
            if is_settled {
                held.lost = 0;
            }
            true
        }

        fn step(&mut self, step: &Step) {
            match *step {
                Step::Queue(priority) => self.queue(priority),
                Step::Claim(count) => self.claim(count, Purpose::Places),
                Step::ClaimAhead(count) => self.claim(count, Purpose::Ahead),
                Step::Settle(which) | Step::Release(which) if self.hands.is_empty() => {
                    let _nothing_in_hand = which;
                }
                Step::Settle(which) => {
                    let lease = self.hands.remove(which % self.hands.len());
                    let place = (lease.priority, lease.seq);
                    self.queue.remove(&place);
                    self.site.on_dequeued(place);
                    let is_held = self.back(&lease, true);
                    assert_eq!(self.site.on_settled(lease.key(), self.now), is_held);
                }
                Step::Release(which) => {
                    let lease = self.hands.remove(which % self.hands.len());
                    let is_held = self.back(&lease, false);
                    assert_eq!(self.site.on_released(lease.key(), self.now), is_held);
                }
                Step::Rest(time) => {
                    self.rests_until = self.rests_until.max(self.now + time);
                    self.site.on_rest(self.now, time);
                }
                Step::Wait(time) => self.now += time,
            }
            assert!(self.site.head.len() <= 6, "its bound");
        }
    }

    proptest! {
        #[test]
        fn a_claim_gives_what_a_look_at_the_whole_queue_would(steps in prop::collection::vec(step(), 1..150)) {
            let mut world = World::new();
            for step in &steps {
                world.step(step);
            }
        }
    }
}
