//! Laws of the frontier, over random programs that add, claim, settle, renew, release, wait and crash. A naive model
//! judges each answer:
//!
//! * L1: a claim gives at most what was asked for.
//! * L2: it gives only URLs that are queued: each once, unless its lease was lost or it was to be tried again.
//! * L3: of a lane it gives the most urgent first, and the older among equals.
//! * L4: no lane is leased twice at a time, none before it is polite, and a polite one gives one URL. In a file, of all
//!   lanes that were lost thrice some are leased at a time, and one that was lost more often with none beside it.
//! * L5: all that is given of a lane at once is one lease, that never was before.
//! * L6: nothing that is due is kept back while demand is left.
//! * L7: the time to ask again is exactly that at which more is due, and the crawl is done when nothing is left.
//! * L8: the numbers are those of the model.
//! * L9: when it is done, every URL that was added is.
//! * L10: a lease tells whether its site is set aside; such a site gives all it has, and a crash makes it welcome.
//! * L11: a site that was being asked for one URL at a time when the process crashed, or for as long as a holder that does not
//!   come back may have gone on, rests from then on, as it did last.

use std::num::NonZeroU16;
use std::time::Duration;

use crawler::frontier::{Fate, Lease, NewUrl, Next, Outcome, Record, Site};
use proptest::prelude::*;

use crate::model::{ASIDE, Back, InHand, Model};
use crate::postgres::Shared;
use crate::sqlite::{File, Memory};
use crate::world::{Engine, World, page};

/// Which page, and how deep its link is.
type Link = (usize, usize, u16);

#[derive(Debug, Clone)]
enum Step {
    Add(Vec<Link>),
    Claim(usize),
    /// Which of the leases in hand come back and how, the links of the first, the age, and the rest asked for, none if
    /// the site was not asked.
    Settle(Vec<(usize, Back)>, Vec<Link>, i64, Option<i64>),
    Renew(usize),
    Release(usize),
    Wait(u64),
    Seeded,
    Crash,
}

fn sites() -> [Site; 4] {
    let millis = Duration::from_millis;
    let lanes = NonZeroU16::new(3).unwrap();
    [
        Site::polite("hasty", millis(0)),
        Site::polite("quick", millis(10)),
        Site::polite("slow", millis(1_000)),
        Site::unlimited("wide").in_lanes(lanes),
    ]
}

fn links() -> impl Strategy<Value = Vec<Link>> {
    prop::collection::vec((0..4usize, 0..12usize, 0..3u16), 0..6)
}

