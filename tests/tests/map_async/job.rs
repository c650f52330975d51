//! Events that say what becomes of them, and a ledger of what did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use proptest::prelude::*;
use stage::{Order, Result};
use tokio::time::Instant;

/// What becomes of an event when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Emits,
    Fails,
    Panics,
    StartPanics,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) source: usize,
    pub(crate) number: usize,
    pub(crate) time: Duration,
    pub(crate) fate: Fate,
}

impl Job {
    /// Returns when it is settled after its start, and whether it is emitted.
    pub(crate) fn comes_to(&self, deadline: Duration) -> (Duration, bool) {
        match self.fate {
            Fate::StartPanics => (Duration::ZERO, false),
            // What is done at its deadline is in time.
            Fate::Emits => (self.time.min(deadline), self.time <= deadline),
            Fate::Fails | Fate::Panics => (self.time.min(deadline), false),
        }
    }
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Emits),
        1 => Just(Fate::Fails),
        1 => Just(Fate::Panics),
        1 => Just(Fate::StartPanics),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    AtWork,
    Emitted,
    Failed,
}

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) running: usize,
    pub(crate) most: usize,
    /// When each event was started, by source and number, in the order of starts.
    pub(crate) starts: Vec<(usize, usize, Instant)>,
    /// What has become of what was started, by source, in the order of starts.
    states: BTreeMap<usize, Vec<State>>,
}

/// A place in the ledger that tells how its event ended, however it did.
struct Running {
    ledger: Ledger,
    source: usize,
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Record>>);

impl Ledger {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().running
    }

    pub(crate) fn started(&self) -> usize {
        self.lock().starts.len()
    }

    fn start(&self, job: &Job) -> Running {
        let mut record = self.lock();
        record.running += 1;
        record.most = record.most.max(record.running);
        let start = (job.source, job.number, Instant::now());
        record.starts.push(start);
        let states = record.states.entry(job.source).or_default();
        states.push(State::AtWork);
        Running {
            at: states.len() - 1,
            ledger: self.clone(),
            source: job.source,
            state: State::Failed,
        }
    }

    /// A job's work; it starts when it is called, not when it is polled.
    pub(crate) fn work(
        &self,
        job: Job,
    ) -> impl Future<Output = Result<(usize, usize)>> + Send + use<> {
        let running = self.start(&job);
        assert!(job.fate != Fate::StartPanics, "a panic on purpose");
        async move {
            if job.time > Duration::ZERO {
                tokio::time::sleep(job.time).await;
            } else {
                tokio::task::yield_now().await;
            }
            match job.fate {
                Fate::Fails => Err("no luck".into()),
                Fate::Panics => std::panic::panic_any("a panic on purpose"),
                _ => {
                    running.emits();
                    Ok((job.source, job.number))
                }
            }
        }
    }
}

impl Running {
    fn emits(mut self) {
        self.state = State::Emitted;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut record = self.ledger.lock();
        record.running -= 1;
        record.states.get_mut(&self.source).unwrap()[self.at] = self.state;
    }
}

impl Record {
    pub(crate) fn started_of(&self, source: usize) -> usize {
        self.states.get(&source).map_or(0, Vec::len)
    }

    pub(crate) fn count(&self, state: State) -> usize {
        let of_state = |other: &&State| **other == state;
        self.states.values().flatten().filter(of_state).count()
    }

    /// How many events of a source have left their place: those done, when ordered before the first that is not.
    pub(crate) fn settled(&self, source: usize, order: Order) -> usize {
        let states = self.states.get(&source).into_iter().flatten();
        let is_done = |state: &&State| **state != State::AtWork;
        match order {
            Order::Ordered => states.take_while(is_done).count(),
            Order::Unordered => states.filter(is_done).count(),
        }
    }
}

/// The panics on purpose are caught and reported by the stage; printing each would bury a real one.
pub(crate) fn silence_panics_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() != Some(&"a panic on purpose") {
                print(panic);
            }
        }));
    });
}

pub(crate) fn on_a_paused_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let hour = Duration::from_secs(3600);
    let ended = runtime.block_on(async { tokio::time::timeout(hour, test).await });
    ended.expect("it must not hang");
}
