//! Named cases of `redeliver`: what comes again, when, how often, and what its end waits for.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use stage::{
    Acked, Backoff, Batch, Consumer, Context, Demand, Directive, Exit, Failure, Order, Result,
    acks, consumer, consumer_with, dead_letters, from_iter, from_stream, map_async,
};
use tokio::time::{Instant, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Comes to rest: a paused clock moves only when every task waits.
async fn rest() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn new_events_wait_while_as_many_as_may_are_in_flight() {
    let source = from_iter(0..9).spawn().unwrap();
    let kept = kept(3, 9)
        .subscribe_to(&source, Demand::new(2, 1).unwrap())
        .spawn()
        .unwrap();
    let mut edge = kept.subscribe();
    ask(&mut edge, 100);
    rest().await;
    let mut events = take(&mut edge);
    assert_eq!(numbers(&events), [0, 1, 2]);
    assert!(
        source_sent(&kept.edges()) <= 5,
        "the rest was not asked for"
    );
    events.remove(1).ack.acknowledge();
    rest().await;
    let next = take(&mut edge);
    assert_eq!(numbers(&next), [3]);
    drop(events);
    rest().await;
    assert_eq!(numbers(&take(&mut edge)), [0, 2], "again, and nothing new");
}

fn source_sent(edges: &[stage::EdgeStats]) -> u64 {
    edges.iter().map(|edge| edge.delivered).sum()
}

#[tokio::test(start_paused = true)]
async fn an_event_that_always_fails_is_given_up_and_delays_nobody() {
    let letters = dead_letters().spawn().unwrap();
    let source = from_iter(0..4).spawn().unwrap();
    let kept = kept(2, 3)
        .backoff(Backoff::new(SECOND, 60 * SECOND).exact())
        .give_up_to(&letters)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let mut events = kept.stream(Demand::one_by_one(1).unwrap());
    let (mut seen, start) = (Vec::new(), Instant::now());
    while let Some(Acked { data, ack }) = in_time(events.try_next()).await.unwrap() {
        seen.push((data, start.elapsed().as_secs()));
        if data == 1 {
            ack.fail("one is bad");
        } else {
            ack.acknowledge();
        }
    }
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0), (3, 0), (1, 1), (1, 3)]);
    assert!(matches!(in_time(kept.join()).await, Exit::Completed));
    assert_eq!((kept.stats().failed, kept.stats().lost), (1, 0));
    let mut letters = letters.stream(Demand::default());
    let letter = in_time(letters.next()).await;
    let letter = letter.unwrap().unwrap();
    assert_eq!(
        (letter.event, &*letter.stage, letter.failure.to_string()),
        (1, kept.name(), "failed: one is bad".into())
    );
}

/// More letters at once than casts may wait at a stage.
#[tokio::test(start_paused = true)]
async fn a_death_with_many_events_sends_a_letter_for_each() {
    let letters = dead_letters().spawn().unwrap();
    let source = from_iter(0..3_000).spawn().unwrap();
    let kept = kept(3_000, 1)
        .give_up_to(&letters)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let mut edge = kept.subscribe();
    ask(&mut edge, 3_000);
    rest().await;
    drop(edge);
    assert!(matches!(in_time(kept.join()).await, Exit::Completed));
    rest().await;
    assert_eq!(letters.stats().buffered, 3_000);
}

