//! A supervised task for each event: what ends, fails, starts again, and frees its slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stage::{
    ConsumerHandle, ConsumerSupervisor, Demand, Exit, Intensity, ProducerHandle, Stages, Subscribe,
    consumer_supervisor, producer,
};
use tokio::sync::Notify;

use crate::fixtures::*;

/// What the children did, and the signal that ends the running ones.
#[derive(Clone, Default)]
struct Children {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    starts: Arc<AtomicUsize>,
    end: Arc<Notify>,
}

impl Children {
    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }
}

/// Counts a child for as long as it runs, however it ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Events that make a child end otherwise than by its signal.
const FAILS: usize = 1000;
const PANICS: usize = 1001;
const START_PANICS: usize = 1002;
const ENDS: usize = 1003;

async fn child(event: usize, children: Children) -> stage::Result {
    children.starts.fetch_add(1, Ordering::SeqCst);
    let now = children.running.fetch_add(1, Ordering::SeqCst) + 1;
    children.most.fetch_max(now, Ordering::SeqCst);
    let _running = Running(Arc::clone(&children.running));
    match event {
        FAILS => Err("no luck".into()),
        PANICS => panic!("no luck at all"),
        ENDS => Ok(()),
        _ => {
            children.end.notified().await;
            Ok(())
        }
    }
}

type Supervisor =
    ConsumerHandle<ConsumerSupervisor<usize, Box<dyn FnMut(usize) -> BoxChild + Send>>>;
type BoxChild = futures::future::BoxFuture<'static, stage::Result>;

struct Case {
    stages: Stages,
    source: ProducerHandle<Silent>,
    supervisor: Supervisor,
    children: Children,
}

fn case(options: impl Into<Subscribe>, restarts: Option<Intensity>) -> Case {
    let (stages, children) = (Stages::new(), Children::default());
    let source = producer(Silent(no_log())).within(&stages).spawn().unwrap();
    let of_child = children.clone();
    let start: Box<dyn FnMut(usize) -> BoxChild + Send> = Box::new(move |event| {
        assert!(event != START_PANICS, "no start");
        Box::pin(child(event, of_child.clone()))
    });
    let mut build = consumer_supervisor(start)
        .name_children(|event| format!("child-{event}"))
        .within(&stages);
    if let Some(intensity) = restarts {
        build = build.restart_children(intensity);
    }
    let supervisor = build.subscribe_to(&source, options).spawn().unwrap();
    Case {
        stages,
        source,
        supervisor,
        children,
    }
}

impl Case {
    async fn queue(&self, events: &[usize]) {
        self.source.call(Queue(events.to_vec())).await.unwrap();
        rest().await;
    }

