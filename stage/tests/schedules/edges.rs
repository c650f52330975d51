//! A consumer subscribes, asks and cancels while its producer sends, or ends.

use shuttle::future::spawn;
use stage::{Cancel, DemandMode, Exit, Stages, consumer, from_iter, producer_consumer};

use crate::explore::explore;
use crate::stages::{Middle, Seen, Sink, assert_conserved, assert_first, demand, take, take_rest};

#[test]
fn a_subscription_races_the_producers_end() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..3).within(&stages).spawn().unwrap();
        let mut first = numbers.subscribe();
        let late = spawn({
            let (stages, numbers) = (stages.clone(), numbers.clone());
            async move {
                let seen = Seen::default();
                let sink = consumer(Sink::new(&seen)).within(&stages);
                let sink = sink.subscribe_to(&numbers, demand(2, 1)).spawn().unwrap();
                (sink.join().await, sink, seen)
            }
        });
        first.request(5.try_into().unwrap());
        let taken = take_rest(&mut first).await;
        let (exit, sink, seen) = late.await.unwrap();
        numbers.join().await;
        let seen = seen.events();
        match exit {
            Exit::Completed => assert_conserved(&sink, seen.len()),
            Exit::Unreachable => assert!(seen.is_empty()),
            other => panic!("{other}"),
        }
        assert_first(&[&taken, &seen], 3);
        assert!(stages.is_empty());
    });
}

#[test]
fn asks_race_batches() {
    explore(|| async {
        let numbers = from_iter(0..).within(&Stages::new()).spawn().unwrap();
        let taker = |n| {
            let mut edge = numbers.subscribe();
            spawn(async move { [take(&mut edge, n).await, take(&mut edge, 1).await].concat() })
        };
        let (three, four) = (taker(2), taker(3));
        let (three, four) = (three.await.unwrap(), four.await.unwrap());
        numbers.stop().await;
        assert_eq!((three.len(), four.len()), (3, 4));
        assert_first(&[&three, &four], 7);
    });
}

#[test]
fn windows_ask_again_until_all_is_handled() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..5).within(&stages).spawn().unwrap();
        let middle = producer_consumer(Middle::default()).within(&stages);
        let middle = middle.subscribe_to(&numbers, demand(2, 1)).spawn().unwrap();
        let seen = Seen::default();
        let sink = consumer(Sink::new(&seen)).within(&stages);
        let sink = sink.subscribe_to(&middle, demand(3, 0)).spawn().unwrap();
        assert!(matches!(sink.join().await, Exit::Completed));
        assert!(matches!(middle.join().await, Exit::Completed));
        assert_first(&[&seen.events()], 5);
    });
}

#[test]
fn a_cancel_races_deliveries() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..6).within(&stages).spawn().unwrap();
        let seen = Seen::default();
        let sink = consumer(Sink::new(&seen)).within(&stages).spawn().unwrap();
        let edge = sink.subscribe_to(&numbers, demand(3, 1)).unwrap();
        let canceller = spawn({
            let sink = sink.clone();
            async move { sink.cancel(edge, Cancel::Normal) }
        });
        let mut other = numbers.subscribe();
        other.request(6.try_into().unwrap());
        let taken = take_rest(&mut other).await;
        canceller.await.unwrap();
        assert!(matches!(numbers.join().await, Exit::Completed));
        let exit = sink.join().await;
        assert!(matches!(exit, Exit::Completed | Exit::Unreachable));
        let seen = seen.events();
        assert_first(&[&taken, &seen], 6);
        assert_conserved(&sink, seen.len());
    });
}

#[test]
fn a_change_of_mode_races_asks() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..5).accumulate().within(&stages);
        let numbers = numbers.spawn().unwrap();
        let seen = Seen::default();
        let sink = consumer(Sink::new(&seen)).within(&stages);
        let sink = sink.subscribe_to(&numbers, demand(2, 1)).spawn().unwrap();
        let changer = spawn({
            let numbers = numbers.clone();
            async move {
                numbers.set_demand_mode(DemandMode::Forward);
                numbers.set_demand_mode(DemandMode::Accumulate);
                numbers.set_demand_mode(DemandMode::Forward);
            }
        });
        let mut other = numbers.subscribe();
        other.request(5.try_into().unwrap());
        let taken = take_rest(&mut other).await;
        changer.await.unwrap();
        sink.join().await;
        assert_first(&[&taken, &seen.events()], 5);
    });
}
