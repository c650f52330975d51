//! Each event to the partition that its hash names.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Drain;

use thiserror::Error;

use super::total::Total;
use super::{Dispatched, Dispatcher, Refused};
use crate::id::{ById, SubscriptionId};
use crate::protocol::{BufferFull, WhenFull};

mod marks;
use marks::Marks;
mod lane;
use lane::{Part, Queued};

/// A partition's queue by default: as a producer's buffer.
const QUEUE_CAPACITY: usize = 10_000;

type HashOf<T, P> = Box<dyn FnMut(&T) -> Option<P> + Send>;
type KeyOf<T> = Box<dyn FnMut(&T) -> u64 + Send>;

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
    hash: HashOf<T, P>,
    key: Option<KeyOf<T>>,
    index: ById<P, usize>,
    parts: Vec<Part<T>>,
    /// Which partition a subscription serves.
    serves: ById<SubscriptionId, usize>,
    /// Partitions with a batch to deliver.
    touched: Vec<usize>,
    capacity: usize,
    when_full: WhenFull,
    asked: Total,
    queued: usize,
    /// Partitions whose full queue holds all back.
    full: usize,
    marks: Marks,
}

impl<T, P: Eq + Hash + Clone + fmt::Debug> Partition<T, P> {
    /// Makes the named partitions; `hash` names the one of an event, or none.
    ///
    /// # Errors
    ///
    /// [`PartitionsError`] when there is no partition, or one is named twice.
    pub fn new(
        partitions: impl IntoIterator<Item = P>,
        hash: impl FnMut(&T) -> Option<P> + Send + 'static,
    ) -> Result<Self, PartitionsError> {
        let mut index = ById::default();
        for name in partitions {
            if index.contains_key(&name) {
                return Err(PartitionsError::Twice(format!("{name:?}")));
            }
            index.insert(name, index.len());
        }
        if index.is_empty() {
            return Err(PartitionsError::None);
        }
        Ok(Self {
            hash: Box::new(hash),
            key: None,
            parts: index.values().map(|_| Part::new()).collect(),
            index,
            serves: ById::default(),
            touched: Vec::new(),
            capacity: QUEUE_CAPACITY,
            when_full: WhenFull::DropOldest,
            asked: Total::default(),
            queued: 0,
            full: 0,
            marks: Marks::new(),
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
        self.capacity = capacity.max(1);
        self.when_full = when_full;
        self
    }

    /// Deals events from the front while some are wanted. Where the hash panics, the event at work is the front.
    fn deal(&mut self, coming: &mut Drain<'_, T>, out: &mut Dispatched<T>) {
        while self.is_wanting()
            && let Some(event) = coming.as_slice().first()
        {
            let routed = self.route(event);
            let Some(event) = coming.next() else {
                return;
            };
            match routed {
                Ok(Some((at, key))) => self.put(at, key, event, out),
                Ok(None) => out.unwanted += 1,
                Err(reason) => {
                    out.warnings.push(reason);
                    out.rejected.push(event);
                }
            }
        }
    }

    const fn is_wanting(&self) -> bool {
        self.full == 0 && self.asked.sum() > 0
    }

    /// Tells the partition of an event and its key within it. An unknown name is an error.
    #[inline]
    fn route(&mut self, event: &T) -> Result<Option<(usize, u64)>, String> {
        let Some(name) = (self.hash)(event) else {
            return Ok(None);
        };
        let key = self.key.as_mut().map_or(0, |key| key(event));
        match self.index.get(&name) {
            Some(part) => Ok(Some((*part, key))),
            None => Err(format!("the hash names an unknown partition: {name:?}")),
        }
    }

    /// Puts an event on its lane: into the batch, or into the queue where that lane has no demand.
    #[inline]
    fn put(&mut self, at: usize, key: u64, event: T, out: &mut Dispatched<T>) {
        let lane = self.parts[at].lane_of(key);
        if lane.asked == 0 {
            self.wait(at, key, event, out);
            return;
        }
        if lane.batch.is_empty() {
            self.touched.push(at);
            lane.batch = out.lists.take();
        }
        lane.asked -= 1;
        lane.batch.push(event);
        self.asked.forget(1);
    }

    /// Puts an event into the queue of its lane, by the policy.
    fn wait(&mut self, at: usize, key: u64, event: T, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        if part.queued >= self.capacity {
            out.discarded += 1;
            if self.when_full == WhenFull::Fail {
                let capacity = self.capacity;
                out.overflow = Some(BufferFull { capacity, over: 1 });
            }
            if matches!(self.when_full, WhenFull::DropNewest | WhenFull::Fail) {
                return;
            }
            if let Some(oldest) = part.take_oldest(key) {
                self.marks.on_left(oldest.mark, 1);
                part.queued -= 1;
                self.queued -= 1;
            }
        }
        let mark = self.marks.on_queued();
        let queued = Queued { event, key, mark };
        part.lane_of(key).queue.push_back(queued);
        part.queued += 1;
        self.queued += 1;
        if part.queued == self.capacity && self.when_full == WhenFull::HoldBack {
            self.full += 1;
        }
    }

    /// Hands the owner of a lane what it has asked for of its queue.
    fn serve(&mut self, at: usize, lane: usize, out: &mut Dispatched<T>) {
        let lane = &mut self.parts[at].lanes[lane];
        let n = lane.asked.min(lane.queue.len());
        if let Some(owner) = lane.owner.filter(|_| n > 0) {
            let mut batch = out.lists.take();
            lane.take(n, &mut batch, &mut self.marks);
            out.deliveries.push((owner, batch));
            self.asked.forget(n);
            self.note_taken(at, n);
        }
    }

    /// Moves the batches of this round out.
    fn deliver(&mut self, out: &mut Dispatched<T>) {
        for at in self.touched.drain(..) {
            for lane in &mut self.parts[at].lanes {
                if let Some(owner) = lane.owner.filter(|_| !lane.batch.is_empty()) {
                    out.deliveries
                        .push((owner, std::mem::take(&mut lane.batch)));
                }
            }
        }
    }

    /// Notes that `n` events left the queue of a partition.
    fn note_taken(&mut self, at: usize, n: usize) {
        let was_full = self.parts[at].queued >= self.capacity;
        self.parts[at].queued -= n;
        self.queued -= n;
        if was_full && self.when_full == WhenFull::HoldBack {
            self.full -= 1;
        }
    }
}

impl<T, P> fmt::Debug for Partition<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("asked", &self.asked.sum())
            .field("queued", &self.queued)
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
        let Some(&at) = self.index.get(&name) else {
            return Err(Refused::new(format!("there is no partition {name:?}")));
        };
        let part = &mut self.parts[at];
        match part.lanes[0].owner {
            None => part.lanes[0].owner = Some(id),
            Some(_) if self.key.is_some() => part.join(id),
            Some(_) => return Err(Refused::new(format!("the partition {name:?} is taken"))),
        }
        self.serves.insert(id, at);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<T>) {
        let Some(at) = self.serves.remove(&id) else {
            return;
        };
        let lanes = &mut self.parts[at].lanes;
        let Some(leaver) = lanes.iter().position(|lane| lane.owner == Some(id)) else {
            return;
        };
        self.asked.forget(std::mem::take(&mut lanes[leaver].asked));
        if lanes.len() == 1 {
            lanes[leaver].owner = None;
            return;
        }
        // Others serve the partition on: what waited for the leaver is theirs now, in its order for each key.
        for queued in lanes.remove(leaver).queue {
            let lane = self.parts[at].lane_of(queued.key);
            lane.queue.push_back(queued);
        }
        for lane in 0..self.parts[at].lanes.len() {
            self.serve(at, lane, out);
        }
        out.passed += self.marks.take_passed();
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        let Some(&at) = self.serves.get(&id) else {
            return;
        };
        let lanes = &mut self.parts[at].lanes;
        let Some(lane) = lanes.iter().position(|lane| lane.owner == Some(id)) else {
            return;
        };
        self.asked.ask(&mut lanes[lane].asked, n);
        self.serve(at, lane, out);
        out.passed += self.marks.take_passed();
    }

    fn joins_asks(&self) -> bool {
        true
    }

    fn wanted(&self) -> usize {
        if self.full > 0 {
            return 0;
        }
        self.asked.wanted()
    }

    fn queued(&self) -> usize {
        self.queued
    }

    fn mark(&mut self) -> bool {
        let is_marked = self.queued > 0;
        if is_marked {
            self.marks.mark();
        }
        is_marked
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let mut coming = events.drain(..);
        // One guard for all of them, as they are many and few panic.
        while catch_unwind(AssertUnwindSafe(|| self.deal(&mut coming, out))).is_err() {
            out.warnings.push("the hash panicked".to_owned());
            out.rejected.extend(coming.next());
        }
        if coming.len() > 0 {
            *events = coming.collect();
        }
        out.passed += self.marks.take_passed();
        self.deliver(out);
    }
}

#[cfg(test)]
mod tests;
