//! A failure in either half: who decides, what is skipped, what is made anew and what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, TryStreamExt};
use stage::test_util::SinkProbe;
use stage::{
    AsProducerConsumer, Build, Demand, Directive, Exit, Restart, Strategy, consumer, consumer_with,
    dead_letters, from_iter, producer_consumer, producer_consumer_with, producer_with, supervisor,
};

use crate::halves::{Counter, Fails, Flusher, Map, Taker, silence_panics_on_purpose};

const fn third(n: usize) -> bool {
    n % 3 == 2
}

fn with(map: Map) -> Build<AsProducerConsumer<Map>> {
    let map = move || map.clone();
    producer_consumer_with(map).intensity(stage::Intensity::new(
        1_000,
        std::time::Duration::from_secs(1),
    ))
}

/// The events of 0..9 that come through, and how many callbacks failed.
async fn through(first: Map, second: Map) -> (Vec<usize>, u64) {
    silence_panics_on_purpose();
    let source = from_iter(0..9).spawn().unwrap();
    let stage = with(first).fuse(with(second));
    let stage = stage.subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let all = stage.stream(Demand::new(4, 2).unwrap()).try_collect().await;
    assert_eq!(stage.stats().lost + stage.stats().discarded, 0);
    (all.unwrap(), stage.stats().failed)
}

#[tokio::test(start_paused = true)]
async fn the_event_that_failed_is_skipped_and_those_behind_it_go_on() {
    let expected = vec![0, 1, 3, 4, 6, 7];
    for directive in [Directive::Resume, Directive::Restart, Directive::DeadLetter] {
        let fails = || Map::copies(1).failing(third, directive);
        let other = || Map::copies(1);
        assert_eq!(through(fails(), other()).await, (expected.clone(), 3));
        assert_eq!(through(other(), fails()).await, (expected.clone(), 3));
        assert_eq!(
            through(fails().slowly(1), other().slowly(2)).await,
            (expected.clone(), 3)
        );
        assert_eq!(
            through(other().slowly(2), fails().slowly(1)).await,
            (expected.clone(), 3)
        );
    }
    let panics = || Map::copies(1).panicking(third);
    assert_eq!(
        through(panics(), Map::copies(1)).await,
        (expected.clone(), 3)
    );
    assert_eq!(through(Map::copies(1), panics()).await, (expected, 3));
}

#[tokio::test(start_paused = true)]
async fn both_may_fail() {
    let first = Map::copies(2).failing(third, Directive::Resume);
    let second = Map::copies(1).failing(|n| n % 4 == 0, Directive::Restart);
    let (all, failed) = through(first, second).await;
    // Of 0 to 8 the first fails on 2, 5 and 8, and the second on both copies of 0 and 4.
    assert_eq!((all, failed), (vec![1, 1, 3, 3, 6, 6, 7, 7], 7));
}

#[tokio::test(start_paused = true)]
async fn the_one_that_failed_decides() {
    silence_panics_on_purpose();
    let check = async |first: Map, second: Map| {
        let source = from_iter(0..9).spawn().unwrap();
        let stage = with(first).fuse(with(second));
        let stage = stage.subscribe_to(&source, Demand::default());
        let stage = stage.spawn().unwrap();
        let mut sink = SinkProbe::subscribe(&stage);
        sink.ask(100);
        let (events, _) = sink.expect_events_and_end().await.unwrap();
        assert_eq!(
            stage.join().await.to_string(),
            "failed: a failure on purpose"
        );
        (events, stage.stats().failed, stage.stats().lost)
    };
    let stops = || Map::copies(1).failing(third, Directive::Stop);
    let resumes = || Map::copies(1).failing(|_| false, Directive::Resume);
    // What comes before the failure is delivered; what is behind it is lost.
    assert_eq!(check(stops(), resumes()).await, (vec![0, 1], 1, 6));
    assert_eq!(check(resumes(), stops()).await, (vec![0, 1], 1, 6));
}

