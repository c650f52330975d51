//! A consumer through the rules.

use super::rules;
use super::running::Running;
use super::takes::{AsksBy, Taking};
use crate::context::Never;
use crate::runtime::{Build, Takes};
use crate::test_util::{Patience, Report};

/// A consumer about to be checked; made by [`consumer`].
pub struct ConsumerConformance<R: Takes> {
    make: Box<dyn Fn() -> Build<R>>,
    sample: Box<dyn Fn(usize) -> R::In>,
    asking: AsksBy,
    patience: Patience,
}

/// Checks the consumers that `make` builds, each fresh and without a subscription; `sample` makes their events.
///
/// ```
/// use stage::test_util::conformance;
/// use stage::{Batch, Consumer, Context, Result};
///
/// struct Sum(u64);
/// impl Consumer for Sum {
///     type In = u64;
///     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
///         self.0 += events.drain().sum::<u64>();
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let report = conformance::consumer(|| stage::consumer(Sum(0)), |n| n as u64).run().await;
/// report.assert();
/// # }
/// ```
pub fn consumer<R: Takes<Out = Never>>(
    make: impl Fn() -> Build<R> + 'static,
    sample: impl Fn(usize) -> R::In + 'static,
) -> ConsumerConformance<R> {
    ConsumerConformance {
        make: Box::new(make),
        sample: Box::new(sample),
        asking: AsksBy::Window,
        patience: Patience::default(),
    }
}

impl<R: Takes<Out = Never>> ConsumerConformance<R> {
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
                let build = (self.make)().subscribe_to(source, options);
                Ok((Running::spawn(build)?, None))
            },
            sample: &*self.sample,
            asking: self.asking,
            patience: self.patience,
        };
        taking.check(&mut report).await;
        rules::takes(&mut report);
        report
    }
}

impl<R: Takes> std::fmt::Debug for ConsumerConformance<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerConformance")
            .field("asking", &self.asking)
            .finish_non_exhaustive()
    }
}
