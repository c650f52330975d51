//! What the stages do: count, pass on, take.

use std::hint::black_box;

use stage::{Batch, Consumer, Context, Demand, Producer, ProducerConsumer, Result};

use crate::contest::Flow;

pub(super) fn demand(flow: Flow) -> Demand {
    Demand::new(flow.max, flow.min()).expect("a minimum below the maximum")
}

pub(super) struct Source {
    next: usize,
    end: usize,
}

impl Source {
    pub(super) const fn of(flow: Flow) -> Self {
        Self {
            next: 0,
            end: flow.events,
        }
    }
}

impl Producer for Source {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let end = self.end.min(self.next + demand);
        cx.emit_all((self.next..end).map(black_box));
        self.next = end;
        if end == self.end {
            cx.complete();
        }
        Ok(())
    }
}

pub(super) struct PassOn;

impl ProducerConsumer for PassOn {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        cx.emit_changed(events, |event| *event += 1);
        Ok(())
    }
}

pub(super) struct Sink;

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for event in events {
            black_box(event);
        }
        Ok(())
    }
}
