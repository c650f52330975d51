//! The line of consumers: who has asked most is first, and of equal ones the one that has stood there longest.
//!
//! Those who have asked as much stand in a row, and the rows by what that is:
//!
//! ```text
//!  asked      0            5            10
//!  rows    7 ⇄ 2 ⇄ 9     4 ⇄ 1        3 ⇄ 8
//!                                     ▲ the first
//! ```
//!
//! Whoever asks or is served goes to the end of another row, however many stand in the line. What it costs grows with the
//! number of rows alone, by a few bytes that are moved where one is new between others. There are mostly few of them, since
//! consumers ask anew for what they have handled, and that is mostly half a window.

use crate::id::{BySubscription, SubscriptionId};

/// Up to so many waiters each is looked at sooner than one is searched.
const FEW: usize = 4;

/// Stands for a waiter where there is none.
const NOBODY: usize = usize::MAX;

/// A sole consumer, as most producers have, needs no rows.
#[derive(Debug, Default)]
pub(super) enum Line {
    #[default]
    Nobody,
    One {
        id: SubscriptionId,
        asked: usize,
    },
    Crowd(Box<Crowd>),
}

impl Line {
    pub(super) const fn new() -> Self {
        Self::Nobody
    }

    /// Adds one who has asked for nothing, at the end.
    pub(super) fn join(&mut self, id: SubscriptionId) {
        match self {
            Self::Nobody => *self = Self::One { id, asked: 0 },
            Self::One { id: other, asked } => {
                let mut crowd = Box::<Crowd>::default();
                crowd.join(*other);
                crowd.set(0, *asked);
                crowd.join(id);
                *self = Self::Crowd(crowd);
            }
            Self::Crowd(crowd) => crowd.join(id),
        }
    }

    /// Removes one, and returns what it had asked.
    pub(super) fn leave(&mut self, id: SubscriptionId) -> Option<usize> {
        match *self {
            Self::One { id: one, asked } if one == id => {
                *self = Self::Nobody;
                Some(asked)
            }
            Self::Crowd(ref mut crowd) => crowd.leave(id),
            Self::Nobody | Self::One { .. } => None,
        }
    }

    /// Whoever is first, by number.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::One { .. } => Some(0),
            Self::Crowd(crowd) => crowd.first(),
        }
    }

    /// Whoever is here, where that is one.
    pub(super) fn only(&self) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::One { .. } => Some(0),
            Self::Crowd(crowd) => crowd.only(),
        }
    }

    /// The number of a subscription.
    #[inline]
    pub(super) fn find(&self, id: SubscriptionId) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::One { id: one, .. } => (*one == id).then_some(0),
            Self::Crowd(crowd) => crowd.find(id),
        }
    }

    #[inline]
    pub(super) fn id(&self, number: usize) -> SubscriptionId {
        match self {
            Self::Nobody => SubscriptionId::NONE,
            Self::One { id, .. } => *id,
            Self::Crowd(crowd) => crowd.waiters[number].id,
        }
    }

    #[inline]
    pub(super) fn asked(&self, number: usize) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One { asked, .. } => *asked,
            Self::Crowd(crowd) => crowd.waiters[number].asked,
        }
    }

    /// Moves one behind all that have asked `now` or more.
    #[inline]
    pub(super) fn set(&mut self, number: usize, now: usize) {
        match self {
            Self::Nobody => {}
            Self::One { asked, .. } => *asked = now,
            Self::Crowd(crowd) => crowd.set(number, now),
        }
    }

    /// Everybody, with what they have asked, the first first.
    pub(super) fn in_order(&self) -> Vec<(SubscriptionId, usize)> {
        match self {
            Self::Nobody => Vec::new(),
            Self::One { id, asked } => vec![(*id, *asked)],
            Self::Crowd(crowd) => crowd.in_order(),
        }
    }
}

/// Invariants: a waiter stands in the row of what it has asked; rows stand by that, and the last of them has a waiter; at
/// most half of them have none.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// By their numbers; one that is free has no id.
    waiters: Vec<Waiter>,
    rows: Vec<Row>,
    /// Rows without a waiter.
    empty: usize,
    numbers: BySubscription<usize>,
    /// The numbers of those who have left.
    free: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Waiter {
    id: SubscriptionId,
    asked: usize,
    before: usize,
    behind: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    asked: usize,
    first: usize,
    last: usize,
}

impl Crowd {
    /// Adds one who has asked for nothing, at the end.
    fn join(&mut self, id: SubscriptionId) {
        let waiter = Waiter {
            id,
            asked: 0,
            before: NOBODY,
            behind: NOBODY,
        };
        let number = if let Some(number) = self.free.pop() {
            self.waiters[number] = waiter;
            number
        } else {
            self.waiters.push(waiter);
            self.waiters.len() - 1
        };
        self.numbers.insert(id, number);
        self.stand(number, 0);
    }

