//! The core on the real runtime: batches of the split rule, bounded flow, completion, failure, calls, children.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stage::protocol::{Deliveries, DemandDispatcher, ProducerHalf, Window};
use stage::{
    Batch, Consumer, Context, Demand, Directive, Exit, Failure, Handler, Producer,
    ProducerConsumer, Result, SpawnError, Stages, Subscribe, SubscriptionId, UpstreamEnds,
    WhenFull, consumer, consumer_supervisor, producer, producer_consumer, producer_with,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

struct Counter(usize, usize);

impl Producer for Counter {
    type Out = usize;
    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let end = self.1.min(self.0 + demand);
        cx.emit_all(self.0..end);
        self.0 = end;
        if end == self.1 {
            cx.complete();
        }
        Ok(())
    }
}

struct Queue(Vec<usize>);

impl Handler<Queue, usize> for Counter {
    type Reply = usize;
    async fn handle(&mut self, message: Queue, cx: &mut Context<usize>) -> usize {
        let n = message.0.len();
        cx.emit_all(message.0);
        n
    }
}

struct Doubler;

impl ProducerConsumer for Doubler {
    type In = usize;
    type Out = usize;
    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events.flat_map(|n| [n, n]));
        Ok(())
    }
}

struct Forwarder(UnboundedSender<Vec<usize>>);

impl Consumer for Forwarder {
    type In = usize;
    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        let _test_over = self.0.send(events.collect());
        Ok(())
    }
}

fn forwarder() -> (Forwarder, UnboundedReceiver<Vec<usize>>) {
    let (sender, batches) = unbounded_channel();
    (Forwarder(sender), batches)
}

async fn batches(max: usize, min: usize, n: usize) -> Vec<Vec<usize>> {
    let (sink, mut batches) = forwarder();
    let counter = producer(Counter(0, usize::MAX)).spawn().unwrap();
    let sink = consumer(sink)
        .subscribe_to(&counter, Demand::new(max, min).unwrap())
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    while all.len() < n {
        all.push(batches.recv().await.unwrap());
    }
    sink.stop().await;
    counter.stop().await;
    all
}

