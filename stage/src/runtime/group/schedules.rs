//! Schedules of the task of a group: every one there is of its one member that is woken or aborted; of two that wake it at
//! the same time, and of one that joins as the last one leaves, 5,000, since all of them are too many.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use shuttle::future::block_on;
use shuttle::{check_dfs, check_random, thread};

use super::{Group, GroupTask, Joining, Member, Roster};
use crate::id::StageId;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;

/// Schedules where they are a sample.
const SAMPLE: usize = 5_000;

/// A task with one member that lives like this, which is not polled yet.
fn drive(life: impl Future<Output = ()> + Send + 'static) -> (GroupTask, Arc<Member>) {
    let roster = Arc::<Roster>::default();
    let member = Arc::new(Member::new(StageId::next(), Arc::clone(&roster)));
    let joining = Joining {
        member: Arc::clone(&member),
        life: Box::pin(life),
    };
    assert!(roster.join(joining), "it is the first");
    (GroupTask::new(roster), member)
}

/// What is set, and who waits for it.
#[derive(Default)]
struct Signal {
    is_set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Signal {
    fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|task| {
            *self.waker.lock().unwrap() = Some(task.waker().clone());
            if self.is_set.load(Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Each of the signals is set by a thread of its own, and all of them are waited for.
fn waits_for(signals: usize) {
    let signals: Vec<Arc<Signal>> = (0..signals).map(|_| Arc::default()).collect();
    let awaited = signals.clone();
    let (task, _) = drive(async move {
        for signal in awaited {
            signal.wait().await;
        }
    });
    for signal in signals {
        thread::spawn(move || signal.set());
    }
    block_on(task);
}

#[test]
fn a_wake_is_never_lost() {
    check_dfs(|| waits_for(1), None);
}

#[test]
fn of_two_wakes_at_the_same_time_none_is_lost() {
    check_random(|| waits_for(2), SAMPLE);
}

#[test]
fn an_abort_is_never_lost() {
    let every = || {
        let (task, member) = drive(std::future::pending());
        thread::spawn(move || member.abort());
        block_on(task);
    };
    check_dfs(every, None);
}

#[test]
fn who_comes_as_the_last_one_leaves_is_driven() {
    let every = || {
        let group = Group::new();
        let runtime = crate::sync::runtime::Handle;
        group.join(&runtime, StageId::next(), async {});
        let signal = Arc::<Signal>::default();
        let set = Arc::clone(&signal);
        group.join(&runtime, StageId::next(), async move { set.set() });
        block_on(signal.wait());
    };
    check_random(every, SAMPLE);
}
