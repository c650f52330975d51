//! The halves of the pairs: sources, what goes on, expands and filters, and takers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stage::{Batch, Consumer, Context, Directive, Failure, Producer, ProducerConsumer, Result};

/// Counts up, exactly as it is told, and notes what that was.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    pub(crate) next: Arc<AtomicUsize>,
    pub(crate) told: Arc<Mutex<Vec<usize>>>,
    pub(crate) end: Option<usize>,
}

impl Counter {
    pub(crate) fn up_to(end: usize) -> Self {
        Self {
            end: Some(end),
            ..Self::default()
        }
    }

    pub(crate) fn emitted(&self) -> usize {
        self.next.load(Ordering::SeqCst)
    }
}

impl Producer for Counter {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        self.told.lock().unwrap().push(demand);
        let left = self
            .end
            .map_or(demand, |end| demand.min(end - self.emitted()));
        let from = self.next.fetch_add(left, Ordering::SeqCst);
        cx.emit_all(from..from + left);
        if Some(from + left) == self.end {
            cx.complete();
        }
        Ok(())
    }
}

/// Emits `copies` of each event that `wants` lets through, after `turns` turns of the runtime for each.
#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) copies: usize,
    pub(crate) wants: fn(usize) -> bool,
    pub(crate) turns: usize,
    pub(crate) fails: Option<Fails>,
}

/// On which events, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fails {
    pub(crate) on: fn(usize) -> bool,
    pub(crate) panics: bool,
    pub(crate) directive: Directive,
}

impl Map {
    pub(crate) fn copies(copies: usize) -> Self {
        Self {
            copies,
            wants: |_| true,
            turns: 0,
            fails: None,
        }
    }

    pub(crate) fn only(wants: fn(usize) -> bool) -> Self {
        Self {
            wants,
            ..Self::copies(1)
        }
    }

    pub(crate) fn slowly(self, turns: usize) -> Self {
        Self { turns, ..self }
    }

    pub(crate) fn failing(self, on: fn(usize) -> bool, directive: Directive) -> Self {
        let fails = Some(Fails {
            on,
            panics: false,
            directive,
        });
        Self { fails, ..self }
    }

    pub(crate) fn panicking(self, on: fn(usize) -> bool) -> Self {
        let fails = Some(Fails {
            on,
            panics: true,
            directive: Directive::Resume,
        });
        Self { fails, ..self }
    }
}

/// Fails as it is told to.
async fn fail(fails: Option<Fails>, event: usize, turns: usize) -> Result {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    match fails.filter(|fails| (fails.on)(event)) {
        Some(fails) => {
            assert!(!fails.panics, "a panic on purpose");
            Err("a failure on purpose".into())
        }
        None => Ok(()),
    }
}

impl ProducerConsumer for Map {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        while let Some(&event) = events.front() {
            fail(self.fails, event, self.turns).await?;
            if (self.wants)(event) {
                cx.emit_all(std::iter::repeat_n(event, self.copies));
            }
            events.pop();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.fails
            .map_or(Directive::Restart, |fails| fails.directive)
    }
}

/// Flushes what it lets through, and then goes on or waits for ever.
pub(crate) struct Flusher {
    pub(crate) wants: fn(usize) -> bool,
    pub(crate) waits: bool,
}

impl ProducerConsumer for Flusher {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events.drain().filter(|event| (self.wants)(*event)));
        cx.flush();
        if self.waits {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Takes what comes, and keeps it where the test sees it.
#[derive(Clone, Default)]
pub(crate) struct Taker {
    pub(crate) taken: Arc<Mutex<Vec<usize>>>,
    pub(crate) turns: usize,
    pub(crate) fails: Option<Fails>,
}

impl Taker {
    pub(crate) fn taken(&self) -> Vec<usize> {
        self.taken.lock().unwrap().clone()
    }
}

impl Consumer for Taker {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        while let Some(&event) = events.front() {
            fail(self.fails, event, self.turns).await?;
            self.taken.lock().unwrap().push(event);
            events.pop();
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.fails
            .map_or(Directive::Restart, |fails| fails.directive)
    }
}

/// The panics on purpose are caught and reported by the runtime; printing each would bury a real one.
pub(crate) fn silence_panics_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() != Some(&"a panic on purpose") {
                print(panic);
            }
        }));
    });
}
