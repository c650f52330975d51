//! The frontier as one would tell it to a child: lists, no index, no SQL. It judges each answer of an engine.

use std::collections::{BTreeMap, BTreeSet};

use crawler::frontier::{Claims, LeaseKey, NewUrl, Next, SiteId, State, Stats, UrlHash};
use crawler::policy::welcome::Welcome;

use crate::lane::{CAREFUL_FROM, Held, LaneState, SUSPECTS_TOGETHER};
use crate::world::Engine;

/// What a URL is known by.
pub(crate) type Key = (SiteId, UrlHash);
/// A site, and which of its lanes.
type Lane = (SiteId, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Queued,
    Delayed(i64),
    Finished,
}

#[derive(Debug)]
struct Url {
    lane: Lane,
    /// Its place in the lane: priority, then age.
    place: (i16, u64),
    attempts: u16,
    wait: Wait,
}

/// How a URL that was leased came back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Back {
    Done,
    Retry(i64),
    Again(i64),
    /// Done, and its site is set aside by it.
    Aside,
}

/// A lease in somebody's hands, maybe for too long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InHand {
    pub(crate) url: Key,
    pub(crate) key: LeaseKey,
    place: (i16, u64),
    attempts: u16,
    welcome: Welcome,
}

impl InHand {
    fn welcome_after(&self, back: Back) -> Welcome {
        match back {
            Back::Aside => ASIDE,
            _ => self.welcome,
        }
    }
}

/// A site that is set aside.
pub(crate) const ASIDE: Welcome = Welcome::SetAside { status: 503 };

/// Before all times.
const LONG_AGO: i64 = i64::MIN;

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now: i64,
    /// Whether each URL of a site without delay is a lane of its own.
    has_lanes_of_one: bool,
    urls: BTreeMap<Key, Url>,
    lanes: BTreeMap<Lane, LaneState>,
    /// Every lease there ever was.
    keys: BTreeSet<LeaseKey>,
    numbers: u64,
    state: State,
    fetched: u64,
}

impl Model {
    pub(crate) fn of<E: Engine>() -> Self {
        Self {
            now: 0,
            has_lanes_of_one: E::LANES_OF_ONE_URL,
            urls: BTreeMap::new(),
            lanes: BTreeMap::new(),
            keys: BTreeSet::new(),
            numbers: 0,
            state: State::default(),
            fetched: 0,
        }
    }

    pub(crate) fn add(&mut self, urls: &[NewUrl]) -> usize {
        let before = self.urls.len();
        for url in urls {
            let site = &url.site;
            self.numbers += 1;
            let key = (site.id(), url.hash);
            if self.urls.contains_key(&key) {
                continue;
            }
            let is_polite = site.lanes().get() == 1;
            let lane = if self.has_lanes_of_one && !is_polite {
                (site.id(), self.numbers)
            } else {
                (site.id(), url.hash.lane(site.lanes()).into())
            };
            let added = Url {
                lane,
                place: (url.priority, self.numbers),
                attempts: 0,
                wait: Wait::Queued,
            };
            self.urls.insert(key, added);
            // A site that rests rests in the lanes to come; one that was never asked has rested.
            let same = self.lanes.iter().find(|((of, _), _)| *of == site.id());
            let polite_at = same.map_or(LONG_AGO, |(_, lane)| lane.polite_at);
            self.lanes.entry(lane).or_insert(LaneState {
                is_polite,
                delay: i64::try_from(site.delay().as_millis()).unwrap(),
                polite_at,
                rest: 0,
                lease: None,
                lost: 0,
                is_aside: false,
            });
        }
        let new = self.urls.len() - before;
        if new > 0 && self.state == State::Done {
            self.state = State::Running;
        }
        new
    }

    pub(crate) const fn seeded(&mut self) {
        if matches!(self.state, State::Seeding) {
            self.state = State::Running;
        }
    }

