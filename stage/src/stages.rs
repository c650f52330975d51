//! The owner of free stages: it knows who lives, drains the graph sources first, and reports what nobody joined.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use crate::exit::Exit;
use crate::id::{IdHasher, StageId};
use crate::registry::Registry;
use crate::runtime::{Cell, Handle, Role, SpawnError, StageStats};
use crate::sync::time::{Instant, timeout_at};
use crate::sync::{Mutex, MutexGuard, process_wide};

process_wide! { static ROOT: LazyLock<Stages> = LazyLock::new(Stages::new); }

/// A group of stages with names of their own; clones are the same group.
///
/// ```
/// use std::time::Duration;
///
/// use stage::{Demand, Stages, consumer_supervisor, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let shift = Stages::new();
/// let jobs = from_iter(1..).within(&shift).spawn()?;
/// let workers = consumer_supervisor(async |_: u32| Ok(()))
///     .subscribe_to(&jobs, Demand::one_by_one(3)?)
///     .within(&shift)
///     .spawn()?;
/// assert_eq!(shift.len(), 2);
/// // The producer emits no more, the workers finish what they have, and nothing has to be aborted.
/// let left = shift.drain(Duration::from_secs(5)).await;
/// assert!(left.is_empty() && shift.is_empty() && workers.exit().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stages(Arc<Shared>);

/// What all clones have in common.
#[derive(Debug, Default)]
struct Shared {
    live: Mutex<Cells>,
    registry: Registry,
}

/// Those who live, found by their ids.
type Cells = HashSet<Live, BuildHasherDefault<IdHasher>>;

#[derive(Debug)]
struct Live(Arc<Cell>);

impl Borrow<StageId> for Live {
    fn borrow(&self) -> &StageId {
        &self.0.id
    }
}

impl Hash for Live {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Live {}

/// A stage that was aborted because the grace of a drain was over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotDrained {
    /// Its name.
    pub name: Arc<str>,
    /// Its counts at the end: `lost` and `discarded` tell what the abort cost.
    pub stats: StageStats,
}

impl Stages {
    /// Makes an empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The group that a stage joins when it is given no other.
    #[must_use]
    pub fn root() -> Self {
        ROOT.clone()
    }

    /// The names of this group.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// How many stages live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns whether no stage lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Drains the graph: sources emit no more, and all else ends after its upstreams, with what it holds handled. What
    /// has not ended within `grace` is aborted and reported.
    ///
    /// A stage that is subscribed to another group's producer waits for that one to end.
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when the future is dropped, without the grace.
    pub async fn drain(&self, grace: Duration) -> Vec<NotDrained> {
        let cells: Vec<_> = self.lock().iter().map(|live| Arc::clone(&live.0)).collect();
        drain(cells, grace).await
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn started<R: Role>(
        &self,
        cell: &Arc<Cell>,
        named: Option<Handle<R>>,
    ) -> Result<(), SpawnError> {
        if let Some(handle) = named
            && !self.0.registry.insert_stage(&cell.name, handle)
        {
            return Err(SpawnError::NameTaken(cell.name.to_string()));
        }
        self.lock().insert(Live(Arc::clone(cell)));
        Ok(())
    }

    pub(crate) fn ended(&self, cell: &Cell, exit: &Exit) {
        self.0.registry.remove(&cell.name, cell.id);
        self.lock().remove(&cell.id);
        let is_unseen = cell.is_unseen_failure(exit);
        cell.ended(exit.clone());
        if is_unseen {
            // A subscriber that panics, as on a standard error that takes nothing, is no reason to fail here.
            let log =
                || tracing::error!(stage = &*cell.name, %exit, "a stage ended and nobody joins it");
            let _panicked = catch_unwind(AssertUnwindSafe(log));
        }
    }
}

/// Drains these stages as one graph: sources emit no more, and all else ends after its upstreams. What has not ended within
/// `grace` is aborted and reported.
pub(crate) async fn drain(cells: Vec<Arc<Cell>>, grace: Duration) -> Vec<NotDrained> {
    for cell in &cells {
        match cell.port() {
            Some(port) if cell.is_source => port.drain(),
            Some(port) => port.finish(),
            None => {}
        }
    }
    // A grace that no clock can tell has no end.
    let deadline = Instant::now().checked_add(grace);
    let mut left = Vec::new();
    for cell in cells {
        let Some(deadline) = deadline else {
            cell.join().await;
            continue;
        };
        if timeout_at(deadline, cell.join()).await.is_err() {
            cell.abort();
            cell.join().await;
            left.push(NotDrained {
                name: Arc::clone(&cell.name),
                stats: cell.stats(),
            });
        }
    }
    left
}
