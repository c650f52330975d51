//! Stages that do what they should.

use stage::{Batch, Consumer, Context, Demand, Producer, ProducerConsumer, Result};

/// The numbers from 0, up to a last one if it is told.
pub(crate) struct Counter {
    pub(crate) next: usize,
    pub(crate) end: Option<usize>,
}

impl Counter {
    pub(crate) const fn endless() -> Self {
        Self { next: 0, end: None }
    }

    pub(crate) const fn up_to(end: usize) -> Self {
        Self {
            next: 0,
            end: Some(end),
        }
    }
}

impl Producer for Counter {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let after = self.next.saturating_add(demand);
        let until = self.end.map_or(after, |end| end.min(after));
        cx.emit_all(self.next..until);
        self.next = until;
        if self.end == Some(until) {
            cx.complete();
        }
        Ok(())
    }
}

/// Emits each event twice.
pub(crate) struct Doubler;

impl ProducerConsumer for Doubler {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_all(events.drain().flat_map(|event| [event, event]));
        Ok(())
    }
}

/// Takes what comes.
pub(crate) struct Taker;

impl Consumer for Taker {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        events.drain().for_each(drop);
        Ok(())
    }
}

/// A checked pair of numbers.
pub(crate) fn window(max: usize, min: usize) -> Demand {
    Demand::new(max, min).unwrap()
}