    /// The numbers of the children that have a name now.
    fn named(&self) -> Vec<usize> {
        let lives = |event: &usize| {
            self.stages
                .registry()
                .child(&format!("child-{event}"))
                .is_ok()
        };
        (0..10).filter(lives).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn gs_182_a_start_that_panics_leaves_the_supervisor_alive() {
    let case = case(Demand::default(), None);
    case.queue(&[START_PANICS, 1]).await;
    assert_eq!(
        (case.children.running(), case.supervisor.stats().failed),
        (1, 1)
    );
    assert!(case.supervisor.exit().is_none());
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_183_a_temporary_child_is_never_started_again() {
    let case = case(Demand::default(), None);
    case.queue(&[ENDS, FAILS, PANICS]).await;
    assert_eq!((case.children.starts(), case.children.running()), (3, 0));
    assert_eq!(case.supervisor.stats().failed, 2);
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_184_a_transient_child_is_started_again_after_a_failure_alone() {
    let case = case(
        Demand::default(),
        Some(Intensity::new(5, Duration::from_secs(60))),
    );
    case.queue(&[ENDS]).await;
    assert_eq!((case.children.starts(), case.children.running()), (1, 0));
    case.queue(&[1]).await;
    case.children.end.notify_one();
    rest().await;
    assert_eq!((case.children.starts(), case.children.running()), (2, 0));
    case.queue(&[FAILS]).await;
    // It failed at once each time, until restarts were too many.
    assert_eq!(case.children.starts(), 2 + 6);
    let Some(Exit::Failed(error)) = case.supervisor.exit() else {
        panic!("{:?}", case.supervisor.exit())
    };
    assert_eq!(
        error.to_string(),
        "children fail too often; the last failure: no luck"
    );
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_that_recovers_keeps_its_slot_and_asks_for_nothing() {
    let (log, mut saw) = log();
    let source = producer(Silent(log)).spawn().unwrap();
    let starts = Arc::new(AtomicUsize::new(0));
    let in_starts = Arc::clone(&starts);
    let supervisor = consumer_supervisor(move |_: usize| {
        let tries = in_starts.fetch_add(1, Ordering::SeqCst);
        async move {
            if tries == 0 {
                return Err("the first try fails".into());
            }
            std::future::pending::<stage::Result>().await
        }
    })
    .restart_children(Intensity::default())
    .subscribe_to(&source, window(1, 0))
    .spawn()
    .unwrap();
    assert_eq!(saw.demand().await, 1);
    source.call(Queue(vec![7])).await.unwrap();
    assert!(saw.at_rest().await.is_empty(), "the slot was not kept");
    assert_eq!(
        (starts.load(Ordering::SeqCst), supervisor.exit().is_none()),
        (2, true)
    );
    source.abort();
}

#[tokio::test]
async fn gs_199_a_supervisor_subscribes_like_any_consumer() {
    let case = case(Demand::default(), None);
    assert!(
        case.supervisor
            .subscribe_to(&case.source, Demand::default())
            .is_ok()
    );
    case.source.abort();
}

#[test]
fn gs_200_bad_windows_are_refused() {
    assert!(Demand::new(0, 0).is_err() && Demand::new(1000, 2000).is_err());
}

/// GS-201 and GS-203: a name is looked up before anything is subscribed, so an unknown one harms no stage.
#[tokio::test]
async fn gs_201_203_an_unknown_name_is_an_error_at_the_look_up() {
    let case = case(Demand::default(), None);
    assert!(case.stages.registry().outlet::<usize>("nobody").is_err());
    assert!(case.supervisor.exit().is_none());
    case.source.abort();
}

#[tokio::test]
async fn gs_202_permanent_on_an_ended_producer_ends_the_supervisor() {
    let case = case(temporary(), None);
    case.source.stop().await;
    case.supervisor
        .subscribe_to(&case.source, permanent())
        .unwrap();
    assert!(matches!(case.supervisor.join().await, Exit::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn gs_204_temporary_on_an_ended_producer_leaves_it_alive() {
    let case = case(temporary(), None);
    case.source.stop().await;
    case.supervisor
        .subscribe_to(&case.source, temporary())
        .unwrap();
    rest().await;
    assert!(case.supervisor.exit().is_none());
    assert!(matches!(case.supervisor.stop().await, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn gs_205_each_event_is_a_child_unless_it_does_not_start() {
    let case = case(Demand::default(), None);
    case.queue(&[2]).await;
    assert_eq!(case.children.running(), 1);
    case.queue(&[3]).await;
    assert_eq!(case.children.running(), 2);
    for event in [FAILS, START_PANICS, PANICS] {
        case.queue(&[event]).await;
        assert_eq!(case.children.running(), 2);
    }
    assert_eq!(case.named(), [2, 3]);
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn gs_208_one_at_a_time_and_a_child_ended_by_name_frees_its_slot() {
    let case = case(window(1, 0), None);
    case.queue(&[1, FAILS, START_PANICS, 2, 3, 4]).await;
    assert_eq!(case.named(), [1]);
    case.children.end.notify_one();
    rest().await;
    assert_eq!(case.named(), [2]);
    case.stages.registry().child("child-2").unwrap().abort();
    rest().await;
    assert_eq!(case.named(), [3]);
    assert_eq!(case.children.most.load(Ordering::SeqCst), 1);
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn a_child_under_a_live_name_is_refused_and_its_slot_is_free_again() {
    let case = case(window(2, 1), None);
    case.queue(&[1, 1, 2]).await;
    assert_eq!((case.named(), case.children.starts()), (vec![1, 2], 2));
    assert_eq!(case.supervisor.stats().failed, 1);
    case.supervisor.stop().await;
    rest().await;
    assert!(case.named().is_empty(), "a name outlives its child");
    case.source.abort();
}

#[tokio::test(start_paused = true)]
async fn children_never_exceed_the_window_and_completion_waits_for_them() {
    let children = Children::default();
    let of_child = children.clone();
    let source = stage::from_iter(0..50).spawn().unwrap();
    let supervisor = consumer_supervisor(move |_: i32| {
        let children = of_child.clone();
        async move {
            let now = children.running.fetch_add(1, Ordering::SeqCst) + 1;
            children.most.fetch_max(now, Ordering::SeqCst);
            let _running = Running(Arc::clone(&children.running));
            tokio::time::sleep(Duration::from_millis(10)).await;
            children.starts.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    })
    .subscribe_to(&source, window(10, 9))
    .spawn()
    .unwrap();
    assert!(matches!(supervisor.join().await, Exit::Completed));
    assert_eq!(
        (children.starts(), children.most.load(Ordering::SeqCst)),
        (50, 10)
    );
    let edge = &supervisor.edges()[0];
    assert!(edge.asked >= edge.delivered && edge.delivered == 50);
}
