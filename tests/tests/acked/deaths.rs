//! Consumers that are stages, and that fail, panic, leave events undone, are aborted and stopped, on two workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use stage::{
    Acked, Batch, Consumer, ConsumerHandle, Context, Demand, Exit, Intensity,
    ProducerConsumerHandle, Redeliver, Result, Subscribe, UpstreamEnds, consumer, consumer_with,
    dead_letters, from_iter,
};

use super::kept;

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a consumer does with an event.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Acknowledge,
    Fail,
    /// Leaves it and all behind it in its batch.
    Leave,
    Error,
    Panic,
    /// Waits until it is aborted.
    Hang,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Acknowledge),
        2 => Just(Fate::Fail),
        1 => Just(Fate::Leave),
        1 => Just(Fate::Error),
        1 => Just(Fate::Panic),
        1 => Just(Fate::Hang),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(usize, usize),
    Abort(usize),
    Stop(usize),
    Yield,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..9usize, 0..9usize).prop_map(|(max, min)| Step::Join(max, min % max)),
        2 => any::<usize>().prop_map(Step::Abort),
        1 => any::<usize>().prop_map(Step::Stop),
        4 => Just(Step::Yield),
    ]
}

/// How often each event was seen, and acknowledged.
type Ledger = Arc<Mutex<BTreeMap<usize, (u32, u32)>>>;

struct Sink {
    ledger: Ledger,
    /// Of an event at each of its deliveries; all are acknowledged when it is empty.
    fates: Arc<[Fate]>,
}

impl Sink {
    fn fate(&self, event: usize) -> Fate {
        let mut ledger = self.ledger.lock().unwrap();
        let (seen, _) = ledger.entry(event).or_default();
        *seen += 1;
        let at = event * 31 + *seen as usize;
        let fate = self.fates.get(at % self.fates.len().max(1));
        fate.copied().unwrap_or(Fate::Acknowledge)
    }
}

impl Consumer for Sink {
    type In = Acked<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Acked<usize>>,
        _: &mut Context,
    ) -> Result {
        while let Some(event) = events.front() {
            let fate = self.fate(event.data);
            if let Fate::Leave = fate {
                return Ok(());
            }
            let Some(Acked { data, ack }) = events.pop() else {
                break;
            };
            match fate {
                Fate::Acknowledge => {
                    self.ledger.lock().unwrap().entry(data).or_default().1 += 1;
                    ack.acknowledge();
                }
                Fate::Fail => ack.fail("no luck"),
                Fate::Error => return Err("no luck".into()),
                Fate::Panic => std::panic::resume_unwind(Box::new("a panic on purpose")),
                Fate::Hang | Fate::Leave => std::future::pending().await,
            }
        }
        Ok(())
    }
}

fn options(max: usize, min: usize) -> Subscribe {
    let demand = Demand::new(max, min).unwrap();
    Subscribe::from(demand).upstream_ends(UpstreamEnds::Keep)
}

async fn run(
    steps: &[Step],
    fates: Arc<[Fate]>,
    in_flight_max: usize,
    attempts: u32,
    events: usize,
) {
    let ledger = Ledger::default();
    let letters = dead_letters().spawn().unwrap();
    let source = from_iter(0..events).spawn().unwrap();
    let kept = kept(in_flight_max, attempts)
        .give_up_to(&letters)
        .subscribe_to(&source, Demand::new(8, 4).unwrap())
        .spawn()
        .unwrap();
    let mut members: Vec<ConsumerHandle<Sink>> = Vec::new();
    for step in steps {
        match *step {
            Step::Join(max, min) => {
                let (ledger, fates) = (Arc::clone(&ledger), Arc::clone(&fates));
                let member = consumer_with(move || Sink {
                    ledger: Arc::clone(&ledger),
                    fates: Arc::clone(&fates),
                });
                let often = Intensity::new(10_000, Duration::from_secs(1));
                let member = member
                    .intensity(often)
                    .subscribe_to(&kept, options(max, min));
                members.push(member.spawn().unwrap());
            }
            Step::Abort(at) if !members.is_empty() => {
                members.swap_remove(at % members.len()).abort();
            }
            Step::Stop(at) if !members.is_empty() => {
                // One that hangs does not hear it.
                let stopped = members.swap_remove(at % members.len());
                tokio::spawn(async move { stopped.drain(Duration::from_millis(1)).await });
            }
            Step::Abort(_) | Step::Stop(_) | Step::Yield => tokio::task::yield_now().await,
        }
    }
    members.iter().for_each(ConsumerHandle::abort);
    end(&kept, &ledger).await;
    judge(&kept, &ledger, events, attempts);
    let given_up = usize::try_from(kept.stats().failed).unwrap();
    let letters: Vec<usize> = letters
        .stream(Demand::default())
        .take(given_up)
        .map_ok(|letter| letter.event)
        .try_collect()
        .await
        .unwrap();
    let ledger = ledger.lock().unwrap();
    let acknowledged = ledger.iter().filter(|(_, (_, acks))| *acks > 0);
    let mut settled: Vec<usize> = acknowledged.map(|(event, _)| *event).collect();
    settled.extend(letters);
    settled.sort_unstable();
    assert!(
        settled.into_iter().eq(0..events),
        "A1: each is settled once"
    );
}

/// A consumer that does all that comes.
async fn end(kept: &ProducerConsumerHandle<Redeliver<usize>>, ledger: &Ledger) {
    let last = consumer(Sink {
        ledger: Arc::clone(ledger),
        fates: Arc::new([]),
    });
    let _last = last.subscribe_to(kept, options(5, 2)).spawn().unwrap();
    let exit = tokio::time::timeout(PATIENCE, kept.join()).await;
    let exit = exit.expect("A5: it must not hang");
    assert!(matches!(exit, Exit::Completed), "A1: {exit}");
}

fn judge(
    kept: &ProducerConsumerHandle<Redeliver<usize>>,
    ledger: &Ledger,
    events: usize,
    attempts: u32,
) {
    let stats = kept.stats();
    assert_eq!((stats.lost, stats.discarded), (0, 0), "A1: lost");
    let ledger = ledger.lock().unwrap();
    assert!(ledger.keys().all(|event| *event < events));
    for (event, (seen, acks)) in &*ledger {
        assert!(*seen <= attempts, "A2: {event} was seen {seen} times");
        assert!(*acks <= 1, "A1: {event} was acknowledged {acks} times");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_settled_once_whoever_dies(
        steps in prop::collection::vec(step(), 0..40),
        fates in prop::collection::vec(fate(), 1..40),
        in_flight_max in 1..20usize,
        attempts in 1..9u32,
        events in 0..80usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(run(&steps, fates.into(), in_flight_max, attempts, events));
    }
}
