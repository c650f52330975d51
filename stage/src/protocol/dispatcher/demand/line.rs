//! The line of consumers: who has asked most is first, and of equal ones the one that has stood there longest.

use std::cmp::Reverse;

use crate::id::{BySubscription, SubscriptionId};

/// How many have the same parent in the heap. Four lie side by side in memory, and the heap is half as deep as one of two.
const CHILDREN: usize = 4;

/// A heap that knows where each subscription stands. Invariants: nobody stands before their parent in the heap, at
/// `(place - 1) / CHILDREN`; who stands at `place` has it noted in `places`.
#[derive(Debug, Default)]
pub(super) struct Line {
    heap: Vec<Waiter>,
    /// Where in the heap who has this number stands; of a number that is free, nothing of use.
    places: Vec<usize>,
    numbers: BySubscription<usize>,
    /// The numbers of those who have left.
    free: Vec<usize>,
    /// Counts the changes.
    turn: u64,
}

#[derive(Debug, Clone, Copy)]
struct Waiter {
    asked: usize,
    /// When that was changed last.
    since: u64,
    id: SubscriptionId,
    number: usize,
}

impl Waiter {
    const fn is_before(&self, other: &Self) -> bool {
        self.asked > other.asked || (self.asked == other.asked && self.since < other.since)
    }
}

impl Line {
    pub(super) const fn new() -> Self {
        Self {
            heap: Vec::new(),
            places: Vec::new(),
            numbers: BySubscription::new(),
            free: Vec::new(),
            turn: 0,
        }
    }

