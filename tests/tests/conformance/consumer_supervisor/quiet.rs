//! Children that succeed before it is time to ask again: the supervisor is not woken for them, and nobody can tell.

use std::sync::Arc;

use stage::{
    ChildShutdown, Consumer, ConsumerHandle, Demand, Exit, TerminateChildError,
    consumer_supervisor, producer,
};
use tokio::sync::Semaphore;

use crate::fixtures::*;

/// A child that ends at once; any other ends when it is let.
const ENDS: usize = 0;

async fn child(event: usize, let_end: Arc<Semaphore>) -> stage::Result {
    if event != ENDS {
        let_end.acquire().await?.forget();
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn those_that_have_ended_are_neither_listed_nor_terminated_nor_lost() {
    let source = producer(Silent(no_log())).spawn().unwrap();
    let never = Arc::new(Semaphore::new(0));
    let supervisor = consumer_supervisor(move |event| child(event, Arc::clone(&never)))
        .subscribe_to(&source, window(10, 0))
        .spawn()
        .unwrap();
    let first = supervisor.start_child(ENDS).await.unwrap();
    source.call(Queue(vec![ENDS, 1, ENDS, 2])).await.unwrap();
    rest().await;
    let counts = supervisor.count_children().await.unwrap();
    assert_eq!((counts.active, counts.workers), (2, 2));
    source.call(Queue(vec![ENDS])).await.unwrap();
    rest().await;
    assert_eq!(supervisor.children().await.unwrap().len(), 2);
    let ended = supervisor.start_child(ENDS).await.unwrap();
    rest().await;
    for child in [first, ended] {
        let terminated = supervisor.terminate_child(child).await;
        assert_eq!(terminated, Err(TerminateChildError::NotFound(child)));
    }
    source.call(Queue(vec![ENDS; 2])).await.unwrap();
    rest().await;
    assert_eq!(supervisor.edges()[0].asked, 10, "ten have not ended");
    supervisor.abort();
    supervisor.join().await;
    assert_eq!(supervisor.stats().lost, 2);
    source.stop().await;
}

#[tokio::test(start_paused = true)]
async fn their_slots_are_asked_for_as_soon_as_they_are_enough() {
    let source = producer(Silent(no_log())).spawn().unwrap();
    let never = Arc::new(Semaphore::new(0));
    let supervisor = consumer_supervisor(move |event| child(event, Arc::clone(&never)))
        .subscribe_to(&source, window(4, 1))
        .spawn()
        .unwrap();
    let mut asked = Vec::new();
    for event in [1, ENDS, ENDS, ENDS, ENDS, ENDS, ENDS] {
        source.call(Queue(vec![event])).await.unwrap();
        rest().await;
        asked.push(supervisor.edges()[0].asked);
    }
    assert_eq!(asked, [4, 4, 4, 7, 7, 7, 10]);
    supervisor.stop().await;
    source.stop().await;
}

async fn is_terminated_when_it_ends<S>(supervisor: &ConsumerHandle<S>, let_end: &Semaphore)
where
    S: Consumer,
{
    rest().await;
    assert!(supervisor.exit().is_none());
    let_end.add_permits(1);
}

#[tokio::test(start_paused = true)]
async fn who_terminates_one_hears_of_its_success() {
    let let_end = Arc::new(Semaphore::new(0));
    let of_child = Arc::clone(&let_end);
    let supervisor = consumer_supervisor(move |event| child(event, Arc::clone(&of_child)))
        .shut_down_children(ChildShutdown::Wait)
        .spawn()
        .unwrap();
    let first = supervisor.start_child(1).await.unwrap();
    supervisor.start_child(2).await.unwrap();
    supervisor.start_child(3).await.unwrap();
    rest().await;
    let (terminated, ()) = tokio::join!(
        supervisor.terminate_child(first),
        is_terminated_when_it_ends(&supervisor, &let_end)
    );
    assert_eq!(terminated, Ok(()));
    assert_eq!(supervisor.count_children().await.unwrap().workers, 2);
    let_end.add_permits(2);
    assert!(matches!(supervisor.stop().await, Exit::Stopped));
    assert_eq!(supervisor.stats().lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_completion_waits_for_the_last_of_them_alone() {
    let let_end = Arc::new(Semaphore::new(0));
    let of_child = Arc::clone(&let_end);
    let source = stage::from_iter([ENDS, 1, ENDS]).spawn().unwrap();
    let supervisor = consumer_supervisor(move |event| child(event, Arc::clone(&of_child)))
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    rest().await;
    assert!(supervisor.exit().is_none());
    let_end.add_permits(1);
    assert!(matches!(supervisor.join().await, Exit::Completed));
    assert_eq!(supervisor.stats().lost, 0);
}
