//! A counter and a consumer: the batches of the split rule, and what a full or filled buffer does.

use stage::protocol::Window;
use stage::{Demand, WhenFull, consumer, producer};

use crate::fixtures::*;
use crate::reports::Reports;

async fn batches(max: usize, min: usize, count: usize) -> Vec<Vec<usize>> {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(max, min))
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    while all.len() < count {
        all.push(saw.batch().await);
    }
    sink.stop().await;
    counter.stop().await;
    all
}

#[tokio::test]
async fn gs_002_default_window() {
    assert_eq!(Demand::default(), window(1000, 500));
    assert_eq!(
        batches(1000, 500, 2).await,
        [numbers(0..500), numbers(500..1000)]
    );
}

#[tokio::test]
async fn gs_003_window_100_80() {
    let all = batches(100, 80, 60).await;
    assert!(all.iter().all(|batch| batch.len() == 20));
    assert_eq!(all[..2], [numbers(0..20), numbers(20..40)]);
    assert!(all.contains(&numbers(1000..1020)));
}

#[tokio::test]
async fn gs_004_window_100_20() {
    assert_eq!(
        batches(100, 20, 5).await,
        [
            numbers(0..80),
            numbers(80..100),
            numbers(100..180),
            numbers(180..260),
            numbers(260..280)
        ]
    );
}

#[tokio::test]
async fn gs_005_window_1_0_subscribed_late() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    let sink = consumer(Forwarder(log)).spawn().unwrap();
    sink.subscribe_to(&counter, window(1, 0)).unwrap();
    for n in 0..3 {
        assert_eq!(saw.batch().await, [n]);
    }
    counter.abort();
}

#[tokio::test]
async fn gs_024_the_buffer_is_served_before_the_callback() {
    let (log, mut saw) = log();
    let counter = producer(Counter::new()).spawn().unwrap();
    counter.cast(Queue(vec![90, 91, 92])).unwrap();
    counter.call(Queue(vec![93, 94])).await.unwrap();
    assert_eq!(counter.stats().buffered, 5);
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 0))
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, [90, 91, 92, 93]);
    assert_eq!(saw.batch().await, [94]);
    assert_eq!(saw.batch().await, [0, 1, 2]);
    assert_eq!(saw.batch().await, [3, 4, 5, 6]);
    counter.abort();
}

/// Queues 0 to 4 and then 5 to 7; the batches of a consumer that comes later follow from what is kept.
async fn queued(capacity: usize, when_full: WhenFull, discarded: u64, expected: [&[usize]; 2]) {
    let (reports, (log, mut saw)) = (Reports::gather(), log());
    let counter = producer(Counter::new())
        .buffer(capacity, when_full)
        .spawn()
        .unwrap();
    counter.call(Queue(numbers(0..5))).await.unwrap();
    assert_eq!(counter.stats().discarded, 0);
    counter.call(Queue(numbers(5..8))).await.unwrap();
    assert_eq!(counter.stats().discarded, discarded);
    let reported = reports.take(&["events discarded"]);
    let three = reported.iter().filter(|line| line.contains("events=3"));
    assert_eq!(three.count(), usize::from(discarded == 3), "{reported:?}");
    assert_eq!(reported.len(), usize::from(discarded > 0), "{reported:?}");
    let _sink = consumer(Forwarder(log))
        .subscribe_to(&counter, window(4, 0))
        .spawn()
        .unwrap();
    assert_eq!(saw.batch().await, expected[0]);
    assert_eq!(saw.batch().await, expected[1]);
    counter.abort();
}

#[tokio::test]
async fn gs_025_a_full_buffer_keeps_the_first() {
    queued(5, WhenFull::DropNewest, 3, [&[0, 1, 2, 3], &[4]]).await;
}

#[tokio::test]
async fn gs_026_a_full_buffer_keeps_the_last() {
    queued(5, WhenFull::DropOldest, 3, [&[3, 4, 5, 6], &[7]]).await;
}

/// Departure: there is no infinite buffer; one with room for the input keeps all of it.
#[tokio::test]
async fn gs_027_a_buffer_with_room_discards_nothing() {
    queued(8, WhenFull::DropOldest, 0, [&[0, 1, 2, 3], &[4, 5, 6, 7]]).await;
}

