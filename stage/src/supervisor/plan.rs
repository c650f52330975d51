//! What a supervisor decides, as a value: who is suspended, started again, finished or stopped, and when.
//!
//! ```text
//!            failed, or suspended with its group
//!  running ────────────────────────────────────▶ down ──▶ starting ──▶ running
//!     │                                            │ (after the back-off, in order)
//!     └──▶ stopping ──▶ (ended, forgotten) ◀───────┘ temporary, or the supervisor gave up
//! ```
//!
//! Children stand in the order they were started. A group goes down from the last to the first, one at a time, each
//! within its own deadline, and comes up from the first to the last, one at a time.

use std::time::{Duration, Instant};

use super::{Restart, Strategy};
use crate::exit::Exit;
use crate::id::StageId;
use crate::protocol::{Backoff, Intensity};
use crate::runtime::Report;

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
    Stop(StageId),
    Abort(StageId),
    /// Tells the supervisor's own supervisor that all is down: by its order, or with this failure.
    Down(Option<Exit>),
    /// Tells the supervisor's own supervisor that all runs again.
    Started,
    /// The supervisor has ended.
    Ended(Exit),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Running {
        since: Instant,
    },
    /// Told to go down.
    Suspending(Patience),
    /// Waits to be started, or finished; `at` is set where it waits for itself alone.
    Down {
        at: Option<Instant>,
    },
    Starting,
    /// Told to end.
    Stopping(Patience),
}

/// How long an order may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Until(Instant),
    /// It is over, and what the order said was done by force.
    Over,
    WithoutEnd,
}

#[derive(Debug)]
struct Child {
    id: StageId,
    restart: Restart,
    shutdown: Duration,
    state: State,
    /// Failed starts and short runs in a row.
    attempts: u32,
    restarts: u64,
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

/// A group that is brought down from the last to `from`, and then up again.
#[derive(Debug, Clone, Copy)]
struct Recovery {
    from: usize,
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
    children: Vec<Child>,
    goal: Goal,
    recovery: Option<Recovery>,
    /// Whether it was told to start all again and has not said that it has.
    is_starting: bool,
}

/// A child as [`Plan::children`] tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) id: StageId,
    pub(super) restart: Restart,
    pub(super) is_running: bool,
    pub(super) restarts: u64,
}

