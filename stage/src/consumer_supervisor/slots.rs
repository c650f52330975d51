//! Which ended children are asked for again, and when: pure counts.

use crate::id::{ById, SubscriptionId};
use crate::protocol::Demand;

/// What the `min` of a subscription's [`Demand`] means to a [`ConsumerSupervisor`](crate::ConsumerSupervisor).
///
/// | with `Demand::new(10, 8)` | asks again | children, while events come |
/// |---|---|---|
/// | `Running` | 2, when 2 have ended | 8 to 10 |
/// | `Ended` | 8, when 8 have ended | 2 to 10 |
///
/// ```
/// use stage::{Demand, MinDemand, consumer_supervisor, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let jobs = from_iter(1..=20).spawn()?;
/// let workers = consumer_supervisor(async |_: u32| Ok(()))
///     .min_demand(MinDemand::Ended)
///     .subscribe_to(&jobs, Demand::new(10, 8)?)
///     .spawn()?;
/// workers.join().await;
/// // 10 at the start, then 8 by 8.
/// assert_eq!(workers.edges()[0].asked, 26);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MinDemand {
    /// At least so many keep running: it asks again when `max − min` have ended, as every consumer does.
    #[default]
    Running,
    /// It asks again when so many have ended, and at each end when it is 0, so that as few as `max − min` run;
    /// `Demand::new(n, 0)` then runs `n` at a time.
    ///
    /// Source: GenStage 1.3 `ConsumerSupervisor`, whose documents promise the other one.
    Ended,
}

impl MinDemand {
    /// How many must have ended.
    const fn asks_at(self, demand: Demand) -> usize {
        match self {
            Self::Ended if demand.min() > 0 => demand.min(),
            Self::Ended => 1,
            Self::Running => demand.batch_max(),
        }
    }
}

/// The slots that are free and not asked for, by subscription.
#[derive(Debug, Default)]
pub(super) struct FreeSlots {
    pub(super) min: MinDemand,
    free: ById<SubscriptionId, usize>,
}

impl FreeSlots {
    /// Notes that a child's slot is free and returns what to ask for now.
    #[must_use]
    pub(super) fn on_end(&mut self, subscription: SubscriptionId, demand: Demand) -> usize {
        let free = self.free.entry(subscription).or_default();
        *free += 1;
        if *free < self.min.asks_at(demand) {
            return 0;
        }
        std::mem::take(free)
    }

    /// Returns how many more ends of its children a subscription asks at.
    pub(super) fn missing(&self, subscription: SubscriptionId, demand: Demand) -> usize {
        let free = self.free.get(&subscription).copied().unwrap_or(0);
        self.min.asks_at(demand).saturating_sub(free)
    }

    /// Forgets a subscription that ended.
    pub(super) fn forget(&mut self, subscription: SubscriptionId) {
        self.free.remove(&subscription);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(min: MinDemand, demand: (usize, usize), asks: &[usize]) {
        let demand = Demand::new(demand.0, demand.1).unwrap();
        let mut slots = FreeSlots {
            min,
            ..FreeSlots::default()
        };
        let id = SubscriptionId::next();
        let asked: Vec<_> = asks.iter().map(|_| slots.on_end(id, demand)).collect();
        assert_eq!(asked, asks, "{min:?} of {demand:?}");
    }

    #[test]
    fn what_each_end_asks_for() {
        check(MinDemand::Running, (10, 8), &[0, 2, 0, 2]);
        check(
            MinDemand::Running,
            (10, 0),
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
        );
        check(MinDemand::Running, (10, 9), &[1, 1]);
        check(MinDemand::Ended, (10, 8), &[0, 0, 0, 0, 0, 0, 0, 8, 0]);
        check(MinDemand::Ended, (10, 0), &[1, 1]);
        check(MinDemand::Ended, (10, 1), &[1, 1]);
    }

    #[test]
    fn subscriptions_are_counted_apart_and_forgotten() {
        let (first, second) = (SubscriptionId::next(), SubscriptionId::next());
        let demand = Demand::new(2, 0).unwrap();
        let mut slots = FreeSlots::default();
        assert_eq!(
            (slots.on_end(first, demand), slots.on_end(second, demand)),
            (0, 0)
        );
        slots.forget(first);
        assert_eq!(
            (slots.on_end(first, demand), slots.on_end(second, demand)),
            (0, 2)
        );
    }
}