#[tokio::test]
async fn a_buffer_that_must_not_overflow_ends_its_stage_with_the_count() {
    let counter = producer(Counter::new())
        .buffer(5, WhenFull::Fail)
        .spawn()
        .unwrap();
    counter.call(Queue(numbers(0..5))).await.unwrap();
    counter.call(Queue(numbers(5..8))).await.unwrap();
    let exit = counter.join().await.to_string();
    assert_eq!(
        exit,
        "failed: the buffer of 5 events is full, and 3 more were emitted than anybody asked for"
    );
    assert_eq!(counter.stats().discarded, 8);
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
    let rows: [Row; 14] = [
        (&[1000], 500, 1000, &[(500, 500), (500, 500)], 1000),
        (&[100], 80, 100, &[(20, 20); 5], 100),
        (&[100], 20, 100, &[(80, 80), (20, 0)], 80),
        (&[100, 80], 20, 100, &[(80, 80), (20, 0), (80, 100)], 100),
        (&[10], 5, 10, &[(5, 5), (5, 5)], 10),
        (&[3], 5, 10, &[(3, 0)], 7),
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
        let mut account = Window::new(window(max, min));
        let (mut splits, mut excess) = (Vec::new(), 0);
        for message in messages {
            account.arrive();
            let mut rest = *message;
            while rest > 0 {
                let split = account.split(rest);
                rest -= split.len;
                excess += split.excess;
                splits.push((split.len, split.ask));
            }
        }
        let row = format!("{messages:?} at {max}/{min}");
        assert_eq!(
            (splits.as_slice(), account.outstanding()),
            (expected, after),
            "{row}"
        );
        assert_eq!(excess, if messages == [12] { 2 } else { 0 }, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn gsx_13_what_is_asked_again_is_asked_by_what_was_handled() {
    let (log, mut saw) = log();
    let silent = producer(Silent(log)).spawn().unwrap();
    let _sink = consumer(Forwarder(no_log()))
        .subscribe_to(&silent, window(10, 5))
        .spawn()
        .unwrap();
    assert_eq!(saw.demand().await, 10);
    for (emitted, asked) in [(3, None), (1, None), (1, Some(5)), (1, None)] {
        silent.call(Queue(vec![0; emitted])).await.unwrap();
        let seen = saw.at_rest().await;
        match (seen.as_slice(), asked) {
            ([], None) => {}
            ([Seen::Demand(n)], Some(asked)) => assert_eq!(*n, asked),
            other => panic!("{other:?}"),
        }
    }
    silent.abort();
}

#[tokio::test(start_paused = true)]
async fn gsx_15_the_callback_hears_what_the_buffer_left() {
    let ((sink_log, mut sink_saw), (log, mut saw)) = (log(), log());
    let silent = producer(Silent(log)).spawn().unwrap();
    silent.call(Queue(numbers(0..5))).await.unwrap();
    let _sink = consumer(Forwarder(sink_log))
        .subscribe_to(&silent, window(100, 0))
        .spawn()
        .unwrap();
    assert_eq!(sink_saw.batch().await, numbers(0..5));
    assert_eq!(saw.demand().await, 95);
    assert!(saw.at_rest().await.is_empty());
    silent.abort();
}

/// Emits what it is given, and hears of what its buffer of 5 drops.
struct Hears {
    log: Log,
    logs_too: bool,
}

impl stage::Producer for Hears {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut stage::Context<usize>) -> stage::Result {
        Ok(())
    }

    fn handle_discarded(&mut self, count: usize) -> bool {
        let _test_over = self.log.send(Seen::Demand(count));
        self.logs_too
    }
}

impl stage::Handler<Queue, usize> for Hears {
    type Reply = ();

    async fn handle(&mut self, Queue(events): Queue, cx: &mut stage::Context<usize>) {
        cx.emit_all(events);
    }
}

/// Queues 0 to 7 into a buffer of 5 that keeps the first, and then subscribes; returns what was logged of it.
async fn hears_of_three(logs_too: bool, max: usize, expected: &[&[usize]]) -> usize {
    let (reports, (log, mut saw), (sink_log, mut sink_saw)) = (Reports::gather(), log(), log());
    let hears = producer(Hears { log, logs_too })
        .buffer(5, WhenFull::DropNewest)
        .spawn()
        .unwrap();
    hears.call(Queue(numbers(0..8))).await.unwrap();
    assert!(matches!(saw.at_rest().await[..], [Seen::Demand(3)]));
    let reported = reports.take(&["events discarded", "events=3"]).len();
    let _sink = consumer(Forwarder(sink_log))
        .subscribe_to(&hears, window(max, 0))
        .spawn()
        .unwrap();
    assert_eq!(sink_saw.batches_at_rest().await, expected);
    assert!(saw.at_rest().await.is_empty());
    assert!(reports.take(&["events discarded"]).is_empty());
    hears.abort();
    reported
}

#[tokio::test(start_paused = true)]
async fn gs_028_a_producer_hears_what_its_buffer_dropped() {
    hears_of_three(true, 4, &[&[0, 1, 2, 3], &[4]]).await;
}

#[tokio::test(start_paused = true)]
async fn gs_029_what_was_dropped_is_logged_as_well() {
    assert_eq!(hears_of_three(true, 5, &[&[0, 1, 2, 3, 4]]).await, 1);
}

#[tokio::test(start_paused = true)]
async fn gs_030_what_was_dropped_is_logged_unless_the_producer_says_no() {
    assert_eq!(hears_of_three(false, 5, &[&[0, 1, 2, 3, 4]]).await, 0);
}