impl Plan {
    pub(super) const fn new(
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
            children: Vec::new(),
            goal: Goal::Run,
            recovery: None,
            is_starting: false,
        }
    }

    pub(super) fn children(&self) -> impl Iterator<Item = Status> {
        self.children.iter().map(|child| Status {
            id: child.id,
            restart: child.restart,
            is_running: matches!(child.state, State::Running { .. }),
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
        self.children.push(Child {
            id,
            restart,
            shutdown,
            state: State::Running { since: now },
            attempts: 0,
            restarts: 0,
        });
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
        let Some(at) = self.children.iter().position(|child| child.id == id) else {
            return Vec::new();
        };
        match report {
            Report::Started => {
                let child = &mut self.children[at];
                // One that is meanwhile told to go down, or to end, is not running.
                if child.state == State::Starting {
                    child.state = State::Running { since: now };
                    child.restarts += 1;
                }
            }
            Report::Suspended => self.children[at].state = State::Down { at: None },
            Report::Down { exit, is_escalated } => {
                if let Some(finish) = self.on_down(at, exit, *is_escalated, now, jitter) {
                    return vec![finish];
                }
            }
            Report::Ended => self.forget(at),
        }
        self.go_on(now)
    }

    /// Returns the child's end where it is not started again.
    fn on_down(
        &mut self,
        at: usize,
        exit: &Exit,
        is_escalated: bool,
        now: Instant,
        jitter: f64,
    ) -> Option<Effect> {
        let most = self.backoff.most();
        let child = &mut self.children[at];
        let is_ordered = matches!(child.state, State::Stopping(_));
        if is_ordered || (!is_escalated && !child.restart.restarts(exit)) {
            child.state = State::Stopping(Patience::WithoutEnd);
            return Some(Effect::Finish(child.id));
        }
        if matches!(child.state, State::Running { since } if now.duration_since(since) > most) {
            child.attempts = 0;
        }
        let was_running = !matches!(child.state, State::Suspending(_));
        child.state = State::Down { at: None };
        if !matches!(self.goal, Goal::Run) {
            return None;
        }
        if is_escalated || (was_running && !self.intensity.allows(now)) {
            self.give_up(exit);
            return None;
        }
        let back = now + self.backoff.delay(child.attempts, jitter);
        child.attempts = child.attempts.saturating_add(1);
        let from = match self.strategy {
            Strategy::OneForOne => {
                child.state = State::Down { at: Some(back) };
                return None;
            }
            Strategy::OneForAll => 0,
            Strategy::RestForOne => at,
        };
        let earlier = self.recovery;
        self.recovery = Some(Recovery {
            from: earlier.map_or(from, |earlier| earlier.from.min(from)),
            at: earlier.map_or(back, |earlier| earlier.at.max(back)),
            is_rising: false,
        });
        None
    }

    fn give_up(&mut self, failure: &Exit) {
        self.recovery = None;
        self.goal = if self.has_superior {
            Goal::Down {
                failure: Some(failure.clone()),
                is_told: false,
            }
        } else {
            Goal::End(failure.clone())
        };
    }

    fn forget(&mut self, at: usize) {
        self.children.remove(at);
        if let Some(recovery) = &mut self.recovery
            && at < recovery.from
        {
            recovery.from -= 1;
        }
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
            self.intensity.forget();
            self.is_starting = true;
            self.recovery = Some(Recovery {
                from: 0,
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
        let own = self.children.iter().filter_map(|child| match child.state {
            State::Suspending(Patience::Until(at)) | State::Stopping(Patience::Until(at)) => {
                Some(at)
            }
            State::Down { at } if matches!(self.goal, Goal::Run) => at,
            _ => None,
        });
        let group = self.recovery.filter(|_| self.may_rise());
        own.chain(group.map(|group| group.at)).min()
    }

    /// Does what is due: by force where patience is over, else the next step towards the goal.
    fn go_on(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects: Vec<_> = self
            .children
            .iter_mut()
            .filter_map(|c| c.force(now))
            .collect();
        match self.goal.clone() {
            Goal::Run => self.run(now, &mut effects),
            Goal::Down { failure, is_told } => {
                if self.take_down(0, now, &mut effects) && !is_told {
                    effects.push(Effect::Down(failure.clone()));
                    let is_told = true;
                    self.goal = Goal::Down { failure, is_told };
                }
            }
            Goal::End(exit) => match self.children.last_mut() {
                None => effects.push(Effect::Ended(exit)),
                Some(last) => effects.extend(last.end(now)),
            },
        }
        effects
    }

    fn run(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        for child in &mut self.children {
            if matches!(child.state, State::Down { at: Some(_) }) {
                effects.extend(child.rise(now));
            }
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
        let mut group = self.children.iter_mut().skip(recovery.from);
        match group.find(|child| !matches!(child.state, State::Running { .. })) {
            None => self.recovery = None,
            Some(next) => effects.extend(next.rise(now)),
        }
    }

    /// Returns whether a group only waits for its time.
    fn may_rise(&self) -> bool {
        self.recovery.is_some_and(|recovery| {
            let mut group = self.children.iter().skip(recovery.from);
            !recovery.is_rising && group.all(|child| matches!(child.state, State::Down { .. }))
        })
    }

    /// Tells the last of the children from `from` on that is up to go down, unless one is on its way; returns whether all
    /// are down.
    fn take_down(&mut self, from: usize, now: Instant, effects: &mut Vec<Effect>) -> bool {
        let group = &mut self.children[from..];
        let last_up = group
            .iter_mut()
            .rev()
            .find(|child| !matches!(child.state, State::Down { .. }));
        match last_up {
            None => true,
            Some(child) => {
                effects.extend(child.go_down(now));
                false
            }
        }
    }
}

impl Child {
    /// Tells a child to go down; one that is never restarted ends.
    fn go_down(&mut self, now: Instant) -> Option<Effect> {
        match self.state {
            State::Running { .. } | State::Starting if self.restart == Restart::Temporary => {
                self.end(now)
            }
            State::Running { .. } | State::Starting => {
                self.state = State::Suspending(self.patience(now));
                Some(Effect::Suspend(self.id))
            }
            _ => None,
        }
    }

    fn end(&mut self, now: Instant) -> Option<Effect> {
        let effect = match self.state {
            State::Stopping(_) => return None,
            State::Down { .. } => Effect::Finish(self.id),
            _ => Effect::Stop(self.id),
        };
        self.state = State::Stopping(self.patience(now));
        Some(effect)
    }

    /// Starts one that is down and does not wait for a time of its own.
    fn rise(&mut self, now: Instant) -> Option<Effect> {
        match self.state {
            State::Down { at } if at.is_none_or(|at| at <= now) => Some(self.start()),
            _ => None,
        }
    }

    const fn start(&mut self) -> Effect {
        self.state = State::Starting;
        Effect::Start(self.id)
    }

    /// A deadline that no clock can tell is none.
    fn patience(&self, now: Instant) -> Patience {
        now.checked_add(self.shutdown)
            .map_or(Patience::WithoutEnd, Patience::Until)
    }

    fn force(&mut self, now: Instant) -> Option<Effect> {
        match self.state {
            State::Suspending(Patience::Until(at)) if at <= now => {
                self.state = State::Suspending(Patience::Over);
                Some(Effect::Interrupt(self.id))
            }
            State::Stopping(Patience::Until(at)) if at <= now => {
                self.state = State::Stopping(Patience::Over);
                Some(Effect::Abort(self.id))
            }
            _ => None,
        }
    }
}
