//! The stages of the scenarios, and what is true of one that has ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::future::yield_now;
use stage::{
    Batch, Consumer, Context, Demand, Directive, Failure, Handle, Handler, Intensity, Producer,
    ProducerConsumer, Result, Subscription, Takes,
};

/// What was handled, in its order. No step of the schedule: nobody but the test reads it.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<usize>>>);

impl Seen {
    pub(crate) fn push(&self, event: usize) {
        self.0.lock().unwrap().push(event);
    }

    pub(crate) fn events(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }
}

/// Handles one event after the other, and lets others come in between.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) seen: Seen,
    /// The event that fails it.
    pub(crate) fails_at: Option<usize>,
}

impl Sink {
    pub(crate) fn new(seen: &Seen) -> Self {
        Self {
            seen: seen.clone(),
            fails_at: None,
        }
    }
}

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        while let Some(event) = events.front().copied() {
            yield_now().await;
            if self.fails_at == Some(event) {
                return Err("a failure on purpose".into());
            }
            self.seen.push(event);
            events.pop();
        }
        Ok(())
    }
}

/// Emits what it takes.
#[derive(Default)]
pub(crate) struct Middle(pub(crate) Seen);

impl ProducerConsumer for Middle {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        while let Some(event) = events.front().copied() {
            yield_now().await;
            self.0.push(event);
            cx.emit(event);
            events.pop();
        }
        Ok(())
    }
}

/// Fails at each other demand, before it paid anything or after it paid one.
#[derive(Clone)]
pub(crate) struct Flaky {
    /// The next number and how often it was called, which outlive a restart.
    next: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    directive: Directive,
}

impl Flaky {
    pub(crate) fn new(directive: Directive) -> Self {
        Self {
            next: Arc::default(),
            calls: Arc::default(),
            directive,
        }
    }
}

impl Producer for Flaky {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let pays = match calls % 4 {
            0 => 0,
            2 => 1,
            _ => demand,
        };
        let next = self.next.fetch_add(pays, Ordering::Relaxed);
        cx.emit_all(next..next + pays);
        yield_now().await;
        if calls.is_multiple_of(2) {
            return Err("a failure on purpose".into());
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }
}

/// Emits what it is sent, whether it was asked for or not.
pub(crate) struct Pushed;

pub(crate) struct Push(pub(crate) usize);

impl Producer for Pushed {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<Push, usize> for Pushed {
    type Reply = ();

    async fn handle(&mut self, Push(event): Push, cx: &mut Context<usize>) {
        cx.emit(event);
    }
}

/// More restarts than a scenario needs: the clock is not explored.
pub(crate) fn often() -> Intensity {
    Intensity::new(1_000, Duration::from_secs(1))
}

pub(crate) fn demand(max: usize, min: usize) -> Demand {
    Demand::new(max, min).unwrap()
}

/// Asks for `n` and takes as many; waits for ever when fewer come.
pub(crate) async fn take(edge: &mut Subscription<usize>, n: usize) -> Vec<usize> {
    edge.request(n.try_into().unwrap());
    let mut taken = Vec::new();
    while taken.len() < n {
        taken.extend(edge.next().await.unwrap().expect("it has not ended"));
    }
    assert_eq!(taken.len(), n, "more came than was asked for");
    taken
}

/// Takes what still comes until the end.
pub(crate) async fn take_rest(edge: &mut Subscription<usize>) -> Vec<usize> {
    let mut taken = Vec::new();
    while let Ok(Some(events)) = edge.next().await {
        taken.extend(events);
    }
    taken
}

/// What was sent to a stage that has ended was handled, failed it, or is counted as lost. Its producers have ended too.
pub(crate) fn assert_conserved<R: Takes>(ended: &Handle<R>, handled: usize) {
    let sent: u64 = ended.edges().iter().map(|edge| edge.delivered).sum();
    let stats = ended.stats();
    assert_eq!(
        sent,
        handled as u64 + stats.failed + stats.lost,
        "{stats:?}"
    );
}

/// Each list is in order, and together they are the first numbers, each once.
pub(crate) fn assert_first(lists: &[&[usize]], len: usize) {
    let mut all = lists.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..len), "{lists:?}");
    assert!(lists.iter().all(|list| list.is_sorted()), "{lists:?}");
}
