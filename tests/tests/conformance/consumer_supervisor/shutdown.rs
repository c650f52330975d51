//! How children end that are terminated, or whose supervisor stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use stage::{
    ChildShutdown, ChildState, ConsumerHandle, ConsumerSupervisor, Exit, StartWith, Stopping,
    TerminateChildError, consumer_supervisor_with,
};
use tokio::time::Instant;

use super::children::*;
use crate::fixtures::*;

/// What a child does when it is asked to end.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Ends,
    /// It takes so long, and then fails. GenStage's trapping children.
    FailsAfter(Duration),
    /// It hears nothing.
    GoesOn,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Dropped,
    AsAsked,
    Oops,
}

type Ends = Arc<Mutex<Vec<Ended>>>;

/// Notes how its child ended when it is dropped.
struct Note(Ends, Ended);

impl Drop for Note {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(self.1);
    }
}

async fn child(asked: Asked, stopping: Stopping, ends: Ends) -> stage::Result {
    let mut note = Note(ends, Ended::Dropped);
    match asked {
        Asked::GoesOn => std::future::pending().await,
        Asked::Ends => {
            stopping.asked().await;
            assert!(stopping.is_asked());
            note.1 = Ended::AsAsked;
            Ok(())
        }
        Asked::FailsAfter(time) => {
            stopping.asked().await;
            tokio::time::sleep(time).await;
            note.1 = Ended::Oops;
            Err("oops".into())
        }
    }
}

type Start =
    Box<dyn FnMut(Asked, Stopping) -> stage::Result<BoxFuture<'static, stage::Result>> + Send>;
type Supervisor = ConsumerHandle<ConsumerSupervisor<Asked, StartWith<Start>>>;

fn supervisor(shutdown: ChildShutdown) -> (Supervisor, Ends) {
    let ends = Ends::default();
    let of_child = Arc::clone(&ends);
    let start: Start = Box::new(move |asked, stopping| {
        Ok(Box::pin(child(asked, stopping, Arc::clone(&of_child))))
    });
    let build = consumer_supervisor_with(start).shut_down_children(shutdown);
    (build.spawn().unwrap(), ends)
}

/// Stops a supervisor of three such children; returns how they ended, how many were lost, and how long it took.
async fn stop_three(shutdown: ChildShutdown, asked: Asked) -> (Vec<Ended>, u64, Duration) {
    let (supervisor, ends) = supervisor(shutdown);
    for _ in 0..3 {
        supervisor.start_child(asked).await.unwrap();
    }
    rest().await;
    assert_eq!(ends.lock().unwrap().len(), 0);
    let began = Instant::now();
    assert!(matches!(supervisor.stop().await, Exit::Stopped));
    let ends = ends.lock().unwrap().clone();
    let failed = ends.iter().filter(|end| **end == Ended::Oops).count();
    assert_eq!(supervisor.stats().failed, failed as u64);
    (ends, supervisor.stats().lost, began.elapsed())
}

const SECOND: Duration = Duration::from_secs(1);
const WITHIN: ChildShutdown = ChildShutdown::Within(SECOND);

