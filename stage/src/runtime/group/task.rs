//! The task of a group: polls the members that are ready, round by round.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use tokio::task::coop::has_budget_remaining;

use super::roster::Life;
use super::{Joining, Member, Roster, Round};
use crate::id::{ById, StageId};
use crate::runtime::place::as_member;

/// Polls in a row, before other tasks have their turn: about 100 µs of short ones. Long before that the members have
/// most often spent tokio's budget; this is for those that spend none of it.
const POLLS_MAX: usize = 512;

/// Drives the members; it ends with the last of them, and dropping it drops them all.
pub(super) struct GroupTask {
    roster: Arc<Roster>,
    members: ById<StageId, Seated>,
    /// Whose turn it is in this round, one after the other.
    round: VecDeque<StageId>,
    /// Whether it has taken leave of the roster, which may be that of another task since.
    is_over: bool,
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
            members: ById::default(),
            round: VecDeque::new(),
            is_over: false,
        }
    }

    fn next_round(&mut self, task: &Task<'_>) -> Round {
        let has_members = !self.members.is_empty();
        let (round, joining) = self.roster.next_round(task, has_members, &mut self.round);
        for joining in joining {
            self.take_in(joining);
        }
        round
    }

    fn take_in(&mut self, Joining { member, life }: Joining) {
        let seated = Seated {
            waker: Waker::from(Arc::clone(&member)),
            member,
            life,
        };
        self.members.insert(seated.member.id, seated);
    }

    fn turn(&mut self, id: StageId) {
        // It may have been woken in its last turn.
        let Some(seated) = self.members.get_mut(&id) else {
            return;
        };
        seated.member.begin_turn();
        let is_over =
            seated.member.is_aborted() || seated.poll().is_none_or(|polled| polled.is_ready());
        if is_over && let Some(seated) = self.members.remove(&id) {
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

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        for _ in 0..POLLS_MAX {
            // Else those behind would be polled only to find that the ones before them have spent it all.
            if !has_budget_remaining() {
                break;
            }
            if let Some(id) = self.round.pop_front() {
                self.turn(id);
                continue;
            }
            match self.next_round(task) {
                Round::Begins => {}
                Round::Parked => return Poll::Pending,
                Round::Over => {
                    self.is_over = true;
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
            self.take_in(joining);
        }
        // First, so that no note of a wake is left to nobody.
        for seated in self.members.values() {
            seated.member.retire();
        }
        for (_, seated) in self.members.drain() {
            seated.end();
        }
    }
}
