//! What starts a child: an event or a call; what does not start one harms nothing.

use stage::{ChildState, Demand, StartChildError};

use super::children::*;
use crate::fixtures::*;

/// GenStage's `ignore` is a child that returns at once.
#[tokio::test(start_paused = true)]
async fn gs_181_a_call_starts_a_child_outside_of_demand() {
    let case = case(window(2, 1));
    let child = case.supervisor.start_child(1).await.unwrap();
    let failed = case.supervisor.start_child(START_FAILS).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "its start failed: no start"
    );
    let same_name = case.supervisor.start_child(1).await;
    assert!(matches!(same_name, Err(StartChildError::NameTaken(name)) if name == "child-1"));
    assert!(case.supervisor.start_child(ENDS).await.is_ok());
    rest().await;
    let children = case.supervisor.children().await.unwrap();
    assert_eq!(children.len(), 1);
    assert_eq!((children[0].id, children[0].restarts), (child, 0));
    assert_eq!(children[0].state, ChildState::Running);
    assert_eq!(children[0].name.as_deref(), Some("child-1"));
    assert_eq!((case.asked(), case.supervisor.stats().failed), (2, 0));
    case.supervisor.stop().await;
    let ended = case.supervisor.start_child(1).await;
    assert!(matches!(ended, Err(StartChildError::Call(_))));
}

#[tokio::test(start_paused = true)]
async fn children_started_by_calls_are_bounded_by_no_window_and_free_no_slot() {
    let case = case(window(1, 0));
    case.queue(&[0, 1]).await;
    for event in 2..6 {
        case.supervisor.start_child(event).await.unwrap();
    }
    assert_eq!((case.counts().await, case.asked()), ((5, 5), 1));
    case.end(3).await;
    assert_eq!((case.named(), case.asked()), (vec![0, 2, 4, 5], 1));
    case.end(0).await;
    assert_eq!((case.named(), case.asked()), (vec![1, 2, 4, 5], 2));
}

#[tokio::test(start_paused = true)]
async fn gs_182_a_start_that_panics_leaves_the_supervisor_alive() {
    let case = case(Demand::default());
    let panicked = case.supervisor.start_child(START_PANICS).await;
    assert!(matches!(panicked, Err(StartChildError::Panicked)));
    case.queue(&[START_PANICS, 1]).await;
    assert_eq!(case.counts().await, (1, 1));
    assert_eq!(case.supervisor.stats().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn gs_205_each_event_is_a_child_unless_it_does_not_start() {
    let case = case(Demand::default());
    case.queue(&[2]).await;
    assert_eq!(case.counts().await, (1, 1));
    case.queue(&[3]).await;
    assert_eq!(case.counts().await, (2, 2));
    for event in [START_FAILS, ENDS, START_PANICS, FAILS, PANICS] {
        case.queue(&[event]).await;
        assert_eq!(case.counts().await, (2, 2));
    }
    assert_eq!(case.named(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn gs_207_what_does_not_start_frees_its_slot() {
    let case = case(window(1, 0));
    case.queue(&[START_PANICS, START_FAILS, FAILS, PANICS, 1])
        .await;
    assert_eq!((case.counts().await, case.named()), ((1, 1), vec![1]));
    assert_eq!((case.asked(), case.supervisor.stats().failed), (5, 4));
}

#[tokio::test(start_paused = true)]
async fn a_child_under_a_live_name_is_refused_and_its_slot_is_free_again() {
    let case = case(window(2, 1));
    case.queue(&[1, 1, 2]).await;
    assert_eq!((case.named(), case.counts().await), (vec![1, 2], (2, 2)));
    assert_eq!(case.supervisor.stats().failed, 1);
    case.supervisor.stop().await;
    assert!(case.named().is_empty(), "a name outlives its child");
}
