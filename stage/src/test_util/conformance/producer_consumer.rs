//! A producer-consumer through the rules of both sides, and those of what goes through it.

use std::sync::Arc;

use super::emits::{EVENTS_MIN, Emitting, Order};
use super::rules;
use super::running::{NumberOf, Running};
use super::takes::{AsksBy, Taking, options};
use super::through::Through;
use crate::adapter::from_iter;
use crate::protocol::UpstreamEnds;
use crate::runtime::{Build, Emits, Takes};
use crate::stages::Stages;
use crate::test_util::{Patience, Report, SinkProbe, Unexpected};

/// A producer-consumer about to be checked; made by [`producer_consumer`].
pub struct ProducerConsumerConformance<R: Takes + Emits> {
    make: Box<dyn Fn() -> Build<R>>,
    sample: Arc<dyn Fn(usize) -> R::In + Send + Sync>,
    origin: Option<NumberOf<R::Out>>,
    fan_out: Option<usize>,
    asking: AsksBy,
    patience: Patience,
}

/// Checks the producer-consumers that `make` builds, each fresh and without a subscription; `sample` makes their input.
///
/// It is checked as a consumer whose output is always wanted, as a producer whose input never lacks, and for what goes
/// through it. What a check knows of its output it is told: [`fan_out`](ProducerConsumerConformance::fan_out),
/// [`origin`](ProducerConsumerConformance::origin).
///
/// ```
/// use std::num::NonZeroUsize;
/// use stage::test_util::conformance;
/// use stage::{Order, map_async};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let n = NonZeroUsize::MIN.saturating_add(3);
/// let same = move || map_async(n, Order::Ordered, async |event: usize| Ok(event));
/// let report = conformance::producer_consumer(same, |n| n)
///     .fan_out(1)
///     .origin(|event| *event)
///     .run()
///     .await;
/// report.assert();
/// # }
/// ```
pub fn producer_consumer<R: Takes + Emits>(
    make: impl Fn() -> Build<R> + 'static,
    sample: impl Fn(usize) -> R::In + Send + Sync + 'static,
) -> ProducerConsumerConformance<R> {
    ProducerConsumerConformance {
        make: Box::new(make),
        sample: Arc::new(sample),
        origin: None,
        fan_out: None,
        asking: AsksBy::Window,
        patience: Patience::default(),
    }
}

impl<R: Takes + Emits> ProducerConsumerConformance<R> {
    /// Says that each event makes `n ≥ 1` others; 0 says nothing.
    ///
    /// Of a stage that leaves events out or groups them this can't be said, and without it nothing checks that the rest
    /// comes out at the end: that is for a test of its own.
    #[must_use]
    pub fn fan_out(mut self, n: usize) -> Self {
        self.fan_out = (n > 0).then_some(n);
        self
    }

    /// Says how to tell from an output the number of the input it came from, for a stage that keeps the order; of a
    /// group, the first.
    #[must_use]
    pub fn origin(mut self, origin: impl Fn(&R::Out) -> usize + 'static) -> Self {
        self.origin = Some(Box::new(origin));
        self
    }

    /// Says that it asks with `cx.ask` by a rule of its own, whatever its window says: its asks are not held against
    /// the window.
    #[must_use]
    pub const fn asks_itself(mut self) -> Self {
        self.asking = AsksBy::ItsOwnRule;
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
        let taking = Taking {
            spawn: &|source, options| {
                let stage = Running::spawn((self.make)().subscribe_to(source, options))?;
                let mut sink = SinkProbe::with_patience(&*stage, self.patience);
                sink.ask(usize::MAX);
                Ok((stage, Some(sink)))
            },
            sample: &*self.sample,
            asking: self.asking,
            patience: self.patience,
        };
        taking.check(&mut report).await;
        let emitting = Emitting {
            spawn: &|| self.spawn_fed(),
            len: self.fan_out.map(|n| EVENTS_MIN * n),
            order: self.origin.as_deref().map(|number| Order {
                number,
                repeats: self.fan_out,
            }),
            patience: self.patience,
        };
        emitting.check(&mut report).await;
        let through = Through {
            spawn: &|source, options| Running::spawn((self.make)().subscribe_to(source, options)),
            sample: &*self.sample,
            fan_out: self.fan_out,
            patience: self.patience,
        };
        through.check(&mut report).await;
        rules::takes(&mut report);
        rules::emits(&mut report);
        rules::both(&mut report);
        report
    }

    /// Starts one with as much input as it asks for, or as its output is to have an end.
    fn spawn_fed(&self) -> Result<Running<R>, Unexpected> {
        let sample = Arc::clone(&self.sample);
        let most = self.fan_out.map_or(usize::MAX, |_| EVENTS_MIN);
        let input = from_iter((0..most).map(move |n| sample(n)))
            .stop_with_last_consumer()
            .within(&Stages::new())
            .spawn()
            .map_err(|error| Unexpected::new("an input that starts", error.to_string()))?;
        let build = (self.make)().subscribe_to(&input, options(UpstreamEnds::Complete)?);
        Running::spawn(build)
    }
}

impl<R: Takes + Emits> std::fmt::Debug for ProducerConsumerConformance<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProducerConsumerConformance")
            .field("fan_out", &self.fan_out)
            .finish_non_exhaustive()
    }
}
