//! A producer through the rules.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::emits::{Emitting, Order, keeps_keys, paces_by_the_slowest};
use super::rules;
use super::running::{NumberOf, Running};
use crate::behaviour::Producer;
use crate::protocol::{Broadcast, Dispatcher, Partition};
use crate::runtime::{AsProducer, Begins, Build};
use crate::test_util::{Outcome, Patience, Report, Unexpected};

/// A check of what is built, under a dispatcher that needs more of the events than all producers have.
type CheckBuilt<R> = Box<dyn Fn(Build<R>, Patience) -> Checked>;
type Checked = Pin<Box<dyn Future<Output = Result<(), Unexpected>>>>;

/// A producer about to be checked; made by [`producer`].
pub struct ProducerConformance<R: Begins> {
    make: Box<dyn Fn() -> Build<R>>,
    len: Option<usize>,
    number: Option<NumberOf<R::Out>>,
    paces: Option<CheckBuilt<R>>,
    keeps_keys: Option<CheckBuilt<R>>,
    patience: Patience,
}

/// Checks the producers that `make` builds, each fresh and able to emit at least 16 events on demand.
///
/// What a check knows of a producer it is told: [`completes_after`](ProducerConformance::completes_after),
/// [`numbered`](ProducerConformance::numbered). A dispatcher that serves only subscriptions with a key, such as
/// [`Partition`], has laws of its own: [`dispatcher_laws`](crate::test_util::dispatcher_laws).
///
/// ```
/// use stage::test_util::conformance;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let report = conformance::producer(|| stage::from_iter(0..20))
///     .completes_after(20)
///     .numbered(|event| *event)
///     .broadcast()
///     .run()
///     .await;
/// println!("{report}");
/// report.assert();
/// # }
/// ```
pub fn producer<R: Begins>(make: impl Fn() -> Build<R> + 'static) -> ProducerConformance<R> {
    ProducerConformance {
        make: Box::new(make),
        len: None,
        number: None,
        paces: None,
        keeps_keys: None,
        patience: Patience::default(),
    }
}

impl<R: Begins> ProducerConformance<R> {
    /// Says that the producer completes after so many events, at least 16.
    #[must_use]
    pub fn completes_after(mut self, len: usize) -> Self {
        self.len = Some(len);
        self
    }

    /// Says how to tell an event's number, from 0 in the order of emission.
    #[must_use]
    pub fn numbered(mut self, number: impl Fn(&R::Out) -> usize + 'static) -> Self {
        self.number = Some(Box::new(number));
        self
    }

    /// Sets how long the checks wait.
    #[must_use]
    pub const fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Runs the checks, each on stages of its own, in the runtime of the caller.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the stage of the check at work.
    pub async fn run(self) -> Report {
        let mut report = Report::new();
        let emitting = Emitting {
            spawn: &|| Running::spawn((self.make)()),
            len: self.len,
            order: self.number.as_deref().map(|number| Order {
                number,
                repeats: Some(1),
            }),
            patience: self.patience,
        };
        emitting.check(&mut report).await;
        self.check_dispatched(&mut report).await;
        rules::emits(&mut report);
        report
    }

    async fn check_dispatched(&self, report: &mut Report) {
        let pace = "under a Broadcast as many events flow as the slowest asked for";
        let unknown = "it was not told that the events may be cloned";
        self.check_built(
            report,
            ("law: broadcast", pace),
            self.paces.as_ref(),
            unknown,
        )
        .await;
        let keys = "under a keyed Partition the events of a key stay at one consumer";
        let unknown = "it was not told the keys of the events";
        self.check_built(
            report,
            ("law: key", keys),
            self.keeps_keys.as_ref(),
            unknown,
        )
        .await;
    }

    async fn check_built(
        &self,
        report: &mut Report,
        (rule, statement): (&'static str, &'static str),
        check: Option<&CheckBuilt<R>>,
        unknown: &'static str,
    ) {
        match check {
            Some(check) => {
                let checked = check((self.make)(), self.patience);
                report.check(rule, statement, checked).await;
            }
            None => report.note(rule, statement, Outcome::NotApplicable(unknown)),
        }
    }
}

impl<S: Producer, D: Dispatcher<S::Out>> ProducerConformance<AsProducer<S, D>> {
    /// Checks it under a [`Broadcast`] too.
    #[must_use]
    pub fn broadcast(mut self) -> Self
    where
        S::Out: Clone,
    {
        self.paces = Some(Box::new(|build, patience| {
            Box::pin(async move {
                let stage = Running::spawn(build.dispatcher(Broadcast::new()))?;
                paces_by_the_slowest(stage, patience).await
            })
        }));
        self
    }

    /// Checks it under a [`Partition`] too whose two consumers share the events by `key`.
    #[must_use]
    pub fn keyed(mut self, key: impl Fn(&S::Out) -> u64 + Send + Sync + 'static) -> Self {
        let key = Arc::new(key);
        self.keeps_keys = Some(Box::new(move |build, patience| {
            let (key, shared) = (Arc::clone(&key), Arc::clone(&key));
            Box::pin(async move {
                let partition = Partition::new([0], |_: &S::Out| Some(0))
                    .map_err(|error| Unexpected::new("a partition", error.to_string()))?
                    .keyed(move |event| shared(event));
                let stage = Running::spawn(build.dispatcher(partition))?;
                keeps_keys(stage, &*key, patience).await
            })
        }));
        self
    }
}

impl<R: Begins> std::fmt::Debug for ProducerConformance<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProducerConformance")
            .field("completes_after", &self.len)
            .finish_non_exhaustive()
    }
}
