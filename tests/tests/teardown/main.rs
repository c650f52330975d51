//! What must hold when stages end badly, are asked the impossible, or wait for themselves.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use stage::{
    Asking, Batch, CallError, Consumer, Context, Demand, Directive, End, Exit, Failure, Group,
    Handler, Producer, ProducerConsumer, ProducerHandle, Result, Stages, Subscribe, SubscriptionId,
    UpstreamEnds, consumer, consumer_supervisor, consumer_with, from_iter, producer,
    producer_consumer,
};

mod bombs;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it comes in time")
}

struct Quiet;

impl Producer for Quiet {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

struct Push(Vec<usize>);

impl Handler<Push, usize> for Quiet {
    type Reply = ();

    async fn handle(&mut self, Push(events): Push, cx: &mut Context<usize>) {
        cx.emit_all(events);
    }
}

#[test]
fn a_runtime_can_be_dropped_while_named_children_start() {
    let (sender, rounds) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for round in 0..30 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .build()
                .unwrap();
            let stages = Stages::new();
            let guard = runtime.enter();
            let source = from_iter(0u64..).within(&stages).spawn().unwrap();
            let started = Arc::new(AtomicUsize::new(0));
            let in_started = Arc::clone(&started);
            let _children = consumer_supervisor(move |_: u64| {
                in_started.fetch_add(1, Ordering::Relaxed);
                async {
                    tokio::task::yield_now().await;
                    Ok(())
                }
            })
            .name_children(|n| format!("child-{n}"))
            .within(&stages)
            .subscribe_to(&source, Demand::new(1000, 0).unwrap())
            .spawn()
            .unwrap();
            drop(guard);
            while started.load(Ordering::Relaxed) < 100 * round {
                std::thread::yield_now();
            }
            drop(runtime);
            sender.send(round).unwrap();
        }
    });
    for round in 0..30 {
        assert_eq!(
            rounds.recv_timeout(PATIENCE),
            Ok(round),
            "the runtime hangs"
        );
    }
}

/// Holds something for as long as it lives.
struct Heavy {
    _held: Arc<()>,
}

