//! A stage's side of its supervision: what it reports, and what it is ordered.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::{AskPort, Cell};
use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::Restart;
use crate::sync::Mutex;

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
        if let Some(port) = self.cell.port.get().and_then(Weak::upgrade) {
            order(&*port);
        }
    }
}

impl Subordinate for StageOrders {
    fn suspend(&self) {
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
#[derive(Debug, Default)]
pub(crate) struct Orders {
    verdict: Mutex<Option<Verdict>>,
    is_given: Notify,
    interrupt: Notify,
}

impl Orders {
    pub(crate) fn give(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        self.is_given.notify_one();
    }

    pub(crate) fn interrupt(&self) {
        self.interrupt.notify_one();
    }

    /// Waits to be interrupted.
    pub(crate) async fn interrupted(&self) {
        self.interrupt.notified().await;
    }

    /// Waits for the verdict; an interrupt that came before it is obeyed already.
    pub(crate) async fn verdict(&self) -> Verdict {
        let verdict = loop {
            let given = self
                .verdict
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            match given {
                Some(verdict) => break verdict,
                None => self.is_given.notified().await,
            }
        };
        let mut stale = std::pin::pin!(self.interrupt.notified());
        stale.as_mut().enable();
        verdict
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
    /// Reports; with nobody to hear it the stage is on its own, and ends.
    pub(crate) fn report(&self, report: Report) {
        if !self.superior.report(self.child, report) {
            self.orders.give(Verdict::Finish);
        }
    }
}
