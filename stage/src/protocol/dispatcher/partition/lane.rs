//! What waits within one partition: a lane for each of its consumers.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::marks::Marks;
use crate::id::SubscriptionId;

/// Invariants: there is at least one lane, and one without an owner only when it is the only one; all that is queued of
/// a key is in the lane of that key.
pub(super) struct Part<T> {
    pub(super) lanes: Vec<Lane<T>>,
    pub(super) queued: usize,
}

/// What goes to one consumer. Invariant: it has demand, or events in its queue, or neither, but never both.
pub(super) struct Lane<T> {
    pub(super) owner: Option<SubscriptionId>,
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
    pub(super) fn new() -> Self {
        Self {
            lanes: vec![Lane::new(None)],
            queued: 0,
        }
    }

    /// The lane of a key. Mostly there is one.
    #[inline]
    pub(super) fn lane_of(&mut self, key: u64) -> &mut Lane<T> {
        if self.lanes.len() == 1 {
            return &mut self.lanes[0];
        }
        let at = self.place_of(key);
        &mut self.lanes[at]
    }

    /// The owner with the highest hash of both, so that few keys move when owners come and go.
    #[inline(never)]
    fn place_of(&self, key: u64) -> usize {
        let owners = self.lanes.iter().map(|lane| weight(lane.owner, key));
        let best = owners.enumerate().max_by_key(|(_, weight)| *weight);
        best.map_or(0, |(at, _)| at)
    }

    /// Opens a lane, and moves to it what is queued of the keys that are its own now.
    pub(super) fn join(&mut self, owner: SubscriptionId) {
        let newcomer = self.lanes.len();
        self.lanes.push(Lane::new(Some(owner)));
        let mut moved = VecDeque::new();
        for at in 0..newcomer {
            for queued in std::mem::take(&mut self.lanes[at].queue) {
                if self.place_of(queued.key) == newcomer {
                    moved.push_back(queued);
                } else {
                    self.lanes[at].queue.push_back(queued);
                }
            }
        }
        self.lanes[newcomer].queue = moved;
    }

    /// Takes the oldest event of the key's lane, or else of the longest.
    pub(super) fn take_oldest(&mut self, key: u64) -> Option<Queued<T>> {
        self.lane_of(key).queue.pop_front().or_else(|| {
            let longest = self.lanes.iter_mut().max_by_key(|lane| lane.queue.len());
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
        part.lanes[0].owner = Some(SubscriptionId::next());
        let queued = |key| Queued {
            event: key,
            key,
            mark: 0,
        };
        part.lanes[0].queue = (0..64).map(queued).collect();
        part.join(SubscriptionId::next());
        let keys = |at: usize| part.lanes[at].queue.iter().map(|queued| queued.key);
        for at in [0, 1] {
            assert!(keys(at).all(|key| part.place_of(key) == at));
            assert!(keys(at).is_sorted(), "their order stays");
        }
        assert_eq!(keys(0).count() + keys(1).count(), 64);
    }
}
