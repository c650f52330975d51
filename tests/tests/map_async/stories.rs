//! Named cases: demand, windows, order, deadlines, failures, and every way to end.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use stage::{
    DeadlinePassed, Demand, Directive, Exit, Failure, Function, MapAsync, Order,
    ProducerConsumerHandle, Result, Subscription, from_iter, map_async,
};

use crate::job::*;

type Work =
    Box<dyn FnMut(Job) -> futures::future::BoxFuture<'static, Result<(usize, usize)>> + Send>;
type Stage = MapAsync<Job, Function<Work>>;
type Build = stage::Build<stage::AsProducerConsumer<Stage>>;

const GRACE: Duration = Duration::from_secs(3600);

const fn job(number: usize, millis: u64, fate: Fate) -> Job {
    Job {
        source: 0,
        number,
        time: Duration::from_millis(millis),
        fate,
    }
}

/// Jobs of this many milliseconds, all of which emit.
fn jobs(millis: &[u64]) -> Vec<Job> {
    let job = |(number, millis): (usize, &u64)| job(number, *millis, Fate::Emits);
    millis.iter().enumerate().map(job).collect()
}

fn build(n: usize, order: Order) -> (Build, Ledger) {
    let ledger = Ledger::default();
    let of_stage = ledger.clone();
    let work: Work = Box::new(move |job| of_stage.work(job).boxed());
    let n = NonZeroUsize::new(n).unwrap();
    (map_async(n, order, work), ledger)
}

fn window(max: usize, min: usize) -> Demand {
    Demand::new(max, min).unwrap()
}

fn ask(edge: &mut Subscription<(usize, usize)>, n: usize) {
    edge.request(NonZeroUsize::new(n).unwrap());
}

/// Takes the numbers that have come up to now.
fn taken(edge: &mut Subscription<(usize, usize)>) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Some(Ok(Some(events))) = edge.next().now_or_never() {
        numbers.extend(events.into_iter().map(|(_, number)| number));
    }
    numbers
}

/// Comes to rest `millis` later; no work ends there when that is odd and all work is even.
async fn after(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn numbers(stage: &ProducerConsumerHandle<Stage>) -> Vec<usize> {
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    all.into_iter().map(|(_, number)| number).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_that_nobody_asked_for() {
    let (build, ledger) = build(4, Order::Unordered);
    let source = from_iter(jobs(&[2; 20])).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(8, 4)).spawn().unwrap();
    let mut edge = stage.subscribe();
    after(1).await;
    assert_eq!((ledger.started(), stage.edges()[0].delivered), (0, 8));
    ask(&mut edge, 2);
    after(100).await;
    assert_eq!((ledger.started(), taken(&mut edge)), (2, vec![0, 1]));
    ask(&mut edge, 6);
    after(1).await;
    assert_eq!(ledger.running(), 4, "n bounds what demand would allow");
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_leaves_its_demand_to_the_next() {
    silence_panics_on_purpose();
    let fates = [Fate::Fails, Fate::Panics, Fate::StartPanics, Fate::Emits];
    let work = (0..).zip(fates).map(|(number, fate)| job(number, 2, fate));
    let (build, ledger) = build(1, Order::Ordered);
    let source = from_iter(work).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(4, 0)).spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 1);
    after(99).await;
    assert_eq!(taken(&mut edge), [3]);
    assert_eq!((ledger.started(), stage.stats().failed), (4, 3));
    assert!(matches!(stage.join().await, Exit::Completed));
}

#[tokio::test(start_paused = true)]
async fn results_for_a_consumer_that_left_are_kept_and_nothing_more_is_started() {
    let (build, ledger) = build(3, Order::Unordered);
    let source = from_iter(jobs(&[2; 20])).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(8, 7)).spawn().unwrap();
    let mut left = stage.subscribe();
    ask(&mut left, 10);
    after(1).await;
    drop(left);
    after(100).await;
    assert_eq!((ledger.started(), stage.stats().buffered), (3, 3));
    let mut edge = stage.subscribe();
    ask(&mut edge, 4);
    after(100).await;
    assert_eq!(taken(&mut edge), [0, 1, 2, 3]);
    assert_eq!((ledger.started(), stage.stats().buffered), (4, 0));
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_asks_again_as_results_leave_and_not_as_events_come() {
    let (build, ledger) = build(4, Order::Ordered);
    let source = from_iter(jobs(&[10, 2, 4, 20, 2, 2, 2, 2]))
        .spawn()
        .unwrap();
    let stage = build.subscribe_to(&source, window(4, 3)).spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 100);
    after(1).await;
    assert_eq!((ledger.running(), stage.edges()[0].asked), (4, 4));
    after(8).await;
    assert_eq!(ledger.running(), 2, "two results are held behind the first");
    assert_eq!((ledger.started(), stage.edges()[0].asked), (4, 4));
    after(2).await;
    assert_eq!(taken(&mut edge), [0, 1, 2]);
    assert_eq!((ledger.started(), stage.edges()[0].asked), (7, 7));
    assert_eq!(numbers_left(stage, edge).await, [3, 4, 5, 6, 7]);
}

async fn numbers_left(
    stage: ProducerConsumerHandle<Stage>,
    mut edge: Subscription<(usize, usize)>,
) -> Vec<usize> {
    assert!(matches!(stage.join().await, Exit::Completed));
    taken(&mut edge)
}

