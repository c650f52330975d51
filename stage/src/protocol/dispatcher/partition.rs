//! Each event to the partition that its hash names.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

use super::{Dispatched, Dispatcher, Refused};
use crate::id::{ById, SubscriptionId};
use crate::protocol::{BufferFull, WhenFull};

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
    index: HashMap<P, usize>,
    parts: Vec<Part<T>>,
    /// Which partition a subscription serves.
    serves: ById<SubscriptionId, usize>,
    /// Partitions with a batch to deliver.
    touched: Vec<usize>,
    capacity: usize,
    when_full: WhenFull,
    wanted: usize,
    queued: usize,
    /// Partitions whose full queue holds all back.
    full: usize,
    /// In how many lanes each mark has not been passed yet, the oldest first.
    marks: VecDeque<usize>,
    /// How many marks have been passed everywhere: the number of the oldest one left.
    passed: u64,
}

/// Invariant: there is at least one lane, and one without an owner only when it is the only one.
struct Part<T> {
    lanes: Vec<Lane<T>>,
    queued: usize,
}

/// What goes to one consumer. Invariant: it has demand, or events in its queue, or neither, but never both.
struct Lane<T> {
    owner: Option<SubscriptionId>,
    asked: usize,
    queue: VecDeque<T>,
    /// What the batch at work delivers.
    batch: Vec<T>,
    /// How many events have left the queue, for the marks.
    left: u64,
    /// The number of each mark, and how many must have left before it is passed.
    marks: VecDeque<(u64, u64)>,
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
        let mut index = HashMap::new();
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
            wanted: 0,
            queued: 0,
            full: 0,
            marks: VecDeque::new(),
            passed: 0,
        })
    }

    /// Lets several consumers serve a partition: events of equal `key` go to the same one, in order.
    ///
    /// When a consumer joins or leaves, some keys move; events of such a key that the old consumer has in hand are then
    /// not ordered against those of the new one.
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

    /// Tells the partition of an event and its key within it. A panic is an error, as is an unknown name.
    fn route(&mut self, event: &T) -> Result<Option<(usize, u64)>, String> {
        let (hash, key) = (&mut self.hash, &mut self.key);
        let named = catch_unwind(AssertUnwindSafe(|| {
            let name = hash(event)?;
            Some((name, key.as_mut().map_or(0, |key| key(event))))
        }));
        match named {
            Ok(Some((name, key))) => match self.index.get(&name) {
                Some(part) => Ok(Some((*part, key))),
                None => Err(format!("the hash names an unknown partition: {name:?}")),
            },
            Ok(None) => Ok(None),
            Err(_) => Err("the hash panicked".to_owned()),
        }
    }

    /// Puts an event on its lane: out, or into the queue by its policy.
    fn put(&mut self, at: usize, key: u64, event: T, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        let lane = part.lane_of(key);
        if lane.asked > 0 {
            if lane.batch.is_empty() {
                self.touched.push(at);
            }
            lane.asked -= 1;
            lane.batch.push(event);
            self.wanted -= 1;
            return;
        }
        if part.queued >= self.capacity {
            out.discarded += 1;
            if self.when_full == WhenFull::Fail {
                let capacity = self.capacity;
                out.overflow = Some(BufferFull { capacity, over: 1 });
            }
            if matches!(self.when_full, WhenFull::DropNewest | WhenFull::Fail) {
                return;
            }
            let passed = part.drop_oldest(key);
            self.queued -= 1;
            self.note_passed(passed, out);
        }
        let part = &mut self.parts[at];
        part.lane_of(key).queue.push_back(event);
        part.queued += 1;
        self.queued += 1;
        if part.queued == self.capacity && self.when_full == WhenFull::HoldBack {
            self.full += 1;
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

    /// Notes which marks a lane has passed, and reports those that all have.
    fn note_passed(&mut self, marks: impl IntoIterator<Item = u64>, out: &mut Dispatched<T>) {
        for mark in marks {
            let at = usize::try_from(mark - self.passed);
            if let Some(lanes) = at.ok().and_then(|at| self.marks.get_mut(at)) {
                *lanes -= 1;
            }
        }
        while self.marks.front() == Some(&0) {
            self.marks.pop_front();
            self.passed += 1;
            out.passed += 1;
        }
    }

    /// Notes that `n` events left the queue of a partition.
    fn note_taken(&mut self, at: usize, n: usize) {
        let was_full = self.parts[at].queued >= self.capacity;
        self.parts[at].queued -= n;
        self.queued -= n;
        if n > 0 && was_full && self.when_full == WhenFull::HoldBack {
            self.full -= 1;
        }
    }
}

impl<T> Part<T> {
    fn new() -> Self {
        Self {
            lanes: vec![Lane::new(None)],
            queued: 0,
        }
    }

    /// The lane of a key: the owner with the highest hash of both, so that few keys move when owners come and go.
    fn lane_of(&mut self, key: u64) -> &mut Lane<T> {
        if self.lanes.len() == 1 {
            return &mut self.lanes[0];
        }
        let owners = self.lanes.iter().map(|lane| weight(lane.owner, key));
        let best = owners.enumerate().max_by_key(|(_, weight)| *weight);
        let at = best.map_or(0, |(at, _)| at);
        &mut self.lanes[at]
    }

    /// Drops the oldest event of the key's lane, or else of the longest; returns the marks that this passes.
    fn drop_oldest(&mut self, key: u64) -> Vec<u64> {
        self.queued -= 1;
        let lane = self.lane_of(key);
        if !lane.queue.is_empty() {
            return lane.take(1).1;
        }
        let longest = self.lanes.iter_mut().max_by_key(|lane| lane.queue.len());
        longest.map_or_else(Vec::new, |lane| lane.take(1).1)
    }
}

impl<T> Lane<T> {
    const fn new(owner: Option<SubscriptionId>) -> Self {
        Self {
            owner,
            asked: 0,
            queue: VecDeque::new(),
            batch: Vec::new(),
            left: 0,
            marks: VecDeque::new(),
        }
    }

    /// Takes the first `n` events of the queue, and returns the marks that this passes.
    fn take(&mut self, n: usize) -> (Vec<T>, Vec<u64>) {
        let events: Vec<T> = self.queue.drain(..n).collect();
        self.left += events.len() as u64;
        let passed = self.marks.iter().take_while(|(_, at)| *at <= self.left);
        let passed = passed.count();
        (
            events,
            self.marks.drain(..passed).map(|(mark, _)| mark).collect(),
        )
    }
}

fn weight(owner: Option<SubscriptionId>, key: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (owner, key).hash(&mut hasher);
    hasher.finish()
}

impl<T, P> fmt::Debug for Partition<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("wanted", &self.wanted)
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
        let lanes = &mut self.parts[at].lanes;
        match lanes[0].owner {
            None => lanes[0].owner = Some(id),
            Some(_) if self.key.is_some() => lanes.push(Lane::new(Some(id))),
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
        self.wanted -= std::mem::take(&mut lanes[leaver].asked);
        if lanes.len() == 1 {
            lanes[leaver].owner = None;
            return;
        }
        // Others serve the partition on: what waited for the leaver is theirs now, in its order for each key.
        let Lane { queue, marks, .. } = lanes.remove(leaver);
        self.note_taken(at, queue.len());
        self.note_passed(marks.into_iter().map(|(mark, _)| mark), out);
        for event in queue {
            match self.route(&event) {
                Ok(Some((_, key))) => self.put(at, key, event, out),
                _ => out.rejected.push(event),
            }
        }
        self.deliver(out);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        let Some(&at) = self.serves.get(&id) else {
            return;
        };
        let mut lanes = self.parts[at].lanes.iter_mut();
        let Some(lane) = lanes.find(|lane| lane.owner == Some(id)) else {
            return;
        };
        let (events, passed) = lane.take(n.min(lane.queue.len()));
        let served = events.len();
        if served > 0 {
            out.deliveries.push((id, events));
        }
        let added = (n - served).min(usize::MAX - self.wanted);
        lane.asked += added;
        self.wanted += added;
        self.note_taken(at, served);
        self.note_passed(passed, out);
    }

    fn wanted(&self) -> usize {
        if self.full > 0 { 0 } else { self.wanted }
    }

    fn queued(&self) -> usize {
        self.queued
    }

    fn mark(&mut self) -> bool {
        if self.queued == 0 {
            return false;
        }
        let mark = self.passed + self.marks.len() as u64;
        let mut lanes = 0;
        let all = self.parts.iter_mut().flat_map(|part| &mut part.lanes);
        for lane in all.filter(|lane| !lane.queue.is_empty()) {
            let at = lane.left + lane.queue.len() as u64;
            lane.marks.push_back((mark, at));
            lanes += 1;
        }
        self.marks.push_back(lanes);
        true
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        let mut waiting = std::mem::take(events).into_iter();
        while Dispatcher::wanted(self) > 0
            && let Some(event) = waiting.next()
        {
            match self.route(&event) {
                Ok(Some((at, key))) => self.put(at, key, event, out),
                Ok(None) => out.unwanted += 1,
                Err(reason) => {
                    out.warnings.push(reason);
                    out.rejected.push(event);
                }
            }
        }
        events.extend(waiting);
        self.deliver(out);
    }
}

#[cfg(test)]
mod tests;
