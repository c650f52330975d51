//! The task of a group: polls the members whose turn it is, one after the other.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use tokio::task::coop::has_budget_remaining;

use super::inside::{self, Lent, NOBODY, NOTED};
use super::roster::Life;
use super::{Joining, Member, News, Next, Roster};

/// Polls in a row, before other tasks have their turn: about 20 µs of short ones. As many as the units of tokio's budget, of
/// which a member that was woken by a message spends none.
const POLLS_MAX: usize = 128;

/// Seats that a word has a bit for.
const WORD: usize = 64;

/// Drives the members; it ends with the last of them, and dropping it drops them all.
pub(super) struct GroupTask {
    roster: Arc<Roster>,
    seats: Seats,
    turns: Turns,
    /// Whose turn the thread has noted, while the task is not polled.
    due: u64,
    /// What came from outside; emptied.
    news: News,
    /// Whether it has taken leave of the roster, which may be that of another task since.
    is_over: bool,
}

/// The members, each in a seat of its own.
#[derive(Default)]
struct Seats {
    seats: Vec<Option<Seated>>,
    free: Vec<usize>,
}

/// Whose turn is next: in the order of their seats, each once in a round.
struct Turns {
    /// The noted seats whose turn in this round is yet to come.
    ahead: u64,
    /// A bit for each seat that is not noted and whose turn has come.
    behind: Vec<u64>,
    /// How many of those seats, from the first, have none left in this round.
    passed: usize,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            ahead: u64::MAX,
            behind: Vec::new(),
            passed: 0,
        }
    }
}

impl Turns {
    #[inline]
    fn next(&mut self, thread: &Lent<'_>) -> Option<usize> {
        self.next_in_round(thread).or_else(|| {
            self.ahead = u64::MAX;
            self.passed = 0;
            self.next_in_round(thread)
        })
    }

    #[inline]
    fn next_in_round(&mut self, thread: &Lent<'_>) -> Option<usize> {
        self.next_noted(thread).or_else(|| self.next_behind())
    }

    #[inline]
    fn next_noted(&mut self, thread: &Lent<'_>) -> Option<usize> {
        let seat = thread.take_due(self.ahead)?;
        self.ahead = !1 << seat;
        Some(seat)
    }

    #[inline]
    fn next_behind(&mut self) -> Option<usize> {
        if self.behind.is_empty() {
            return None;
        }
        self.next_of_many()
    }

    fn next_of_many(&mut self) -> Option<usize> {
        let (first, bits) = (self.passed / WORD, self.passed % WORD);
        let mut ahead = u64::MAX << bits;
        for (at, due) in self.behind.iter_mut().enumerate().skip(first) {
            let among = *due & ahead;
            if among != 0 {
                *due &= !(among & among.wrapping_neg());
                let seat = at * WORD + among.trailing_zeros() as usize;
                self.passed = seat + 1;
                return Some(NOTED + seat);
            }
            ahead = u64::MAX;
        }
        None
    }

    /// Notes that it is the turn of a seat.
    fn note(&mut self, roster: usize, seat: usize) {
        if seat < NOTED {
            let is_noted = inside::note(roster, seat);
            debug_assert!(is_noted, "its own thread hears");
            return;
        }
        let seat = seat - NOTED;
        let at = seat / WORD;
        if at >= self.behind.len() {
            self.behind.resize(at + 1, 0);
        }
        self.behind[at] |= 1 << (seat % WORD);
    }
}

struct Seated {
    member: Arc<Member>,
    waker: Waker,
    life: Life,
}

impl GroupTask {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self {
            roster,
            seats: Seats::default(),
            turns: Turns::default(),
            due: 0,
            news: News::default(),
            is_over: false,
        }
    }
}

impl Seats {
    const fn is_empty(&self) -> bool {
        self.seats.len() == self.free.len()
    }

    /// Takes a member in, and returns its seat.
    fn take_in(&mut self, Joining { member, life }: Joining) -> usize {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() - 1
        });
        member.sit(seat);
        self.seats[seat] = Some(Seated {
            waker: Waker::from(Arc::clone(&member)),
            member,
            life,
        });
        seat
    }

    /// Notes who has joined or was woken from outside, or sits where the thread notes nobody.
    fn hear(&mut self, news: &mut News, turns: &mut Turns, roster: usize) {
        for joining in news.joining.drain(..) {
            turns.note(roster, self.take_in(joining));
        }
        for (seat, id) in news.ready.drain(..) {
            // Who was woken may have left meanwhile.
            if let Some(Some(seated)) = self.seats.get(seat)
                && seated.member.id == id
            {
                seated.member.begin_turn();
                turns.note(roster, seat);
            }
        }
    }

    /// Polls the member in that seat, unless it has left: it may have been woken in its last turn.
    fn turn(&mut self, seat: usize, thread: &Lent<'_>) {
        let Some(seated) = &mut self.seats[seat] else {
            return;
        };
        let is_over = seated.member.is_aborted()
            || seated.poll(thread).is_none_or(|polled| polled.is_ready());
        if is_over && let Some(seated) = self.seats[seat].take() {
            self.free.push(seat);
            seated.end(thread);
        }
    }

    /// Ends them all.
    fn clear(&mut self, thread: &Lent<'_>) {
        // First, so that no note of a wake is left to nobody.
        for seated in self.seats.iter().flatten() {
            seated.member.retire();
        }
        for seated in self.seats.drain(..).flatten() {
            seated.end(thread);
        }
    }
}

impl Seated {
    /// Returns `None` where it panicked.
    fn poll(&mut self, thread: &Lent<'_>) -> Option<Poll<()>> {
        let mut task = Task::from_waker(&self.waker);
        let life = &mut self.life;
        thread.run_as(self.member.id, || life.as_mut().poll(&mut task))
    }

    fn end(self, thread: &Lent<'_>) {
        self.member.retire();
        let life = self.life;
        thread.run_as(self.member.id, || drop(life));
    }
}

impl Future for GroupTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let Self {
            roster,
            seats,
            turns,
            due,
            news,
            is_over,
        } = self.get_mut();
        let thread = Lent::new(roster.address(), due);
        for _ in 0..POLLS_MAX {
            // Else those behind would be polled only to find that the ones before them have spent it all.
            if !has_budget_remaining() {
                break;
            }
            if roster.look(news) {
                seats.hear(news, turns, roster.address());
            }
            if let Some(seat) = turns.next(&thread) {
                seats.turn(seat, &thread);
                continue;
            }
            match roster.wait(task, !seats.is_empty(), news) {
                Next::GoesOn => seats.hear(news, turns, roster.address()),
                Next::Parked => return Poll::Pending,
                Next::Over => {
                    *is_over = true;
                    return Poll::Ready(());
                }
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for GroupTask {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        for joining in self.roster.leave() {
            self.seats.take_in(joining);
        }
        // Those who join from now on are in another task, so that nobody is noted here.
        let thread = Lent::new(NOBODY, &mut self.due);
        self.seats.clear(&thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_turn_in_a_round_in_the_order_of_the_seats() {
        let mut due = 0b1011;
        let thread = Lent::new(1, &mut due);
        let mut turns = Turns::default();
        for seat in [200, 65, 70] {
            turns.note(1, seat);
        }
        let mut next = || {
            let seat = turns.next(&thread)?;
            // They all are woken again in their own turn.
            turns.note(1, seat);
            Some(seat)
        };
        let rounds: Vec<_> = (0..12).map_while(|_| next()).collect();
        assert_eq!(rounds, [0, 1, 3, 65, 70, 200].repeat(2));
    }
}
