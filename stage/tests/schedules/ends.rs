//! Stages die, are stopped and are drained while events are on their way.

use std::time::Duration;

use shuttle::future::spawn;
use stage::{
    Batch, Broadcast, Consumer, ConsumerHandle, Context, Exit, Result, Stages, Subscribe, consumer,
    from_iter, producer_consumer,
};

use crate::explore::explore;
use crate::stages::{Middle, Seen, Sink, assert_conserved, assert_first, demand, take_rest};

#[test]
fn a_consumers_death_races_deliveries() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..6).within(&stages).spawn().unwrap();
        let seen = Seen::default();
        let sink = consumer(Sink::new(&seen)).within(&stages);
        let sink = sink.subscribe_to(&numbers, demand(3, 1)).spawn().unwrap();
        let killer = spawn({
            let sink = sink.clone();
            async move { sink.abort() }
        });
        let mut other = numbers.subscribe();
        other.request(6.try_into().unwrap());
        let taken = take_rest(&mut other).await;
        killer.await.unwrap();
        assert!(matches!(numbers.join().await, Exit::Completed));
        sink.join().await;
        assert_conserved(&sink, seen.events().len());
        let sent: u64 = sink.edges().iter().map(|edge| edge.delivered).sum();
        assert_eq!(taken.len() as u64 + sent, 6, "what was emitted was sent");
        assert_eq!(numbers.stats().discarded, 0);
    });
}

#[test]
fn a_death_frees_those_who_waited_for_the_dead() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..4).dispatcher(Broadcast::new());
        let numbers = numbers.within(&stages).spawn().unwrap();
        let mut waits = numbers.subscribe();
        waits.request(4.try_into().unwrap());
        // It never asks: nothing flows while it lives.
        let holds_back = consumer(Sink::default()).within(&stages);
        let none = Subscribe::from(demand(1, 0)).manual();
        let holds_back = holds_back.subscribe_to(&numbers, none).spawn().unwrap();
        let killer = spawn(async move {
            holds_back.abort();
            holds_back.join().await;
        });
        assert_first(&[&take_rest(&mut waits).await], 4);
        killer.await.unwrap();
    });
}

#[test]
fn a_stop_an_abort_and_a_drain_race() {
    explore(|| async {
        let (stages, emitted) = (Stages::new(), Seen::default());
        let events = (0..8).inspect({
            let emitted = emitted.clone();
            move |event| emitted.push(*event)
        });
        let numbers = from_iter(events).within(&stages).spawn().unwrap();
        let (taken, seen) = (Seen::default(), Seen::default());
        let middle = producer_consumer(Middle(taken.clone())).within(&stages);
        let middle = middle.subscribe_to(&numbers, demand(3, 1)).spawn().unwrap();
        let sink = consumer(Sink::new(&seen)).within(&stages);
        let sink = sink.subscribe_to(&middle, demand(2, 1)).spawn().unwrap();
        let stop = spawn({
            let middle = middle.clone();
            async move { middle.stop().await }
        });
        let abort = spawn({
            let sink = sink.clone();
            async move { sink.abort() }
        });
        let _late = stages.drain(Duration::ZERO).await;
        stop.await.unwrap();
        abort.await.unwrap();
        assert!(stages.is_empty());
        assert_conserved(&middle, taken.events().len());
        assert_conserved(&sink, seen.events().len());
        let to_middle: u64 = middle.edges().iter().map(|edge| edge.delivered).sum();
        let to_sink: u64 = sink.edges().iter().map(|edge| edge.delivered).sum();
        assert_eq!(emitted.len(), to_middle + numbers.stats().discarded);
        assert_eq!(taken.len(), to_sink + middle.stats().discarded);
    });
}

#[test]
fn a_drain_with_time_enough_loses_nothing() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..).within(&stages).spawn().unwrap();
        let middle = producer_consumer(Middle::default()).within(&stages);
        let middle = middle.subscribe_to(&numbers, demand(2, 1)).spawn().unwrap();
        let seen = Seen::default();
        let sink = consumer(Sink::new(&seen)).within(&stages);
        let sink = sink.subscribe_to(&middle, demand(2, 1)).spawn().unwrap();
        assert!(stages.drain(Duration::MAX).await.is_empty());
        let seen = seen.events();
        assert_first(&[&seen], seen.len());
        for stats in [numbers.stats(), middle.stats(), sink.stats()] {
            assert_eq!((stats.lost, stats.discarded), (0, 0));
        }
    });
}

#[test]
fn a_stage_that_has_a_name_can_be_aborted() {
    explore(|| async {
        let stages = Stages::new();
        let finder = spawn({
            let stages = stages.clone();
            async move {
                if let Ok(sink) = stages.registry().handle("sink") {
                    let sink: ConsumerHandle<Sink> = sink;
                    sink.abort();
                    sink.join().await;
                }
            }
        });
        let sink = consumer(Sink::default()).named("sink").within(&stages);
        let sink = sink.spawn().unwrap();
        finder.await.unwrap();
        sink.stop().await;
    });
}

/// Does so as soon as it runs.
struct StopsItself;

impl Consumer for StopsItself {
    type In = usize;

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        Ok(())
    }

    async fn started(&mut self, cx: &mut Context) -> Result {
        let me: ConsumerHandle<Self> = cx.registry().handle("me")?;
        me.stop().await;
        Ok(())
    }
}

#[test]
fn a_stage_that_just_started_can_stop_itself() {
    explore(|| async {
        let stages = Stages::new();
        let me = consumer(StopsItself).named("me").within(&stages);
        me.spawn().unwrap().join().await;
    });
}