    /// Judges what an engine handed out, and returns it as it is in the hands of the claimer.
    pub(crate) fn claim(&mut self, demand: usize, claims: &Claims) -> Vec<InHand> {
        for url in self.urls.values_mut() {
            if matches!(url.wait, Wait::Delayed(at) if at <= self.now) {
                url.wait = Wait::Queued;
            }
        }
        assert!(claims.leases.len() <= demand, "L1: more than was asked for");
        let mut by_lane: BTreeMap<Lane, Vec<InHand>> = BTreeMap::new();
        for lease in &claims.leases {
            let key = (lease.site, lease.hash);
            let url = self.urls.get(&key).expect("L2: a URL that was not added");
            assert_eq!(url.wait, Wait::Queued, "L2: a URL that is not queued");
            assert_eq!(url.attempts, lease.attempts, "L2: its tries");
            let is_aside = self.lanes[&url.lane].is_aside;
            assert_eq!(is_aside, lease.welcome.is_set_aside(), "L10: its site");
            by_lane.entry(url.lane).or_default().push(InHand {
                url: key,
                key: lease.key(),
                place: url.place,
                attempts: url.attempts,
                welcome: lease.welcome,
            });
        }
        for (lane, given) in &by_lane {
            self.judge_lane(*lane, given);
        }
        if claims.leases.len() < demand {
            self.judge_rest(&by_lane, claims.next);
        } else if claims.next == Next::Done {
            let leased = self.lanes.values().any(|lane| lane.lease.is_some());
            assert!(!leased && self.state != State::Seeding, "L7: it goes on");
            self.judge_end();
            self.state = State::Done;
        }
        by_lane.into_values().flatten().collect()
    }

