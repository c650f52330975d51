//! Stages by name and by handle. A name is looked up before anything is built on it, so an unknown one is an error there.

use futures::TryStreamExt;
use stage::{
    Demand, End, Exit, LookupError, Outlet, ProducerHandle, Stages, Unreachable, consumer,
    from_iter, producer, stream,
};

use crate::fixtures::*;

#[tokio::test]
async fn gs_044_a_consumer_that_has_ended_refuses_to_subscribe() {
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(no_log())).spawn().unwrap();
    sink.stop().await;
    let refused = sink.subscribe_to(&counter, Demand::default());
    assert_eq!(refused, Err(Unreachable));
    counter.abort();
}

#[test]
fn gs_105_an_unknown_name_fails_before_there_is_a_stream() {
    let unknown = Stages::new().registry().outlet::<usize>("unknown");
    let name = "unknown".to_owned();
    assert_eq!(unknown.unwrap_err(), LookupError::NotFound(name));
}

#[tokio::test]
async fn gs_109_an_unknown_name_that_is_left_out_leaves_an_empty_stream() {
    let unknown = Stages::new().registry().outlet::<usize>("unknown");
    let none = stream(unknown.ok().map(|outlet| (outlet, temporary())));
    let none: Vec<usize> = none.try_collect().await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn gs_117_a_name_registers_the_stage() {
    let stages = Stages::new();
    let numbers = from_iter([0]).named("numbers").within(&stages);
    let numbers = numbers.spawn().unwrap();
    let found: Outlet<i32> = stages.registry().outlet("numbers").unwrap();
    let all: Vec<i32> = found.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [0]);
    assert!(matches!(numbers.join().await, Exit::Completed));
}

#[tokio::test]
async fn gs_119_subscribed_to_a_handle() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(10, 0))
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, numbers(0..10));
    sink.stop().await;
    counter.stop().await;
}

#[tokio::test]
async fn gs_120_subscribed_to_a_name() {
    let (log, mut saw) = log();
    let stages = Stages::new();
    let counter = producer(Counter::new())
        .named("counter")
        .within(&stages)
        .spawn()
        .unwrap();
    let by_name: ProducerHandle<Counter> = stages.registry().handle("counter").unwrap();
    assert_eq!(by_name.id(), counter.id());
    let sink = consumer(Forwarder(log))
        .subscribe_to(&by_name, window(10, 0))
        .within(&stages)
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, numbers(0..10));
    counter.stop().await;
    let (_, end) = saw.cancelled().await;
    assert!(matches!(end, End::Down(Exit::Stopped)));
    sink.join().await;
    assert!(stages.is_empty());
}
