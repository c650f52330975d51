//! A pair, and the same two stages over an edge: random programs on both.
//!
//! * F1: the same events come out in the same order, and as many callbacks fail.
//! * F2: no more comes than was asked for, and at rest nothing is held for which credit has arrived.
//! * F3 conservation: when the pair is stopped in the middle, what it took is what it handled, failed or lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use stage::test_util::SinkProbe;
use stage::{
    AsProducerConsumer, Batch, Build, Context, Demand, Directive, Emits, Failure, Intensity,
    ProducerConsumer, Result, Takes, from_iter, producer_consumer_with,
};

use crate::halves::silence_panics_on_purpose;

/// What a half does with each event, by its value.
#[derive(Debug, Clone)]
struct Half {
    /// How many it makes of an event, by the event modulo its length.
    copies: Vec<usize>,
    /// On which events it fails, and how.
    fails: Vec<(usize, Fate)>,
    /// Every how many events it waits a turn.
    waits: Option<usize>,
    /// Whether it takes events with `next`, rather than at the front.
    takes: bool,
    /// Whether it flushes after each.
    flushes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Resume,
    Restart,
    Panic,
    DeadLetter,
}

#[derive(Debug, Default)]
struct Counts {
    handled: AtomicUsize,
    failed: AtomicUsize,
    emitted: AtomicUsize,
}

