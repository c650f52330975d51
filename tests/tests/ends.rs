//! How stages fail, start again, drain and end: what is delivered, what is told again, and what both sides hear.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use stage::{
    Batch, Consumer, Context, Demand, Directive, Exit, Failure, Handler, Intensity, Producer,
    ProducerConsumer, Result, SpawnError, Stages, Subscribe, UpstreamEnds, consumer,
    consumer_supervisor, consumer_with, dead_letters, from_iter, producer, producer_consumer,
    producer_consumer_with, producer_with,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const GRACE: Duration = Duration::from_secs(10);

/// Emits its first number and then fails, `failures` times over all its lives; then it pays what it is asked for.
struct Fails {
    life: usize,
    failures: usize,
    directive: Directive,
    told: UnboundedSender<usize>,
}

impl Producer for Fails {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let _test_over = self.told.send(demand);
        if self.failures > 0 {
            self.failures -= 1;
            cx.emit(self.life);
            return Err("no luck".into());
        }
        cx.emit_all(std::iter::repeat_n(100 + self.life, demand));
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }
}

fn drained<T>(receiver: &mut UnboundedReceiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

async fn first(n: usize, source: &impl stage::Source<Out = usize>) -> Vec<usize> {
    let stream = source.outlet().stream(Demand::new(4, 0).unwrap());
    futures::StreamExt::take(stream, n)
        .try_collect()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_invisible_downstream_and_the_debt_is_told_again() {
    let (told, mut heard) = unbounded_channel();
    let mut life = 0;
    let failing = producer_with(move || {
        life += 1;
        let failures = usize::from(life < 3);
        Fails {
            life,
            failures,
            directive: Directive::Restart,
            told: told.clone(),
        }
    })
    .spawn()
    .unwrap();
    assert_eq!(
        first(4, &failing).await,
        [1, 2, 103, 103],
        "what came before a failure is delivered"
    );
    assert_eq!(drained(&mut heard)[..3], [4, 3, 2]);
    assert_eq!(failing.stats().failed, 2);
    failing.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_resumes_hears_its_whole_debt_again() {
    let (told, mut heard) = unbounded_channel();
    let failing = Fails {
        life: 1,
        failures: 2,
        directive: Directive::Resume,
        told,
    };
    let failing = producer(failing).spawn().unwrap();
    assert_eq!(first(4, &failing).await, [1, 1, 101, 101]);
    assert_eq!(drained(&mut heard)[..3], [4, 3, 2]);
    failing.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_only_fails_ends_when_restarts_are_too_many() {
    for directive in [Directive::Restart, Directive::Resume] {
        let (told, mut heard) = unbounded_channel();
        let failing = producer_with(move || Fails {
            life: 1,
            failures: 99,
            directive,
            told: told.clone(),
        })
        .intensity(Intensity::new(2, GRACE))
        .spawn()
        .unwrap();
        let failed = failing
            .stream(Demand::default())
            .try_collect::<Vec<_>>()
            .await;
        assert!(failed.unwrap_err().to_string().contains("no luck"));
        assert_eq!(drained(&mut heard).len(), 3, "{directive:?}");
    }
}

#[tokio::test]
async fn stop_and_escalate_end_the_stage_at_once() {
    for directive in [Directive::Stop, Directive::Escalate] {
        let (told, _) = unbounded_channel();
        let failing = producer_with(move || Fails {
            life: 1,
            failures: 1,
            directive,
            told: told.clone(),
        })
        .spawn()
        .unwrap();
        let _edge = failing.stream(Demand::default());
        assert!(
            matches!(failing.join().await, Exit::Failed(_)),
            "{directive:?}"
        );
    }
}

/// A behaviour that panics where a test says so.
#[derive(Clone, Copy, PartialEq)]
enum PanicsIn {
    Demand,
    Start,
    Drop,
    Stopping,
}

struct Panics(PanicsIn);

impl Producer for Panics {
    type Out = usize;

    async fn started(&mut self, _: &mut Context<usize>) -> Result {
        assert!(self.0 != PanicsIn::Start, "no start");
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        assert!(self.0 != PanicsIn::Demand, "no luck");
        Err("an error".into())
    }

    async fn stopping(&mut self, _: &Exit, _: &mut Context<usize>) {
        assert!(self.0 != PanicsIn::Stopping, "no end");
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(self.0 != PanicsIn::Drop, "no drop");
    }
}

#[tokio::test]
async fn a_panic_ends_both_sides_with_its_message() {
    for (panics_in, message) in [(PanicsIn::Demand, "no luck"), (PanicsIn::Start, "no start")] {
        let failing = producer(Panics(panics_in)).spawn().unwrap();
        let mut edge = failing.subscribe();
        edge.request(1.try_into().unwrap());
        let failed = edge.next().await.unwrap_err();
        let expected = format!("panicked: {message}");
        // One that panics at its start may have ended before the subscription reached it.
        assert!(
            failed.to_string().contains(&expected) || panics_in == PanicsIn::Start,
            "{failed}"
        );
        assert_eq!(failing.join().await.to_string(), expected);
    }
}

#[tokio::test]
async fn a_behaviour_that_panics_when_dropped_or_stopped_ends_like_any_other() {
    let mut lives = 0;
    let replaced = producer_with(move || {
        lives += 1;
        Panics(if lives == 1 {
            PanicsIn::Drop
        } else {
            PanicsIn::Demand
        })
    })
    .spawn()
    .unwrap();
    let _edge = replaced.stream(Demand::default());
    // The old one's panic does not end the new one, but it is counted: the first failure, the drop, three more failures.
    assert_eq!(replaced.join().await.to_string(), "panicked: no luck");
    assert_eq!(replaced.stats().failed, 5);
    let stopped = producer(Panics(PanicsIn::Stopping)).spawn().unwrap();
    assert!(matches!(stopped.stop().await, Exit::Stopped));
}

/// Fails at multiples of 3 and counts what it handled in this life.
struct Picky(UnboundedSender<usize>);

impl Consumer for Picky {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        while let Some(event) = events.front() {
            if event.is_multiple_of(3) {
                return Err("a multiple of 3".into());
            }
            let _test_over = self.0.send(*event);
            events.pop();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Resume
    }
}

#[tokio::test]
async fn a_skipped_event_counts_as_handled_and_is_asked_for_again() {
    let (sender, mut handled) = unbounded_channel();
    let numbers = from_iter(0..30).spawn().unwrap();
    let picky = consumer(Picky(sender))
        .subscribe_to(&numbers, Demand::new(4, 1).unwrap())
        .spawn()
        .unwrap();
    assert!(matches!(picky.join().await, Exit::Completed));
    let expected: Vec<usize> = (0..30).filter(|event| event % 3 != 0).collect();
    assert_eq!(drained(&mut handled), expected);
    assert_eq!((picky.stats().failed, picky.stats().lost), (10, 0));
}

/// Fails at each multiple of 3, by error or by panic, and leaves it in the batch or not.
#[derive(Clone, Copy)]
struct Letters {
    panics: bool,
    takes_first: bool,
}

impl Consumer for Letters {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        while let Some(event) = events.as_slice().first().copied() {
            if self.takes_first {
                events.pop();
            } else {
                events.front();
            }
            if event.is_multiple_of(3) {
                assert!(!self.panics, "a multiple of 3");
                return Err("a multiple of 3".into());
            }
            if !self.takes_first {
                events.pop();
            }
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::DeadLetter
    }
}

#[tokio::test]
async fn a_dead_letter_is_the_event_that_failed_unless_it_was_taken_out() {
    for (panics, takes_first) in [(false, false), (true, false), (false, true)] {
        let letters = dead_letters().spawn().unwrap();
        let numbers = from_iter(1..=10).spawn().unwrap();
        let sink = consumer_with(move || Letters {
            panics,
            takes_first,
        })
        .intensity(Intensity::new(10, GRACE))
        .subscribe_to(&numbers, Demand::new(4, 1).unwrap())
        .dead_letters_to(&letters)
        .named("picky")
        .within(&Stages::new())
        .spawn()
        .unwrap();
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!((sink.stats().failed, sink.stats().lost), (3, 0));
        let edge = letters.stream(Demand::default());
        letters.drain(GRACE).await;
        let dead: Vec<_> = edge.try_collect().await.unwrap();
        let expected: &[usize] = if takes_first { &[] } else { &[3, 6, 9] };
        assert_eq!(
            dead.iter().map(|letter| letter.event).collect::<Vec<_>>(),
            expected
        );
        for letter in dead {
            assert!(letter.failure.to_string().contains("a multiple of 3"));
            assert_eq!(&*letter.stage, "picky");
        }
    }
}

/// Blocks in its first batch, having taken one event.
struct Blocks(Arc<tokio::sync::Notify>);

impl Consumer for Blocks {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        events.pop();
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_an_aborted_consumer_had_in_hand_is_counted_as_lost_and_the_rest_survives() {
    let at_work = Arc::new(tokio::sync::Notify::new());
    let numbers = from_iter(1..=12).spawn().unwrap();
    let blocks = consumer(Blocks(Arc::clone(&at_work)))
        .subscribe_to(&numbers, Demand::new(10, 5).unwrap())
        .spawn()
        .unwrap();
    at_work.notified().await;
    blocks.abort();
    assert!(matches!(blocks.join().await, Exit::Aborted));
    assert_eq!(blocks.stats().lost, 10);
    let rest: Vec<usize> = numbers
        .stream(Demand::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rest, [11, 12]);
}

/// Sums what it takes and emits the sum when its upstreams are complete.
struct Sum(usize);

impl ProducerConsumer for Sum {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        _: &mut Context<usize>,
    ) -> Result {
        self.0 += events.drain().sum::<usize>();
        Ok(())
    }

    async fn handle_complete(&mut self, cx: &mut Context<usize>) -> Result {
        cx.emit(self.0);
        Ok(())
    }
}

/// Doubles what it takes, but for 7.
struct Superstitious;

impl ProducerConsumer for Superstitious {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_changed(events, |event| {
            assert!(*event != 7, "on purpose");
            *event *= 2;
        });
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::DeadLetter
    }
}

#[tokio::test]
async fn an_event_that_fails_as_it_is_changed_is_a_dead_letter_and_no_other_is_lost() {
    let letters = dead_letters().spawn().unwrap();
    let numbers = from_iter(0..20).spawn().unwrap();
    let doubled = producer_consumer_with(|| Superstitious)
        .subscribe_to(&numbers, Demand::new(10, 5).unwrap())
        .dead_letters_to(&letters)
        .spawn()
        .unwrap();
    let got: Vec<usize> = doubled
        .stream(Demand::new(4, 0).unwrap())
        .try_collect()
        .await
        .unwrap();
    let expected: Vec<usize> = (0..20).filter(|n| *n != 7).map(|n| 2 * n).collect();
    assert_eq!(got, expected);
    assert_eq!((doubled.stats().failed, doubled.stats().lost), (1, 0));
    let edge = letters.stream(Demand::default());
    letters.drain(GRACE).await;
    let dead: Vec<_> = edge.try_collect().await.unwrap();
    let dead: Vec<usize> = dead.iter().map(|letter| letter.event).collect();
    assert_eq!(dead, [7]);
}

struct Collect(UnboundedSender<usize>);

impl Consumer for Collect {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for event in events {
            let _test_over = self.0.send(event);
        }
        Ok(())
    }
}

struct Push(usize);

impl Handler<Push, usize> for Endless {
    type Reply = ();

    async fn handle(&mut self, Push(event): Push, cx: &mut Context<usize>) {
        cx.emit(event);
    }
}

/// Emits what it is given and never completes by itself.
struct Endless;

impl Producer for Endless {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

#[tokio::test]
async fn a_drained_graph_hands_on_all_it_holds_whatever_an_end_means_to_its_stages() {
    let stages = Stages::new();
    let (sender, mut collected) = unbounded_channel();
    let keep = Subscribe::default().upstream_ends(UpstreamEnds::Keep);
    let endless = producer(Endless).within(&stages).spawn().unwrap();
    for event in [1, 2, 3] {
        endless.call(Push(event)).await.unwrap();
    }
    let sum = producer_consumer(Sum(0))
        .subscribe_to(&endless, keep)
        .within(&stages)
        .spawn()
        .unwrap();
    let sink = consumer(Collect(sender))
        .subscribe_to(&sum, keep)
        .within(&stages)
        .spawn()
        .unwrap();
    assert_eq!(stages.drain(GRACE).await, []);
    assert!(matches!(sink.join().await, Exit::Stopped));
    assert_eq!(drained(&mut collected), [6]);
    assert!(stages.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_drained_within_the_grace_is_aborted_and_reported() {
    let stages = Stages::new();
    let numbers = from_iter(0..100).within(&stages).spawn().unwrap();
    let at_work = Arc::new(tokio::sync::Notify::new());
    let blocks = consumer(Blocks(Arc::clone(&at_work)))
        .subscribe_to(&numbers, Demand::new(10, 5).unwrap())
        .named("blocks")
        .within(&stages)
        .spawn()
        .unwrap();
    at_work.notified().await;
    let left = stages.drain(GRACE).await;
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].name, left[0].stats.lost), ("blocks", 10));
    assert!(matches!(blocks.join().await, Exit::Aborted));
}

#[tokio::test(start_paused = true)]
async fn children_that_an_abort_ends_are_counted_as_lost() {
    let stages = Stages::new();
    let numbers = from_iter(0..9).within(&stages).spawn().unwrap();
    let children = consumer_supervisor(|_: usize| std::future::pending::<Result>())
        .subscribe_to(&numbers, Demand::one_by_one(5).unwrap())
        .within(&stages)
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let left = stages.drain(GRACE).await;
    assert_eq!((left.len(), left[0].stats.lost), (1, 5));
    assert_eq!(children.edges()[0].delivered, 5);
}

#[tokio::test]
async fn a_drained_consumer_handles_what_was_sent_and_leaves_its_producer_alive() {
    let (sender, mut collected) = unbounded_channel();
    let numbers = from_iter(0..).spawn().unwrap();
    let sink = consumer_with(move || Collect(sender.clone()))
        .subscribe_to(&numbers, Demand::new(10, 0).unwrap())
        .spawn()
        .unwrap();
    collected.recv().await.unwrap();
    let drained_sink = sink.drain(GRACE).await;
    assert!(matches!(drained_sink.exit, Exit::Stopped));
    let edge = &sink.edges()[0];
    assert_eq!(drained(&mut collected).len() as u64 + 1, edge.delivered);
    assert_eq!(drained_sink.stats.lost, 0);
    assert!(numbers.exit().is_none());
    numbers.stop().await;
}

#[tokio::test]
async fn a_live_name_is_taken_and_free_again_after_the_end() {
    let stages = Stages::new();
    let start = || from_iter(0..9).named("numbers").within(&stages).spawn();
    let first = start().unwrap();
    assert_eq!(
        start().unwrap_err(),
        SpawnError::NameTaken("numbers".to_owned())
    );
    first.stop().await;
    start().unwrap().stop().await;
    assert!(stages.is_empty());
}
