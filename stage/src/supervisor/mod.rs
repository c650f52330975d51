//! Supervision: who restarts which children when one of them fails, and how all of them stop.
//!
//! ```text
//!                    supervisor (rest-for-one)
//!             ┌──────────────┼────────────────┐
//!          source          parser       supervisor (one-for-one)
//!                                        ┌────┴────┐
//!                                     writer     writer
//! ```
//!
//! A restart keeps the stage: its mailbox, its buffer, its subscriptions and what it was asked and has asked. A new
//! behaviour from the factory takes the place of the old one, and the neighbours hear nothing of it, so that one failure
//! does not cancel its way through the graph.

mod plan;
mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::{Backoff, Intensity, Restart};
use crate::runtime::{
    Build, Cell, NewChild, Report, Role, SpawnError, Subordinate, Superior, Supervision, Verdict,
};
use crate::stages::{NotDrained, Stages, drain};
use crate::sync::{self, Mutex, MutexGuard};

use plan::Plan;
pub use plan::TooManyRestarts;
use task::Task;

/// Whom a failing child takes along. Source: OTP `supervisor` strategies.
///
/// | strategy | restarted | for children that |
/// |---|---|---|
/// | `OneForOne` | the one that failed | do not need each other |
/// | `RestForOne` | it and those started after it | need those before them |
/// | `OneForAll` | all of them | need each other |
///
/// Those that go along are brought down from the last to the first, each within its
/// [`shutdown`](crate::Build::shutdown), and started again from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// The one that failed.
    #[default]
    OneForOne,
    /// The one that failed and those started after it.
    RestForOne,
    /// All.
    OneForAll,
}

/// A supervisor about to be spawned; made by [`supervisor`].
#[derive(Debug)]
pub struct BuildSupervisor {
    strategy: Strategy,
    intensity: Intensity,
    backoff: Backoff,
    name: Option<Arc<str>>,
    stages: Option<Stages>,
    shutdown: Duration,
    superior: Option<(Supervisor, Restart)>,
}

/// Builds a supervisor. Its children are stages built with [`Build::supervised_by`], and other supervisors; they may come at
/// any time.
///
/// A child that fails is restarted as the strategy and its [`Restart`] say, after the back-off. When restarts are more
/// than the intensity allows, or a child escalates its failure, the supervisor's own supervisor decides; without one all
/// children are stopped and the supervisor ends with that failure, or with [`TooManyRestarts`] where there is none.
///
/// ```
/// use std::time::Duration;
/// use stage::{
///     Batch, Consumer, Context, Demand, Restart, Result, Strategy, consumer_with, from_iter, supervisor,
/// };
///
/// struct Sum(u32);
/// impl Consumer for Sum {
///     type In = u32;
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, _: &mut Context) -> Result {
///         while let Some(event) = events.front() {
///             if *event == 3 {
///                 return Err("unlucky".into());
///             }
///             self.0 += event;
///             events.pop();
///         }
///         println!("{}", self.0);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let workers = supervisor(Strategy::OneForOne).spawn()?;
/// let numbers = from_iter(1..=6).supervised_by(&workers, Restart::Temporary).spawn()?;
/// let sum = consumer_with(|| Sum(0))
///     .subscribe_to(&numbers, Demand::default())
///     .supervised_by(&workers, Restart::Transient)
///     .spawn()?;
/// sum.join().await;
/// assert_eq!(sum.stats().failed, 1);
/// workers.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn supervisor(strategy: Strategy) -> BuildSupervisor {
    BuildSupervisor {
        strategy,
        intensity: Intensity::default(),
        backoff: Backoff::AT_ONCE,
        name: None,
        stages: None,
        shutdown: Duration::MAX,
        superior: None,
    }
}

impl BuildSupervisor {
    /// Sets how many restarts are too many; 3 in 5 s by default. Each child that is restarted for its own end counts, those
    /// that go along do not.
    #[must_use]
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Sets how long a failed child waits for its restart: longer with each failure, until it has run for longer than the
    /// longest wait. At once by default.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Names the supervisor in logs.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Has its children live in this group rather than in its supervisor's, or the root.
    #[must_use]
    pub fn within(mut self, stages: &Stages) -> Self {
        self.stages = Some(stages.clone());
        self
    }