fn count(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

impl Counts {
    fn missing_of(&self, taken: usize) -> usize {
        taken - count(&self.handled) - count(&self.failed)
    }
}

struct Running {
    half: Half,
    /// How often each event has failed: each fails once.
    seen: Arc<Mutex<Vec<usize>>>,
    counts: Arc<Counts>,
    fate: Fate,
}

impl Running {
    fn fate(&self, event: usize) -> Option<Fate> {
        let mut seen = self.seen.lock().unwrap();
        let at = self.half.fails.iter().position(|(on, _)| *on == event)?;
        if seen.contains(&at) {
            return None;
        }
        seen.push(at);
        Some(self.half.fails[at].1)
    }

    async fn work(&mut self, event: usize, cx: &mut Context<usize>) -> Result {
        if self
            .half
            .waits
            .is_some_and(|every| event.is_multiple_of(every))
        {
            tokio::task::yield_now().await;
        }
        if let Some(fate) = self.fate(event) {
            self.counts.failed.fetch_add(1, Ordering::SeqCst);
            self.fate = fate;
            assert!(fate != Fate::Panic, "a panic on purpose");
            return Err("a failure on purpose".into());
        }
        let copies = self.half.copies[event % self.half.copies.len()];
        cx.emit_all(std::iter::repeat_n(event, copies));
        self.counts.emitted.fetch_add(copies, Ordering::SeqCst);
        if self.half.flushes {
            cx.flush();
        }
        self.counts.handled.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl ProducerConsumer for Running {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        if self.half.takes {
            for event in &mut *events {
                self.work(event, cx).await?;
            }
            return Ok(());
        }
        while let Some(event) = events.front().copied() {
            self.work(event, cx).await?;
            events.pop();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        match self.fate {
            Fate::Resume => Directive::Resume,
            Fate::DeadLetter => Directive::DeadLetter,
            Fate::Restart | Fate::Panic => Directive::Restart,
        }
    }
}

fn half() -> impl Strategy<Value = Half> {
    let fate = prop_oneof![
        Just(Fate::Resume),
        Just(Fate::Restart),
        Just(Fate::Panic),
        Just(Fate::DeadLetter)
    ];
    (
        prop::collection::vec(0..4usize, 1..5),
        prop::collection::vec((0..EVENTS, fate), 0..4),
        prop::option::of(1..4usize),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(copies, fails, waits, takes, flushes)| Half {
            copies,
            fails,
            waits,
            takes,
            flushes,
        })
}

const EVENTS: usize = 40;

fn made(half: &Half) -> (Build<AsProducerConsumer<Running>>, Arc<Counts>) {
    let (counts, seen) = <(Arc<Counts>, Arc<Mutex<Vec<usize>>>)>::default();
    let (half, inner) = (half.clone(), Arc::clone(&counts));
    let build = producer_consumer_with(move || Running {
        half: half.clone(),
        seen: Arc::clone(&seen),
        counts: Arc::clone(&inner),
        fate: Fate::Resume,
    });
    (
        build.intensity(Intensity::new(10_000, Duration::from_secs(1))),
        counts,
    )
}

/// Asks by and by until the end; returns what came.
async fn taken<R: Takes<In = usize> + Emits<Out = usize>>(
    stage: &stage::Handle<R>,
    asks: &[usize],
) -> Vec<usize> {
    let mut sink = SinkProbe::subscribe(stage);
    let mut came = Vec::new();
    for ask in asks {
        sink.ask(*ask);
        // The paused clock moves only when every task waits.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let events = sink.take_events();
        assert!(events.len() <= *ask, "F2: more came than was asked for");
        let stats = stage.stats();
        let is_short = events.len() < *ask;
        assert!(!is_short || stats.buffered == 0, "F2: held back: {stats:?}");
        came.extend(events);
        if is_short {
            break;
        }
    }
    sink.ask(usize::MAX);
    let (rest, _) = sink.expect_events_and_end().await.unwrap();
    came.extend(rest);
    came
}

async fn over_an_edge(halves: &[Half], window: Demand, asks: &[usize]) -> (Vec<usize>, u64) {
    let source = from_iter(0..EVENTS).spawn().unwrap();
    let (first, second) = (made(&halves[0]).0, made(&halves[1]).0);
    let first = first.subscribe_to(&source, window).spawn().unwrap();
    let second = second.subscribe_to(&first, Demand::default());
    let second = second.spawn().unwrap();
    let came = taken(&second, asks).await;
    (came, first.stats().failed + second.stats().failed)
}

async fn fused(halves: &[Half], window: Demand, asks: &[usize]) -> (Vec<usize>, u64) {
    let source = from_iter(0..EVENTS).spawn().unwrap();
    let (first, second) = (made(&halves[0]).0, made(&halves[1]).0);
    let stage = first.fuse(second).subscribe_to(&source, window);
    let stage = stage.spawn().unwrap();
    let came = taken(&stage, asks).await;
    let stats = stage.stats();
    assert_eq!((stats.lost, stats.discarded, stats.buffered), (0, 0, 0));
    (came, stats.failed)
}

/// Stops the pair when it has delivered what was asked for.
async fn stopped(halves: &[Half], window: Demand, ask: usize) {
    let source = from_iter(0..EVENTS).spawn().unwrap();
    let (first, of_first) = made(&halves[0]);
    let (second, of_second) = made(&halves[1]);
    let stage = first.fuse(second).subscribe_to(&source, window);
    let stage = stage.spawn().unwrap();
    let mut sink = SinkProbe::subscribe(&stage);
    sink.ask(ask);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let came = sink.take_events().len();
    stage.stop().await;
    let stats = stage.stats();
    let taken = usize::try_from(stage.edges()[0].delivered).unwrap();
    let lost = of_first.missing_of(taken) + of_second.missing_of(count(&of_first.emitted));
    assert_eq!(stats.lost, lost as u64, "F3: {of_first:?} {of_second:?}");
    let failed = count(&of_first.failed) + count(&of_second.failed);
    assert_eq!(stats.failed, failed as u64, "F3");
    let gone = came as u64 + stats.discarded;
    assert_eq!(gone, count(&of_second.emitted) as u64, "F3: {stats:?}");
}

fn on_one_thread(program: impl Future<Output = ()>) {
    silence_panics_on_purpose();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let ended = tokio::time::timeout(Duration::from_secs(3_600), program).await;
        ended.expect("a program must not hang");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pair_is_the_same_two_stages(
        halves in prop::collection::vec(half(), 2),
        window in (1..9usize, 0..9usize),
        asks in prop::collection::vec(1..30usize, 0..6),
    ) {
        let window = Demand::new(window.0, window.1 % window.0).unwrap();
        on_one_thread(async {
            let edge = over_an_edge(&halves, window, &asks).await;
            let pair = fused(&halves, window, &asks).await;
            assert_eq!(pair, edge, "F1");
        });
    }

    #[test]
    fn a_pair_that_is_stopped_has_counted_all(
        halves in prop::collection::vec(half(), 2),
        window in (1..9usize, 0..9usize),
        ask in 0..60usize,
    ) {
        let window = Demand::new(window.0, window.1 % window.0).unwrap();
        on_one_thread(stopped(&halves, window, ask));
    }
}