fn lengths(batches: &[Vec<usize>]) -> Vec<usize> {
    batches.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn gs_002_the_default_window_gives_batches_of_500() {
    assert_eq!(
        batches(1000, 500, 2).await,
        [(0..500).collect::<Vec<_>>(), (500..1000).collect()]
    );
}

#[tokio::test]
async fn gs_003_a_high_minimum_gives_small_batches() {
    let all = batches(100, 80, 60).await;
    assert!(all.iter().all(|batch| batch.len() == 20));
    assert!(all.contains(&(1000..1020).collect()));
}

#[tokio::test]
async fn gs_004_a_low_minimum_gives_uneven_batches() {
    assert_eq!(lengths(&batches(100, 20, 5).await), [80, 20, 80, 80, 20]);
}

#[tokio::test]
async fn gs_005_one_at_a_time() {
    assert_eq!(batches(1, 0, 3).await, [[0], [1], [2]]);
}

#[tokio::test]
async fn gs_010_a_producer_consumer_keeps_order_and_serves_its_buffer_first() {
    let (sink, mut batches) = forwarder();
    let counter = producer(Counter(0, usize::MAX)).spawn().unwrap();
    let doubler = producer_consumer(Doubler)
        .subscribe_to(&counter, Demand::new(100, 20).unwrap())
        .spawn()
        .unwrap();
    let _sink = consumer(sink)
        .subscribe_to(&doubler, Demand::new(100, 50).unwrap())
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    while all.len() < 2000 {
        let batch = batches.recv().await.unwrap();
        assert!(batch.len() <= 50);
        all.extend(batch);
    }
    assert!(all.iter().enumerate().all(|(at, n)| *n == at / 2));
    counter.abort();
}

#[tokio::test]
async fn gs_024_a_call_is_answered_after_its_events_are_buffered_and_the_buffer_goes_first() {
    let (sink, mut batches) = forwarder();
    let counter = producer(Counter(0, usize::MAX)).spawn().unwrap();
    assert_eq!(counter.call(Queue(vec![90, 91, 92])).await, Ok(3));
    assert_eq!(counter.call(Queue(vec![93, 94])).await, Ok(2));
    assert_eq!(counter.stats().buffered, 5);
    let _sink = consumer(sink)
        .subscribe_to(&counter, Demand::new(4, 0).unwrap())
        .spawn()
        .unwrap();
    assert_eq!(batches.recv().await.unwrap(), [90, 91, 92, 93]);
    assert_eq!(batches.recv().await.unwrap(), [94]);
    assert_eq!(batches.recv().await.unwrap(), [0, 1, 2]);
    counter.abort();
}

#[tokio::test]
async fn gs_025_026_a_full_buffer_drops_by_its_policy_and_counts() {
    for (policy, expected) in [
        (WhenFull::DropNewest, [0, 1, 2, 3]),
        (WhenFull::DropOldest, [3, 4, 5, 6]),
    ] {
        let (sink, mut batches) = forwarder();
        let counter = producer(Counter(0, usize::MAX))
            .buffer(5, policy)
            .spawn()
            .unwrap();
        counter.call(Queue((0..5).collect())).await.unwrap();
        counter.call(Queue((5..8).collect())).await.unwrap();
        assert_eq!(counter.stats().discarded, 3);
        let _sink = consumer(sink)
            .subscribe_to(&counter, Demand::new(4, 0).unwrap())
            .spawn()
            .unwrap();
        assert_eq!(batches.recv().await.unwrap(), expected);
        counter.abort();
    }
}

#[test]
fn gs_045_bad_windows_are_refused_with_their_numbers() {
    assert_eq!(
        Demand::new(0, 0).unwrap_err().to_string(),
        "max_demand must be at least 1, got 0"
    );
    assert_eq!(
        Demand::new(1000, 2000).unwrap_err().to_string(),
        "min_demand must be at most 999, got 2000"
    );
}

#[tokio::test]
async fn gs_047_049_a_dead_producer_is_unreachable() {
    let counter = producer(Counter(0, usize::MAX)).spawn().unwrap();
    counter.stop().await;
    let stops = consumer(forwarder().0)
        .subscribe_to(&counter, Demand::default())
        .spawn()
        .unwrap();
    assert!(matches!(stops.join().await, Exit::Unreachable));
    let keeps = Subscribe::from(Demand::default()).upstream_ends(UpstreamEnds::Keep);
    let keeps = consumer(forwarder().0)
        .subscribe_to(&counter, keeps)
        .spawn()
        .unwrap();
    assert!(matches!(keeps.stop().await, Exit::Stopped));
}

#[tokio::test]
async fn gs_078_an_aborted_producer_aborts_its_consumer() {
    let counter = producer(Counter(0, usize::MAX)).spawn().unwrap();
    let (sink, mut batches) = forwarder();
    let sink = consumer(sink)
        .subscribe_to(&counter, Demand::default())
        .spawn()
        .unwrap();
    batches.recv().await.unwrap();
    counter.abort();
    assert!(matches!(sink.join().await, Exit::Aborted));
}

#[test]
fn gsx_12_the_split_table() {
    type Row = (
        &'static [usize],
        usize,
        usize,
        &'static [(usize, usize)],
        usize,
    );
    let rows: [Row; 13] = [
        (&[1000], 500, 1000, &[(500, 500), (500, 500)], 1000),
        (&[100], 80, 100, &[(20, 20); 5], 100),
        (&[100], 20, 100, &[(80, 80), (20, 0)], 80),
        (&[100, 80], 20, 100, &[(80, 80), (20, 0), (80, 100)], 100),
        (&[10], 5, 10, &[(5, 5), (5, 5)], 10),
        (&[3, 2], 5, 10, &[(3, 0), (2, 5)], 10),
        (&[7], 3, 7, &[(4, 4), (3, 0)], 4),
        (&[5], 3, 7, &[(4, 4), (1, 0)], 6),
        (&[10], 0, 10, &[(10, 10)], 10),
        (&[1], 0, 1, &[(1, 1)], 1),
        (&[700], 750, 1000, &[(250, 250), (250, 250), (200, 0)], 800),
        (
            &[100, 100, 100],
            750,
            1000,
            &[(100, 0), (100, 0), (100, 300)],
            1000,
        ),
        (&[12], 5, 10, &[(5, 5), (5, 5), (2, 0)], 10),
    ];
    for (messages, min, max, expected, after) in rows {
        let mut window = Window::new(Demand::new(max, min).unwrap());
        let mut splits = Vec::new();
        for message in messages {
            window.arrive();
            let mut rest = *message;
            while rest > 0 {
                let split = window.split(rest);
                rest -= split.len;
                splits.push((split.len, split.ask));
            }
        }
        assert_eq!(
            (splits.as_slice(), window.outstanding()),
            (expected, after),
            "{messages:?} {min}/{max}"
        );
    }
}

#[test]
fn gs_126_orphaned_demand_is_used_again() {
    let buffer = stage::protocol::Buffer::new(100, WhenFull::DropOldest);
    let mut half = ProducerHalf::new(Box::new(DemandDispatcher::default()), buffer);
    let mut deliveries: Deliveries<u8> = Vec::new();
    let (a, b) = (SubscriptionId::next(), SubscriptionId::next());
    half.on_subscribe(a);
    half.on_ask(a, 10, &mut deliveries);
    assert_eq!(half.take_demand(), 10);
    half.on_cancel(a);
    assert_eq!((half.take_demand(), half.orphaned()), (0, 10));
    half.on_subscribe(b);
    half.on_ask(b, 5, &mut deliveries);
    assert_eq!((half.take_demand(), half.orphaned()), (0, 5));
    half.on_cancel(b);
    let _kept = half.on_emit(&mut vec![1, 2, 3], &mut deliveries);
    assert_eq!(
        (half.orphaned(), half.buffered(), deliveries.len()),
        (7, 3, 0)
    );
}

#[tokio::test]
async fn gsx_21_completion_comes_after_the_last_event() {
    let (sink, mut batches) = forwarder();
    let counter = producer(Counter(0, 10)).spawn().unwrap();
    let doubler = producer_consumer(Doubler)
        .subscribe_to(&counter, Demand::new(4, 2).unwrap())
        .spawn()
        .unwrap();
    let sink = consumer(sink)
        .subscribe_to(&doubler, Demand::new(3, 1).unwrap())
        .spawn()
        .unwrap();
    assert!(matches!(sink.join().await, Exit::Completed));
    drop(sink);
    let mut all = Vec::new();
    while let Some(batch) = batches.recv().await {
        all.extend(batch);
    }
    assert_eq!(all, (0..10).flat_map(|n| [n, n]).collect::<Vec<_>>());
}

struct Fails(usize);

impl Producer for Fails {
    type Out = usize;
    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        assert!(self.0 > 0, "no luck");
        cx.emit_all(0..demand);
        Ok(())
    }
    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Restart
    }
}

