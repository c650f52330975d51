//! Which children start again, what a restart that fails means, and when restarts are too many.

use std::time::Duration;

use stage::{ChildState, Demand, Exit, Intensity, MinDemand};

use super::children::*;
use crate::fixtures::*;

/// More restarts than any case comes to.
const MANY: usize = 100_000;

#[tokio::test(start_paused = true)]
async fn gs_183_a_temporary_child_is_never_started_again() {
    let case = case(Demand::default());
    case.queue(&[ENDS, FAILS, PANICS]).await;
    for event in [ENDS, FAILS, PANICS] {
        assert_eq!(case.children.starts(event), [true]);
    }
    assert_eq!(
        (case.counts().await, case.supervisor.stats().failed),
        ((0, 0), 2)
    );
}

#[tokio::test(start_paused = true)]
async fn gs_184_a_transient_child_is_started_again_after_a_failure_alone() {
    let case = transient_case(Demand::default(), 5);
    case.queue(&[ENDS, 1, 2, 3]).await;
    case.end(1).await;
    assert_eq!(
        (case.counts().await, case.children.starts(ENDS)),
        ((2, 2), vec![true])
    );
    // GenStage's (shutdown, signal): an abort ends it for good.
    case.stages.registry().child("child-2").unwrap().abort();
    rest().await;
    assert_eq!(
        (case.counts().await, case.children.starts(2)),
        ((1, 1), vec![true])
    );
    case.kill(3);
    rest().await;
    assert_eq!(
        (case.counts().await, case.children.starts(3)),
        ((1, 1), vec![true; 2])
    );
    let children = case.supervisor.children().await.unwrap();
    assert_eq!(
        (children[0].state, children[0].restarts),
        (ChildState::Running, 1)
    );
    // It fails at once each time, until restarts are too many: one was used.
    case.queue(&[FAILS]).await;
    assert_eq!(case.children.starts(FAILS), [true; 1 + 4]);
    case.ends_for("no luck").await;
}

#[tokio::test(start_paused = true)]
async fn gs_185_a_restart_may_run_end_fail_or_panic() {
    let case = transient_case(Demand::default(), MANY);
    case.supervisor.start_child(1).await.unwrap();
    case.kill(1);
    rest().await;
    assert_eq!(case.counts().await, (1, 1));
    case.supervisor.start_child(2).await.unwrap();
    case.kill(2);
    rest().await;
    assert_eq!(case.counts().await, (2, 2));
    case.supervisor.start_child(RESTART_ENDS).await.unwrap();
    case.kill(RESTART_ENDS);
    rest().await;
    assert_eq!(case.children.starts(RESTART_ENDS), [true; 2]);
    assert_eq!(case.counts().await, (2, 2));
    for (event, workers) in [(RESTART_FAILS, 3), (RESTART_PANICS, 4)] {
        case.supervisor.start_child(event).await.unwrap();
        case.kill(event);
        case.counts_become((2, workers)).await;
    }
    let children = case.supervisor.children().await.unwrap();
    let states: Vec<_> = children.iter().map(|child| child.state).collect();
    let (running, restarting) = (ChildState::Running, ChildState::Restarting);
    assert_eq!(states, [running, running, restarting, restarting]);
    assert!(children[2].restarts > 0 && children[3].restarts > 0);
}

#[tokio::test(start_paused = true)]
async fn gs_186_a_restart_that_fails_is_tried_again() {
    let case = transient_case(Demand::default(), 2);
    case.supervisor
        .start_child(RESTART_FAILS_ONCE)
        .await
        .unwrap();
    case.kill(RESTART_FAILS_ONCE);
    rest().await;
    assert_eq!(
        case.children.starts(RESTART_FAILS_ONCE),
        [true, false, true]
    );
    assert_eq!(case.counts().await, (1, 1));
    let children = case.supervisor.children().await.unwrap();
    assert_eq!((children.len(), children[0].restarts), (1, 2));
}

async fn ends_after(intensity: Intensity, tries: usize) {
    let case = Case::new(
        Demand::default().into(),
        Some(intensity),
        MinDemand::default(),
    );
    case.queue(&[RESTART_FAILS, 1]).await;
    case.kill(RESTART_FAILS);
    case.ends_for("its start failed: no start").await;
    let starts = case.children.starts(RESTART_FAILS);
    assert_eq!((starts[0], &starts[1..]), (true, &*vec![false; tries]));
    // The one that could not be started again, and the one that was aborted.
    assert_eq!(case.supervisor.stats().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn gs_187_the_supervisor_ends_when_one_restart_is_too_few() {
    ends_after(Intensity::new(1, Duration::from_secs(5)), 1).await;
}

#[tokio::test(start_paused = true)]
async fn gs_188_a_start_that_always_fails_ends_it_within_no_time_too() {
    ends_after(Intensity::new(3, Duration::ZERO), 3).await;
}

#[tokio::test(start_paused = true)]
async fn gs_189_the_supervisor_ends_after_ten_restarts() {
    ends_after(Intensity::new(10, Duration::from_secs(5)), 10).await;
}

#[tokio::test(start_paused = true)]
async fn gs_209_a_child_that_waits_for_its_restart_keeps_its_slot() {
    let case = transient_case(window(1, 0), MANY);
    case.queue(&[RESTART_FAILS, 1, 2, 3]).await;
    case.kill(RESTART_FAILS);
    case.counts_become((0, 1)).await;
    assert_eq!((case.asked(), case.named()), (1, vec![]));
    let child = case.supervisor.children().await.unwrap()[0].id;
    case.supervisor.terminate_child(child).await.unwrap();
    rest().await;
    assert_eq!(
        (case.asked(), case.named(), case.counts().await),
        (2, vec![1], (1, 1))
    );
    case.kill(1);
    rest().await;
    assert_eq!(
        (case.asked(), case.named(), case.counts().await),
        (2, vec![1], (1, 1))
    );
    assert_eq!(case.children.starts(1), [true; 2]);
    assert_eq!(
        case.children.most.load(std::sync::atomic::Ordering::SeqCst),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_child_that_starts_again() {
    let case = transient_case(Demand::default(), 1);
    case.queue(&[1]).await;
    case.kill(1);
    let drained = case.supervisor.drain(Duration::from_secs(60));
    let ends_later = async {
        rest().await;
        assert_eq!(case.counts().await, (1, 1));
        case.end(1).await;
    };
    let (drained, ()) = tokio::join!(drained, ends_later);
    assert!(matches!(drained.exit, Exit::Stopped), "{:?}", drained.exit);
    assert_eq!(
        (case.children.starts(1), drained.stats.lost),
        (vec![true; 2], 0)
    );
}
