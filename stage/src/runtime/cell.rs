//! What is known of a stage from outside: its name, its counts, its exit. Counted once a batch.

use std::mem::offset_of;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::{Semaphore, SetOnce};

use super::{Driver, Place, Role, StagePort};
use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::DemandMode;
use crate::registry::Registry;
use crate::stages::Stages;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use crate::sync::{Mutex, MutexGuard, OnceLock};

/// Calls and casts waiting in one mailbox.
const CALLS_MAX: usize = 1024;

/// Edges that ended are remembered up to this many, for summaries.
const ENDED_EDGES_MAX: usize = 64;

/// The counts of one subscription. Each count has one writer, so adding to it is no locked instruction. They lie the length
/// of a cache line apart, so that what the producer writes is never on the one that the consumer writes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Edge {
    asked: AtomicU64,
    from: Arc<str>,
    to: Arc<str>,
    ended: AtomicBool,
    _apart: [u64; 2],
    delivered: AtomicU64,
}

const _: () = assert!(
    offset_of!(Edge, delivered) - offset_of!(Edge, asked) >= 64,
    "the counts share no cache line"
);

fn add(count: &AtomicU64, n: usize) {
    let sum = count.load(Ordering::Relaxed).saturating_add(n as u64);
    count.store(sum, Ordering::Relaxed);
}

impl Edge {
    pub(crate) fn new(from: Arc<str>, to: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU64::new(0),
            from,
            to,
            ended: AtomicBool::new(false),
            _apart: [0; 2],
            delivered: AtomicU64::new(0),
        })
    }

    /// Called by the consumer's side alone.
    pub(crate) fn asked(&self, n: usize) {
        add(&self.asked, n);
    }

    /// Called by the producer's side alone.
    pub(crate) fn delivered(&self, n: usize) {
        add(&self.delivered, n);
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> EdgeStats {
        EdgeStats {
            from: Arc::clone(&self.from),
            to: Arc::clone(&self.to),
            asked: self.asked.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
        }
    }
}

/// The counts of one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeStats {
    /// The producer's name.
    pub from: Arc<str>,
    /// The consumer's name.
    pub to: Arc<str>,
    /// Events asked for.
    pub asked: u64,
    /// Events sent.
    pub delivered: u64,
}

/// The counts of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStats {
    /// Events waiting for demand: in the buffer, in the queues of the dispatcher, or put off.
    pub buffered: usize,
    /// Demand that the stage was told and has not paid; of a producer-consumer, what its consumers wait for. Exact where the
    /// stage rests; else off by what is asked, heard or paid in this moment.
    pub owed: usize,
    /// Emitted events dropped by a full buffer, by the full queue of a partition, or by the stage's end.
    pub discarded: u64,
    /// Emitted events that no selector took, or whose hash named no partition.
    pub unwanted: u64,
    /// Emitted events whose hash panicked or named an unknown partition.
    pub rejected: u64,
    /// Events sent to the stage that it had not handled when it ended, and those that were sent to it after its end, by
    /// producers that had not heard of it.
    pub lost: u64,
    /// Callbacks that failed, each with the event it had at work; of a supervisor, children that failed or did not start.
    pub failed: u64,
}

/// What accepts events for a stage outside its task; it is closed with the stage.
pub(crate) trait Intake: Send + Sync {
    /// Refuses all from now on and returns how many events were accepted and never emitted.
    fn close(&self) -> usize;
}

pub(crate) struct Cell {
    pub(crate) id: StageId,
    pub(crate) name: Arc<str>,
    /// Whether others may find it by its name.
    is_named: bool,
    pub(crate) is_source: bool,
    pub(crate) stages: Stages,
    /// `is_abort_asked` is set under its lock.
    place: Mutex<Place>,
    /// Weak, because the mailbox knows its cell; `None` where there is none.
    port: Option<Weak<dyn StagePort>>,
    is_abort_asked: AtomicBool,
    edges: Mutex<Vec<Arc<Edge>>>,
    is_accumulating: AtomicBool,
    buffered: AtomicUsize,
    owed: AtomicUsize,
    seldom: OnceLock<Box<Seldom>>,
}

