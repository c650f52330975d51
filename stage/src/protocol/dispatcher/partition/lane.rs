//! What waits within one partition: a lane for each of its consumers.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::marks::Marks;
use super::queue::Queue;
use crate::id::SubscriptionId;

/// Invariants: a lane has no owner only when it is the only one; all that is queued of a key is in the lane of that key.
pub(super) struct Part<T> {
    /// Here, not in a list: among thousands of partitions each look elsewhere misses the cache.
    first: Lane<T>,
    others: Vec<Lane<T>>,
}

/// What goes to one consumer. Invariant: between two dispatches it has demand, or events in its queue, or neither, but never
/// both. While events are dealt, as many of its queue are due as were asked.
pub(super) struct Lane<T> {
    pub(super) owner: Option<SubscriptionId>,
    pub(super) asked: usize,
    pub(super) queue: Queue<T>,
}

impl<T> Part<T> {
    pub(super) const fn new() -> Self {
        Self {
            first: Lane::new(None),
            others: Vec::new(),
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

    fn lane(&self, at: usize) -> &Lane<T> {
        at.checked_sub(1)
            .map_or(&self.first, |other| &self.others[other])
    }

    #[inline]
    pub(super) fn lane_mut(&mut self, at: usize) -> &mut Lane<T> {
        match at.checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        }
    }

    /// How many events wait here, beyond what was asked.
    pub(super) fn waiting(&self) -> usize {
        self.lanes().map(Lane::waiting).sum()
    }

    /// Where the lane of an owner is.
    #[inline]
    pub(super) fn place_of_owner(&self, owner: SubscriptionId) -> Option<usize> {
        self.lanes().position(|lane| lane.owner == Some(owner))
    }

    /// Where the lane of a key is. Mostly there is one.
    #[inline]
    pub(super) fn place_of(&self, key: u64) -> usize {
        if self.others.is_empty() {
            return 0;
        }
        self.place_among(key)
    }

    /// The owner with the highest hash of both, so that few keys move when owners come and go.
    #[inline(never)]
    fn place_among(&self, key: u64) -> usize {
        let owners = self.lanes().map(|lane| weight(lane.owner, key));
        let best = owners.enumerate().max_by_key(|(_, weight)| *weight);
        best.map_or(0, |(at, _)| at)
    }

    /// Gives the only lane an owner, or opens one, and moves to it what is queued of the keys that are its own now.
    pub(super) fn join(&mut self, owner: SubscriptionId, marks: &mut Marks) {
        if self.first.owner.is_none() {
            self.first.owner = Some(owner);
            return;
        }
        self.others.push(Lane::new(Some(owner)));
        for at in 0..self.others.len() {
            let queued = self.lane_mut(at).queue.take_all(marks);
            self.place(queued, marks);
        }
    }

    /// Takes the owner off the only lane, or closes one of several and moves what is queued there to the lanes that its
    /// keys have now, in its order for each key.
    pub(super) fn leave(&mut self, at: usize, marks: &mut Marks) {
        if self.others.is_empty() {
            self.first.owner = None;
            return;
        }
        let mut left = match at.checked_sub(1) {
            None => {
                let next = self.others.remove(0);
                std::mem::replace(&mut self.first, next)
            }
            Some(other) => self.others.remove(other),
        };
        self.place(left.queue.take_all(marks), marks);
    }

    /// Puts each event into the lane of its key.
    fn place(&mut self, events: impl Iterator<Item = (T, u64, Option<u64>)>, marks: &mut Marks) {
        for (event, key, mark) in events {
            let at = self.place_of(key);
            let queue = &mut self.lane_mut(at).queue;
            queue.push_moved(event, key, mark, marks);
        }
    }

    /// Which lane gives its oldest event for one of that lane: the same, or where nothing waits there the longest.
    pub(super) fn place_of_oldest(&self, at: usize) -> usize {
        let waiting = |at: &usize| self.lane(*at).waiting();
        if waiting(&at) > 0 {
            return at;
        }
        (0..self.len()).max_by_key(waiting).unwrap_or(at)
    }
}

impl<T> Lane<T> {
    pub(super) const fn new(owner: Option<SubscriptionId>) -> Self {
        Self {
            owner,
            asked: 0,
            queue: Queue::new(),
        }
    }

    /// How many events wait here, beyond what was asked.
    fn waiting(&self) -> usize {
        self.queue.len().saturating_sub(self.asked)
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
        let (mut part, mut marks) = (Part::new(), Marks::new());
        part.join(SubscriptionId::next(), &mut marks);
        part.place((0..64).map(|key| (key, key, None)), &mut marks);
        part.join(SubscriptionId::next(), &mut marks);
        let mut keys = |at: usize| -> Vec<u64> {
            let queued = part.lane_mut(at).queue.take_all(&mut marks);
            queued.map(|(_, key, _)| key).collect()
        };
        let keys = [keys(0), keys(1)];
        for (at, keys) in keys.iter().enumerate() {
            assert!(keys.iter().all(|key| part.place_of(*key) == at));
            assert!(keys.is_sorted(), "their order stays");
        }
        assert_eq!(keys[0].len() + keys[1].len(), 64);
    }
}