    /// Returns whether a lease ran out whose last URL another has done: a claim ends it only when it comes across it.
    pub(crate) fn is_unsure(&self) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.any(|(lane, state)| {
            state.lease.is_some() && state.is_due(self.now) && self.queued(*lane).is_empty()
        })
    }

    /// Judges what was handed out of one lane, and leases it.
    fn judge_lane(&mut self, lane: Lane, given: &[InHand]) {
        let (queued, is_barred) = (self.queued(lane), self.is_barred(lane));
        let places: Vec<_> = given.iter().map(|given| given.place).collect();
        assert_eq!(places, queued[..places.len()], "L3: the first come first");
        let state = self.lanes.get_mut(&lane).unwrap();
        assert!(state.is_due(self.now), "L4: a lane that is leased or rests");
        assert!(!is_barred, "L4: one that was lost thrice beside others");
        if state.lease.is_some() {
            state.lost += 1;
        }
        if state.is_single() {
            assert_eq!(given.len(), 1, "L4: one at a time");
        }
        let key = given[0].key;
        assert!(given.iter().all(|given| given.key == key), "L5: one lease");
        assert!(self.keys.insert(key), "L5: a lease that was there before");
        state.lease = Some(Held {
            key,
            count: given.len(),
            until: self.now + state.millis_of_lease(),
        });
    }

    /// Returns whether a lane that was lost thrice waits for others such to come back: some may be at work together that
    /// were not lost once more, and one that was, alone.
    fn is_barred(&self, lane: Lane) -> bool {
        let lost = self.lanes[&lane].lost_at(self.now);
        if !self.has_lanes_of_one || !self.lanes[&lane].is_suspect_at(self.now) {
            return false;
        }
        let lanes = self.lanes.values();
        let at_work: Vec<_> = lanes
            .filter(|lane| lane.is_suspect_at_work(self.now))
            .map(|lane| lane.lost)
            .collect();
        let is_one_alone = at_work.iter().any(|lost| *lost > CAREFUL_FROM);
        is_one_alone
            || at_work.len() >= SUSPECTS_TOGETHER
            || (!at_work.is_empty() && lost > CAREFUL_FROM)
    }

    /// Judges that nothing more could have been handed out, and the time until it can.
    fn judge_rest(&mut self, given: &BTreeMap<Lane, Vec<InHand>>, next: Next) {
        let mut times = Vec::new();
        for lane in self.lanes.keys().copied().collect::<Vec<_>>() {
            let queued = self.queued(lane).len();
            let given = given.get(&lane).map_or(0, Vec::len);
            let is_barred = self.is_barred(lane);
            let state = self.lanes.get_mut(&lane).unwrap();
            if given > 0 {
                let is_all = given == queued || state.is_single();
                assert!(is_all, "L6: a URL that is due was kept back");
            } else if state.is_due(self.now) && (queued == 0 || !is_barred) {
                assert_eq!(queued, 0, "L6: a lane that is due was passed by");
                // Whoever held it, its last URL was done by another.
                (state.lease, state.lost) =
                    (None, if state.lease.is_some() { 0 } else { state.lost });
            } else if is_barred {
                // Nothing of it is due before another comes back, though a lease that ran out may end before.
                continue;
            }
            if state.lease.is_some() || queued > 0 {
                times.push(state.next_at());
            }
        }
        let is_left = |url: &&Url| url.wait != Wait::Finished;
        times.extend(
            self.urls
                .values()
                .filter(is_left)
                .filter_map(|url| match url.wait {
                    Wait::Delayed(at) => Some(at),
                    _ => None,
                }),
        );
        let expected = match times.into_iter().min() {
            Some(at) => Next::After(std::time::Duration::from_millis(
                (at - self.now).unsigned_abs(),
            )),
            None if self.state == State::Seeding => Next::Changed,
            None => {
                self.state = State::Done;
                Next::Done
            }
        };
        assert_eq!(next, expected, "L7: when to ask again");
    }

    /// Settles, with the age of the fetch's end and the time the site asked for, none if it was not asked; returns how
    /// many outcomes counted.
    pub(crate) fn settle(
        &mut self,
        mut back: Vec<(InHand, Back)>,
        age: i64,
        rest: Option<i64>,
    ) -> usize {
        // The engine goes by lanes, and the older lease of one goes first.
        back.sort_by_key(|(hand, _)| hand.key);
        let ended = self.now - age;
        let mut counted = 0;
        for (hand, back) in back {
            let url = self.urls.get_mut(&hand.url).unwrap();
            let state = self.lanes.get_mut(&url.lane).unwrap();
            let holds = matches!(&state.lease, Some(held) if held.key == hand.key);
            let is_there = url.wait == Wait::Queued && url.place == hand.place;
            let ready = |after: i64| Wait::Delayed((ended + after).max(self.now));
            match back {
                Back::Done | Back::Aside if is_there => {
                    url.wait = Wait::Finished;
                    self.fetched += 1;
                    counted += 1;
                }
                Back::Retry(after) if is_there && holds => {
                    (url.wait, url.attempts) = (ready(after), hand.attempts + 1);
                    counted += 1;
                }
                Back::Again(after) if is_there && holds => {
                    self.numbers += 1;
                    (url.wait, url.attempts) = (ready(after), 0);
                    url.place.1 = self.numbers;
                    self.fetched += 1;
                    counted += 1;
                }
                _ => {}
            }
            if holds {
                if let Some(rest) = rest {
                    state.rest_from(ended, state.delay.max(rest));
                }
                state.welcome(hand.welcome_after(back));
                state.lost = 0;
                state.give_back();
            }
            if let Some(rest) = rest.filter(|rest| *rest > 0) {
                let of_site = self
                    .lanes
                    .iter_mut()
                    .filter(|((site, _), _)| *site == hand.url.0);
                for (_, lane) in of_site {
                    lane.rest_from(ended, rest);
                }
            }
        }
        counted
    }

    pub(crate) fn release(&mut self, hand: &InHand) {
        let state = self.lanes.get_mut(&self.urls[&hand.url].lane).unwrap();
        if matches!(&state.lease, Some(held) if held.key == hand.key) {
            state.give_back();
        }
    }

    /// Renews a lease, and returns whether it still was one.
    pub(crate) fn renew(&mut self, hand: &InHand) -> bool {
        let state = self.lanes.get_mut(&self.urls[&hand.url].lane).unwrap();
        let until = self.now + state.millis_of_lease();
        match &mut state.lease {
            Some(held) if held.key == hand.key => {
                held.until = until;
                true
            }
            _ => false,
        }
    }

    /// The process ends without a word, and another opens the frontier.
    pub(crate) fn crash(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.lose(self.now);
            lane.is_aside = false;
        }
        // A new process counts its leases anew.
        self.keys.clear();
    }

    /// Judges the numbers of an engine.
    pub(crate) fn judge(&self, stats: &Stats) {
        let count =
            |is: fn(&Wait) -> bool| self.urls.values().filter(|url| is(&url.wait)).count() as u64;
        let leased = self.lanes.values().filter_map(|lane| lane.lease.as_ref());
        let leased: usize = leased.map(|held| held.count).sum();
        assert_eq!(stats.state, self.state, "L8: how far it has come");
        assert_eq!(stats.known, self.urls.len() as u64, "L8: known");
        assert_eq!(stats.leased, leased as u64, "L8: leased");
        assert_eq!(stats.fetched, self.fetched, "L8: fetched");
        let waiting = count(|wait| *wait != Wait::Finished);
        assert_eq!(stats.queued + stats.delayed, waiting, "L8: waiting");
    }

    /// Judges a crawl that is done.
    pub(crate) fn judge_end(&self) {
        let left = self.urls.values().filter(|url| url.wait != Wait::Finished);
        assert_eq!(left.count(), 0, "L9: a URL was lost");
    }

    /// Returns the places of the URLs queued in a lane, in order.
    fn queued(&self, lane: Lane) -> Vec<(i16, u64)> {
        let urls = self.urls.values();
        let queued = urls.filter(|url| url.lane == lane && url.wait == Wait::Queued);
        let mut places: Vec<_> = queued.map(|url| url.place).collect();
        places.sort_unstable();
        places
    }
}
