//! Random programs of one consumer at a time, compared with the model whenever they come to rest.
//!
//! What is done is done at whole ticks, what is due is due shortly after one, and the laws are judged between.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use stage::{
    Acked, Backoff, DeadLetters, Demand, Exit, ProducerConsumerHandle, ProducerHandle, Redeliver,
    Subscription, dead_letters, from_iter,
};
use tokio::time::sleep;

use super::model::{Model, Verdict};
use super::{ask, kept, numbers, take};

const TICK_MS: u64 = 100;
/// What a back-off is longer than whole ticks. Doubled for each attempt it is less than half a tick, and divides it.
const DUE_MS: u64 = 5;
const ATTEMPTS_MAX: u32 = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask(usize),
    /// The consumer takes what was sent to it.
    Take,
    Settle(usize, Verdict),
    /// The consumer dies with what it has not taken, and another one comes.
    Die,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Acknowledge),
        2 => Just(Verdict::Fail),
        2 => Just(Verdict::Drop),
    ];
    prop_oneof![
        3 => (1..8usize).prop_map(Step::Ask),
        3 => Just(Step::Take),
        6 => (any::<usize>(), verdict).prop_map(|(at, verdict)| Step::Settle(at, verdict)),
        1 => Just(Step::Die),
        1 => (1..6u64).prop_map(Step::Wait),
    ]
}

struct Program {
    model: Model,
    now: u64,
    kept: ProducerConsumerHandle<Redeliver<usize>>,
    letters: ProducerHandle<DeadLetters<usize>>,
    edge: Subscription<Acked<usize>>,
    hand: Vec<Acked<usize>>,
    sent_before: usize,
}

impl Program {
    fn start(model: Model, window: Demand) -> Self {
        let letters = dead_letters().spawn().unwrap();
        let source = from_iter(0..model.events).spawn().unwrap();
        let (first, max) = model.backoff;
        let kept = kept(model.in_flight_max, model.attempts)
            .backoff(Backoff::new(Duration::from_millis(first), Duration::from_millis(max)).exact())
            .give_up_to(&letters)
            .subscribe_to(&source, window)
            .spawn()
            .unwrap();
        Self {
            model,
            now: 0,
            edge: kept.subscribe(),
            kept,
            letters,
            hand: Vec::new(),
            sent_before: 0,
        }
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Ask(n) => {
                ask(&mut self.edge, n);
                self.model.credit += n;
            }
            Step::Take => {
                self.hand.extend(take(&mut self.edge));
                self.model.take();
            }
            Step::Settle(at, verdict) if !self.hand.is_empty() => {
                let at = at % self.hand.len();
                let ack = self.hand.remove(at).ack;
                match verdict {
                    Verdict::Acknowledge => ack.acknowledge(),
                    Verdict::Fail => ack.fail("no luck"),
                    Verdict::Drop => drop(ack),
                }
                self.model.settle(at, verdict, self.now);
            }
            Step::Settle(..) | Step::Wait(_) => {}
            Step::Die => {
                self.sent_before += self.sent();
                self.edge = self.kept.subscribe();
                self.model.leave(self.now);
            }
        }
    }

    async fn step(&mut self, step: Step) {
        self.act(step);
        let ticks = if let Step::Wait(ticks) = step {
            ticks
        } else {
            1
        };
        for _ in 0..ticks {
            sleep(Duration::from_millis(TICK_MS / 2)).await;
            let judged = self.now + TICK_MS / 2;
            while self.now < judged {
                self.model.send(self.now);
                self.now += DUE_MS;
            }
            self.judge();
            sleep(Duration::from_millis(TICK_MS / 2)).await;
            self.now += TICK_MS / 2;
        }
    }

    fn sent(&self) -> usize {
        usize::try_from(self.edge.stats().delivered).unwrap()
    }

    fn judge(&self) {
        let model = &self.model;
        let expected: u32 = model.sent.iter().sum();
        let sent = self.sent_before + self.sent();
        assert_eq!(sent, expected as usize, "A4, A5: sent, by {model:?}");
        let hand: Vec<usize> = model.hand.iter().map(|out| out.number).collect();
        assert_eq!(numbers(&self.hand), hand, "A4: which, by {model:?}");
        assert!(model.in_flight() <= model.in_flight_max, "A3");
        let stats = self.kept.stats();
        assert_eq!(stats.failed, model.given_up.len() as u64, "A2: given up");
        assert_eq!((stats.lost, stats.discarded), (0, 0), "A1: lost");
        let settled = model.acknowledged.len() + model.given_up.len();
        let is_over = settled == model.events;
        assert_eq!(self.kept.exit().is_some(), is_over, "A1: its end");
    }

    /// Asks for more and acknowledges all until every event is settled.
    async fn end(mut self) {
        while self.kept.exit().is_none() {
            self.step(Step::Ask(100)).await;
            self.step(Step::Take).await;
            while !self.hand.is_empty() {
                self.act(Step::Settle(0, Verdict::Acknowledge));
            }
            self.step(Step::Wait(1)).await;
        }
        assert!(matches!(self.kept.join().await, Exit::Completed));
        let model = self.model;
        let mut settled = [&model.acknowledged[..], &model.given_up[..]].concat();
        settled.sort_unstable();
        assert!(settled.into_iter().eq(0..model.events), "A1: each once");
        let within = |sent: &u32| (1..=model.attempts).contains(sent);
        assert!(model.sent.iter().all(within), "A2: {:?}", model.sent);
        let letters = self.letters.stream(Demand::default());
        let letters = letters.take(model.given_up.len());
        let letters: Vec<usize> = letters
            .map_ok(|letter| letter.event)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(letters, model.given_up, "A1: the letters");
        self.letters.stop().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_stage_does_what_the_model_does(
        events in 0..24usize,
        in_flight_max in 1..9usize,
        attempts in 1..=ATTEMPTS_MAX,
        backoff in prop_oneof![Just((0, 0)), (0..3u64, 0..7u64)],
        (max, min) in (1..9usize, 0..9usize),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let due = |ticks: u64| if ticks == 0 { 0 } else { ticks * TICK_MS + DUE_MS };
        let backoff = (due(backoff.0), due(backoff.1));
        let window = Demand::new(max, min % max).unwrap();
        on_a_paused_clock(async move {
            let model = Model::new(in_flight_max, attempts, backoff, events);
            let mut program = Program::start(model, window);
            for step in steps {
                program.step(step).await;
            }
            program.end().await;
        });
    }
}

fn on_a_paused_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let hour = Duration::from_secs(3600);
    let ended = runtime.block_on(async { tokio::time::timeout(hour, test).await });
    ended.expect("it must not hang");
}
