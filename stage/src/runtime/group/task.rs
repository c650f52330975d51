//! The task of a group: polls the members whose turn it is, one after the other.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use tokio::task::coop::has_budget_remaining;

use super::inside::{Lent, Line};
use super::roster::Life;
use super::{Joining, Member, News, Next, Roster};
use crate::runtime::place::as_member;

/// Polls in a row, before other tasks have their turn: about 100 µs of short ones. Long before that the members have
/// most often spent tokio's budget; this is for those that spend none of it.
const POLLS_MAX: usize = 512;

/// Drives the members; it ends with the last of them, and dropping it drops them all.
pub(super) struct GroupTask {
    roster: Arc<Roster>,
    seats: Seats,
    /// Whose turn it is, while the task is not polled.
    line: Line,
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
            line: Line::default(),
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

    /// Puts in line who has joined or was woken from outside.
    #[inline]
    fn hear(&mut self, news: &mut News, line: &Lent<'_>) {
        for joining in news.joining.drain(..) {
            line.push(self.take_in(joining));
        }
        for (seat, id) in news.ready.drain(..) {
            // Who was woken may have left meanwhile.
            if let Some(Some(seated)) = self.seats.get(seat)
                && seated.member.id == id
            {
                seated.member.begin_turn();
                line.push(seat);
            }
        }
    }

    /// Polls the member in that seat, unless it has left: it may have been woken in its last turn.
    fn turn(&mut self, seat: usize) {
        let Some(seated) = &mut self.seats[seat] else {
            return;
        };
        let is_over =
            seated.member.is_aborted() || seated.poll().is_none_or(|polled| polled.is_ready());
        if is_over && let Some(seated) = self.seats[seat].take() {
            self.free.push(seat);
            seated.end();
        }
    }

    /// Ends them all.
    fn clear(&mut self) {
        // First, so that no note of a wake is left to nobody.
        for seated in self.seats.iter().flatten() {
            seated.member.retire();
        }
        for seated in self.seats.drain(..).flatten() {
            seated.end();
        }
    }
}

impl Seated {
    /// Returns `None` where it panicked.
    fn poll(&mut self) -> Option<Poll<()>> {
        let mut task = Task::from_waker(&self.waker);
        let life = &mut self.life;
        as_member(self.member.id, || life.as_mut().poll(&mut task))
    }

    fn end(self) {
        self.member.retire();
        let life = self.life;
        as_member(self.member.id, || drop(life));
    }
}

impl Future for GroupTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let Self {
            roster,
            seats,
            line,
            news,
            is_over,
        } = self.get_mut();
        let line = Lent::new(roster.address(), line);
        for _ in 0..POLLS_MAX {
            // Else those behind would be polled only to find that the ones before them have spent it all.
            if !has_budget_remaining() {
                break;
            }
            if roster.look(news) {
                seats.hear(news, &line);
            }
            if let Some(seat) = line.pop() {
                seats.turn(seat);
                continue;
            }
            match roster.wait(task, !seats.is_empty(), news) {
                Next::GoesOn => seats.hear(news, &line),
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
        self.seats.clear();
    }
}
