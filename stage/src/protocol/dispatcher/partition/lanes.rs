//! All partitions: what is asked on their lanes, what waits there, and what a round delivers.

use super::super::total::Total;
use super::Dispatched;
use super::lane::{Lane, Part, Queued};
use super::marks::Marks;
use crate::id::SubscriptionId;
use crate::protocol::{BufferFull, WhenFull};

/// A partition's queue by default: as a producer's buffer.
const QUEUE_CAPACITY: usize = 10_000;

pub(super) struct Lanes<T> {
    parts: Vec<Part<T>>,
    /// Partitions with a batch to deliver.
    touched: Vec<usize>,
    capacity: usize,
    when_full: WhenFull,
    asked: Total,
    /// How many more events the dispatch at work may deal.
    left: usize,
    queued: usize,
    /// Partitions whose full queue holds all back.
    full: usize,
    marks: Marks,
}

impl<T> Lanes<T> {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            parts: (0..partitions).map(|_| Part::new()).collect(),
            touched: Vec::new(),
            capacity: QUEUE_CAPACITY,
            when_full: WhenFull::DropOldest,
            asked: Total::default(),
            left: 0,
            queued: 0,
            full: 0,
            marks: Marks::new(),
        }
    }

    pub(super) const fn set_queue(&mut self, capacity: usize, when_full: WhenFull) {
        self.capacity = capacity;
        self.when_full = when_full;
    }

    /// What is asked of all, whether or not a full queue holds it back.
    pub(super) const fn asked(&self) -> u128 {
        self.asked.sum()
    }

    pub(super) fn wanted(&self) -> usize {
        if self.full > 0 {
            return 0;
        }
        self.asked.wanted()
    }

    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn mark(&mut self) -> bool {
        let is_marked = self.queued > 0;
        if is_marked {
            self.marks.mark();
        }
        is_marked
    }

    /// Returns whether a partition has a consumer.
    pub(super) fn is_served(&self, at: usize) -> bool {
        self.parts[at].lanes().any(|lane| lane.owner.is_some())
    }

    /// Adds a consumer to a partition.
    pub(super) fn join(&mut self, at: usize, id: SubscriptionId) {
        self.parts[at].join(id);
    }

    pub(super) fn leave(&mut self, at: usize, id: SubscriptionId, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        let Some(leaver) = part.place_of_owner(id) else {
            return;
        };
        let asked = std::mem::take(&mut part.lane_mut(leaver).asked);
        self.asked.forget(asked);
        let others_serve_on = part.len() > 1;
        part.leave(leaver);
        if others_serve_on {
            // What waited for the leaver is theirs now.
            for lane in 0..self.parts[at].len() {
                self.serve(at, lane, out);
            }
            out.passed += self.marks.take_passed();
        }
    }

    pub(super) fn ask(&mut self, at: usize, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        let Some(lane) = part.place_of_owner(id) else {
            return;
        };
        self.asked.ask(&mut part.lane_mut(lane).asked, n);
        self.serve(at, lane, out);
        out.passed += self.marks.take_passed();
    }

    /// Begins a dispatch, which [`Lanes::deliver`] ends.
    pub(super) fn begin(&mut self) {
        self.left = self.wanted();
    }

    /// Returns whether the dispatch at work may deal another event.
    #[inline]
    pub(super) const fn is_wanting(&self) -> bool {
        self.left > 0
    }

    /// Puts an event on its lane: into the batch, or into the queue where that lane has no demand. Gives it back where there
    /// is no such partition.
    #[inline(always)] // To call it takes as long as what it does.
    pub(super) fn put(
        &mut self,
        at: usize,
        key: Option<u64>,
        event: T,
        out: &mut Dispatched<T>,
    ) -> Result<(), T> {
        let Some(part) = self.parts.get_mut(at) else {
            return Err(event);
        };
        let lane = match key {
            Some(key) => part.lane_of(key),
            None => part.only_lane(),
        };
        let len = lane.batch.len();
        if len < lane.asked {
            self.left -= 1;
            // One that has not begun has no room; an event without a size needs none.
            if len == lane.batch.capacity() || size_of::<T>() == 0 {
                begin_or_grow(at, lane, event, &mut self.touched, out);
            } else {
                lane.batch.push(event);
            }
            return Ok(());
        }
        self.wait(at, key.unwrap_or(0), event, out);
        Ok(())
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
            self.left = 0;
        }
    }

    /// Hands the owner of a lane what it has asked for of its queue.
    fn serve(&mut self, at: usize, lane: usize, out: &mut Dispatched<T>) {
        let lane = self.parts[at].lane_mut(lane);
        let n = lane.asked.min(lane.queue.len());
        if let Some(owner) = lane.owner.filter(|_| n > 0) {
            let mut batch = out.lists.take();
            lane.take(n, &mut batch, &mut self.marks);
            out.deliveries.push((owner, batch));
            self.asked.forget(n);
            self.note_taken(at, n);
        }
    }

    /// Moves the batches of this round out, which are paid with.
    pub(super) fn deliver(&mut self, out: &mut Dispatched<T>) {
        out.passed += self.marks.take_passed();
        for at in self.touched.drain(..) {
            for lane in self.parts[at].lanes_mut() {
                if let Some(owner) = lane.owner.filter(|_| !lane.batch.is_empty()) {
                    lane.asked -= lane.batch.len();
                    self.asked.forget(lane.batch.len());
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

/// Puts an event into a batch that has no room: one that begins is noted, and gets an emptied list.
#[cold]
fn begin_or_grow<T>(
    at: usize,
    lane: &mut Lane<T>,
    event: T,
    touched: &mut Vec<usize>,
    out: &mut Dispatched<T>,
) {
    if lane.batch.is_empty() {
        touched.push(at);
        lane.batch = out.lists.take();
    }
    lane.batch.push(event);
}
