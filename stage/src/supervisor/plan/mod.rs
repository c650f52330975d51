//! What a supervisor decides, as a value: who is suspended, started again, finished or stopped, and when.
//!
//! ```text
//!            failed, or suspended with its group
//!  running ────────────────────────────────────▶ down ──▶ starting ──▶ running
//!     │                                            │ (after the back-off, in order)
//!     └──▶ stopping ──▶ (ended, forgotten) ◀───────┘ temporary, stopped, or the supervisor gave up
//! ```
//!
//! Children stand in the order they were started. A group goes down from the last to the first, one at a time, each
//! within its own deadline, and comes up from the first to the last, one at a time.

mod children;

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::{Restart, Strategy};
use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::{Backoff, Intensity};
use crate::runtime::Report;

use children::{Children, Patience, State};

/// Children of a [`Supervisor`](crate::Supervisor) ended by themselves, without a failure, more often than it restarts
/// them.
///
/// It ends with this where OTP's ends with `shutdown`: a [`Permanent`](Restart::Permanent) child is to run for ever, so that
/// it has failed at its task.
#[derive(Debug, Clone, Error)]
#[error("children end too often; the last one: {last}")]
#[non_exhaustive]
pub struct TooManyRestarts {
    /// How the last one ended.
    pub last: Exit,
}

/// What the caller is to do, in order.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// Asks a child to go down between two of its callbacks.
    Suspend(StageId),
    /// Drops the callback of a child that did not go down in time.
    Interrupt(StageId),
    /// Gives a child that is down a new behaviour.
    Start(StageId),
    /// Lets a child that is down end with the reason that brought it down.
    Finish(StageId),
    /// Tells a child to end, also one that is down.
    Stop(StageId),
    Abort(StageId),
    /// Tells the supervisor's own supervisor that all is down: by its order, or with this failure.
    Down(Option<Exit>),
    /// Tells the supervisor's own supervisor that all runs again.
    Started,
    /// The supervisor has ended.
    Ended(Exit),
}

/// What the supervisor is about.
#[derive(Debug, Clone)]
enum Goal {
    /// All run.
    Run,
    /// All are down, because its own supervisor wants it, or for this failure.
    Down {
        failure: Option<Exit>,
        is_told: bool,
    },
    /// All end.
    End(Exit),
}

/// A group that is brought down from the last to `from`, or to the first of all, and then up again.
#[derive(Debug, Clone, Copy)]
struct Recovery {
    from: Option<StageId>,
    at: Instant,
    is_rising: bool,
}

/// A supervisor's decisions. Every input returns what to do now; [`Plan::deadline`] tells when time is the next input.
#[derive(Debug)]
pub(super) struct Plan {
    strategy: Strategy,
    intensity: Intensity,
    backoff: Backoff,
    /// Whether a supervisor of its own decides when it gives up.
    has_superior: bool,
    children: Children,
    goal: Goal,
    /// The child that it gave up for, whose end is that failure; the others that are down are stopped.
    gave_up_for: Option<StageId>,
    recovery: Option<Recovery>,
    /// Whether it was told to start all again and has not said that it has.
    is_starting: bool,
}

/// A child as [`Plan::status`] tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) is_running: bool,
    pub(super) restarts: u64,
}

impl Plan {
    pub(super) fn new(
        strategy: Strategy,
        intensity: Intensity,
        backoff: Backoff,
        has_superior: bool,
    ) -> Self {
        Self {
            strategy,
            intensity,
            backoff,
            has_superior,
            children: Children::default(),
            goal: Goal::Run,
            gave_up_for: None,
            recovery: None,
            is_starting: false,
        }
    }

