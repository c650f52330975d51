//! What a channel's senders and its stage share: permits up to the demand, and the events accepted against them.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use tokio::sync::Semaphore;

use crate::context::Context;
use crate::exit::Result;
use crate::runtime::{Intake, Unreachable};
use crate::sync::{Mutex, MutexGuard};

/// One permit is one event that a consumer waits for.
///
/// Invariant: the permits issued and the events accepted are together at most what the stage was asked for and has not
/// paid. Permits that nobody holds are taken back when their consumer leaves; one that a sender holds is not.
pub(super) struct Gate<T> {
    credit: Arc<Semaphore>,
    accepted: Mutex<Accepted<T>>,
}

struct Accepted<T> {
    events: Vec<T>,
    /// Permits that are free or held by a sender.
    issued: usize,
    senders: usize,
    is_closed: bool,
    /// Of the stage, while it waits.
    waker: Option<Waker>,
}

impl<T: Send + 'static> Gate<T> {
    pub(super) fn with_one_sender() -> Arc<Self> {
        Arc::new(Self {
            credit: Arc::new(Semaphore::new(0)),
            accepted: Mutex::new(Accepted {
                events: Vec::new(),
                issued: 0,
                senders: 1,
                is_closed: false,
                waker: None,
            }),
        })
    }

    pub(super) const fn credit(&self) -> &Arc<Semaphore> {
        &self.credit
    }

    /// Accepts an event for which the caller holds a permit, to be forgotten then; an ended stage gives it back.
    pub(super) fn accept(&self, event: T) -> std::result::Result<(), T> {
        let mut accepted = self.lock();
        if accepted.is_closed {
            return Err(event);
        }
        accepted.events.push(event);
        self.accepted(accepted, 1);
        Ok(())
    }

    /// Accepts `n` events, or none, from the front of `events`; the caller holds as many permits.
    pub(super) fn accept_from(
        &self,
        events: &mut VecDeque<T>,
        n: usize,
    ) -> std::result::Result<(), Unreachable> {
        let mut accepted = self.lock();
        if accepted.is_closed {
            return Err(Unreachable);
        }
        accepted.events.extend(events.drain(..n));
        self.accepted(accepted, n);
        Ok(())
    }

    /// Emits what was accepted, issues permits up to the demand, and completes when all senders have gone.
    pub(super) fn poll(&self, task: &mut Task<'_>, cx: &mut Context<T>) -> Poll<Result> {
        let mut accepted = self.lock();
        let emits = !accepted.events.is_empty();
        cx.emit_all(accepted.events.drain(..));
        let more = accepted.issue(&self.credit, cx.waited_for());
        let is_over = accepted.senders == 0;
        if !emits && !is_over {
            accepted.waker = Some(task.waker().clone());
        }
        drop(accepted);
        self.credit.add_permits(more);
        if is_over {
            cx.complete();
        }
        if emits || is_over {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Refuses all from now on and returns what was accepted and not emitted.
    pub(super) fn close(&self) -> Vec<T> {
        let mut accepted = self.lock();
        accepted.is_closed = true;
        let (events, waker) = (take(&mut accepted.events), accepted.waker.take());
        drop(accepted);
        drop(waker);
        self.credit.close();
        events
    }

    pub(super) fn sender_came(&self) {
        self.lock().senders += 1;
    }

    pub(super) fn sender_went(&self) {
        let mut accepted = self.lock();
        accepted.senders -= 1;
        if accepted.senders == 0 {
            wake(accepted);
        }
    }

    fn accepted(&self, mut accepted: MutexGuard<'_, Accepted<T>>, n: usize) {
        debug_assert!(accepted.issued >= n, "only what has a permit is accepted");
        accepted.issued -= n;
        wake(accepted);
    }

    /// Nothing that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, Accepted<T>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake<T>(mut accepted: MutexGuard<'_, Accepted<T>>) {
    let waker = accepted.waker.take();
    drop(accepted);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Accepted<T> {
    /// Notes that `wanted` permits are issued and returns how many that is more; those too many are taken back.
    fn issue(&mut self, credit: &Semaphore, wanted: usize) -> usize {
        let wanted = wanted.min(Semaphore::MAX_PERMITS);
        if self.issued > wanted {
            self.issued -= credit.forget_permits(self.issued - wanted);
        }
        let more = wanted.saturating_sub(self.issued);
        self.issued += more;
        more
    }
}

impl<T: Send + 'static> Intake for Gate<T> {
    fn close(&self) -> usize {
        Self::close(self).len()
    }
}