impl Producer for Heavy {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_stage_finds_its_behaviour_dropped() {
    for _ in 0..200 {
        let held = Arc::new(());
        let heavy = producer(Heavy {
            _held: Arc::clone(&held),
        })
        .spawn()
        .unwrap();
        heavy.stop().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

/// Passes on what it gets, counted.
struct Counts(Arc<AtomicUsize>);

impl ProducerConsumer for Counts {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        self.0.fetch_add(events.len(), Ordering::SeqCst);
        cx.emit_all(events);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_to_a_stage_after_its_end_is_all_that_its_counts_still_grow_by() {
    for _ in 0..200 {
        let handled = Arc::new(AtomicUsize::new(0));
        let numbers = from_iter(0..).spawn().unwrap();
        let counts = producer_consumer(Counts(Arc::clone(&handled)))
            .subscribe_to(&numbers, Demand::new(10, 5).unwrap())
            .spawn()
            .unwrap();
        let mut edge = counts.subscribe();
        edge.request(NonZeroUsize::MAX);
        soon(edge.next()).await.unwrap();
        soon(counts.stop()).await;
        let (joined, handled) = (counts.stats(), handled.load(Ordering::SeqCst));
        soon(numbers.stop()).await;
        let (settled, edge) = (counts.stats(), &counts.edges()[0]);
        assert_eq!(settled.discarded, joined.discarded);
        assert_eq!((settled.buffered, settled.owed, settled.failed), (0, 0, 0));
        assert!(settled.lost >= joined.lost);
        assert_eq!(edge.delivered, handled as u64 + settled.lost);
    }
}

#[tokio::test(start_paused = true)]
async fn asks_beyond_all_numbers_are_neither_a_panic_nor_a_loss() {
    let quiet = producer(Quiet).spawn().unwrap();
    let (mut large, mut small) = (quiet.subscribe(), quiet.subscribe());
    large.request(NonZeroUsize::MAX);
    large.request(NonZeroUsize::MAX);
    small.request(10.try_into().unwrap());
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(large);
    tokio::time::sleep(Duration::from_millis(1)).await;
    quiet.call(Push((0..5).collect())).await.unwrap();
    // The sum of all asks has no room for the small one, so its events wait for its next ask.
    small.request(10.try_into().unwrap());
    assert_eq!(soon(small.next()).await.unwrap().unwrap(), [0, 1, 2, 3, 4]);
    quiet.stop().await;
}

#[tokio::test]
async fn an_endless_ask_of_an_endless_iterator_can_be_aborted() {
    let endless = from_iter(std::iter::repeat(())).spawn().unwrap();
    let mut edge = endless.subscribe();
    edge.request(NonZeroUsize::MAX);
    soon(edge.next()).await.unwrap();
    endless.abort();
    assert!(matches!(soon(endless.join()).await, Exit::Aborted));
}

/// Fails its first subscribing.
struct Hesitates {
    fails: Arc<AtomicUsize>,
    directive: Directive,
    handled: Arc<AtomicUsize>,
}

impl Consumer for Hesitates {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        _: SubscriptionId,
        asking: Asking,
        _: &mut Context,
    ) -> Result<Asking> {
        if self.fails.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err("not yet".into());
        }
        Ok(asking)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.handled.fetch_add(events.len(), Ordering::SeqCst);
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }
}

#[tokio::test]
async fn a_consumer_that_fails_to_subscribe_and_goes_on_asks_all_the_same() {
    for directive in [Directive::Resume, Directive::Restart] {
        let (fails, handled) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let in_handled = Arc::clone(&handled);
        let numbers = from_iter(0..10).spawn().unwrap();
        let sink = consumer_with(move || Hesitates {
            fails: Arc::clone(&fails),
            directive,
            handled: Arc::clone(&in_handled),
        })
        .subscribe_to(&numbers, Demand::default())
        .spawn()
        .unwrap();
        assert!(matches!(soon(sink.join()).await, Exit::Completed));
        assert_eq!(handled.load(Ordering::SeqCst), 10, "{directive:?}");
    }
}

/// Takes 10 ms for each batch.
struct Slow(Arc<AtomicUsize>);

impl Consumer for Slow {
    type In = usize;

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(())
    }
}

struct Count;

impl Handler<Count> for Slow {
    type Reply = usize;

    async fn handle(&mut self, _: Count, _: &mut Context) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn calls_and_stops_come_between_two_batches_of_one_message() {
    let batches = Arc::new(AtomicUsize::new(0));
    let numbers = from_iter(0..1000).spawn().unwrap();
    let slow = consumer(Slow(Arc::clone(&batches)))
        .subscribe_to(&numbers, Demand::new(1000, 999).unwrap())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(25)).await;
    assert_eq!(slow.call(Count).await, Ok(3));
    slow.stop().await;
    assert_eq!(batches.load(Ordering::SeqCst), 4);
    assert_eq!(slow.stats().lost, 1000 - 4);
}

/// Emits a mark when it completes.
struct Marks;

impl ProducerConsumer for Marks {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events);
        Ok(())
    }

    async fn handle_complete(&mut self, cx: &mut Context<usize>) -> Result {
        cx.emit(999);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_completes_once() {
    let permanent = Subscribe::default().upstream_ends(UpstreamEnds::Stop);
    let [a, b] = [(); 2].map(|()| producer(Quiet).spawn().unwrap());
    let marks = producer_consumer(Marks)
        .subscribe_to(&a, permanent)
        .subscribe_to(&b, permanent)
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    for source in [a, b] {
        source.stop().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let all: Vec<usize> = marks.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [999]);
}

/// Stops itself and fails in the same callback.
struct StopsAndFails(Arc<AtomicUsize>);

impl Consumer for StopsAndFails {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, cx: &mut Context) -> Result {
        self.0.fetch_add(1, Ordering::SeqCst);
        events.pop();
        cx.stop();
        Err("at its end".into())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Resume
    }
}

