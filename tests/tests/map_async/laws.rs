//! Random programs of work, demand and consumers that leave, judged at rest.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use stage::{
    Demand, Exit, Function, MapAsync, Order, ProducerConsumerHandle, Result, Subscription,
    from_iter, map_async,
};

use crate::job::*;

/// All work takes whole ticks, so that between two ticks the program rests.
const TICK: Duration = Duration::from_millis(10);
const DEADLINE: Duration = Duration::from_millis(40);

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask(usize),
    Wait(u32),
    /// The consumer leaves, and another one comes.
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..8usize).prop_map(Step::Ask),
        4 => (0..5u32).prop_map(Step::Wait),
        1 => Just(Step::Leave),
    ]
}

type Work =
    Box<dyn FnMut(Job) -> futures::future::BoxFuture<'static, Result<(usize, usize)>> + Send>;
type Handle = ProducerConsumerHandle<MapAsync<Job, Function<Work>>>;

struct Program {
    handle: Handle,
    ledger: Ledger,
    edge: Subscription<(usize, usize)>,
    n: usize,
    order: Order,
    window: Demand,
    /// How many events each source has.
    sources: Vec<usize>,
    received: Vec<(usize, usize)>,
    asked: usize,
    has_left: bool,
}

impl Program {
    fn start(sources: Vec<Vec<Job>>, n: usize, order: Order, window: Demand) -> Self {
        let ledger = Ledger::default();
        let of_stage = ledger.clone();
        let work: Work = Box::new(move |job| of_stage.work(job).boxed());
        let mut build = map_async(NonZeroUsize::new(n).unwrap(), order, work).deadline(DEADLINE);
        let lens = sources.iter().map(Vec::len).collect();
        for jobs in sources {
            build = build.subscribe_to(&from_iter(jobs).spawn().unwrap(), window);
        }
        let handle = build.spawn().unwrap();
        Self {
            edge: handle.subscribe(),
            handle,
            ledger,
            n,
            order,
            window,
            sources: lens,
            received: Vec::new(),
            asked: 0,
            has_left: false,
        }
    }

    fn ask(&mut self, n: usize) {
        self.asked += n;
        self.edge.request(NonZeroUsize::new(n).unwrap());
    }

    async fn step(&mut self, step: Step) {
        let ticks = match step {
            Step::Ask(n) => {
                self.ask(n);
                0
            }
            Step::Wait(ticks) => ticks,
            Step::Leave => 0,
        };
        tokio::time::sleep(TICK / 2 + ticks * TICK).await;
        self.receive();
        self.judge();
        if let Step::Leave = step {
            // It has taken all that was sent to it, so that none is lost on the way.
            self.has_left = true;
            self.edge = self.handle.subscribe();
            tokio::time::sleep(TICK / 10).await;
            self.judge();
            tokio::time::sleep(TICK * 2 / 5).await;
        } else {
            tokio::time::sleep(TICK / 2).await;
        }
    }

    fn receive(&mut self) {
        while let Some(Ok(Some(events))) = self.edge.next().now_or_never() {
            self.received.extend(events);
        }
    }

    fn judge(&self) {
        let record = self.ledger.lock();
        let stats = self.handle.stats();
        let settled = |source| record.settled(source, self.order);
        let places: usize = (0..self.sources.len())
            .map(|source| record.started_of(source) - settled(source))
            .sum();
        assert!(record.most <= self.n, "M1: {} ran", record.most);
        let failed = record.count(State::Failed);
        let held = record.starts.len() - failed - self.received.len();
        assert!(held <= self.n, "M1: {held} at work, held or buffered");
        // While the buffer holds a leaver's results, those that are done wait for it in their places.
        let is_flowing = stats.buffered == 0;
        assert!(
            self.has_left || record.starts.len() - failed <= self.asked,
            "M2: {} started for {} asked",
            record.starts.len(),
            self.asked
        );
        let edges = self.handle.edges();
        let mut waiting = 0;
        for (source, edge) in edges.iter().enumerate() {
            let (asked, delivered) = (to_usize(edge.asked), to_usize(edge.delivered));
            let at_most = asked - settled(source);
            assert!(at_most <= self.window.max(), "M3: {at_most} not settled");
            assert!(
                !is_flowing || at_most > self.window.min() || delivered == self.sources[source],
                "M3: {at_most} asked or at work, and no ask"
            );
            waiting += delivered - record.started_of(source);
        }
        let sent = to_usize(self.edge.stats().delivered);
        let credit = to_usize(self.edge.stats().asked) - sent;
        assert!(
            waiting == 0 || places >= self.n || places >= credit,
            "M4: {waiting} wait for none of {places} places and {credit} credit"
        );
        assert!(is_flowing || credit == 0, "M4: buffered");
        assert_eq!((stats.lost, stats.discarded), (0, 0), "M5: lost");
        if self.order == Order::Unordered && is_flowing {
            assert_eq!(record.count(State::Emitted), self.received.len(), "M5");
        }
        self.judge_order();
    }

