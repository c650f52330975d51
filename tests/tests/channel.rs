//! A channel from its senders' side: what is accepted, what comes back, and what its stage's end means to both.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt};
use stage::{
    Demand, DemandMode, EventSink, Exit, SendError, Sender, Subscription, TrySendError,
    Unreachable, channel,
};

/// Comes to rest: a paused clock moves only when every task waits.
async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn ask(edge: &mut Subscription<usize>, n: usize) {
    edge.request(NonZeroUsize::new(n).unwrap());
    rest().await;
}

fn ready(sink: &mut EventSink<usize>) -> Option<Result<(), SendError<Option<usize>>>> {
    poll_fn(|task| sink.poll_ready_unpin(task)).now_or_never()
}

fn accepted(sender: &Sender<usize>, events: impl IntoIterator<Item = usize>) -> usize {
    let refused = |event: &usize| sender.try_send(*event).is_err();
    let events: Vec<_> = events.into_iter().collect();
    events.len() - events.iter().filter(|event| refused(event)).count()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_accepted_for_each_ask_and_no_other() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    rest().await;
    assert_eq!(accepted(&sender, 0..5), 0);
    ask(&mut edge, 3).await;
    assert_eq!(accepted(&sender, 0..5), 3);
    assert_eq!(edge.next().await.unwrap(), Some(vec![0, 1, 2]));
    assert_eq!(accepted(&sender, 0..5), 0);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_leaver_asked_for_is_not_accepted_any_more() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 3).await;
    assert_eq!(accepted(&sender, [0]), 1);
    drop(edge);
    rest().await;
    assert_eq!(accepted(&sender, [1]), 0);
    let mut next = stage.subscribe();
    ask(&mut next, 2).await;
    assert_eq!(accepted(&sender, 1..5), 2);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_while_demand_is_put_off() {
    let (sender, build) = channel();
    let stage = build.accumulate().spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 3).await;
    assert_eq!(accepted(&sender, 0..5), 0);
    stage.set_demand_mode(DemandMode::Forward);
    rest().await;
    assert_eq!(accepted(&sender, 0..5), 3);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_leaver_waits_for_the_next_and_nothing_joins_it() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 3).await;
    let mut sink = sender.clone().into_sink();
    assert_eq!(ready(&mut sink), Some(Ok(())));
    drop(edge);
    rest().await;
    sink.start_send_unpin(0).unwrap();
    rest().await;
    assert_eq!((accepted(&sender, [9]), stage.stats().buffered), (0, 1));
    let mut next = stage.subscribe();
    ask(&mut next, 3).await;
    assert_eq!(next.next().await.unwrap(), Some(vec![0]));
    assert_eq!(accepted(&sender, 1..5), 2);
    stage.stop().await;
}

#[tokio::test]
async fn it_completes_after_the_last_event_of_the_last_sender() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    for sender in [sender.clone(), sender] {
        tokio::spawn(async move {
            let mut events = (0..1000).collect::<VecDeque<_>>();
            sender.send_all(&mut events).await
        });
    }
    let all: Vec<i32> = stage
        .stream(Demand::new(7, 3).unwrap())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all.len(), 2000);
    assert!(matches!(stage.join().await, Exit::Completed));
}

#[tokio::test(start_paused = true)]
async fn an_end_gives_back_what_waits_and_tells_what_became_of_the_accepted() {
    for aborts in [false, true] {
        let (sender, build) = channel();
        let stage = build.spawn().unwrap();
        let mut edge = stage.subscribe();
        ask(&mut edge, 2).await;
        let mut events = VecDeque::from([0, 1, 2, 3]);
        assert!(sender.send_all(&mut events).now_or_never().is_none());
        assert_eq!(events, [2, 3]);
        let waiting = sender.send(9);
        if aborts {
            stage.abort();
            stage.join().await;
        } else {
            stage.stop().await;
        }
        assert!(matches!(waiting.await, Err(SendError(9))));
        assert_eq!(sender.send_all(&mut events).await, Err(Unreachable));
        assert_eq!(events, [2, 3]);
        assert!(matches!(sender.try_send(5), Err(TrySendError::Ended(5))));
        assert_eq!(edge.stats().delivered + stage.stats().discarded, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_refuses_more_and_delivers_what_was_accepted() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    ask(&mut edge, 3).await;
    assert_eq!(accepted(&sender, 0..2), 2);
    let drained = stage.drain(Duration::from_secs(10)).await;
    assert!(matches!(drained.exit, Exit::Stopped));
    assert_eq!(drained.stats.discarded, 0);
    assert_eq!(sender.send(2).await, Err(SendError(2)));
    assert_eq!(edge.next().await.unwrap(), Some(vec![0, 1]));
    assert_eq!(edge.next().await.unwrap(), None);
}

/// Events accepted while the drain is on its way are the hard part, so it is tried often, on two workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_loses_nothing_that_was_accepted_while_it_came() {
    for _ in 0..2000 {
        let (sender, build) = channel();
        let stage = build.spawn().unwrap();
        let mut edge = stage.subscribe();
        edge.request(NonZeroUsize::MAX);
        let sending = tokio::spawn(async move {
            let mut accepted = 0;
            while sender.send(accepted).await.is_ok() {
                accepted += 1;
            }
            accepted
        });
        edge.next().await.unwrap();
        stage.drain(Duration::from_secs(10)).await;
        let accepted = sending.await.unwrap();
        assert_eq!(edge.stats().delivered, accepted);
    }
}

#[tokio::test]
async fn a_build_that_is_dropped_has_ended() {
    let (sender, build) = channel();
    drop(build);
    assert_eq!(sender.send(1).await, Err(SendError(1)));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_leaves_its_ask_to_the_next() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    let mut first = Box::pin(sender.send(0));
    let mut second = Box::pin(sender.send(1));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    ask(&mut edge, 1).await;
    drop(first);
    second.await.unwrap();
    assert_eq!(edge.next().await.unwrap(), Some(vec![1]));
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_keeps_its_ask_until_its_event_comes_and_gives_back_what_is_too_late() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let mut edge = stage.subscribe();
    let mut sink = sender.clone().into_sink();
    assert_eq!(ready(&mut sink), None);
    ask(&mut edge, 1).await;
    assert_eq!(ready(&mut sink), Some(Ok(())));
    assert_eq!(accepted(&sender, [9]), 0);
    sink.start_send_unpin(1).unwrap();
    assert_eq!(edge.next().await.unwrap(), Some(vec![1]));
    ask(&mut edge, 1).await;
    assert_eq!(ready(&mut sink), Some(Ok(())));
    stage.stop().await;
    assert_eq!(sink.start_send_unpin(2), Err(SendError(Some(2))));
    assert_eq!(ready(&mut sink), Some(Err(SendError(None))));
}

#[tokio::test]
async fn a_stream_is_forwarded_and_its_end_completes_the_stage() {
    let (sender, build) = channel();
    let stage = build.spawn().unwrap();
    let forward = futures::stream::iter(0..100)
        .map(Ok)
        .forward(sender.into_sink());
    let collect = stage.stream(Demand::new(4, 2).unwrap()).try_collect();
    let (forwarded, collected) = tokio::join!(forward, collect);
    let collected: Vec<usize> = collected.unwrap();
    assert!(forwarded.is_ok() && collected.into_iter().eq(0..100));
    assert!(matches!(stage.join().await, Exit::Completed));
}
