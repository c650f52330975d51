//! Every schedule there is of the task of a group and of those that wake its one member, abort it, or join as it leaves.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use shuttle::future::block_on;
use shuttle::{check_dfs, thread};

use super::{Drive, Group, Joining, Member, Roster};
use crate::id::StageId;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;

/// A task with one member that lives like this, which is not polled yet.
fn drive(life: impl Future<Output = ()> + Send + 'static) -> (Drive, Arc<Member>) {
    let roster = Arc::<Roster>::default();
    let member = Arc::new(Member::new(StageId::next(), Arc::clone(&roster)));
    let joining = Joining {
        member: Arc::clone(&member),
        life: Box::pin(life),
    };
    assert!(roster.join(joining), "it is the first");
    (Drive::new(roster), member)
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

#[test]
fn a_wake_is_never_lost() {
    let every = || {
        let signals = [(); 2].map(|()| Arc::<Signal>::default());
        let [one, other] = signals.clone();
        let (drive, _) = drive(async move {
            one.wait().await;
            other.wait().await;
        });
        for signal in signals {
            thread::spawn(move || signal.set());
        }
        block_on(drive);
    };
    check_dfs(every, None);
}

#[test]
fn an_abort_is_never_lost() {
    let every = || {
        let (drive, member) = drive(std::future::pending());
        thread::spawn(move || member.abort());
        block_on(drive);
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
    check_dfs(every, None);
}