fn back() -> impl Strategy<Value = Back> {
    let wait = prop_oneof![Just(0i64), Just(5), Just(1_000), Just(40_000)];
    prop_oneof![
        4 => Just(Back::Done),
        1 => wait.clone().prop_map(Back::Retry),
        1 => wait.prop_map(Back::Again),
        1 => Just(Back::Aside),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let settle = (
        prop::collection::vec((0..20usize, back()), 0..6),
        links(),
        prop_oneof![Just(0i64), 0..2_000i64],
        prop_oneof![4 => Just(Some(0i64)), 1 => (1..60_000i64).prop_map(Some), 1 => Just(None)],
    );
    let wait = prop_oneof![
        Just(1u64),
        Just(10),
        Just(1_000),
        Just(15_000),
        Just(30_000)
    ];
    prop_oneof![
        4 => links().prop_map(Step::Add),
        6 => (0..8usize).prop_map(Step::Claim),
        6 => settle.prop_map(|(back, links, age, rest)| Step::Settle(back, links, age, rest)),
        1 => (0..20usize).prop_map(Step::Renew),
        1 => (0..20usize).prop_map(Step::Release),
        4 => wait.prop_map(Step::Wait),
        1 => Just(Step::Seeded),
        1 => Just(Step::Crash),
    ]
}

/// A program at work, beside its model.
struct Program<E> {
    world: World<E>,
    model: Model,
    hands: Vec<(Lease, InHand)>,
}

impl<E: Engine> Program<E> {
    async fn new() -> Self {
        Self {
            world: World::new().await,
            model: Model::of::<E>(),
            hands: Vec::new(),
        }
    }

    async fn step(mut self, step: &Step, crashes: bool) -> Self {
        match step {
            Step::Add(links) => {
                let urls: Vec<_> = links.iter().map(url).collect();
                let new = self.model.add(&urls);
                assert_eq!(self.world.add(urls).await, new, "L2: what is new");
            }
            Step::Claim(demand) => {
                self.claim(*demand).await;
                if self.model.is_unsure() {
                    self.claim(100).await;
                }
            }
            Step::Settle(back, links, age, rest) => {
                self.settle(back, links, *age, *rest).await;
            }
            Step::Renew(at) => {
                if let Some((lease, hand)) = self.hands.get(*at) {
                    let lost = self.world.frontier.renew(vec![lease.key()]).await;
                    let expected = self.model.renew(hand);
                    assert_eq!(lost.unwrap().is_empty(), expected, "L5: a renewal");
                }
            }
            Step::Release(at) if *at < self.hands.len() => {
                let (lease, hand) = self.hands.remove(*at);
                self.model.release(&hand);
                self.world.frontier.release(vec![lease]).await.unwrap();
            }
            Step::Release(_) => {}
            Step::Wait(millis) => self.wait(Duration::from_millis(*millis)),
            Step::Seeded => {
                self.model.seeded();
                self.world.frontier.seeded().await.unwrap();
            }
            Step::Crash if crashes => {
                self.hands.clear();
                self.model.crash();
                self.world = self.world.crash().await;
            }
            Step::Crash => {}
        }
        let stats = self.world.frontier.stats().await.unwrap();
        self.model.judge(&stats);
        self
    }

    async fn claim(&mut self, demand: usize) {
        let claims = self.world.claim(demand).await;
        let mut hands = self.model.claim(demand, &claims);
        for lease in claims.leases {
            let key = (lease.site, lease.hash);
            let at = hands.iter().position(|hand| hand.url == key).unwrap();
            self.hands.push((lease, hands.swap_remove(at)));
        }
    }

    async fn settle(
        &mut self,
        back: &[(usize, Back)],
        links: &[Link],
        age: i64,
        rest: Option<i64>,
    ) {
        let mut links: Vec<_> = links.iter().map(url).collect();
        let (mut outcomes, mut told) = (Vec::new(), Vec::new());
        for (at, how) in back {
            if *at >= self.hands.len() {
                continue;
            }
            let (lease, hand) = self.hands.remove(*at);
            let is_polite = lease.is_in_a_row();
            let outcome = match *how {
                Back::Aside if is_polite => {
                    Outcome::done(lease, Record::new(Fate::Fetched)).welcomed(ASIDE)
                }
                Back::Done | Back::Aside => Outcome::done(lease, Record::new(Fate::Fetched)),
                Back::Retry(after) => Outcome::retry(lease, millis(after)),
                Back::Again(after) => {
                    Outcome::again(lease, Record::new(Fate::Fetched), millis(after))
                }
            };
            let outcome = outcome.aged(millis(age));
            let outcome = match rest {
                Some(rest) => outcome.resting(millis(rest)),
                None => outcome.unasked(),
            };
            outcomes.push(outcome.with_links(std::mem::take(&mut links)));
            told.push((hand, *how));
        }
        let came_with: Vec<_> = outcomes.iter().flat_map(|o| o.links.clone()).collect();
        let settled = self.world.settle(outcomes).await;
        assert_eq!(settled.links, self.model.add(&came_with), "L2: new links");
        let count = told.len();
        let counted = self.model.settle(told, age, rest);
        assert_eq!(settled.outcomes, counted, "L2: outcomes that counted");
        assert_eq!(settled.late, count - counted, "L2: outcomes too late");
    }

    fn wait(&mut self, span: Duration) {
        self.world.clock.forward(span);
        self.model.now += i64::try_from(span.as_millis()).unwrap();
    }

    /// Fetches all that is left.
    async fn end(mut self) {
        self = self.step(&Step::Seeded, false).await;
        loop {
            let claims = self.world.claim(100).await;
            let hands = self.model.claim(100, &claims);
            match claims.next {
                _ if !claims.leases.is_empty() => {
                    let settled = self.world.finish(claims.leases).await;
                    assert_eq!(settled.late, 0, "L9: nobody else works");
                    let hands = hands.into_iter().map(|hand| (hand, Back::Done));
                    self.model.settle(hands.collect(), 0, Some(0));
                }
                Next::After(wait) => self.wait(wait),
                Next::Done => break,
                other => panic!("L7: {other:?} at the end"),
            }
        }
        self.model.judge_end();
    }
}

fn url((site, number, depth): &Link) -> NewUrl {
    page(&sites()[*site], *number).at_depth(*depth)
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn run<E: Engine>(steps: &[Step], crashes: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut program = Program::<E>::new().await;
        for step in steps {
            program = program.step(step, crashes).await;
        }
        program.end().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_memory(steps in prop::collection::vec(step(), 1..80)) {
        run::<Memory>(&steps, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_a_file_over_crashes(steps in prop::collection::vec(step(), 1..80)) {
        run::<File>(&steps, true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_postgres_over_crashes(steps in prop::collection::vec(step(), 1..80)) {
        run::<Shared>(&steps, true);
    }
}