#[tokio::test]
async fn a_restart_is_invisible_downstream_and_the_debt_is_told_again() {
    let mut luck = 0;
    let made = producer_with(move || {
        luck += 1;
        Fails(luck - 1)
    });
    let (sink, mut batches) = forwarder();
    let failing = made.spawn().unwrap();
    let _sink = consumer(sink)
        .subscribe_to(&failing, Demand::new(4, 0).unwrap())
        .spawn()
        .unwrap();
    assert_eq!(batches.recv().await.unwrap(), [0, 1, 2, 3]);
    assert_eq!(failing.stats().failed, 1);
    failing.abort();
}

#[tokio::test]
async fn without_a_factory_a_panic_ends_both_sides_with_its_message() {
    let failing = producer(Fails(0)).spawn().unwrap();
    let sink = consumer(forwarder().0)
        .subscribe_to(&failing, Demand::default())
        .spawn()
        .unwrap();
    for exit in [failing.join().await, sink.join().await] {
        assert!(matches!(exit, Exit::Panicked(message) if &*message == "no luck"));
    }
}

#[tokio::test]
async fn a_live_name_is_taken_and_free_again_after_the_end() {
    let stages = Stages::new();
    let start = || {
        producer(Counter(0, usize::MAX))
            .named("numbers")
            .within(&stages)
            .spawn()
    };
    let first = start().unwrap();
    assert_eq!(
        start().unwrap_err(),
        SpawnError::NameTaken("numbers".to_owned())
    );
    first.stop().await;
    start().unwrap().stop().await;
    assert!(stages.is_empty());
}

#[tokio::test(start_paused = true)]
async fn children_never_exceed_the_demand_and_completion_waits_for_them() {
    let (running, most, done) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let counter = producer(Counter(0, 50)).spawn().unwrap();
    let (r, m, d) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&done));
    let children = consumer_supervisor(move |n: usize| {
        let (r, m, d) = (Arc::clone(&r), Arc::clone(&m), Arc::clone(&d));
        async move {
            m.fetch_max(r.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            r.fetch_sub(1, Ordering::SeqCst);
            d.fetch_add(1, Ordering::SeqCst);
            if n.is_multiple_of(7) {
                Err("unlucky".into())
            } else {
                Ok(())
            }
        }
    })
    .name_children(|n| format!("child-{n}"))
    .subscribe_to(&counter, Demand::new(10, 9).unwrap())
    .spawn()
    .unwrap();
    assert!(matches!(children.join().await, Exit::Completed));
    assert_eq!(
        (done.load(Ordering::SeqCst), most.load(Ordering::SeqCst)),
        (50, 10)
    );
    assert_eq!(children.stats().failed, 8);
    let edges = children.edges();
    assert!(edges[0].asked >= edges[0].delivered && edges[0].delivered == 50);
}
