//! What runs a plan: hears the children, keeps the time, and gives the orders.

use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use super::plan::{Effect, Plan};
use super::{Message, Office};
use crate::exit::Exit;
use crate::id::{ById, StageId};
use crate::runtime::{Cell, Report, Subordinate, Superior, Verdict};

pub(super) struct Task {
    plan: Plan,
    /// Weak, so that the queue closes when no handle and no child is left.
    office: Weak<Office>,
    messages: UnboundedReceiver<Message>,
    cell: Arc<Cell>,
    superior: Option<Arc<Office>>,
    subordinates: ById<StageId, Arc<dyn Subordinate>>,
    /// How it ends; of a task that is dropped with its runtime, as it was made.
    exit: Exit,
}

/// The clock of the timers, which tests pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Task {
    pub(super) fn new(
        plan: Plan,
        office: Weak<Office>,
        messages: UnboundedReceiver<Message>,
        cell: Arc<Cell>,
        superior: Option<Arc<Office>>,
    ) -> Self {
        Self {
            plan,
            office,
            messages,
            cell,
            superior,
            subordinates: ById::default(),
            exit: Exit::Aborted,
        }
    }

    pub(super) async fn run(mut self) {
        self.exit = loop {
            let effects = match self.next().await {
                Some(message) => self.on_message(message),
                None if self.messages.is_closed() => break Exit::Completed,
                None => self.plan.on_time(now()),
            };
            if let Some(exit) = self.perform(effects) {
                break exit;
            }
            self.note();
        };
    }

    /// Waits for a message; `None` when time is up, or no message can come any more.
    async fn next(&mut self) -> Option<Message> {
        let Some(deadline) = self.plan.deadline() else {
            return self.messages.recv().await;
        };
        let next = tokio::time::timeout_at(deadline.into(), self.messages.recv());
        next.await.ok().flatten()
    }

    fn on_message(&mut self, message: Message) -> Vec<Effect> {
        let now = now();
        match message {
            Message::Child(child) => {
                self.subordinates.insert(child.id, child.subordinate);
                self.plan
                    .on_child(child.id, child.restart, child.shutdown, now)
            }
            Message::Report(id, report) => {
                self.log(id, &report);
                if matches!(report, Report::Ended) {
                    self.subordinates.remove(&id);
                }
                self.plan.on_report(id, &report, now, fastrand::f64())
            }
            Message::Stop => self.plan.on_stop(Exit::Stopped, now),
            Message::Suspend => self.plan.on_suspend(now),
            Message::Start => self.plan.on_start(now),
        }
    }

    fn log(&self, id: StageId, report: &Report) {
        if let Report::Down { exit, is_escalated } = report {
            tracing::warn!(supervisor = &*self.cell.name, child = %id, %exit, is_escalated, "a child is down");
        }
    }

    /// Gives the orders; returns the end, if that is what was decided.
    fn perform(&self, effects: Vec<Effect>) -> Option<Exit> {
        for effect in effects {
            let (id, order): (_, fn(&dyn Subordinate)) = match effect {
                Effect::Suspend(id) => (id, |child| child.suspend()),
                Effect::Interrupt(id) => (id, |child| child.interrupt()),
                Effect::Start(id) => (id, |child| child.verdict(Verdict::Start)),
                Effect::Finish(id) => (id, |child| child.verdict(Verdict::Finish)),
                Effect::Stop(id) => (id, |child| child.stop()),
                Effect::Abort(id) => (id, |child| child.abort()),
                Effect::Down(failure) => {
                    self.report(failure.map_or(Report::Suspended, |exit| Report::Down {
                        exit,
                        is_escalated: false,
                    }));
                    continue;
                }
                Effect::Started => {
                    self.report(Report::Started);
                    continue;
                }
                Effect::Ended(exit) => return Some(exit),
            };
            if let Some(child) = self.subordinates.get(&id) {
                order(&**child);
            }
        }
        None
    }

    /// Tells its own supervisor; with nobody to hear it there is no more to wait for.
    fn report(&self, report: Report) {
        if let Some(superior) = &self.superior
            && !superior.report(self.cell.id, report)
            && let Some(office) = self.office.upgrade()
        {
            office.send(Message::Stop);
        }
    }

    /// Writes down what became of the children that this turn was about.
    fn note(&mut self) {
        let changed = self.plan.take_changed();
        let Some(office) = self.office.upgrade().filter(|_| !changed.is_empty()) else {
            return;
        };
        let mut roster = office.roster();
        for id in changed {
            let Some(child) = self.plan.status(id) else {
                roster.remove(&id);
                continue;
            };
            if let Some(entry) = roster.get_mut(&id) {
                entry.status.is_running = child.is_running;
                entry.status.restarts = child.restarts;
            }
        }
    }
}

/// Lets go of the children that came too late, or live in another runtime, and makes the end known.
impl Drop for Task {
    fn drop(&mut self) {
        self.messages.close();
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Child(late) = message {
                self.subordinates.insert(late.id, late.subordinate);
            }
        }
        for (_, left) in self.subordinates.drain() {
            left.stop();
            left.verdict(Verdict::Finish);
        }
        if let Some(office) = self.office.upgrade() {
            office.roster().clear();
        }
        let exit = self.exit.clone();
        if self.cell.is_unseen_failure(&exit) {
            tracing::error!(supervisor = &*self.cell.name, %exit, "a supervisor gave up and nobody joins it");
        }
        self.cell.ended(exit);
        self.report(Report::Ended);
    }
}