    /// Sets how long it may take to stop at its own supervisor's order; without end by default, since its children have
    /// their own deadlines. Source: OTP `shutdown` of a supervisor.
    #[must_use]
    pub const fn shutdown(mut self, patience: Duration) -> Self {
        self.shutdown = patience;
        self
    }

    /// Makes it the child of another supervisor.
    #[must_use]
    pub fn supervised_by(mut self, supervisor: &Supervisor, restart: Restart) -> Self {
        self.superior = Some((supervisor.clone(), restart));
        self
    }

    /// Starts it in a task of its own.
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoRuntime`] and [`SpawnError::SupervisorEnded`].
    pub fn spawn(self) -> Result<Supervisor, SpawnError> {
        let runtime = sync::runtime::Handle::try_current().map_err(|_| SpawnError::NoRuntime)?;
        let id = StageId::next();
        let name = self
            .name
            .unwrap_or_else(|| format!("supervisor-{id}").into());
        let of_superior = self.superior.as_ref().map(|(superior, _)| &superior.stages);
        let stages = self.stages.or_else(|| of_superior.cloned());
        let stages = stages.unwrap_or_else(Stages::root);
        let (sender, messages) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            cell: Arc::new(Cell::new(id, name, stages.clone())),
            stages,
            office: Arc::new(Office {
                messages: sender,
                roster: Mutex::default(),
            }),
        };
        if let Some((superior, restart)) = &self.superior {
            let child = NewChild {
                id,
                name: Arc::clone(&supervisor.cell.name),
                restart: *restart,
                shutdown: self.shutdown,
                subordinate: Arc::new(Below(Arc::downgrade(&supervisor.office))),
            };
            if !superior.office.enlist(child) {
                return Err(SpawnError::SupervisorEnded);
            }
        }
        let superior = self.superior.map(|(superior, _)| superior.office);
        let plan = Plan::new(
            self.strategy,
            self.intensity,
            self.backoff,
            superior.is_some(),
        );
        let office = Arc::downgrade(&supervisor.office);
        let cell = Arc::clone(&supervisor.cell);
        runtime.spawn(Task::new(plan, office, messages, cell, superior).run());
        Ok(supervisor)
    }
}

/// A running supervisor; clones are the same one, and dropping them stops nothing: it ends when it is stopped, when it
/// gives up, or when no handle and no child is left.
///
/// ```
/// use stage::{Exit, Restart, Strategy, from_iter, supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let sources = supervisor(Strategy::OneForOne).named("sources").spawn()?;
/// let numbers = from_iter(0..).named("numbers").supervised_by(&sources, Restart::Temporary).spawn()?;
/// let children = sources.children();
/// assert_eq!((&*children[0].name, children[0].is_running), ("numbers", true));
/// assert!(matches!(sources.stop().await, Exit::Stopped));
/// assert!(matches!(numbers.exit(), Some(Exit::Stopped)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Supervisor {
    cell: Arc<Cell>,
    stages: Stages,
    office: Arc<Office>,
}

/// What is known of a child of a [`Supervisor`] now, as its `children` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildStatus {
    /// Its id: a stage's, or a supervisor's.
    pub id: StageId,
    /// Its name.
    pub name: Arc<str>,
    /// Which of its ends are followed by a restart.
    pub restart: Restart,
    /// Whether it runs; else it is down, waits for its restart, or is on its way.
    pub is_running: bool,
    /// How often it was started again.
    pub restarts: u64,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("name", &self.cell.name)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cell.name
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> StageId {
        self.cell.id
    }

    /// The group that its children live in, and whose registry has their names.
    #[must_use]
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// Its children, in the order they were started.
    #[must_use]
    pub fn children(&self) -> Vec<ChildStatus> {
        let roster = self.office.roster();
        roster.values().map(|entry| entry.status.clone()).collect()
    }

    /// Returns how it ended, or `None` while it lives.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.cell.exit().cloned()
    }

    /// Waits for its end. The reason of one that gave up is the failure it gave up for, or [`TooManyRestarts`] where a
    /// child was restarted too often that did not fail.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn join(&self) -> Exit {
        self.cell.join().await
    }

    /// Stops its children from the last to the first, each within its [`shutdown`](crate::Build::shutdown), and ends. Those
    /// that wait for their restart are stopped like the others.
    ///
    /// # Cancel safety
    ///
    /// The stop has been sent when the future is first polled.
    pub async fn stop(&self) -> Exit {
        self.office.send(Message::Stop);
        self.cell.join().await
    }

    /// Drains the stages below it as [`Stages::drain`] does, then stops.
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when the future is dropped, without the grace and without the stop.
    pub async fn drain(&self, grace: Duration) -> Vec<NotDrained> {
        let mut cells = Vec::new();
        self.office.add_cells(&mut cells);
        let left = drain(cells, grace).await;
        self.stop().await;
        left
    }
}

