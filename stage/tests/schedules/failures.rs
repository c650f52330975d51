//! Callbacks fail and go on in place while consumers ask.

use shuttle::future::spawn;
use stage::{Directive, Exit, Stages, consumer_with, from_iter, producer_with};

use crate::explore::explore;
use crate::stages::{Flaky, Seen, Sink, assert_conserved, assert_first, demand, often, take};

#[test]
fn a_consumer_restarts_in_place_while_events_come() {
    explore(|| async {
        let stages = Stages::new();
        let numbers = from_iter(0..6).within(&stages).spawn().unwrap();
        let (seen, mut fails_at) = (Seen::default(), vec![3, 1]);
        let made = seen.clone();
        let sink = consumer_with(move || Sink {
            seen: made.clone(),
            fails_at: fails_at.pop(),
        });
        let sink = sink.within(&stages).intensity(often());
        let sink = sink.subscribe_to(&numbers, demand(3, 1)).spawn().unwrap();
        assert!(matches!(sink.join().await, Exit::Completed));
        numbers.join().await;
        assert_eq!(seen.events(), [0, 2, 4, 5]);
        assert_conserved(&sink, 4);
    });
}

async fn asks_race_failures(directive: Directive) {
    let flaky = Flaky::new(directive);
    let flaky = producer_with(move || flaky.clone()).intensity(often());
    let flaky = flaky.within(&Stages::new()).spawn().unwrap();
    let taker = |n| {
        let mut edge = flaky.subscribe();
        spawn(async move { [take(&mut edge, n).await, take(&mut edge, 1).await].concat() })
    };
    let (three, four) = (taker(2), taker(3));
    let (three, four) = (three.await.unwrap(), four.await.unwrap());
    flaky.stop().await;
    assert_first(&[&three, &four], 7);
}

#[test]
fn asks_race_a_producers_restarts() {
    explore(|| asks_race_failures(Directive::Restart));
}

#[test]
fn asks_race_a_producers_failures() {
    explore(|| asks_race_failures(Directive::Resume));
}