    /// Takes the ids of the children that began or ceased to run, or are gone, since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<StageId> {
        self.children.take_changed()
    }

    /// Tells of a child; `None` when it is gone.
    pub(super) fn status(&self, id: StageId) -> Option<Status> {
        self.children.get(id).map(|child| Status {
            is_running: child.is_running(),
            restarts: child.restarts,
        })
    }

    /// A child was started.
    pub(super) fn on_child(
        &mut self,
        id: StageId,
        restart: Restart,
        shutdown: Duration,
        now: Instant,
    ) -> Vec<Effect> {
        self.children.insert(id, restart, shutdown, now);
        self.go_on(now)
    }

    /// A child reports. `jitter` is between 0 and 1.
    pub(super) fn on_report(
        &mut self,
        id: StageId,
        report: &Report,
        now: Instant,
        jitter: f64,
    ) -> Vec<Effect> {
        match report {
            Report::Started => self.on_started(id, now),
            Report::Suspended => self.children.set(id, State::Down { at: None }),
            Report::Down { exit, is_escalated } => {
                if let Some(finish) = self.on_down(id, exit, *is_escalated, now, jitter) {
                    return vec![finish];
                }
            }
            Report::Ended => self.children.remove(id),
        }
        self.go_on(now)
    }

    /// One that is meanwhile told to go down, or to end, is not running.
    fn on_started(&mut self, id: StageId, now: Instant) {
        if let Some(child) = self.children.get_mut(id)
            && child.state() == State::Starting
        {
            child.restarts += 1;
            self.children.set(id, State::Running { since: now });
        }
    }

    /// Returns the child's end where it is not started again.
    fn on_down(
        &mut self,
        id: StageId,
        exit: &Exit,
        is_escalated: bool,
        now: Instant,
        jitter: f64,
    ) -> Option<Effect> {
        let most = self.backoff.most();
        let child = self.children.get_mut(id)?;
        let was = child.state();
        let is_ordered = matches!(was, State::Stopping(_));
        if is_ordered || (!is_escalated && !child.restart.restarts(exit)) {
            self.children.set(id, State::Stopping(Patience::WithoutEnd));
            return Some(Effect::Finish(id));
        }
        if matches!(was, State::Running { since } if now.duration_since(since) > most) {
            child.attempts = 0;
        }
        let back = now + self.backoff.delay(child.attempts, jitter);
        self.children.set(id, State::Down { at: None });
        if !matches!(self.goal, Goal::Run) {
            return None;
        }
        let counts = !matches!(was, State::Suspending(_));
        if is_escalated || (counts && !self.intensity.allows(now)) {
            self.give_up(id, exit);
            return None;
        }
        if let Some(child) = self.children.get_mut(id) {
            child.attempts = child.attempts.saturating_add(1);
        }
        let from = match self.strategy {
            Strategy::OneForOne => {
                self.children.set(id, State::Down { at: Some(back) });
                return None;
            }
            Strategy::OneForAll => None,
            Strategy::RestForOne => Some(id),
        };
        self.recovery = Some(match self.recovery {
            None => Recovery {
                from,
                at: back,
                is_rising: false,
            },
            Some(earlier) => Recovery {
                from: self.not_up_again(earlier).min(from),
                at: earlier.at.max(back),
                is_rising: false,
            },
        });
        None
    }

    /// The first of a group that is not up again: while it rises, there is one.
    fn not_up_again(&self, group: Recovery) -> Option<StageId> {
        if group.is_rising {
            self.children.first_idle(group.from)
        } else {
            group.from
        }
    }

    fn give_up(&mut self, child: StageId, last: &Exit) {
        self.gave_up_for = Some(child);
        self.recovery = None;
        let last = last.clone();
        let failure = if last.is_failure() {
            last
        } else {
            Exit::Failed(Arc::new(TooManyRestarts { last }.into()))
        };
        self.goal = if self.has_superior {
            Goal::Down {
                failure: Some(failure),
                is_told: false,
            }
        } else {
            Goal::End(failure)
        };
    }

    /// Its own supervisor wants all down.
    pub(super) fn on_suspend(&mut self, now: Instant) -> Vec<Effect> {
        if matches!(self.goal, Goal::Run) {
            self.recovery = None;
            self.goal = Goal::Down {
                failure: None,
                is_told: false,
            };
        }
        self.go_on(now)
    }

    /// Its own supervisor starts it again, after it said that it is down.
    pub(super) fn on_start(&mut self, now: Instant) -> Vec<Effect> {
        if matches!(self.goal, Goal::Down { .. }) {
            self.goal = Goal::Run;
            self.gave_up_for = None;
            self.intensity.forget();
            self.is_starting = true;
            self.recovery = Some(Recovery {
                from: None,
                at: now,
                is_rising: true,
            });
        }
        self.go_on(now)
    }

    /// All are to end, from the last to the first.
    pub(super) fn on_stop(&mut self, exit: Exit, now: Instant) -> Vec<Effect> {
        if !matches!(self.goal, Goal::End(_)) {
            // What it gave up for is why it ends.
            let failure = match &mut self.goal {
                Goal::Down { failure, .. } => failure.take(),
                _ => None,
            };
            self.goal = Goal::End(failure.unwrap_or(exit));
            self.recovery = None;
        }
        self.go_on(now)
    }

    /// Time has passed.
    pub(super) fn on_time(&mut self, now: Instant) -> Vec<Effect> {
        self.go_on(now)
    }

    /// When [`Plan::on_time`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let order = self.children.next_order();
        let wait = self.children.next_wait();
        let group = self.recovery.filter(|group| self.may_rise(group));
        [
            order,
            wait.filter(|_| matches!(self.goal, Goal::Run)),
            group.map(|group| group.at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due: by force where patience is over, else the next step towards the goal.
    fn go_on(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(forced) = self.children.force_next(now) {
            effects.push(forced);
        }
        match self.goal.clone() {
            Goal::Run => self.run(now, &mut effects),
            Goal::Down { failure, is_told } => {
                if self.take_down(None, now, &mut effects) && !is_told {
                    effects.push(Effect::Down(failure.clone()));
                    let is_told = true;
                    self.goal = Goal::Down { failure, is_told };
                }
            }
            Goal::End(exit) => match self.children.last() {
                None => effects.push(Effect::Ended(exit)),
                last if last == self.gave_up_for => {
                    effects.extend(last.and_then(|last| self.children.finish(last, now)));
                }
                Some(last) => effects.extend(self.children.end(last, now)),
            },
        }
        effects
    }

    fn run(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        while let Some(start) = self.children.rise_next(now) {
            effects.push(start);
        }
        if let Some(recovery) = self.recovery {
            self.recover(recovery, now, effects);
        }
        if self.is_starting && self.recovery.is_none() {
            self.is_starting = false;
            effects.push(Effect::Started);
        }
    }

    fn recover(&mut self, recovery: Recovery, now: Instant, effects: &mut Vec<Effect>) {
        if !recovery.is_rising {
            if !self.take_down(recovery.from, now, effects) || now < recovery.at {
                return;
            }
            self.recovery = Some(Recovery {
                is_rising: true,
                ..recovery
            });
        }
        match self.children.first_idle(recovery.from) {
            None => self.recovery = None,
            Some(next) => effects.extend(self.children.rise(next, now)),
        }
    }

    /// Returns whether a group only waits for its time.
    fn may_rise(&self, group: &Recovery) -> bool {
        !group.is_rising && self.children.last_up(group.from).is_none()
    }

    /// Tells the last of the children from `from` on that is up to go down, unless one is on its way; returns whether all
    /// are down.
    fn take_down(
        &mut self,
        from: Option<StageId>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(last_up) = self.children.last_up(from) else {
            return true;
        };
        effects.extend(self.children.go_down(last_up, now));
        false
    }
}

#[cfg(test)]
mod tests;
