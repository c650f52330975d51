//! A stage that was spawned is subscribed, whether or not it has run: what its producers are told next comes later.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::sync::{Arc, Mutex};

use stage::{
    Batch, Broadcast, Consumer, ConsumerHandle, Context, Demand, DemandMode, Exit, Producer,
    Result, Source, Subscribe, consumer, from_iter, producer,
};

type Taken = Arc<Mutex<Vec<usize>>>;

/// Keeps what it gets.
#[derive(Default)]
struct Keeps(Taken);

impl Consumer for Keeps {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }
}

fn small() -> Subscribe {
    Demand::new(10, 5).unwrap().into()
}

/// Spawns a consumer, which runs later at the soonest.
fn keeps(source: &impl Source<Out = usize>) -> (ConsumerHandle<Keeps>, Taken) {
    let taken = Taken::default();
    let stage = consumer(Keeps(Arc::clone(&taken))).subscribe_to(source, small());
    (stage.spawn().unwrap(), taken)
}

#[tokio::test]
async fn who_was_spawned_before_demand_is_forwarded_misses_nothing() {
    let numbers = from_iter(0..100).dispatcher(Broadcast::new()).accumulate();
    let numbers = numbers.spawn().unwrap();
    let all: Vec<_> = (0..3).map(|_| keeps(&numbers)).collect();
    numbers.set_demand_mode(DemandMode::Forward);
    for (stage, taken) in all {
        assert!(matches!(stage.join().await, Exit::Completed));
        assert_eq!(*taken.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_that_is_aborted_before_it_runs_holds_up_nobody() {
    let numbers = from_iter(0..100).dispatcher(Broadcast::new()).accumulate();
    let numbers = numbers.spawn().unwrap();
    let (aborted, nothing) = keeps(&numbers);
    let (stage, taken) = keeps(&numbers);
    aborted.abort();
    numbers.set_demand_mode(DemandMode::Forward);
    assert!(matches!(stage.join().await, Exit::Completed));
    assert_eq!(taken.lock().unwrap().len(), 100);
    assert!(matches!(aborted.join().await, Exit::Aborted));
    assert_eq!(nothing.lock().unwrap().len(), 0);
}

/// Completes as soon as it runs.
struct Brief;

impl Producer for Brief {
    type Out = usize;

    async fn started(&mut self, cx: &mut Context<usize>) -> Result {
        cx.complete();
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

/// More than the control messages of a turn.
#[tokio::test]
async fn the_ends_of_many_producers_that_ran_first_are_heard() {
    let producers: Vec<_> = (0..100).map(|_| producer(Brief).spawn().unwrap()).collect();
    let all = producers
        .iter()
        .fold(consumer(Keeps::default()), |stage, source| {
            stage.subscribe_to(source, small())
        });
    assert_eq!(all.spawn().unwrap().join().await.to_string(), "completed");
}

#[tokio::test]
async fn one_that_ends_as_it_starts_leaves_its_producers() {
    struct Leaves;

    impl Consumer for Leaves {
        type In = usize;

        async fn started(&mut self, cx: &mut Context) -> Result {
            cx.complete();
            Ok(())
        }

        async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
            Err("nothing was asked for".into())
        }
    }

    let numbers = from_iter(0..100).dispatcher(Broadcast::new()).accumulate();
    let numbers = numbers.spawn().unwrap();
    let leaves = consumer(Leaves).subscribe_to(&numbers, small());
    let leaves = leaves.spawn().unwrap();
    let (stage, taken) = keeps(&numbers);
    numbers.set_demand_mode(DemandMode::Forward);
    assert!(matches!(leaves.join().await, Exit::Completed));
    assert!(matches!(stage.join().await, Exit::Completed));
    assert_eq!(taken.lock().unwrap().len(), 100);
}