impl<R: Role> Build<R> {
    /// Makes the stage a child of this supervisor, in whose group of stages it then lives.
    ///
    /// What fails it is then for the supervisor to decide, by `restart`, rather than for its own
    /// [`intensity`](Build::intensity).
    pub fn supervised_by(self, supervisor: &Supervisor, restart: Restart) -> Self {
        let mut build = self.within(supervisor.stages());
        build.supervision = Some(Supervision {
            superior: Arc::clone(&supervisor.office) as Arc<dyn Superior>,
            restart,
        });
        build
    }
}

/// What reaches the supervisor's task. At most one report of each child waits for an answer, so the queue is bounded by
/// the children and the calls of its handles.
enum Message {
    Child(NewChild),
    Report(StageId, Report),
    Stop,
    /// By its own supervisor.
    Suspend,
    Start,
}

/// Where a supervisor is reached: by its handles, its children and its own supervisor.
struct Office {
    messages: mpsc::UnboundedSender<Message>,
    /// By id, which is the order they were started in.
    roster: Mutex<BTreeMap<StageId, Entry>>,
}

struct Entry {
    status: ChildStatus,
    subordinate: Arc<dyn Subordinate>,
}

impl Office {
    fn send(&self, message: Message) -> bool {
        self.messages.send(message).is_ok()
    }

    fn roster(&self) -> MutexGuard<'_, BTreeMap<StageId, Entry>> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the stages below it.
    fn add_cells(&self, cells: &mut Vec<Arc<Cell>>) {
        for entry in self.roster().values() {
            entry.subordinate.add_cells(cells);
        }
    }
}

impl Superior for Office {
    fn enlist(&self, child: NewChild) -> bool {
        let entry = Entry {
            status: ChildStatus {
                id: child.id,
                name: Arc::clone(&child.name),
                restart: child.restart,
                is_running: true,
                restarts: 0,
            },
            subordinate: Arc::clone(&child.subordinate),
        };
        let id = child.id;
        // First, so that it is here when the task notes what became of it.
        self.roster().insert(id, entry);
        let is_heard = self.send(Message::Child(child));
        if !is_heard {
            self.roster().remove(&id);
        }
        is_heard
    }

    fn report(&self, child: StageId, report: Report) -> bool {
        self.send(Message::Report(child, report))
    }
}

/// A supervisor under the orders of its own, which does not keep it alive.
struct Below(Weak<Office>);

impl Below {
    fn send(&self, message: Message) {
        if let Some(office) = self.0.upgrade() {
            office.send(message);
        }
    }
}

impl Subordinate for Below {
    fn suspend(&self) {
        self.send(Message::Suspend);
    }

    /// Its children have deadlines of their own, and are what it waits for.
    fn interrupt(&self) {}

    fn verdict(&self, verdict: Verdict) {
        self.send(match verdict {
            Verdict::Start => Message::Start,
            Verdict::Finish => Message::Stop,
        });
    }

    fn stop(&self) {
        self.send(Message::Stop);
    }

    fn abort(&self) {
        if let Some(office) = self.0.upgrade() {
            office
                .roster()
                .values()
                .for_each(|entry| entry.subordinate.abort());
        }
    }

    fn add_cells(&self, cells: &mut Vec<Arc<Cell>>) {
        if let Some(office) = self.0.upgrade() {
            office.add_cells(cells);
        }
    }
}