#[tokio::test(start_paused = true)]
async fn a_restart_makes_both_anew() {
    let (firsts, seconds) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let made = (Arc::clone(&firsts), Arc::clone(&seconds));
    let source = from_iter(0..9).spawn().unwrap();
    let first = producer_consumer_with(move || {
        made.0.fetch_add(1, Ordering::SeqCst);
        Map::copies(1)
    });
    let second = producer_consumer_with(move || {
        made.1.fetch_add(1, Ordering::SeqCst);
        Map::copies(1).failing(|n| n == 4, Directive::Restart)
    });
    let stage = first.fuse(second).subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [0, 1, 2, 3, 5, 6, 7, 8]);
    let made = (
        firsts.load(Ordering::SeqCst),
        seconds.load(Ordering::SeqCst),
    );
    assert_eq!(made, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_factory_for_both_a_restart_is_a_stop() {
    let source = from_iter(0..9).spawn().unwrap();
    let failing = with(Map::copies(1).failing(third, Directive::Restart));
    let stage = producer_consumer(Map::copies(1)).fuse(failing);
    let stage = stage.subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(100);
    let (events, _) = sink.expect_events_and_end().await.unwrap();
    assert_eq!(events, [0, 1]);
    assert_eq!(
        stage.join().await.to_string(),
        "failed: a failure on purpose"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failing_producer_owes_is_told_again() {
    let counter = Counter::default();
    let stage = producer_with(move || counter.clone())
        .fuse(with(Map::copies(1).failing(third, Directive::Restart)));
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(10);
    let expected = [0, 1, 3, 4, 6, 7, 9, 10, 12, 13];
    assert_eq!(sink.expect_events(10).await.unwrap(), expected);
    sink.expect_nothing().await.unwrap();
    assert_eq!((stage.stats().failed, stage.stats().owed), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn each_half_has_dead_letters_of_its_own() {
    let of_first = dead_letters().named("of the first").spawn().unwrap();
    let of_second = dead_letters().named("of the second").spawn().unwrap();
    let source = from_iter(0..9).spawn().unwrap();
    let first = Map::copies(1).failing(|n| n == 2, Directive::DeadLetter);
    let second = Map::copies(1).failing(|n| n == 5, Directive::DeadLetter);
    let stage = with(first)
        .dead_letters_to(&of_first)
        .fuse(with(second).dead_letters_to(&of_second))
        .named("pair")
        .subscribe_to(&source, Demand::default());
    let stage = stage.spawn().unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [0, 1, 3, 4, 6, 7, 8]);
    for (letters, event) in [(of_first, 2), (of_second, 5)] {
        let letter = letters.stream(Demand::default()).next().await;
        let letter = letter.unwrap().unwrap();
        assert_eq!((letter.event, &*letter.stage), (event, "pair"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sibling_that_takes_it_along_loses_what_the_second_had_at_work() {
    silence_panics_on_purpose();
    let taker = Taker {
        turns: usize::MAX,
        ..Taker::default()
    };
    let supervised = supervisor(Strategy::OneForAll).spawn().unwrap();
    let source = from_iter(0..20).spawn().unwrap();
    let stage =
        producer_consumer_with(|| Map::copies(2)).fuse(consumer_with(move || taker.clone()));
    let stage = stage
        .shutdown(std::time::Duration::ZERO)
        .subscribe_to(&source, Demand::new(4, 0).unwrap())
        .supervised_by(&supervised, Restart::Transient);
    let stage = stage.spawn().unwrap();
    let failing = Taker {
        fails: Some(Fails {
            on: |n| n == 0,
            panics: false,
            directive: Directive::Restart,
        }),
        ..Taker::default()
    };
    let other = from_iter(0..1).spawn().unwrap();
    let failing = consumer_with(move || failing.clone()).subscribe_to(&other, Demand::default());
    let failing = failing.supervised_by(&supervised, Restart::Transient);
    let _failing = failing.spawn().unwrap();
    while stage.stats().lost == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.stats().lost, 8, "four events, each of them twice");
    while stage.edges()[0].delivered < 8 {
        tokio::task::yield_now().await;
    }
    stage.abort();
}

/// It may be said of either half before they are fused, or of the pair.
#[tokio::test]
async fn a_pair_is_the_child_of_whoever_supervises_one_of_it() {
    let first = || producer_with(Counter::default);
    let second = || producer_consumer_with(|| Map::copies(1));
    for said_of in ["the first", "the second", "the pair"] {
        let top = supervisor(Strategy::OneForOne).spawn().unwrap();
        let by_top = Restart::Permanent;
        let pair = match said_of {
            "the first" => first().supervised_by(&top, by_top).fuse(second()),
            "the second" => first().fuse(second().supervised_by(&top, by_top)),
            _ => first().fuse(second()).supervised_by(&top, by_top),
        };
        let pair = pair.spawn().unwrap();
        assert_eq!(top.children().len(), 1, "{said_of}");
        top.stop().await;
        assert!(matches!(pair.exit(), Some(Exit::Stopped)), "{said_of}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_counts_what_the_second_failed_on_while_the_first_waits() {
    let waiting = Flusher {
        wants: |_| true,
        waits: true,
    };
    let fails = Taker {
        fails: Some(Fails {
            on: |_| true,
            panics: false,
            directive: Directive::Resume,
        }),
        ..Taker::default()
    };
    let source = from_iter([7]).spawn().unwrap();
    let stage = producer_consumer(waiting).fuse(consumer(fails));
    let stage = stage.subscribe_to(&source, Demand::new(1, 0).unwrap());
    let stage = stage.spawn().unwrap();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    stage.abort();
    assert!(matches!(stage.join().await, Exit::Aborted));
    // What the first had at work, and what it had flushed of that.
    assert_eq!((stage.stats().lost, stage.stats().failed), (2, 0));
}
