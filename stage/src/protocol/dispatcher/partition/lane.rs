//! What waits within one partition: a lane for each of its consumers.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::marks::Marks;
use crate::id::SubscriptionId;

/// Invariants: a lane has no owner only when it is the only one; all that is queued of a key is in the lane of that key.
pub(super) struct Part<T> {
    /// Here, not in a list: among thousands of partitions each look elsewhere misses the cache.
    first: Lane<T>,
    others: Vec<Lane<T>>,
    pub(super) queued: usize,
}

/// What goes to one consumer. Invariant: it has demand, or events in its queue, or neither, but never both.
pub(super) struct Lane<T> {
    pub(super) owner: Option<SubscriptionId>,
    /// With what the batch at work pays of it.
    pub(super) asked: usize,
    pub(super) queue: VecDeque<Queued<T>>,
    /// What the batch at work delivers.
    pub(super) batch: Vec<T>,
}

/// An event that waits, with its key and the mark that waits for it.
pub(super) struct Queued<T> {
    pub(super) event: T,
    pub(super) key: u64,
    pub(super) mark: u64,
}

impl<T> Part<T> {
    pub(super) const fn new() -> Self {
        Self {
            first: Lane::new(None),
            others: Vec::new(),
            queued: 0,
        }
    }

    /// How many lanes there are.
    pub(super) const fn len(&self) -> usize {
        1 + self.others.len()
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane<T>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    #[inline]
    pub(super) fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane<T>> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    #[inline]
    pub(super) fn lane_mut(&mut self, at: usize) -> &mut Lane<T> {
        match at.checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        }
    }

    /// The lane of a partition that has at most one consumer.
    #[inline]
    pub(super) fn only_lane(&mut self) -> &mut Lane<T> {
        debug_assert!(self.others.is_empty(), "several consumers need keys");
        &mut self.first
    }

    /// Where the lane of an owner is.
    #[inline]
    pub(super) fn place_of_owner(&self, owner: SubscriptionId) -> Option<usize> {
        self.lanes().position(|lane| lane.owner == Some(owner))
    }

    /// The lane of a key. Mostly there is one.
    #[inline]
    pub(super) fn lane_of(&mut self, key: u64) -> &mut Lane<T> {
        if self.others.is_empty() {
            return &mut self.first;
        }
        let at = self.place_of(key);
        self.lane_mut(at)
    }

    /// The owner with the highest hash of both, so that few keys move when owners come and go.
    #[inline(never)]
    fn place_of(&self, key: u64) -> usize {
        let owners = self.lanes().map(|lane| weight(lane.owner, key));
        let best = owners.enumerate().max_by_key(|(_, weight)| *weight);
        best.map_or(0, |(at, _)| at)
    }

    /// Gives the only lane an owner, or opens one, and moves to it what is queued of the keys that are its own now.
    pub(super) fn join(&mut self, owner: SubscriptionId) {
        if self.first.owner.is_none() {
            self.first.owner = Some(owner);
            return;
        }
        let newcomer = self.len();
        self.others.push(Lane::new(Some(owner)));
        let mut moved = VecDeque::new();
        for at in 0..newcomer {
            for queued in std::mem::take(&mut self.lane_mut(at).queue) {
                if self.place_of(queued.key) == newcomer {
                    moved.push_back(queued);
                } else {
                    self.lane_mut(at).queue.push_back(queued);
                }
            }
        }
        self.lane_mut(newcomer).queue = moved;
    }

    /// Takes the owner off the only lane, or closes one of several and moves what is queued there to the lanes that its
    /// keys have now, in its order for each key.
    pub(super) fn leave(&mut self, at: usize) {
        if self.others.is_empty() {
            self.first.owner = None;
            return;
        }
        let left = match at.checked_sub(1) {
            None => {
                let next = self.others.remove(0);
                std::mem::replace(&mut self.first, next)
            }
            Some(other) => self.others.remove(other),
        };
        for queued in left.queue {
            self.lane_of(queued.key).queue.push_back(queued);
        }
    }

    /// Takes the oldest event of the key's lane, or else of the longest.
    pub(super) fn take_oldest(&mut self, key: u64) -> Option<Queued<T>> {
        self.lane_of(key).queue.pop_front().or_else(|| {
            let longest = self.lanes_mut().max_by_key(|lane| lane.queue.len());
            longest?.queue.pop_front()
        })
    }
}

impl<T> Lane<T> {
    pub(super) const fn new(owner: Option<SubscriptionId>) -> Self {
        Self {
            owner,
            asked: 0,
            queue: VecDeque::new(),
            batch: Vec::new(),
        }
    }

    /// Moves the first `n` events of the queue to a batch, and pays with them.
    pub(super) fn take(&mut self, n: usize, batch: &mut Vec<T>, marks: &mut Marks) {
        let (mut mark, mut left) = (self.queue.front().map_or(0, |first| first.mark), 0);
        batch.extend(self.queue.drain(..n).map(|queued| {
            // Mostly all wait for the same one.
            if queued.mark != mark {
                marks.on_left(std::mem::replace(&mut mark, queued.mark), left);
                left = 0;
            }
            left += 1;
            queued.event
        }));
        marks.on_left(mark, left);
        self.asked -= n;
    }
}

pub(super) fn weight(owner: Option<SubscriptionId>, key: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (owner, key).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_gets_what_is_queued_of_the_keys_that_are_its_own_now() {
        let mut part = Part::new();
        part.join(SubscriptionId::next());
        let queued = |key| Queued {
            event: key,
            key,
            mark: 0,
        };
        part.first.queue = (0..64).map(queued).collect();
        part.join(SubscriptionId::next());
        let lanes: Vec<_> = part.lanes().collect();
        let keys = |at: usize| lanes[at].queue.iter().map(|queued| queued.key);
        for at in [0, 1] {
            assert!(keys(at).all(|key| part.place_of(key) == at));
            assert!(keys(at).is_sorted(), "their order stays");
        }
        assert_eq!(keys(0).count() + keys(1).count(), 64);
    }
}
