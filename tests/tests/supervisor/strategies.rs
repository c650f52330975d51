//! Whom a failing child takes along, in which order.

use stage::Restart::Permanent;
use stage::{Strategy, supervisor};

use crate::worker::{Diary, Do, worker};

/// Starts a, b and c, lets b panic, and returns what was noted from then on.
async fn b_panics(strategy: Strategy, expected: &[&str]) {
    let diary = Diary::default();
    let workers = supervisor(strategy).spawn().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up", "c up"]).await;
    b.call(Do::Panic).await.unwrap_err();
    diary.reads(expected).await;
    for (handle, restarts) in [&a, &b, &c].into_iter().zip(workers.children()) {
        assert!(handle.exit().is_none(), "{} lives", handle.name());
        assert_eq!(handle.id(), restarts.id);
    }
    workers.stop().await;
    assert_eq!(diary.take(), ["c down", "b down", "a down"]);
}

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_the_one_that_failed() {
    b_panics(Strategy::OneForOne, &["b up"]).await;
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_takes_those_started_after_it_along() {
    b_panics(Strategy::RestForOne, &["c down", "b up", "c up"]).await;
}

#[tokio::test(start_paused = true)]
async fn one_for_all_takes_all_along_from_the_last_to_the_first() {
    let all = ["c down", "a down", "a up", "b up", "c up"];
    b_panics(Strategy::OneForAll, &all).await;
}

#[tokio::test(start_paused = true)]
async fn a_sibling_that_hangs_is_interrupted_after_its_deadline_and_restarted() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up"]).await;
    a.cast(Do::Hang).unwrap();
    let start = tokio::time::Instant::now();
    b.call(Do::Panic).await.unwrap_err();
    // It had no chance to say good-bye.
    diary.reads(&["a up", "b up"]).await;
    assert_eq!(start.elapsed().as_secs(), 5, "its shutdown is five seconds");
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["b down", "a up", "b up"]).await;
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_sibling_that_goes_along_ends() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    let temporary = worker("t", &workers, stage::Restart::Temporary, &diary);
    diary.reads(&["a up", "t up"]).await;
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["t down", "a up"]).await;
    assert!(matches!(temporary.join().await, stage::Exit::Stopped));
    assert_eq!(workers.children().len(), 1);
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_that_fail_at_once_are_restarted_once_each() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let [a, b, _c] = ["a", "b", "c"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up", "c up"]).await;
    a.cast(Do::Panic).unwrap();
    b.cast(Do::Panic).unwrap();
    diary.reads(&["c down", "a up", "b up", "c up"]).await;
    assert!(workers.children().iter().all(|child| child.restarts == 1));
    workers.stop().await;
}
