//! All partitions: what is asked on their lanes, what waits there, and what a round delivers.

use super::super::total::Total;
use super::Dispatched;
use super::lane::Part;
use super::marks::Marks;
use crate::id::SubscriptionId;
use crate::protocol::{BufferFull, WhenFull, drop_all};

/// A partition's queue by default: as a producer's buffer.
const QUEUE_CAPACITY: usize = 10_000;

pub(super) struct Lanes<T> {
    parts: Vec<Part<T>>,
    /// Partitions in which nothing was queued before the dispatch at work, and now is.
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
        if self.queued == 0 {
            return false;
        }
        let mark = self.marks.mark();
        for lane in self.parts.iter_mut().flat_map(Part::lanes_mut) {
            lane.queue.mark(mark, &mut self.marks);
        }
        true
    }

    /// Returns whether a partition has a consumer.
    pub(super) fn is_served(&self, at: usize) -> bool {
        self.parts[at].lanes().any(|lane| lane.owner.is_some())
    }

    /// Adds a consumer to a partition.
    pub(super) fn join(&mut self, at: usize, id: SubscriptionId) {
        self.parts[at].join(id, &mut self.marks);
    }

    pub(super) fn leave(&mut self, at: usize, id: SubscriptionId, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        let Some(leaver) = part.place_of_owner(id) else {
            return;
        };
        let asked = std::mem::take(&mut part.lane_mut(leaver).asked);
        self.asked.forget(asked);
        let others_serve_on = part.len() > 1;
        let was_full = self.is_full(at);
        self.parts[at].leave(leaver, &mut self.marks);
        if others_serve_on {
            // What waited for the leaver is theirs now.
            self.serve_all(at, out);
            self.note_served(at, was_full);
            out.passed += self.marks.take_passed();
        }
    }

    pub(super) fn ask(&mut self, at: usize, id: SubscriptionId, n: usize, out: &mut Dispatched<T>) {
        let part = &mut self.parts[at];
        let Some(lane) = part.place_of_owner(id) else {
            return;
        };
        let was_full = self.full > 0 && self.is_full(at);
        self.asked.ask(&mut self.parts[at].lane_mut(lane).asked, n);
        self.serve(at, lane, out);
        self.note_served(at, was_full);
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

    /// Puts an event into the queue of its lane. Gives it back where there is no such partition.
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
        let place = key.map_or(0, |key| part.place_of(key));
        let lane = part.lane_mut(place);
        let len = lane.queue.len();
        // Other lanes of the partition may fill it.
        let room = key.map_or(self.capacity - 1, |_| 0);
        if len >= lane.asked.saturating_add(room) {
            self.put_where_it_waits(at, place, key, event, out);
            return Ok(());
        }
        if len == 0 {
            self.touched.push(at);
            lane.queue.begin(&mut out.lists);
        }
        self.left -= usize::from(len < lane.asked);
        self.queued += 1;
        lane.queue.push(event, key);
        Ok(())
    }

    /// Puts an event for which nobody has asked into the queue of its lane, by the policy.
    #[inline(never)]
    fn put_where_it_waits(
        &mut self,
        at: usize,
        place: usize,
        key: Option<u64>,
        event: T,
        out: &mut Dispatched<T>,
    ) {
        if self.parts[at].waiting() >= self.capacity {
            if self.when_full == WhenFull::Fail {
                out.overflow(BufferFull::of_partition(self.capacity));
            }
            if matches!(self.when_full, WhenFull::DropNewest | WhenFull::Fail) {
                out.discarded += drop_all([event]);
                return;
            }
            let oldest = self.parts[at].place_of_oldest(place);
            // What is due there is older.
            self.serve(at, oldest, out);
            let oldest = &mut self.parts[at].lane_mut(oldest).queue;
            self.queued -= 1;
            out.discarded += drop_all(oldest.pop(&mut self.marks));
        }
        let queue = &mut self.parts[at].lane_mut(place).queue;
        if queue.len() == 0 {
            queue.begin(&mut out.lists);
            self.touched.push(at);
        }
        queue.push(event, key);
        self.queued += 1;
        if self.is_full(at) {
            self.full += 1;
            self.left = 0;
        }
    }

    /// Returns whether a partition holds all others back.
    fn is_full(&self, at: usize) -> bool {
        self.when_full == WhenFull::HoldBack && self.parts[at].waiting() >= self.capacity
    }

    /// Notes that a partition was served, which may hold the others back no more.
    fn note_served(&mut self, at: usize, was_full: bool) {
        self.full -= usize::from(was_full && !self.is_full(at));
    }

    /// Hands the owner of a lane what it has asked for of its queue, and pays with it.
    fn serve(&mut self, at: usize, lane: usize, out: &mut Dispatched<T>) {
        let lane = self.parts[at].lane_mut(lane);
        let n = lane.asked.min(lane.queue.len());
        if let Some(owner) = lane.owner.filter(|_| n > 0) {
            let batch = lane.queue.take(n, &mut out.lists, &mut self.marks);
            out.deliveries.push((owner, batch));
            lane.asked -= n;
            self.asked.forget(n);
            self.queued -= n;
        }
    }

    fn serve_all(&mut self, at: usize, out: &mut Dispatched<T>) {
        for lane in 0..self.parts[at].len() {
            self.serve(at, lane, out);
        }
    }

    /// Ends a dispatch: what is due goes out.
    pub(super) fn deliver(&mut self, out: &mut Dispatched<T>) {
        let mut touched = std::mem::take(&mut self.touched);
        for at in touched.drain(..) {
            self.serve_all(at, out);
        }
        self.touched = touched;
        out.passed += self.marks.take_passed();
    }
}
