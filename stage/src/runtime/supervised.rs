//! A stage's side of its supervision: what it reports, and what it is ordered.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{AskPort, Cell};
use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::Restart;
use crate::sync::{Mutex, MutexGuard};

/// What a child tells its supervisor. After `Down` and `Suspended` it waits for a [`Verdict`].
#[derive(Debug, Clone)]
pub(crate) enum Report {
    /// It failed, or ended by itself.
    Down { exit: Exit, is_escalated: bool },
    /// It went down by order.
    Suspended,
    /// Its new behaviour has started.
    Started,
    /// It is gone.
    Ended,
}

/// What becomes of a child that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Start,
    Finish,
}

/// A child as its supervisor comes to know it.
#[derive(Clone)]
pub(crate) struct NewChild {
    pub(crate) id: StageId,
    pub(crate) name: Arc<str>,
    pub(crate) restart: Restart,
    /// How long an order to go down or to stop may take.
    pub(crate) shutdown: Duration,
    pub(crate) subordinate: Arc<dyn Subordinate>,
}

/// Who hears a child's reports; each returns whether there is still somebody to hear it.
pub(crate) trait Superior: Send + Sync {
    fn enlist(&self, child: NewChild) -> bool;
    fn report(&self, child: StageId, report: Report) -> bool;
}

/// What a supervisor can order of a child.
pub(crate) trait Subordinate: Send + Sync {
    /// Goes down between two callbacks, and says so.
    fn suspend(&self);
    /// Drops the running callback and goes down.
    fn interrupt(&self);
    fn verdict(&self, verdict: Verdict);
    fn stop(&self);
    fn abort(&self);
    /// Adds the stages below it.
    fn add_cells(&self, cells: &mut Vec<Arc<Cell>>);
}

/// A stage under orders.
pub(crate) struct StageOrders {
    pub(crate) cell: Arc<Cell>,
    pub(crate) orders: Arc<Orders>,
}

impl StageOrders {
    fn with_port(&self, order: impl FnOnce(&dyn AskPort)) {
        if let Some(port) = self.cell.port() {
            order(&*port);
        }
    }
}

impl Subordinate for StageOrders {
    fn suspend(&self) {
        self.orders.standing().is_suspended = true;
        self.with_port(|port| port.suspend());
    }

    fn interrupt(&self) {
        self.orders.interrupt();
    }

    fn verdict(&self, verdict: Verdict) {
        self.orders.give(verdict);
    }

    fn stop(&self) {
        self.with_port(|port| port.stop());
    }

    fn abort(&self) {
        self.cell.abort();
    }

    fn add_cells(&self, cells: &mut Vec<Arc<Cell>>) {
        cells.push(Arc::clone(&self.cell));
    }
}

/// The orders that come past the mailbox. A verdict comes only after a report that waits for it.
#[derive(Debug)]
pub(crate) struct Orders {
    /// When one that goes down by itself is started again.
    restart: Restart,
    standing: Mutex<Standing>,
    is_given: Notify,
    interrupt: Notify,
}

/// What is ordered and not obeyed. A verdict does away with the orders before it, which the stage obeyed by being down;
/// those that come after it, even before the stage has heard of it, stand.
#[derive(Debug, Default)]
struct Standing {
    verdict: Option<Verdict>,
    is_suspended: bool,
    is_interrupted: bool,
    /// Whether the stage waits for its verdict, and nothing can be interrupted.
    is_down: bool,
}

impl Orders {
    pub(crate) fn new(restart: Restart) -> Self {
        Self {
            restart,
            standing: Mutex::default(),
            is_given: Notify::new(),
            interrupt: Notify::new(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, verdict: Verdict) {
        let mut standing = self.standing();
        standing.verdict = Some(verdict);
        standing.is_suspended = false;
        standing.is_interrupted = false;
        drop(standing);
        self.is_given.notify_one();
    }

    pub(crate) fn interrupt(&self) {
        self.standing().is_interrupted = true;
        self.interrupt.notify_one();
    }

    /// Returns whether a message that says so still means that the stage is to go down.
    pub(crate) fn take_suspension(&self) -> bool {
        std::mem::take(&mut self.standing().is_suspended)
    }

    /// Waits to be interrupted; one that is down is not.
    pub(crate) async fn interrupted(&self) {
        while !self.is_interruption_due() {
            self.interrupt.notified().await;
        }
    }

    fn is_interruption_due(&self) -> bool {
        let standing = self.standing();
        standing.is_interrupted && !standing.is_down
    }

    /// Waits for the verdict.
    pub(crate) async fn verdict(&self) -> Verdict {
        loop {
            if let Some(verdict) = self.take_verdict() {
                return verdict;
            }
            self.is_given.notified().await;
        }
    }

    fn take_verdict(&self) -> Option<Verdict> {
        let mut standing = self.standing();
        let verdict = standing.verdict.take()?;
        standing.is_down = false;
        // Who waits for it heard of it while the stage was down.
        if standing.is_interrupted {
            self.interrupt.notify_one();
        }
        Some(verdict)
    }
}

/// A stage's link to its supervisor.
#[derive(Clone)]
pub(crate) struct Supervised {
    pub(crate) child: StageId,
    pub(crate) superior: Arc<dyn Superior>,
    pub(crate) orders: Arc<Orders>,
}

impl Supervised {
    /// Returns the exit of a child that went down for `exit` and was stopped before it came up again: a stop, unless it
    /// would not have come up again.
    pub(crate) fn stopped_while_down(&self, exit: &Exit) -> Exit {
        if self.orders.restart.restarts(exit) {
            Exit::Stopped
        } else {
            exit.clone()
        }
    }

    /// Reports; with nobody to hear it the stage is on its own, and ends.
    pub(crate) fn report(&self, report: Report) {
        if matches!(report, Report::Down { .. } | Report::Suspended) {
            self.orders.standing().is_down = true;
        }
        if !self.superior.report(self.child, report) {
            self.orders.give(Verdict::Finish);
        }
    }
}