#[tokio::test(start_paused = true)]
async fn gs_190_aborted_children_are_not_asked() {
    let aborted = stop_three(ChildShutdown::Abort, Asked::Ends).await;
    assert_eq!(aborted, (vec![Ended::Dropped; 3], 3, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn gs_191_children_that_are_waited_for_end_as_asked() {
    let ended = stop_three(ChildShutdown::Wait, Asked::Ends).await;
    assert_eq!(ended, (vec![Ended::AsAsked; 3], 0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn gs_192_a_wait_for_children_has_no_end() {
    let hour = Duration::from_secs(3600);
    let failed = stop_three(ChildShutdown::Wait, Asked::FailsAfter(hour)).await;
    assert_eq!(failed, (vec![Ended::Oops; 3], 0, hour));
}

#[tokio::test(start_paused = true)]
async fn gs_193_children_end_as_asked_within_the_grace() {
    let ended = stop_three(WITHIN, Asked::Ends).await;
    assert_eq!(ended, (vec![Ended::AsAsked; 3], 0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn gs_194_children_may_fail_within_the_grace() {
    let most = SECOND / 2;
    let failed = stop_three(WITHIN, Asked::FailsAfter(most)).await;
    assert_eq!(failed, (vec![Ended::Oops; 3], 0, most));
}

#[tokio::test(start_paused = true)]
async fn children_that_go_on_are_aborted_when_the_grace_is_over() {
    let aborted = stop_three(WITHIN, Asked::GoesOn).await;
    assert_eq!(aborted, (vec![Ended::Dropped; 3], 3, SECOND));
}

#[tokio::test(start_paused = true)]
async fn who_aborts_the_supervisor_aborts_the_children_it_waits_for() {
    let (supervisor, ends) = supervisor(ChildShutdown::Wait);
    supervisor.start_child(Asked::GoesOn).await.unwrap();
    let stop = tokio::time::timeout(SECOND, supervisor.stop()).await;
    assert!(stop.is_err() && supervisor.exit().is_none());
    supervisor.abort();
    assert!(matches!(supervisor.join().await, Exit::Aborted));
    rest().await;
    assert_eq!(
        (&**ends.lock().unwrap(), supervisor.stats().lost),
        (&[Ended::Dropped][..], 1)
    );
}

/// Terminates a child twice; returns how it ended.
async fn terminate(shutdown: ChildShutdown) -> Ended {
    let (supervisor, ends) = supervisor(shutdown);
    let child = supervisor.start_child(Asked::Ends).await.unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().workers, 1);
    supervisor.terminate_child(child).await.unwrap();
    let ended = ends.lock().unwrap()[0];
    let again = supervisor.terminate_child(child).await;
    assert_eq!(again, Err(TerminateChildError::NotFound(child)));
    let counts = supervisor.count_children().await.unwrap();
    assert_eq!((counts.active, counts.workers), (0, 0));
    supervisor.stop().await;
    ended
}

#[tokio::test(start_paused = true)]
async fn gs_196_a_terminated_child_is_aborted() {
    assert_eq!(terminate(ChildShutdown::Abort).await, Ended::Dropped);
}

#[tokio::test(start_paused = true)]
async fn gs_197_a_terminated_child_ends_as_asked_within_the_grace() {
    assert_eq!(terminate(WITHIN).await, Ended::AsAsked);
}

#[tokio::test(start_paused = true)]
async fn gs_198_a_child_that_waits_for_its_restart_can_be_terminated() {
    let case = transient_case(window(1, 0), 100_000);
    let child = case.supervisor.start_child(RESTART_FAILS).await.unwrap();
    case.kill(RESTART_FAILS);
    case.counts_become((0, 1)).await;
    case.supervisor.terminate_child(child).await.unwrap();
    let again = case.supervisor.terminate_child(child).await;
    assert_eq!(again, Err(TerminateChildError::NotFound(child)));
    assert_eq!(case.counts().await, (0, 0));
    let tries = case.children.starts(RESTART_FAILS).len();
    rest().await;
    assert_eq!(case.children.starts(RESTART_FAILS).len(), tries);
}

#[tokio::test(start_paused = true)]
async fn a_termination_does_not_hold_the_supervisor_up() {
    let (supervisor, ends) = supervisor(WITHIN);
    let child = supervisor.start_child(Asked::GoesOn).await.unwrap();
    let began = Instant::now();
    let meanwhile = async {
        rest().await;
        let other = supervisor.start_child(Asked::Ends).await.unwrap();
        let children = supervisor.children().await.unwrap();
        let states: Vec<_> = children
            .iter()
            .map(|child| (child.id, child.state))
            .collect();
        let expected = [(child, ChildState::Ending), (other, ChildState::Running)];
        assert_eq!(states, expected);
        // It ends once, for both who ask for it.
        supervisor.terminate_child(child).await.unwrap();
        assert_eq!(began.elapsed(), SECOND);
    };
    let (terminated, ()) = tokio::join!(supervisor.terminate_child(child), meanwhile);
    assert!(terminated.is_ok());
    assert_eq!(*ends.lock().unwrap(), [Ended::Dropped]);
    assert_eq!(supervisor.count_children().await.unwrap().workers, 1);
    supervisor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_terminated_transient_child_that_fails_is_not_started_again() {
    let (supervisor, ends) = {
        let ends = Ends::default();
        let of_child = Arc::clone(&ends);
        let start: Start = Box::new(move |asked, stopping| {
            Ok(Box::pin(child(asked, stopping, Arc::clone(&of_child))))
        });
        let build = consumer_supervisor_with(start)
            .restart_children(stage::Intensity::default())
            .shut_down_children(ChildShutdown::Wait);
        (build.spawn().unwrap(), ends)
    };
    let child = supervisor.start_child(Asked::FailsAfter(SECOND)).await;
    supervisor.terminate_child(child.unwrap()).await.unwrap();
    rest().await;
    assert_eq!(
        (&**ends.lock().unwrap(), supervisor.stats().failed),
        (&[Ended::Oops][..], 1)
    );
    assert_eq!(supervisor.count_children().await.unwrap().workers, 0);
}
