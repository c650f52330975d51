//! How many children run, and what each end asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stage::{Exit, MinDemand, Subscribe, UpstreamEnds, consumer_supervisor};

use super::children::*;
use crate::fixtures::*;

#[tokio::test(start_paused = true)]
async fn gs_208_one_at_a_time_and_a_child_ended_by_name_frees_its_slot() {
    let case = case(window(1, 0));
    case.queue(&[1, START_FAILS, ENDS, 2, 3, 4]).await;
    assert_eq!((case.named(), case.counts().await), (vec![1], (1, 1)));
    assert!(case.children.starts(START_FAILS).is_empty());
    case.end(1).await;
    assert_eq!(case.children.starts(START_FAILS), [false]);
    assert_eq!(case.children.starts(ENDS), [true]);
    assert_eq!((case.named(), case.counts().await), (vec![2], (1, 1)));
    let second = case.supervisor.children().await.unwrap()[0].id;
    case.supervisor.terminate_child(second).await.unwrap();
    rest().await;
    assert_eq!((case.named(), case.counts().await), (vec![3], (1, 1)));
    case.stages.registry().child("child-3").unwrap().abort();
    rest().await;
    assert_eq!((case.named(), case.counts().await), (vec![4], (1, 1)));
    assert_eq!(case.children.most.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn gs_210_children_outlive_their_producer() {
    let options = Subscribe::from(window(2, 0)).upstream_ends(UpstreamEnds::Keep);
    let case = case(options);
    case.queue(&[1, 2]).await;
    case.source.stop().await;
    rest().await;
    assert_eq!((case.named(), case.counts().await), (vec![1, 2], (2, 2)));
    case.end(1).await;
    let second = case.supervisor.children().await.unwrap()[0].id;
    case.supervisor.terminate_child(second).await.unwrap();
    assert_eq!(case.counts().await, (0, 0));
    assert!(case.supervisor.exit().is_none());
}

/// Ten children of 10/8 end one by one; returns what was asked for, and how many ran, after each end.
async fn ends_of_ten(min: MinDemand) -> Vec<(u64, usize)> {
    let case = Case::new(window(10, 8).into(), None, min);
    case.queue(&numbers(0..30)).await;
    assert_eq!((case.asked(), case.children.running()), (10, 10));
    let mut after = Vec::new();
    for event in 0..10 {
        case.end(event).await;
        after.push((case.asked(), case.children.running()));
    }
    assert_eq!(case.children.most.load(Ordering::SeqCst), 10);
    after
}

/// Better than GenStage, whose documents promise it.
#[tokio::test(start_paused = true)]
async fn gsx_23_at_least_min_keep_running() {
    let (nine, ten) = (9, 10);
    let expected = [
        (10, nine),
        (12, ten),
        (12, nine),
        (14, ten),
        (14, nine),
        (16, ten),
        (16, nine),
        (18, ten),
        (18, nine),
        (20, ten),
    ];
    assert_eq!(ends_of_ten(MinDemand::Running).await, expected);
}

#[tokio::test(start_paused = true)]
async fn gsx_23_as_genstage_does_it_asks_when_min_have_ended() {
    let mut expected: Vec<_> = (3..10).rev().map(|running| (10, running)).collect();
    expected.extend([(18, 10), (18, 9), (18, 8)]);
    assert_eq!(ends_of_ten(MinDemand::Ended).await, expected);
}

#[tokio::test(start_paused = true)]
async fn children_never_exceed_the_window_and_completion_waits_for_them() {
    let children = Children::new();
    let done = Arc::new(AtomicUsize::new(0));
    let (of_child, in_child) = (children.clone(), Arc::clone(&done));
    let source = stage::from_iter(0..50).spawn().unwrap();
    let supervisor = consumer_supervisor(move |_: i32| {
        let (running, done) = (of_child.runs(), Arc::clone(&in_child));
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            done.fetch_add(1, Ordering::SeqCst);
            drop(running);
            Ok(())
        }
    })
    .subscribe_to(&source, window(10, 9))
    .spawn()
    .unwrap();
    assert!(matches!(supervisor.join().await, Exit::Completed));
    let most = children.most.load(Ordering::SeqCst);
    assert_eq!((done.load(Ordering::SeqCst), most), (50, 10));
    let edge = &supervisor.edges()[0];
    assert!(edge.asked >= edge.delivered && edge.delivered == 50);
}
