//! Each event to the partition that its hash names.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

use super::{Dispatched, Dispatcher, Refused};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::WhenFull;

mod index;
use index::Index;
mod lane;
mod lanes;
mod marks;
mod queue;
use lanes::Lanes;
mod deal;
use deal::{Deal, KeyOf};

/// Why names make no partitions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PartitionsError {
    /// There is none.
    #[error("partitions: at least one must be named")]
    None,
    /// This one is named twice.
    #[error("partitions: {0} is named twice")]
    Twice(String),
}

/// Sends each event to the partition that a hash names, in order for each partition.
///
/// An event whose partition has no demand waits in that partition's queue, and the demand it did not use is told again:
/// a partition without a consumer does not stop the others. What a full queue does is chosen by [`Partition::queue`]; a
/// leaver's queue waits for its next consumer. A hash of `None` drops the event as unwanted, and costs no demand. An
/// event whose hash panics, or names no partition, is rejected, and the producer lives.
///
/// A partition has one consumer, or several when [`Partition::keyed`] tells what must stay in order: events of equal
/// keys go to the same consumer for as long as the same consumers serve the partition. Source: GenStage 1.3
/// `PartitionDispatcher`.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, Partition, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let hash = |n: &u32| Some(if n % 2 == 0 { "even" } else { "odd" });
/// let parity = Partition::new(["even", "odd"], hash)?;
/// let numbers = from_iter(1..=6).dispatcher(parity).spawn()?;
/// let even = numbers.partition("even").stream(Demand::default());
/// let odd = numbers.partition("odd").stream(Demand::default());
/// let (even, odd) = tokio::try_join!(even.try_collect::<Vec<_>>(), odd.try_collect::<Vec<_>>())?;
/// assert_eq!((even, odd), (vec![2, 4, 6], vec![1, 3, 5]));
/// # Ok(())
/// # }
/// ```
pub struct Partition<T, P = usize> {
    hash: Box<dyn Deal<T, P>>,
    key: Option<KeyOf<T>>,
    index: Index<P>,
    /// Which partition a subscription serves.
    serves: BySubscription<usize>,
    lanes: Lanes<T>,
}

impl<T, P: Eq + Hash + Clone + fmt::Debug + 'static> Partition<T, P> {
    /// Makes the named partitions; `hash` names the one of an event, or none.
    ///
    /// # Errors
    ///
    /// [`PartitionsError`] when there is no partition, or one is named twice.
    pub fn new(
        partitions: impl IntoIterator<Item = P>,
        hash: impl FnMut(&T) -> Option<P> + Send + 'static,
    ) -> Result<Self, PartitionsError> {
        let mut index = Index::new();
        for name in partitions {
            if index.find(&name).is_some() {
                return Err(PartitionsError::Twice(format!("{name:?}")));
            }
            index.add(name);
        }
        if index.len() == 0 {
            return Err(PartitionsError::None);
        }
        Ok(Self {
            hash: Box::new(hash),
            key: None,
            lanes: Lanes::new(index.len()),
            index,
            serves: BySubscription::new(),
        })
    }

    /// Lets several consumers serve a partition: events of equal `key` go to the same one, in order.
    ///
    /// When a consumer joins or leaves, some keys move, and with them what is queued of them, in its order: a consumer
    /// sees each key in order whoever comes and goes. Events of such a key that the old consumer has in hand are not
    /// ordered against those of the new one. So a join and a leave cost a look at each event that is queued in the
    /// partition, and an event costs a hash for each consumer of its partition where there are several.
    #[must_use]
    pub fn keyed(mut self, key: impl FnMut(&T) -> u64 + Send + 'static) -> Self {
        self.key = Some(Box::new(key));
        self
    }

    /// Sets how many events wait for each partition (at least 1), and what happens to more: they are dropped, or, with
    /// [`WhenFull::HoldBack`], no partition gets any until this one has taken some.
    #[must_use]
    pub fn queue(mut self, capacity: usize, when_full: WhenFull) -> Self {
        self.lanes.set_queue(capacity.max(1), when_full);
        self
    }
}

impl<T, P> fmt::Debug for Partition<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("asked", &self.lanes.asked())
            .field("queued", &self.lanes.queued())
            .finish_non_exhaustive()
    }
}

impl<T, P> Dispatcher<T> for Partition<T, P>
where
    T: Send + 'static,
    P: Eq + Hash + Clone + fmt::Debug + Send + 'static,
{
    type Key = P;

    fn subscribe(&mut self, id: SubscriptionId, key: Option<P>) -> Result<(), Refused> {
        let Some(name) = key else {
            return Err(Refused::new(
                "it names no partition; subscribe with `.partition(name)`",
            ));
        };
        let Some(at) = self.index.find(&name) else {
            return Err(Refused::new(format!("there is no partition {name:?}")));
        };
        if self.key.is_none() && self.lanes.is_served(at) {
            return Err(Refused::new(format!("the partition {name:?} is taken")));
        }
        self.lanes.join(at, id);
        self.serves.insert(id, at);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>) {
        if let Some(at) = self.serves.remove(id) {
            self.lanes.leave(at, id, out);
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        if let Some(at) = self.serves.find(id) {
            self.lanes.ask(*at, id, n, out);
        }
    }

    fn joins_asks(&self) -> bool {
        true
    }

    fn wanted(&self) -> usize {
        self.lanes.wanted()
    }

    fn queued(&self) -> usize {
        self.lanes.queued()
    }

    fn mark(&mut self) -> bool {
        self.lanes.mark()
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let Self {
            hash,
            key,
            index,
            lanes,
            ..
        } = self;
        lanes.begin();
        let mut coming = events.drain(..);
        // One guard for all of them, as they are many and few panic.
        while catch_unwind(AssertUnwindSafe(|| {
            hash.deal(key, index, lanes, &mut coming, out);
        }))
        .is_err()
        {
            out.warn("the hash panicked");
            if let Some(event) = coming.next() {
                out.reject(event);
            }
        }
        if coming.len() > 0 {
            *events = coming.collect();
        }
        self.lanes.deliver(out);
    }
}

#[cfg(test)]
mod tests;