/// What a stage needs for what mostly never happens while it lives; made with the first of it.
#[derive(Default)]
struct Seldom {
    exit: SetOnce<Exit>,
    joiners: AtomicUsize,
    /// Permits of calls and casts.
    calls: OnceLock<Arc<Semaphore>>,
    intake: OnceLock<Arc<dyn Intake>>,
    discarded: AtomicU64,
    unwanted: AtomicU64,
    rejected: AtomicU64,
    lost: AtomicU64,
    failed: AtomicU64,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Cell {
    pub(crate) fn new(id: StageId, name: Arc<str>, stages: Stages) -> Self {
        Self {
            id,
            name,
            is_named: false,
            is_source: false,
            stages,
            place: Mutex::default(),
            port: None,
            is_abort_asked: AtomicBool::new(false),
            edges: Mutex::new(Vec::new()),
            is_accumulating: AtomicBool::new(false),
            buffered: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            seldom: OnceLock::new(),
        }
    }

    /// As that of a stage, which has a mailbox.
    pub(crate) fn of_stage<R: Role>(mut self, port: Weak<dyn StagePort>) -> Self {
        self.is_source = R::IS_SOURCE;
        self.port = Some(port);
        self
    }

    /// The stage's mailbox, while it lives.
    pub(crate) fn port(&self) -> Option<Arc<dyn StagePort>> {
        self.port.as_ref()?.upgrade()
    }

    /// As one that was given its name.
    pub(crate) fn named(mut self) -> Self {
        self.is_named = true;
        self
    }

    /// Where its name is, if it was given one.
    pub(crate) fn registry(&self) -> Option<&Registry> {
        self.is_named.then(|| self.stages.registry())
    }

    fn seldom(&self) -> &Seldom {
        self.seldom.get_or_init(Box::default)
    }

    /// How the stage ended, if it did.
    pub(crate) fn exit(&self) -> Option<&Exit> {
        self.seldom.get()?.exit.get()
    }

    /// Makes the end known; the first one counts.
    pub(crate) fn ended(&self, exit: Exit) {
        let _first = self.seldom().exit.set(exit);
    }

    /// Permits of calls and casts that wait in the mailbox.
    pub(crate) fn calls(&self) -> &Arc<Semaphore> {
        let make = || Arc::new(Semaphore::new(CALLS_MAX));
        self.seldom().calls.get_or_init(make)
    }

    pub(crate) async fn join(&self) -> Exit {
        let Seldom { exit, joiners, .. } = self.seldom();
        joiners.fetch_add(1, Ordering::Relaxed);
        exit.wait().await.clone()
    }

    /// Returns whether the end is a failure that nobody waits for. A stage that was dropped with its runtime is none.
    pub(crate) fn is_unseen_failure(&self, exit: &Exit) -> bool {
        let is_shutdown =
            matches!(exit, Exit::Aborted) && !self.is_abort_asked.load(Ordering::Relaxed);
        exit.is_failure() && !is_shutdown && !self.is_joined()
    }

    fn is_joined(&self) -> bool {
        let seldom = self.seldom.get();
        seldom.is_some_and(|seldom| seldom.joiners.load(Ordering::Relaxed) > 0)
    }

    pub(crate) fn add_edge(&self, edge: Arc<Edge>) {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = |edge: &Arc<Edge>| edge.ended.load(Ordering::Relaxed);
        if edges.iter().filter(|edge| ended(edge)).count() >= ENDED_EDGES_MAX {
            edges.retain(|edge| !ended(edge));
        }
        if edges.is_empty() {
            // Most stages never have a second.
            edges.reserve_exact(1);
        }
        edges.push(edge);
    }

    pub(crate) fn edges(&self) -> Vec<EdgeStats> {
        let edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        edges.iter().map(|edge| edge.stats()).collect()
    }

    pub(crate) fn set_mode(&self, mode: DemandMode) {
        let is_accumulating = mode == DemandMode::Accumulate;
        self.is_accumulating
            .store(is_accumulating, Ordering::Relaxed);
    }

    pub(crate) fn mode(&self) -> DemandMode {
        if self.is_accumulating.load(Ordering::Relaxed) {
            DemandMode::Accumulate
        } else {
            DemandMode::Forward
        }
    }

    pub(crate) fn set_held(&self, buffered: usize, owed: usize) {
        self.buffered.store(buffered, Ordering::Relaxed);
        self.owed.store(owed, Ordering::Relaxed);
    }

    pub(crate) fn discarded(&self, n: usize) {
        if n > 0 {
            add(&self.seldom().discarded, n);
        }
    }

    pub(crate) fn report_discarded(&self, n: usize) {
        tracing::warn!(stage = &*self.name, events = n, "events discarded");
    }

    #[cold]
    pub(crate) fn report_excess(&self, n: usize) {
        let stage = &*self.name;
        tracing::error!(stage, events = n, "more events than were asked for");
    }

    pub(crate) fn unwanted(&self, n: usize) {
        if n > 0 {
            add(&self.seldom().unwanted, n);
        }
    }

    pub(crate) fn rejected(&self, n: usize) {
        if n > 0 {
            add(&self.seldom().rejected, n);
        }
    }

    /// Notes what accepts events for the stage; the first one counts.
    pub(crate) fn note_intake(&self, intake: Arc<dyn Intake>) {
        let _first = self.seldom().intake.set(intake);
    }

    pub(crate) fn close_intake(&self) -> usize {
        let intake = self.seldom.get().and_then(|seldom| seldom.intake.get());
        intake.map_or(0, |intake| intake.close())
    }

    pub(crate) fn lost_if_any(&self, n: usize) {
        if n > 0 {
            self.lost(n);
        }
    }

    pub(crate) fn lost(&self, n: usize) {
        self.seldom().lost.fetch_add(n as u64, Ordering::Relaxed);
        tracing::debug!(stage = &*self.name, events = n, "events lost in hand");
    }

    pub(crate) fn failed(&self) {
        self.seldom().failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> StageStats {
        let seldom = self.seldom.get();
        let count = |of: fn(&Seldom) -> &AtomicU64| {
            seldom.map_or(0, |seldom| of(seldom).load(Ordering::Relaxed))
        };
        let owed = self.owed.load(Ordering::Relaxed);
        // Looked at last: an ask that is heard in between is not counted, rather than twice.
        let unheard = self.port().map_or(0, |port| port.unheard());
        StageStats {
            buffered: self.buffered.load(Ordering::Relaxed),
            owed: owed.saturating_add(unheard),
            discarded: count(|seldom| &seldom.discarded),
            unwanted: count(|seldom| &seldom.unwanted),
            rejected: count(|seldom| &seldom.rejected),
            lost: count(|seldom| &seldom.lost),
            failed: count(|seldom| &seldom.failed),
        }
    }

    /// Notes where the stage runs; called by the stage.
    pub(crate) fn runs(&self) {
        self.place().note(self.id);
    }

    /// Returns whether the caller is a callback of this very stage.
    pub(crate) fn is_current(&self) -> bool {
        self.place().is_here(self.id)
    }

    /// Notes what drives the stage. Who found it by its name may have asked to abort it before.
    pub(crate) fn driven_by(&self, driver: Driver) {
        self.place().driver = Some(driver);
        if self.is_abort_asked.load(Ordering::Relaxed) {
            self.abort();
        }
    }

    pub(crate) fn abort(&self) {
        let place = self.place();
        self.is_abort_asked.store(true, Ordering::Relaxed);
        let told = place.driver.clone();
        drop(place);
        if let Some(driver) = told {
            driver.abort();
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