#[tokio::test]
async fn no_callback_follows_a_stop() {
    let calls = Arc::new(AtomicUsize::new(0));
    let numbers = from_iter(0..10).spawn().unwrap();
    let sink = consumer(StopsAndFails(Arc::clone(&calls)))
        .subscribe_to(&numbers, Demand::new(10, 0).unwrap())
        .spawn()
        .unwrap();
    assert!(matches!(soon(sink.join()).await, Exit::Stopped));
    assert_eq!((calls.load(Ordering::SeqCst), sink.stats().lost), (1, 9));
}

/// Has a stage call and stop itself by its own handle.
struct Look(ProducerHandle<Quiet>);

impl Handler<Look, usize> for Quiet {
    type Reply = std::result::Result<(), CallError>;

    async fn handle(
        &mut self,
        Look(me): Look,
        _: &mut Context<usize>,
    ) -> std::result::Result<(), CallError> {
        let called = me.call(Look(me.clone())).await;
        me.stop().await;
        called.and_then(|inner| inner)
    }
}

#[tokio::test]
async fn a_stage_that_calls_or_stops_itself_does_not_wait_for_ever() {
    let quiet = producer(Quiet).spawn().unwrap();
    let looked = soon(quiet.call(Look(quiet.clone()))).await;
    assert_eq!(looked, Ok(Err(CallError::Itself)));
    assert!(matches!(soon(quiet.join()).await, Exit::Stopped));
}

/// Drives a runtime of its own within a callback.
struct Nests;

impl Producer for Nests {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

/// Has a stage on that runtime call and stop itself.
struct LookWithin;

impl Handler<LookWithin, usize> for Nests {
    type Reply = std::result::Result<(), CallError>;

    async fn handle(&mut self, _: LookWithin, _: &mut Context<usize>) -> Self::Reply {
        tokio::task::block_in_place(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().build().unwrap().block_on(async {
                let quiet = producer(Quiet).spawn().unwrap();
                soon(quiet.call(Look(quiet.clone()))).await.unwrap()
            })
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_knows_itself_within_a_callback_of_a_member_of_a_group() {
    let nests = producer(Nests).colocate(&Group::new()).spawn().unwrap();
    let looked = soon(nests.call(LookWithin)).await;
    assert_eq!(looked, Ok(Err(CallError::Itself)));
    nests.stop().await;
}

#[tokio::test]
async fn an_unnamed_stage_frees_no_other_stages_name() {
    let stages = Stages::new();
    let unnamed = producer(Quiet).within(&stages).spawn().unwrap();
    let named = producer(Quiet)
        .named(unnamed.name())
        .within(&stages)
        .spawn()
        .unwrap();
    unnamed.stop().await;
    assert!(stages.registry().outlet::<usize>(named.name()).is_ok());
    named.stop().await;
    assert!(stages.registry().outlet::<usize>(named.name()).is_err());
}

struct Hears(tokio::sync::mpsc::UnboundedSender<End>);

impl ProducerConsumer for Hears {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events);
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        end: &End,
        _: &mut Context<usize>,
    ) -> Result {
        let _test_over = self.0.send(end.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_subscription_to_oneself_is_refused() {
    let (sender, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let hears = producer_consumer(Hears(sender)).spawn().unwrap();
    hears.subscribe_to(&hears, Demand::default()).unwrap();
    assert!(matches!(
        soon(ends.recv()).await,
        Some(End::Down(Exit::Unreachable))
    ));
    assert!(matches!(soon(hears.stop()).await, Exit::Stopped));
}

#[tokio::test]
async fn a_grace_without_end_drains_all_the_same() {
    let stages = Stages::new();
    let numbers = from_iter(0..9).within(&stages).spawn().unwrap();
    assert_eq!(soon(stages.drain(Duration::MAX)).await, []);
    assert!(matches!(numbers.join().await, Exit::Stopped));
}