#[tokio::test(start_paused = true)]
async fn it_completes_when_the_last_event_is_settled() {
    let source = from_iter(0..2).spawn().unwrap();
    let kept = kept(5, 2)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let mut edge = kept.subscribe();
    ask(&mut edge, 2);
    rest().await;
    let mut events = take(&mut edge);
    assert!(matches!(in_time(source.join()).await, Exit::Completed));
    events.remove(0).ack.acknowledge();
    rest().await;
    assert!(kept.exit().is_none());
    drop(events);
    rest().await;
    assert!(kept.exit().is_none(), "it waits to be asked for it again");
    ask(&mut edge, 1);
    rest().await;
    drop(take(&mut edge));
    assert!(matches!(in_time(kept.join()).await, Exit::Completed));
    assert_eq!((kept.stats().failed, kept.stats().lost), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_unsettled_and_its_grace() {
    for acknowledges in [true, false] {
        let source = from_iter(0..).spawn().unwrap();
        let kept = kept(5, 2)
            .subscribe_to(&source, Demand::new(2, 1).unwrap())
            .spawn()
            .unwrap();
        let mut edge = kept.subscribe();
        ask(&mut edge, 1);
        rest().await;
        let holder = take(&mut edge);
        let drain = tokio::spawn({
            let kept = kept.clone();
            async move { kept.drain(60 * SECOND).await }
        });
        sleep(SECOND).await;
        assert!(!drain.is_finished());
        if acknowledges {
            holder.into_iter().for_each(|event| event.ack.acknowledge());
            ask(&mut edge, 100);
            rest().await;
            // What was asked for before the drain is delivered in it.
            let more = take(&mut edge).into_iter();
            more.for_each(|event| event.ack.acknowledge());
        } else {
            std::mem::forget(holder);
        }
        let drained = drain.await.unwrap();
        let is_stopped = matches!(drained.exit, Exit::Stopped);
        assert_eq!(
            (is_stopped, drained.stats.lost > 0),
            (acknowledges, !acknowledges)
        );
        source.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_counts_what_is_unsettled_as_lost() {
    let source = from_iter(0..).spawn().unwrap();
    let kept = kept(5, 2)
        .subscribe_to(&source, Demand::new(10, 0).unwrap())
        .spawn()
        .unwrap();
    let mut edge = kept.subscribe();
    ask(&mut edge, 7);
    rest().await;
    let events = take(&mut edge);
    assert_eq!(events.len(), 5);
    kept.stop().await;
    assert_eq!(kept.stats().lost, 10, "five out, and five that wait");
    events.into_iter().for_each(|event| event.ack.acknowledge());
}

/// Acknowledges all but the sixth, on which it fails the first time in the way it is told.
struct Fails {
    how: fn() -> Result,
    failed: Arc<AtomicUsize>,
    done: Arc<Mutex<Vec<usize>>>,
}

impl Consumer for Fails {
    type In = Acked<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Acked<usize>>,
        _: &mut Context,
    ) -> Result {
        for Acked { data, ack } in events {
            if data == 5 && self.failed.fetch_add(1, Ordering::Relaxed) == 0 {
                (self.how)()?;
            }
            ack.acknowledge();
            self.done.lock().unwrap().push(data);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_fails_and_starts_anew_has_its_event_again() {
    let an_error: fn() -> Result = || Err("no luck".into());
    let a_panic: fn() -> Result = || std::panic::resume_unwind(Box::new("a panic on purpose"));
    for how in [an_error, a_panic] {
        let (failed, done) = <(Arc<AtomicUsize>, Arc<Mutex<Vec<usize>>>)>::default();
        let shared = (Arc::clone(&failed), Arc::clone(&done));
        let source = from_iter(0..20).spawn().unwrap();
        let kept = kept(20, 2)
            .subscribe_to(&source, Demand::new(20, 10).unwrap())
            .spawn()
            .unwrap();
        consumer_with(move || Fails {
            how,
            failed: Arc::clone(&shared.0),
            done: Arc::clone(&shared.1),
        })
        .subscribe_to(&kept, Demand::new(4, 2).unwrap())
        .spawn()
        .unwrap();
        assert!(matches!(in_time(kept.join()).await, Exit::Completed));
        let mut done = done.lock().unwrap().clone();
        let at = done.iter().position(|event| *event == 5).unwrap();
        assert!(at > 5, "it comes later than it came first: {done:?}");
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        assert_eq!(
            (kept.stats().failed, failed.load(Ordering::Relaxed)),
            (0, 2)
        );
    }
}

/// Notes how many events came, and hangs with them.
struct Hangs(Arc<AtomicUsize>);

impl Consumer for Hangs {
    type In = Acked<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Acked<usize>>,
        _: &mut Context,
    ) -> Result {
        self.0.fetch_add(events.len(), Ordering::Relaxed);
        std::future::pending().await
    }
}

/// It died with credit left, for which it must not be sent its own events again.
#[tokio::test(start_paused = true)]
async fn a_death_costs_one_attempt() {
    let source = from_iter(0..3).spawn().unwrap();
    let kept = kept(10, 2)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let dies = consumer(Hangs(Arc::clone(&came)))
        .subscribe_to(&kept, Demand::new(10, 8).unwrap())
        .spawn()
        .unwrap();
    rest().await;
    assert_eq!(came.load(Ordering::Relaxed), 2, "and one in its mailbox");
    dies.abort();
    rest().await;
    let edges = dies.edges();
    assert_eq!((edges[0].asked, edges[0].delivered), (10, 3));
    let mut events = kept.stream(Demand::default());
    let mut seen = Vec::new();
    while let Some(Acked { data, ack }) = in_time(events.try_next()).await.unwrap() {
        ack.acknowledge();
        seen.push(data);
    }
    assert_eq!((&*seen, kept.stats().failed), (&[0, 1, 2][..], 0));
}

/// What a callback leaves in its batch counts as handled to its stage, and as failed to the source.
struct TakesFirst(Vec<usize>);

impl Consumer for TakesFirst {
    type In = Acked<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Acked<usize>>,
        _: &mut Context,
    ) -> Result {
        if let Some(Acked { data, ack }) = events.pop() {
            ack.acknowledge();
            self.0.push(data);
        }
        Ok(())
    }
}

impl stage::Handler<()> for TakesFirst {
    type Reply = Vec<usize>;

    async fn handle(&mut self, (): (), _: &mut Context) -> Vec<usize> {
        self.0.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_in_a_batch_comes_again_in_its_order() {
    let source = from_iter(0..5).spawn().unwrap();
    let kept = kept(5, 5)
        .subscribe_to(&source, Demand::default())
        .spawn()
        .unwrap();
    let options =
        stage::Subscribe::from(Demand::new(5, 0).unwrap()).upstream_ends(stage::UpstreamEnds::Keep);
    let taker = consumer(TakesFirst(Vec::new()))
        .subscribe_to(&kept, options)
        .spawn()
        .unwrap();
    assert!(matches!(in_time(kept.join()).await, Exit::Completed));
    assert_eq!(taker.call(()).await.unwrap(), [0, 1, 2, 3, 4]);
}

/// Fails each event the first time it comes here.
struct FailsOnce(Arc<Mutex<Vec<usize>>>);

impl Consumer for FailsOnce {
    type In = Acked<usize>;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Acked<usize>>,
        _: &mut Context,
    ) -> Result {
        for Acked { data, ack } in events {
            let mut seen = self.0.lock().unwrap();
            let is_new = !seen.contains(&data);
            seen.push(data);
            drop(seen);
            if is_new {
                return Err("no luck".into());
            }
            ack.acknowledge();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Resume
    }
}

/// The source's own ledger sees each settlement: a key that is settled twice would be counted twice.
#[tokio::test(start_paused = true)]
async fn through_map_async_each_delivery_is_settled_exactly_once() {
    for order in [Order::Ordered, Order::Unordered] {
        let (acks, mut settlements) = acks();
        let events = (0..40_usize).map(move |key| Acked {
            data: key,
            ack: acks.ack(key),
        });
        let source = from_stream(futures::stream::iter(events)).spawn().unwrap();
        let work = async |event: Acked<usize>| {
            sleep(Duration::from_millis(7 - event.data as u64 % 7)).await;
            match event.data % 4 {
                // The ack is dropped with the task.
                1 => Err("no luck".into()),
                2 => std::future::pending().await,
                _ => Ok(event.map(|data| data + 100)),
            }
        };
        let worked = map_async(NonZeroUsize::new(3).unwrap(), order, work)
            .deadline(Duration::from_millis(20))
            .subscribe_to(&source, Demand::new(6, 3).unwrap())
            .spawn()
            .unwrap();
        let seen = <Arc<Mutex<Vec<usize>>>>::default();
        consumer(FailsOnce(Arc::clone(&seen)))
            .subscribe_to(&worked, Demand::new(5, 2).unwrap())
            .spawn()
            .unwrap();
        let mut failed = Vec::new();
        while let Some(settled) = in_time(settlements.next()).await {
            assert!(settled.acknowledged.is_empty(), "each is new at the end");
            failed.extend(settled.failed.into_iter().map(|(key, _)| key));
        }
        failed.sort_unstable();
        assert_eq!(failed, (0..40).collect::<Vec<_>>());
        assert_eq!(seen.lock().unwrap().len(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn through_map_async_and_a_failing_consumer_each_event_is_done_once() {
    for order in [Order::Ordered, Order::Unordered] {
        let letters = dead_letters().spawn().unwrap();
        let source = from_iter(0..40).spawn().unwrap();
        let kept = kept(10, 3)
            .give_up_to(&letters)
            .subscribe_to(&source, Demand::new(8, 4).unwrap())
            .spawn()
            .unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let work = {
            let calls = Arc::clone(&calls);
            move |event: Acked<usize>| {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                async move {
                    sleep(Duration::from_millis(call as u64 % 7)).await;
                    match event.data % 4 {
                        1 => Err("always".into()),
                        _ => Ok(event),
                    }
                }
            }
        };
        let worked = map_async(NonZeroUsize::new(3).unwrap(), order, work)
            .subscribe_to(&kept, Demand::new(6, 3).unwrap())
            .spawn()
            .unwrap();
        let seen = <Arc<Mutex<Vec<usize>>>>::default();
        consumer(FailsOnce(Arc::clone(&seen)))
            .subscribe_to(&worked, Demand::new(5, 2).unwrap())
            .spawn()
            .unwrap();
        assert!(matches!(in_time(kept.join()).await, Exit::Completed));
        let (good, bad): (Vec<usize>, Vec<usize>) = (0..40).partition(|event| event % 4 != 1);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        let twice: Vec<usize> = good.into_iter().flat_map(|event| [event; 2]).collect();
        assert_eq!(seen, twice, "failed once and done once");
        assert_eq!(calls.load(Ordering::Relaxed), 30 * 2 + bad.len() * 3);
        let given_up = letters.stream(Demand::default()).take(bad.len());
        let given_up = given_up.map_ok(|letter| letter.event).try_collect();
        let mut given_up: Vec<usize> = in_time(given_up).await.unwrap();
        given_up.sort_unstable();
        assert_eq!(given_up, bad);
        assert_eq!((kept.stats().failed, kept.stats().lost), (10, 0));
    }
}