    /// Removes one, and returns what it had asked.
    fn leave(&mut self, id: SubscriptionId) -> Option<usize> {
        let number = self.numbers.remove(id)?;
        self.step_out(number);
        self.sweep();
        self.free.push(number);
        self.waiters[number].id = SubscriptionId::NONE;
        Some(self.waiters[number].asked)
    }

    /// Whoever is first, by number.
    #[inline]
    fn first(&self) -> Option<usize> {
        self.rows.last().map(|row| row.first)
    }

    /// Whoever is here, where that is one.
    fn only(&self) -> Option<usize> {
        let is_one = self.waiters.len() == self.free.len() + 1;
        self.first().filter(|_| is_one)
    }

    /// The number of a subscription.
    #[inline]
    fn find(&self, id: SubscriptionId) -> Option<usize> {
        if self.waiters.len() <= FEW {
            return self.waiters.iter().position(|waiter| waiter.id == id);
        }
        self.numbers.find(id).copied()
    }

    /// Moves one behind all that have asked `asked` or more.
    #[inline]
    fn set(&mut self, number: usize, asked: usize) {
        self.step_out(number);
        self.stand(number, asked);
        self.sweep();
    }

    /// Everybody, with what they have asked, the first first.
    fn in_order(&self) -> Vec<(SubscriptionId, usize)> {
        let mut all = Vec::new();
        for row in self.rows.iter().rev() {
            let mut next = row.first;
            while let Some(waiter) = self.waiters.get(next) {
                all.push((waiter.id, waiter.asked));
                next = waiter.behind;
            }
        }
        all
    }

    /// Where the row of those who have asked so much stands, or would.
    #[inline]
    fn row(&self, asked: usize) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&asked, |row| row.asked)
    }

    /// Takes one out of its row, which may be the last one and empty then.
    #[inline]
    fn step_out(&mut self, number: usize) {
        let Waiter {
            asked,
            before,
            behind,
            ..
        } = self.waiters[number];
        if before != NOBODY && behind != NOBODY {
            self.waiters[before].behind = behind;
            self.waiters[behind].before = before;
            return;
        }
        let Ok(at) = self.row(asked) else {
            debug_assert!(false, "a waiter stands in the row of what it has asked");
            return;
        };
        let row = &mut self.rows[at];
        if before == NOBODY {
            row.first = behind;
        } else {
            self.waiters[before].behind = NOBODY;
        }
        if behind == NOBODY {
            row.last = before;
        } else {
            self.waiters[behind].before = NOBODY;
        }
        self.empty += usize::from(row.first == NOBODY);
    }

    /// Has one who stands in no row stand at the end of one.
    #[inline]
    fn stand(&mut self, number: usize, asked: usize) {
        let at = self.row(asked).unwrap_or_else(|at| self.insert(at, asked));
        let row = &mut self.rows[at];
        let before = std::mem::replace(&mut row.last, number);
        if before == NOBODY {
            row.first = number;
            self.empty -= 1;
        } else {
            self.waiters[before].behind = number;
        }
        let waiter = &mut self.waiters[number];
        waiter.asked = asked;
        waiter.before = before;
        waiter.behind = NOBODY;
    }

    /// Adds a row; mostly the last one, which is removed whenever all who stand there are served.
    #[inline]
    fn insert(&mut self, at: usize, asked: usize) -> usize {
        let row = Row {
            asked,
            first: NOBODY,
            last: NOBODY,
        };
        if at == self.rows.len() {
            self.rows.push(row);
        } else {
            self.rows.insert(at, row);
        }
        self.empty += 1;
        at
    }

    /// Removes the last rows that are empty, and all that are where those are more than half.
    #[inline]
    fn sweep(&mut self) {
        if self.empty > 0 {
            while self.rows.pop_if(|row| row.first == NOBODY).is_some() {
                self.empty -= 1;
            }
            if self.empty > self.rows.len() / 2 {
                self.rows.retain(|row| row.first != NOBODY);
                self.empty = 0;
            }
        }
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
        let number = line.find(id).expect("it has joined");
        line.set(number, asked);
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
                let first = line
                    .first()
                    .map(|number| (line.id(number), line.asked(number)));
                assert_eq!(first, model.0.first().copied(), "seed {seed}");
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
        let mut crowd = Crowd::default();
        for _ in 0..100 {
            let id = SubscriptionId::next();
            crowd.join(id);
            crowd.leave(id);
        }
        assert_eq!((crowd.waiters.len(), crowd.free.len()), (1, 1));
    }
}
