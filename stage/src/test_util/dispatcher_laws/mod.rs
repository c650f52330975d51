//! A user's own dispatcher through the documented contract of [`Dispatcher`].

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Outcome, Report};
use crate::protocol::Dispatcher;

mod program;
use program::{Random, Step, program, shrunk};
mod law;
use law::{Broken, Law};
mod run;
use run::Run;
mod saturation;

/// How long a program is.
const STEPS: usize = 40;

type KeyOf<T> = Box<dyn Fn(&T) -> u64>;

/// Dispatchers about to be checked; made by [`dispatcher_laws`].
pub struct DispatcherLaws<T, D: Dispatcher<T>> {
    make: Box<dyn Fn() -> D>,
    sample: Box<dyn Fn(usize) -> T>,
    number: Box<dyn Fn(&T) -> usize>,
    audience: Audience,
    keys: usize,
    /// Whether subscriptions may want different events.
    is_choosy: bool,
    key: Box<dyn Fn(usize) -> Option<D::Key>>,
    key_of: Option<KeyOf<T>>,
    holds_back: bool,
    seed: u64,
    programs: usize,
}

/// Whom a dispatcher may give an event to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Audience {
    /// Any one subscription.
    #[default]
    Any,
    /// One subscription of those that the event names; it may wait in a queue for it.
    Chosen,
    /// Every subscription that wants it.
    Every,
}

/// Checks the dispatchers that `make` makes; `sample` makes their events by number, and `number` tells it.
///
/// Random programs of subscriptions, asks, batches, marks and cancels are run on them; a broken law is reported with a
/// small program that breaks it. Then so much is asked that no `usize` holds it.
///
/// ```
/// use stage::Fair;
/// use stage::test_util::dispatcher_laws;
///
/// let report = dispatcher_laws(Fair::default, |n| n, |event| *event).check();
/// println!("{report}");
/// report.assert();
/// ```
pub fn dispatcher_laws<T, D: Dispatcher<T>>(
    make: impl Fn() -> D + 'static,
    sample: impl Fn(usize) -> T + 'static,
    number: impl Fn(&T) -> usize + 'static,
) -> DispatcherLaws<T, D> {
    DispatcherLaws {
        make: Box::new(make),
        sample: Box::new(sample),
        number: Box::new(number),
        audience: Audience::default(),
        keys: 1,
        is_choosy: false,
        key: Box::new(|_| None),
        key_of: None,
        holds_back: false,
        seed: 0,
        programs: 500,
    }
}

impl<T, D: Dispatcher<T>> DispatcherLaws<T, D> {
    /// Says whom an event may go to.
    #[must_use]
    pub const fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// Says what subscriptions say of the events they want: the keys of `0..count`, which together want every event
    /// that is wanted at all.
    #[must_use]
    pub fn keys(mut self, count: usize, key: impl Fn(usize) -> Option<D::Key> + 'static) -> Self {
        self.keys = count.max(1);
        self.is_choosy = true;
        self.key = Box::new(key);
        self
    }

    /// Says that events of equal `key` stay together, and that only these keep their order.
    #[must_use]
    pub fn keyed(mut self, key: impl Fn(&T) -> u64 + 'static) -> Self {
        self.key_of = Some(Box::new(key));
        self
    }

    /// Says that a full queue of its own may end what it wants, in the middle of a batch too.
    #[must_use]
    pub const fn may_hold_back(mut self) -> Self {
        self.holds_back = true;
        self
    }

    /// Sets the seed of the programs; the same one makes the same programs.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many programs are run; 500 by default.
    #[must_use]
    pub const fn programs(mut self, programs: usize) -> Self {
        self.programs = programs;
        self
    }

    /// Runs the programs.
    pub fn check(&self) -> Report {
        let mut random = Random::new(self.seed);
        let mut broken: Vec<(Law, String)> = Vec::new();
        for _ in 0..self.programs {
            let program = program(&mut random, STEPS, self.keys);
            let Err(found) = self.run(&program) else {
                continue;
            };
            if broken.iter().all(|(law, _)| *law != found.law) {
                let how = self.smallest(program, &found);
                broken.push((found.law, how));
            }
        }
        if let Err(Broken { law, how }) = saturation::check(self) {
            broken.push((law, how));
        }
        let mut report = Report::new();
        for law in Law::ALL {
            let found = broken.iter().find(|(other, _)| *other == law);
            let why_not = law.why_not(self.audience, self.holds_back, self.key_of.is_some());
            let outcome = match (found, why_not) {
                (Some((_, how)), _) => Outcome::Broken(how.clone()),
                (None, Some(why)) => Outcome::NotApplicable(why),
                (None, None) => Outcome::Held,
            };
            report.note(law.rule(), law.statement(), outcome);
        }
        report
    }

    /// A panic is a broken law too.
    fn run(&self, program: &[Step]) -> Result<(), Broken> {
        let run = AssertUnwindSafe(|| Run::new(self).run(program));
        catch_unwind(run).unwrap_or_else(|_| {
            Err(Broken {
                law: Law::Panic,
                how: "it panicked".to_owned(),
            })
        })
    }

    /// Shrinks a program that breaks a law, and tells how the smallest one does.
    fn smallest(&self, program: Vec<Step>, found: &Broken) -> String {
        let how = RefCell::new(found.how.clone());
        let smallest = shrunk(program, |steps| match self.run(steps) {
            Err(again) if again.law == found.law => {
                how.replace(again.how);
                true
            }
            _ => false,
        });
        format!("{}\nby {smallest:?}", how.into_inner())
    }
}

impl<T, D: Dispatcher<T>> std::fmt::Debug for DispatcherLaws<T, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatcherLaws")
            .field("audience", &self.audience)
            .field("seed", &self.seed)
            .field("programs", &self.programs)
            .finish_non_exhaustive()
    }
}
