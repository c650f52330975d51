//! How many restarts are too many, and how long a restart waits.

use std::time::Duration;

use stage::Restart::{Permanent, Temporary};
use stage::{Backoff, Directive, Exit, Intensity, Strategy, TooManyRestarts, supervisor};
use tokio::time::Instant;

use crate::worker::{Diary, Do, Unlucky, until, worker, worker_with};

#[tokio::test(start_paused = true)]
async fn too_many_restarts_stop_all_and_end_the_supervisor_with_the_last_failure() {
    let diary = Diary::default();
    let two = Intensity::new(2, Duration::from_secs(10));
    let workers = supervisor(Strategy::OneForOne)
        .intensity(two)
        .spawn()
        .unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| worker(name, &workers, Permanent, &diary));
    for _ in 0..3 {
        b.call(Do::Panic).await.unwrap_err();
    }
    assert_eq!(workers.join().await.to_string(), "panicked: on purpose");
    assert_eq!(b.join().await.to_string(), "panicked: on purpose");
    for stopped in [&a, &c] {
        assert!(matches!(stopped.join().await, Exit::Stopped));
    }
    let lines = diary.take();
    assert_eq!(lines[lines.len() - 2..], ["c down", "a down"]);
    assert!(workers.children().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_has_failed_also_where_its_children_have_not() {
    for (order, end) in [(Do::Complete, "completed"), (Do::Stop, "stopped")] {
        let diary = Diary::default();
        let workers = supervisor(Strategy::OneForOne)
            .intensity(Intensity::new(0, Duration::from_secs(10)))
            .spawn()
            .unwrap();
        let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
        a.call(order).await.unwrap();
        let Exit::Failed(error) = workers.join().await else {
            panic!("it is no failure");
        };
        let too_many = error.source().downcast_ref::<TooManyRestarts>().unwrap();
        assert_eq!(too_many.last.to_string(), end);
        assert_eq!(a.join().await.to_string(), end);
        assert!(matches!(b.join().await, Exit::Stopped));
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_that_are_far_apart_are_never_too_many() {
    let diary = Diary::default();
    let one = Intensity::new(1, Duration::from_secs(10));
    let workers = supervisor(Strategy::OneForOne)
        .intensity(one)
        .spawn()
        .unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    for restarts in 1..=20 {
        a.call(Do::Panic).await.unwrap_err();
        until(|| workers.children()[0].restarts == restarts).await;
        tokio::time::advance(Duration::from_secs(11)).await;
    }
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_doubles_and_begins_anew_after_a_good_run() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne)
        .backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(4)))
        .intensity(Intensity::new(100, Duration::from_secs(1)))
        .spawn()
        .unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    diary.reads(&["a up"]).await;
    let mut run = Duration::ZERO;
    for most in [1, 2, 4, 4, 1, 2] {
        if most == 1 {
            run = Duration::from_secs(5);
        }
        tokio::time::advance(std::mem::take(&mut run)).await;
        let down = Instant::now();
        a.call(Do::Panic).await.unwrap_err();
        diary.reads(&["a up"]).await;
        let waited = down.elapsed().as_secs_f64();
        let most = f64::from(most);
        assert!(
            (most / 2.0..=most + 0.01).contains(&waited),
            "{waited} of {most}"
        );
    }
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_tried_again_and_counts() {
    let diary = Diary::default();
    let unlucky = Unlucky::default();
    let workers = supervisor(Strategy::OneForOne)
        .intensity(Intensity::new(3, Duration::from_secs(1)))
        .spawn()
        .unwrap();
    let a = worker_with(
        "a",
        &workers,
        Permanent,
        &diary,
        Directive::Restart,
        &unlucky,
    );
    diary.reads(&["a up"]).await;
    *unlucky.lock().unwrap() = 2;
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["a up"]).await;
    a.call(Do::Panic).await.unwrap_err();
    assert!(
        matches!(workers.join().await, Exit::Panicked(_)),
        "the fourth was too many"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_restart_can_be_stopped_and_aborted() {
    let diary = Diary::default();
    let long = Duration::from_secs(1_000_000);
    let workers = supervisor(Strategy::OneForOne)
        .backoff(Backoff::new(long, long))
        .spawn()
        .unwrap();
    let [a, b, _c] = ["a", "b", "c"].map(|name| worker(name, &workers, Permanent, &diary));
    a.call(Do::Panic).await.unwrap_err();
    assert!(matches!(a.stop().await, Exit::Stopped));
    b.call(Do::Panic).await.unwrap_err();
    b.abort();
    assert!(matches!(b.join().await, Exit::Aborted));
    until(|| workers.children().len() == 1).await;
    assert!(matches!(workers.stop().await, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_one_before_the_failure_in_the_wait_and_after_the_restart() {
    let long = Duration::from_secs(100);
    let (at_once, late) = (Backoff::AT_ONCE, Backoff::new(long, long));
    for (backoff, stopped_after) in [
        (at_once, None),
        (at_once, Some(long)),
        (late, None),
        (late, Some(long / 10)),
        (late, Some(long * 2)),
    ] {
        let diary = Diary::default();
        let workers = supervisor(Strategy::OneForOne).backoff(backoff);
        let workers = workers.spawn().unwrap();
        let a = worker("a", &workers, Permanent, &diary);
        diary.reads(&["a up"]).await;
        a.cast(Do::Panic).unwrap();
        if let Some(after) = stopped_after {
            tokio::time::sleep(after).await;
        }
        let exit = a.stop().await;
        assert!(
            matches!(exit, Exit::Stopped),
            "{backoff:?}, {stopped_after:?}: {exit}"
        );
        assert_eq!(a.stats().failed, 1, "it is counted all the same");
        workers.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_hides_no_failure_that_no_restart_follows() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let a = worker("a", &workers, Temporary, &diary);
    diary.reads(&["a up"]).await;
    a.cast(Do::Panic).unwrap();
    assert!(matches!(a.stop().await, Exit::Panicked(_)));
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_was_interrupted_and_waits_for_its_group_is_stopped() {
    let diary = Diary::default();
    let long = Duration::from_secs(1_000);
    let workers = supervisor(Strategy::OneForAll)
        .backoff(Backoff::new(long, long))
        .spawn()
        .unwrap();
    let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up"]).await;
    b.cast(Do::Hang).unwrap();
    a.call(Do::Panic).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(matches!(b.stop().await, Exit::Stopped));
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_stopped_stops_those_that_wait_for_their_restart() {
    let diary = Diary::default();
    let long = Duration::from_secs(1_000);
    let workers = supervisor(Strategy::OneForOne)
        .backoff(Backoff::new(long, long))
        .spawn()
        .unwrap();
    let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    a.call(Do::Panic).await.unwrap_err();
    assert!(matches!(workers.stop().await, Exit::Stopped));
    for child in [a, b] {
        assert!(matches!(child.exit(), Some(Exit::Stopped)));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_while_its_group_goes_down_does_not_count() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll)
        .intensity(Intensity::new(1, Duration::from_secs(10)))
        .spawn()
        .unwrap();
    let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up"]).await;
    a.cast(Do::Panic).unwrap();
    b.cast(Do::Panic).unwrap();
    diary.reads(&["a up", "b up"]).await;
    assert!(workers.exit().is_none());
    workers.stop().await;
}