#[tokio::test(start_paused = true)]
async fn an_event_over_its_deadline_is_dropped_there_and_counted() {
    let (build, ledger) = build(3, Order::Ordered);
    let failures = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&failures);
    let source = from_iter(jobs(&[2, 1_000_000, 4])).spawn().unwrap();
    let limit = Duration::from_millis(10);
    let stage = build
        .deadline(limit)
        .on_failure(move |failure| {
            heard.lock().unwrap().push(failure.clone());
            Directive::Resume
        })
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 3);
    after(9).await;
    assert_eq!((ledger.running(), stage.stats().failed), (1, 0));
    after(2).await;
    assert_eq!((ledger.running(), stage.stats().failed), (0, 1));
    assert_eq!(numbers_left(stage, edge).await, [0, 2]);
    let failures = failures.lock().unwrap();
    let [Failure::Error(error)] = &**failures else {
        panic!("{failures:?}");
    };
    let passed = error.source().downcast_ref::<DeadlinePassed>();
    assert_eq!(passed, Some(&DeadlinePassed(limit)));
}

/// Runs jobs 0 to 4, of which 1 ends so, in a stage that stops at the first failure.
async fn stopped_by(fate: Fate) -> (Exit, Vec<usize>, Ledger, stage::StageStats) {
    silence_panics_on_purpose();
    let mut work = jobs(&[2, 4, 6, 8, 10]);
    work[1].fate = fate;
    let (build, ledger) = build(3, Order::Unordered);
    let source = from_iter(work).spawn().unwrap();
    let stage = build
        .on_failure(|_| Directive::Stop)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 100);
    let exit = stage.join().await;
    (exit, taken(&mut edge), ledger, stage.stats())
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_stops_the_stage_leaves_what_was_emitted_and_no_task() {
    let (exit, emitted, ledger, stats) = stopped_by(Fate::Fails).await;
    assert_eq!(exit.to_string(), "failed: no luck");
    assert_eq!((emitted, ledger.running()), (vec![0], 0));
    assert_eq!((stats.failed, stats.lost, stats.discarded), (1, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_stops_the_stage_is_its_exit() {
    for fate in [Fate::Panics, Fate::StartPanics] {
        let (exit, _, ledger, stats) = stopped_by(fate).await;
        assert_eq!(exit.to_string(), "panicked: a panic on purpose");
        assert_eq!(stats.failed, 1);
        after(1).await;
        assert_eq!(ledger.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_tasks_and_hands_their_results_on() {
    let (build, ledger) = build(2, Order::Ordered);
    let source = from_iter(jobs(&[1000; 100])).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(5, 2)).spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 100);
    after(1).await;
    let drained = stage.drain(GRACE).await;
    assert!(matches!(drained.exit, Exit::Stopped), "{}", drained.exit);
    assert_eq!(taken(&mut edge), [0, 1, 2, 3, 4], "what had arrived");
    assert_eq!((drained.stats.lost, ledger.running()), (0, 0));
    assert!(source.exit().is_none(), "its producer lives on");
    source.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_abort_drops_the_tasks_and_counts_their_events() {
    let (build, ledger) = build(2, Order::Unordered);
    let source = from_iter(jobs(&[1_000_000; 100])).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(5, 2)).spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 100);
    after(1).await;
    assert_eq!(ledger.running(), 2);
    stage.abort();
    assert!(matches!(stage.join().await, Exit::Aborted));
    after(1).await;
    assert_eq!(ledger.running(), 0);
    assert_eq!(stage.stats().lost, 5, "two at work and three that waited");
    source.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_tasks_before_the_stage() {
    let (build, ledger) = build(2, Order::Ordered);
    let source = from_iter(jobs(&[1_000_000; 100])).spawn().unwrap();
    let stage = build.subscribe_to(&source, window(5, 2)).spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 100);
    after(1).await;
    assert!(matches!(stage.stop().await, Exit::Stopped));
    assert_eq!((ledger.running(), stage.stats().lost), (0, 5));
    source.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_event_holds_back_its_own_subscription_alone() {
    let (build, _) = build(3, Order::Ordered);
    let mut others = jobs(&[2, 2]);
    for other in &mut others {
        other.number += 10;
        other.source = 1;
    }
    let slow = from_iter(jobs(&[100, 2])).spawn().unwrap();
    let quick = from_iter(others).spawn().unwrap();
    let stage = build
        .subscribe_to(&slow, window(2, 0))
        .subscribe_to(&quick, window(2, 0))
        .spawn()
        .unwrap();
    let mut edge = stage.subscribe();
    after(1).await;
    ask(&mut edge, 4);
    after(51).await;
    assert_eq!(taken(&mut edge), [10, 11]);
    assert_eq!(numbers_left(stage, edge).await, [0, 1]);
}

#[tokio::test]
async fn the_end_of_an_empty_source_completes_it() {
    let (build, _) = build(3, Order::Ordered);
    let source = from_iter(jobs(&[])).spawn().unwrap();
    let stage = build
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    assert_eq!(numbers(&stage).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_the_tasks_before_the_stage_on_two_workers() {
    for _ in 0..50 {
        let (build, ledger) = build(16, Order::Ordered);
        let source = from_iter(jobs(&[1_000_000; 100])).spawn().unwrap();
        let stage = build.subscribe_to(&source, window(32, 16)).spawn().unwrap();
        let mut edge = stage.subscribe();
        ask(&mut edge, 100);
        let all_run = async {
            while ledger.running() < 16 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all_run)
            .await
            .unwrap();
        stage.stop().await;
        assert_eq!(ledger.running(), 0);
        source.stop().await;
    }
}
