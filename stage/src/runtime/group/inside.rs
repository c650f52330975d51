//! Whose turn it is, as the thread knows that polls the group: what members send each other takes no lock to wake them.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::sync::thread_local;

/// The roster of no group.
const NOBODY: usize = 0;

thread_local! {
    /// The group whose task this thread polls.
    static INSIDE: RefCell<Inside> = const { RefCell::new(Inside::NOWHERE) };
}

struct Inside {
    /// Which group it is: the address of its roster, which its task holds.
    roster: usize,
    line: Line,
}

impl Inside {
    const NOWHERE: Self = Self {
        roster: NOBODY,
        line: Line::new(),
    };
}

/// Seats in the order in which their turns come, each once.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<usize>,
    is_waiting: Vec<bool>,
}

impl Line {
    const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            is_waiting: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, seat: usize) {
        if seat >= self.is_waiting.len() {
            self.is_waiting.resize(seat + 1, false);
        }
        if !std::mem::replace(&mut self.is_waiting[seat], true) {
            self.waiting.push_back(seat);
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<usize> {
        let seat = self.waiting.pop_front()?;
        self.is_waiting[seat] = false;
        Some(seat)
    }
}

/// The line of a group, lent to the thread for as long as its task is polled.
pub(super) struct Lent<'a> {
    line: &'a mut Line,
    /// A callback may drive a runtime of its own on this thread, and with it another group.
    outer: Inside,
}

impl<'a> Lent<'a> {
    pub(super) fn new(roster: usize, line: &'a mut Line) -> Self {
        let inside = Inside {
            roster,
            line: std::mem::take(line),
        };
        Self {
            line,
            outer: INSIDE.with(|place| place.replace(inside)),
        }
    }

    #[expect(clippy::unused_self, reason = "only while it is lent")]
    pub(super) fn push(&self, seat: usize) {
        INSIDE.with(|place| place.borrow_mut().line.push(seat));
    }

    /// Returns whose turn is next.
    #[expect(clippy::unused_self, reason = "only while it is lent")]
    #[inline]
    pub(super) fn pop(&self) -> Option<usize> {
        INSIDE.with(|place| place.borrow_mut().line.pop())
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let outer = std::mem::replace(&mut self.outer, Inside::NOWHERE);
        *self.line = INSIDE.with(|place| place.replace(outer)).line;
    }
}

/// Notes that it is the turn of a member; returns `false` where the thread does not poll its group.
#[inline]
pub(super) fn note(roster: usize, seat: usize) -> bool {
    INSIDE.with(|place| {
        let mut inside = place.borrow_mut();
        let is_inside = inside.roster == roster;
        if is_inside {
            inside.line.push(seat);
        }
        is_inside
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_stands_in_the_line_once() {
        let mut line = Line::default();
        [2, 0, 2, 1].into_iter().for_each(|seat| line.push(seat));
        assert_eq!(line.pop(), Some(2));
        line.push(2);
        let rest: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(rest, [0, 1, 2]);
    }

    #[test]
    fn only_a_member_of_the_group_that_is_polled_is_noted() {
        let (mut outer, mut inner) = (Line::default(), Line::default());
        assert!(!note(1, 0));
        let lent = Lent::new(1, &mut outer);
        {
            let lent = Lent::new(2, &mut inner);
            assert!(note(2, 5) && !note(1, 6));
            assert_eq!((lent.pop(), lent.pop()), (Some(5), None));
            note(2, 7);
        }
        assert!(note(1, 8) && !note(2, 9));
        assert_eq!(lent.pop(), Some(8));
        drop(lent);
        assert_eq!((outer.pop(), inner.pop()), (None, Some(7)));
    }
}