    fn judge_order(&self) {
        for source in 0..self.sources.len() {
            let of_source = self.received.iter().filter(|(of, _)| *of == source);
            let numbers: Vec<usize> = of_source.map(|(_, number)| *number).collect();
            assert!(
                self.order == Order::Unordered || numbers.is_sorted_by(|one, next| one < next),
                "M6: {numbers:?}"
            );
        }
    }

    /// Asks for all that is left and waits for the end.
    async fn end(mut self, expected: &[(usize, usize)]) {
        self.ask(1_000);
        // A consumer that comes after the end hears that it came too late.
        while let Ok(Some(events)) = self.edge.next().await {
            self.received.extend(events);
        }
        assert!(matches!(self.handle.join().await, Exit::Completed));
        self.judge_order();
        self.received.sort_unstable();
        assert_eq!(self.received, expected, "M5: the results");
        let record = self.ledger.lock();
        let stats = self.handle.stats();
        let all: usize = self.sources.iter().sum();
        assert_eq!((record.starts.len(), record.running), (all, 0), "M5: all");
        assert_eq!(to_usize(stats.failed), all - expected.len(), "M5: failed");
        assert_eq!((stats.lost, stats.discarded), (0, 0), "M5: lost");
        assert!(record.most <= self.n, "M1: {} ran", record.most);
    }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap()
}

fn jobs(sources: Vec<Vec<(u32, Fate)>>) -> Vec<Vec<Job>> {
    let of_source = |(source, jobs): (usize, Vec<(u32, Fate)>)| {
        let job = |(number, (ticks, fate))| Job {
            source,
            number,
            time: ticks * TICK,
            fate,
        };
        jobs.into_iter().enumerate().map(job).collect()
    };
    sources.into_iter().enumerate().map(of_source).collect()
}

fn emitted(sources: &[Vec<Job>]) -> Vec<(usize, usize)> {
    let jobs = sources.iter().flatten();
    jobs.filter(|job| job.comes_to(DEADLINE).1)
        .map(|job| (job.source, job.number))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest(
        sources in prop::collection::vec(prop::collection::vec((1..6u32, fate()), 0..16), 1..4),
        n in 1..6usize,
        is_ordered in any::<bool>(),
        (max, min) in (1..9usize, 0..9usize),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        silence_panics_on_purpose();
        let order = if is_ordered { Order::Ordered } else { Order::Unordered };
        let window = Demand::new(max, min % max).unwrap();
        let sources = jobs(sources);
        let expected = emitted(&sources);
        on_a_paused_clock(async move {
            let mut program = Program::start(sources, n, order, window);
            for step in steps {
                program.step(step).await;
            }
            program.end(&expected).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_laws_hold_at_the_end_on_two_workers() {
    silence_panics_on_purpose();
    for order in [Order::Ordered, Order::Unordered] {
        let fates = [
            Fate::Emits,
            Fate::Emits,
            Fate::Fails,
            Fate::Emits,
            Fate::Panics,
        ];
        let work = fates.into_iter().cycle().map(|fate| (0, fate)).take(1_000);
        let sources = jobs(vec![work.collect(); 2]);
        let expected = emitted(&sources);
        let mut program = Program::start(sources, 8, order, Demand::new(32, 20).unwrap());
        for _ in 0..20 {
            program.ask(5);
            tokio::task::yield_now().await;
        }
        let end = program.end_in_pieces(&expected);
        let ended = tokio::time::timeout(Duration::from_secs(60), end).await;
        ended.expect("it must not hang");
    }
}

impl Program {
    /// Asks for ten whenever ten came.
    async fn end_in_pieces(mut self, expected: &[(usize, usize)]) {
        while self.received.len() + 200 < expected.len() {
            let Some(events) = self.edge.next().await.unwrap() else {
                break;
            };
            self.ask(events.len());
            self.received.extend(events);
        }
        self.end(expected).await;
    }
}
