//! A service that is not ready holds demand back, and its readiness is asked for only where it is used.

use std::future::{Ready, ready};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use stage::{Demand, Exit, Order, Subscription, from_iter, map_service};
use tower_service::Service;

#[derive(Default)]
struct State {
    permits: usize,
    waker: Option<Waker>,
    is_broken: bool,
    polls: usize,
    calls: usize,
}

/// Ready as often as it is permitted; a call of an odd number fails.
#[derive(Clone, Default)]
struct Gate {
    state: Arc<Mutex<State>>,
    is_ready: bool,
}

impl Gate {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn permit(&self, n: usize) {
        self.change(|state| state.permits += n);
    }

    /// How often it was asked and how often it was called.
    fn counts(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.polls, state.calls)
    }
}

impl Service<usize> for Gate {
    type Response = usize;
    type Error = &'static str;
    type Future = Ready<Result<usize, &'static str>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        let mut state = self.state.lock().unwrap();
        state.polls += 1;
        if state.is_broken {
            return Poll::Ready(Err("the gate is broken"));
        }
        if !self.is_ready {
            if state.permits == 0 {
                state.waker = Some(task.waker().clone());
                return Poll::Pending;
            }
            state.permits -= 1;
            self.is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: usize) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called when not ready");
        self.state.lock().unwrap().calls += 1;
        ready(if number % 2 == 1 {
            Err("odd")
        } else {
            Ok(number)
        })
    }
}

async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn taken(edge: &mut Subscription<usize>) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Some(Ok(Some(events))) = edge.next().now_or_never() {
        numbers.extend(events);
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_holds_demand_back() {
    let gate = Gate::default();
    let numbers = from_iter(0..10).spawn().unwrap();
    let n = NonZeroUsize::new(4).unwrap();
    let mapped = map_service(n, Order::Ordered, gate.clone())
        .subscribe_to(&numbers, Demand::new(3, 2).unwrap())
        .spawn()
        .unwrap();
    let mut edge = mapped.subscribe();
    rest().await;
    assert_eq!(gate.counts(), (0, 0), "without demand it is not asked");
    edge.request(NonZeroUsize::new(100).unwrap());
    rest().await;
    assert_eq!((gate.counts().1, mapped.edges()[0].asked), (0, 3));
    gate.permit(2);
    rest().await;
    assert_eq!((gate.counts().1, mapped.edges()[0].asked), (2, 5));
    assert_eq!((taken(&mut edge), mapped.stats().failed), (vec![0], 1));
    gate.permit(8);
    assert!(matches!(mapped.join().await, Exit::Completed));
    assert_eq!(taken(&mut edge), [2, 4, 6, 8]);
    assert_eq!((gate.counts().1, mapped.stats().failed), (10, 5));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_fails_the_stage_with_it() {
    let gate = Gate::default();
    let numbers = from_iter(0..10).spawn().unwrap();
    let mapped = map_service(NonZeroUsize::MIN, Order::Unordered, gate.clone())
        .on_failure(|_| stage::Directive::Resume)
        .subscribe_to(&numbers, Demand::new(3, 2).unwrap())
        .spawn()
        .unwrap();
    let mut edge = mapped.subscribe();
    edge.request(NonZeroUsize::new(100).unwrap());
    gate.permit(1);
    rest().await;
    gate.change(|state| state.is_broken = true);
    let exit = mapped.join().await;
    assert_eq!(exit.to_string(), "failed: the gate is broken");
    assert_eq!((taken(&mut edge), mapped.stats().lost), (vec![0], 3));
}
