//! Supervisors under supervisors: who decides when one gives up.

use std::time::Duration;

use stage::Restart::{Permanent, Transient};
use stage::{Directive, Exit, Intensity, Strategy, Supervisor, supervisor};

use crate::worker::{Diary, Do, Unlucky, worker, worker_with};

/// A supervisor that allows one restart, under another.
fn under(superior: &Supervisor) -> Supervisor {
    supervisor(Strategy::OneForOne)
        .intensity(Intensity::new(1, Duration::from_secs(1)))
        .supervised_by(superior, Permanent)
        .spawn()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_is_restarted_with_all_its_children() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForOne).spawn().unwrap();
    let below = under(&top);
    let [a, b] = ["a", "b"].map(|name| worker(name, &below, Permanent, &diary));
    diary.reads(&["a up", "b up"]).await;
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["a up"]).await;
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["b down", "a up", "b up"]).await;
    // It counts from nothing again.
    b.call(Do::Panic).await.unwrap_err();
    diary.reads(&["b up"]).await;
    assert_eq!(top.children()[0].restarts, 1);
    assert!(matches!(top.stop().await, Exit::Stopped));
    assert!(matches!(below.join().await, Exit::Stopped));
    assert_eq!(diary.take(), ["b down", "a down"]);
}

#[tokio::test(start_paused = true)]
async fn an_escalated_failure_is_decided_one_floor_up() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForOne).spawn().unwrap();
    let below = supervisor(Strategy::OneForOne)
        .supervised_by(&top, Permanent)
        .spawn()
        .unwrap();
    let unlucky = Unlucky::default();
    let _a = worker("a", &below, Permanent, &diary);
    let b = worker_with(
        "b",
        &below,
        Permanent,
        &diary,
        Directive::Escalate,
        &unlucky,
    );
    diary.reads(&["a up", "b up"]).await;
    b.call(Do::Panic).await.unwrap_err();
    diary.reads(&["a down", "a up", "b up"]).await;
    top.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_floor_above_an_escalated_failure_ends_all() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForOne).spawn().unwrap();
    let unlucky = Unlucky::default();
    let a = worker("a", &top, Permanent, &diary);
    let b = worker_with("b", &top, Transient, &diary, Directive::Escalate, &unlucky);
    b.call(Do::Panic).await.unwrap_err();
    assert_eq!(top.join().await.to_string(), "panicked: on purpose");
    assert_eq!(b.join().await.to_string(), "panicked: on purpose");
    assert!(matches!(a.join().await, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn when_the_top_gives_up_the_failure_reaches_every_floor() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForAll)
        .intensity(Intensity::new(1, Duration::from_secs(1)))
        .spawn()
        .unwrap();
    let below = under(&top);
    let beside = worker("z", &top, Permanent, &diary);
    let a = worker("a", &below, Permanent, &diary);
    for _ in 0..4 {
        a.call(Do::Panic).await.unwrap_err();
    }
    for ended in [top.join().await, below.join().await, a.join().await] {
        assert_eq!(ended.to_string(), "panicked: on purpose");
    }
    assert!(matches!(beside.join().await, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_group_takes_a_supervisor_along() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForAll).spawn().unwrap();
    let below = under(&top);
    let [_a, _b] = ["a", "b"].map(|name| worker(name, &below, Permanent, &diary));
    let z = worker("z", &top, Permanent, &diary);
    diary.reads(&["a up", "b up", "z up"]).await;
    z.call(Do::Panic).await.unwrap_err();
    diary
        .reads(&["b down", "a down", "a up", "b up", "z up"])
        .await;
    top.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_reaches_all_floors() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForOne).spawn().unwrap();
    let below = under(&top);
    let a = worker("a", &below, Permanent, &diary);
    let b = worker("b", &top, Permanent, &diary);
    a.cast(Do::Hang).unwrap();
    let left = top.drain(Duration::from_secs(2)).await;
    assert_eq!(left.len(), 1);
    assert_eq!(&*left[0].name, a.name());
    assert!(matches!(b.join().await, Exit::Stopped));
    assert!(matches!(below.join().await, Exit::Stopped));
}
