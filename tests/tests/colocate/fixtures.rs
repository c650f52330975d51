//! Small stages of the stories, and the runtimes they run on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stage::{Batch, Consumer, Context, Directive, Failure, Handler, ProducerConsumer, Result};
use tokio::runtime::Builder;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it comes in time")
}

/// Runs a story on one thread, and on two workers.
pub(crate) fn on_both<F: Future<Output = ()>>(story: impl Fn() -> F) {
    let one = Builder::new_current_thread().enable_time().build().unwrap();
    one.block_on(soon(story()));
    let mut two = Builder::new_multi_thread();
    let two = two.worker_threads(2).enable_time().build().unwrap();
    two.block_on(soon(story()));
}

/// Keeps what it gets.
#[derive(Clone, Default)]
pub(crate) struct Keep(pub(crate) Arc<Mutex<Vec<usize>>>);

impl Keep {
    pub(crate) fn kept(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

impl Consumer for Keep {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }
}

pub(crate) struct Look;

impl Handler<Look> for Keep {
    type Reply = usize;

    async fn handle(&mut self, _: Look, _: &mut Context) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Passes on what it gets, plus one.
pub(crate) struct PlusOne;

impl ProducerConsumer for PlusOne {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events.map(|event| event + 1));
        Ok(())
    }
}

/// What becomes of an event that is at work.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    Fails,
    Panics,
    Hangs,
}

/// Keeps what it gets, but for one event that goes badly.
#[derive(Clone)]
pub(crate) struct Unlucky {
    pub(crate) keep: Keep,
    pub(crate) at: usize,
    pub(crate) fate: Fate,
    pub(crate) directive: Directive,
}

impl Consumer for Unlucky {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        while let Some(&event) = events.front() {
            if event == self.at {
                match self.fate {
                    Fate::Fails => return Err("bad luck".into()),
                    Fate::Panics => panic!("bad luck"),
                    Fate::Hangs => std::future::pending().await,
                }
            }
            self.keep.0.lock().unwrap().push(event);
            events.pop();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }
}