    /// Adds one who has asked for nothing, at the end.
    pub(super) fn join(&mut self, id: SubscriptionId) {
        let place = self.heap.len();
        if place == 0 {
            // Most producers never have a second.
            self.heap.reserve_exact(1);
            self.places.reserve_exact(1);
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        });
        self.places[number] = place;
        self.numbers.insert(id, number);
        self.heap.push(Waiter {
            asked: 0,
            since: self.turn,
            id,
            number,
        });
        self.turn += 1;
    }

    /// Removes one, and returns what it had asked.
    pub(super) fn leave(&mut self, id: SubscriptionId) -> Option<usize> {
        let number = self.numbers.remove(id)?;
        self.free.push(number);
        let place = self.places[number];
        let left = self.heap.swap_remove(place);
        if let Some(last) = self.heap.get(place) {
            self.places[last.number] = place;
            self.settle(place);
        }
        Some(left.asked)
    }

    #[inline]
    pub(super) fn first(&self) -> Option<(SubscriptionId, usize)> {
        self.heap.first().map(|first| (first.id, first.asked))
    }

    /// Whoever is here, where that is one.
    pub(super) fn only(&self) -> Option<(SubscriptionId, usize)> {
        self.first().filter(|_| self.heap.len() == 1)
    }

    /// The place of a subscription, until the line changes. Of a few, each is looked at sooner than one is searched.
    #[inline]
    pub(super) fn find(&self, id: SubscriptionId) -> Option<usize> {
        if self.heap.len() <= CHILDREN {
            return self.heap.iter().position(|waiter| waiter.id == id);
        }
        self.numbers.find(id).map(|number| self.places[*number])
    }

    #[inline]
    pub(super) fn asked(&self, place: usize) -> usize {
        self.heap[place].asked
    }

    /// Moves who stands at `place` behind all that have asked `asked` or more.
    #[inline]
    pub(super) fn set(&mut self, place: usize, asked: usize) {
        let waiter = &mut self.heap[place];
        waiter.asked = asked;
        waiter.since = self.turn;
        self.turn += 1;
        if self.heap.len() > 1 {
            self.settle(place);
        }
    }

    /// Everybody, with what they have asked, the first first.
    pub(super) fn in_order(&self) -> Vec<(SubscriptionId, usize)> {
        let mut waiters = self.heap.clone();
        waiters.sort_unstable_by_key(|waiter| (Reverse(waiter.asked), waiter.since));
        let asked = waiters.iter().map(|waiter| (waiter.id, waiter.asked));
        asked.collect()
    }

    /// Moves who stands at `place` up or down to where it belongs.
    fn settle(&mut self, place: usize) {
        let waiter = self.heap[place];
        let mut to = place;
        while to > 0 {
            let parent = self.heap[(to - 1) / CHILDREN];
            if !waiter.is_before(&parent) {
                break;
            }
            self.put(to, parent);
            to = (to - 1) / CHILDREN;
        }
        while let Some((child, first)) = self.first_child(to) {
            if !first.is_before(&waiter) {
                break;
            }
            self.put(to, first);
            to = child;
        }
        if to != place {
            self.put(to, waiter);
        }
    }

    /// Whoever comes first of those below `place`, and where it stands.
    fn first_child(&self, place: usize) -> Option<(usize, Waiter)> {
        let begin = place * CHILDREN + 1;
        let end = self.heap.len().min(begin + CHILDREN);
        let children = self.heap.get(begin..end)?;
        let mut first = 0;
        for (at, child) in children.iter().enumerate().skip(1) {
            if child.is_before(&children[first]) {
                first = at;
            }
        }
        children.get(first).map(|child| (begin + first, *child))
    }

    fn put(&mut self, place: usize, waiter: Waiter) {
        self.places[waiter.number] = place;
        self.heap[place] = waiter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the line is: a list, of which one is taken out and put behind all that have asked as much or more.
    #[derive(Default)]
    struct Model(Vec<(SubscriptionId, usize)>);

    impl Model {
        fn leave(&mut self, id: SubscriptionId) -> Option<usize> {
            let at = self.0.iter().position(|(other, _)| *other == id)?;
            Some(self.0.remove(at).1)
        }

        fn set(&mut self, id: SubscriptionId, asked: usize) {
            self.leave(id);
            let behind = self.0.iter().position(|(_, other)| *other < asked);
            self.0.insert(behind.unwrap_or(self.0.len()), (id, asked));
        }
    }

    fn set(line: &mut Line, id: SubscriptionId, asked: usize) {
        let place = line.find(id).expect("it has joined");
        line.set(place, asked);
    }

    /// One random step on both.
    fn step(random: &mut fastrand::Rng, line: &mut Line, model: &mut Model, joins: u8) {
        let chosen = random.choice(&model.0).copied();
        match (random.u8(..10), chosen) {
            (0..6, Some((id, _))) => {
                let asked = random.usize(..8);
                set(line, id, asked);
                model.set(id, asked);
            }
            (dice, Some((id, asked))) if dice >= 6 + joins => {
                assert_eq!(line.leave(id), Some(asked));
                assert_eq!((line.leave(id), line.find(id)), (None, None));
                model.leave(id);
            }
            _ => {
                let id = SubscriptionId::next();
                line.join(id);
                model.set(id, 0);
            }
        }
    }

    #[test]
    fn a_line_is_a_list_from_which_one_is_taken_and_put_behind_its_equals() {
        for seed in 0..64 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut line, mut model) = (Line::new(), Model::default());
            // It grows for a while, and then it shrinks.
            for joins in [3, 1].into_iter().flat_map(|joins| [joins; 150]) {
                step(&mut random, &mut line, &mut model, joins);
                assert_eq!(line.first(), model.0.first().copied(), "seed {seed}");
                assert_eq!(line.in_order(), model.0, "seed {seed}");
                for (id, asked) in &model.0 {
                    let place = line.find(*id).expect("it has joined");
                    assert_eq!(line.asked(place), *asked, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn the_place_of_a_leaver_is_used_again() {
        let mut line = Line::new();
        for _ in 0..100 {
            let id = SubscriptionId::next();
            line.join(id);
            line.leave(id);
        }
        assert_eq!((line.places.len(), line.free.len()), (1, 1));
    }
}
