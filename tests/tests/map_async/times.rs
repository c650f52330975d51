//! The exact times of starts and results, against a naive model: nothing waits longer than the laws demand.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::StreamExt;
use proptest::prelude::*;
use stage::{Demand, Order, from_iter, map_async};
use tokio::time::Instant;

use crate::job::*;

const DEADLINE: Duration = Duration::from_millis(12);

/// Numbers with their times since the beginning, sorted by time and then by number.
type Times = Vec<(Duration, usize)>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    starts: Times,
    results: Times,
    /// The results in the order they came.
    order: Vec<usize>,
}

/// Asks for `max`, and again for each event that is settled; starts what is there while places are free.
fn model(jobs: &[Job], n: usize, max: usize, order: Order) -> Run {
    let mut run = Run::default();
    let mut source = jobs.iter();
    let mut waiting: VecDeque<&Job> = source.by_ref().take(max).collect();
    // When it is done, its job, and whether it is emitted; in the order of starts.
    let mut places: VecDeque<(Duration, &Job, bool)> = VecDeque::new();
    let mut now = Duration::ZERO;
    loop {
        while places.len() < n
            && let Some(job) = waiting.pop_front()
        {
            let (time, is_emitted) = job.comes_to(DEADLINE);
            run.starts.push((now, job.number));
            places.push_back((now + time, job, is_emitted));
        }
        let leaves: Vec<_> = match order {
            Order::Ordered => places.iter().take_while(|(at, ..)| *at <= now).collect(),
            Order::Unordered => places.iter().filter(|(at, ..)| *at <= now).collect(),
        };
        let freed = leaves.len();
        let emitted = leaves.iter().filter(|(.., is_emitted)| *is_emitted);
        run.results
            .extend(emitted.map(|(_, job, _)| (now, job.number)));
        match order {
            Order::Ordered => drop(places.drain(..freed)),
            Order::Unordered => places.retain(|(at, ..)| *at > now),
        }
        waiting.extend(source.by_ref().take(freed));
        if freed > 0 {
            continue;
        }
        let Some(next) = places
            .iter()
            .map(|(at, ..)| *at)
            .filter(|at| *at > now)
            .min()
        else {
            break;
        };
        now = next;
    }
    run.order = run.results.iter().map(|(_, number)| *number).collect();
    run.results.sort_unstable();
    run
}

async fn run(jobs: Vec<Job>, n: usize, max: usize, order: Order) -> Run {
    let (ledger, begin) = (Ledger::default(), Instant::now());
    let of_stage = ledger.clone();
    let jobs = from_iter(jobs).spawn().unwrap();
    let n = NonZeroUsize::new(n).unwrap();
    let mapped = map_async(n, order, move |job: Job| of_stage.work(job))
        .deadline(DEADLINE)
        .subscribe_to(&jobs, Demand::new(max, max - 1).unwrap())
        .spawn()
        .unwrap();
    let mut stream = mapped.stream(Demand::default());
    let mut run = Run::default();
    while let Some(result) = stream.next().await {
        let (_, number) = result.unwrap();
        run.results.push((begin.elapsed(), number));
        run.order.push(number);
    }
    run.results.sort_unstable();
    let record = ledger.lock();
    let since = |at: &Instant| at.duration_since(begin);
    run.starts = record
        .starts
        .iter()
        .map(|(_, number, at)| (since(at), *number))
        .collect();
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn starts_and_results_come_as_early_as_places_and_windows_allow(
        jobs in prop::collection::vec((1..20u64, fate()), 0..40),
        n in 1..6usize,
        max in 1..9usize,
        is_ordered in any::<bool>(),
    ) {
        silence_panics_on_purpose();
        let order = if is_ordered { Order::Ordered } else { Order::Unordered };
        let job = |(number, (millis, fate))| Job { source: 0, number, time: Duration::from_millis(millis), fate };
        let jobs: Vec<Job> = jobs.into_iter().enumerate().map(job).collect();
        let mut expected = model(&jobs, n, max, order);
        on_a_paused_clock(async move {
            let mut run = run(jobs, n, max, order).await;
            if order == Order::Unordered {
                // Which of two that are done in the same millisecond comes first is not told.
                run.order.clear();
                expected.order.clear();
            }
            assert_eq!(run, expected);
        });
    }
}
