//! The stages of a program: a source that pays in parts, a middle that filters and doubles, and consumers. Each keeps a
//! record by event, and fails when its fuse says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stage::{
    Batch, Consumer, Context, Directive, Failure, Handler, Producer, ProducerConsumer, Result,
    SubscriptionId,
};

use super::step::Fate;

/// What a failing callback should mean, kept outside the behaviour because that may be made anew.
#[derive(Default)]
pub(super) struct Fuse(Mutex<Option<Fate>>);

impl Fuse {
    pub(super) fn set(&self, fate: Fate) {
        *self.0.lock().unwrap() = Some(fate);
    }

    pub(super) fn blow(&self) -> Option<Fate> {
        let fate = self.0.lock().unwrap().take();
        assert!(fate != Some(Fate::Panic), "a panic on purpose");
        fate
    }
}

pub(super) fn directive(fate: Option<Fate>) -> Directive {
    match fate {
        Some(Fate::Resume) => Directive::Resume,
        Some(Fate::End) => Directive::Stop,
        _ => Directive::Restart,
    }
}

/// What the source has done, by event.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) emitted: AtomicUsize,
    pub(super) debt: AtomicUsize,
}

pub(super) struct Payer {
    pub(super) ledger: Arc<Ledger>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) fate: Option<Fate>,
}

impl Payer {
    fn emit(&mut self, n: usize, cx: &mut Context<usize>) {
        let from = self.ledger.emitted.fetch_add(n, Ordering::SeqCst);
        cx.emit_all(from..from + n);
    }

    fn blow(&mut self) -> Result {
        self.fate = self.fuse.blow();
        self.fate
            .map_or(Ok(()), |_| Err("a failure on purpose".into()))
    }
}

impl Producer for Payer {
    type Out = usize;

    async fn started(&mut self, cx: &mut Context<usize>) -> Result {
        // A later life begins with an event of its own accord, which pays before the rest of the debt is told.
        if self.ledger.emitted.load(Ordering::SeqCst) > 0 {
            self.emit(1, cx);
        }
        Ok(())
    }

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        // Part of it is paid at once, so that a failure also finds events emitted before it.
        let now = demand / 3;
        self.emit(now, cx);
        self.blow()?;
        self.ledger.debt.fetch_add(demand - now, Ordering::SeqCst);
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        // After Resume the whole debt is told again.
        self.ledger.debt.store(0, Ordering::SeqCst);
        directive(self.fate.take())
    }
}

pub(super) struct Pay(pub(super) usize);

impl Handler<Pay, usize> for Payer {
    type Reply = ();

    async fn handle(&mut self, Pay(n): Pay, cx: &mut Context<usize>) {
        let n = n.min(self.ledger.debt.load(Ordering::SeqCst));
        self.ledger.debt.fetch_sub(n, Ordering::SeqCst);
        self.emit(n, cx);
    }
}

pub(super) struct Push(pub(super) usize);

impl Handler<Push, usize> for Payer {
    type Reply = ();

    async fn handle(&mut self, Push(n): Push, cx: &mut Context<usize>) {
        let paid = n.min(self.ledger.debt.load(Ordering::SeqCst));
        self.ledger.debt.fetch_sub(paid, Ordering::SeqCst);
        self.emit(n, cx);
    }
}

/// What a taking stage has done with its events.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) handled: Vec<usize>,
    pub(super) failed: Vec<usize>,
}

pub(super) type Record = Arc<Mutex<Taken>>;

pub(super) fn take(
    events: &mut Batch<'_, usize>,
    record: &Record,
    fuse: &Fuse,
) -> (Option<usize>, Option<Fate>) {
    let Some(event) = events.front().copied() else {
        return (None, None);
    };
    let at_work = Failing { record, event };
    let fate = fuse.blow();
    if fate.is_some() {
        return (None, fate);
    }
    std::mem::forget(at_work);
    events.pop();
    record.lock().unwrap().handled.push(event);
    (Some(event), None)
}

/// Records its event as failed when a callback ends with it at work, by error or by panic.
pub(super) struct Failing<'a> {
    pub(super) record: &'a Record,
    pub(super) event: usize,
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.record.lock().unwrap().failed.push(self.event);
    }
}

pub(super) struct Sink {
    pub(super) record: Record,
    pub(super) fuse: Arc<Fuse>,
    pub(super) fate: Option<Fate>,
    pub(super) edge: Option<SubscriptionId>,
}

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        loop {
            match take(events, &self.record, &self.fuse) {
                (Some(_), _) => tokio::task::yield_now().await,
                (None, None) => return Ok(()),
                (None, fate) => {
                    self.fate = fate;
                    return Err("a failure on purpose".into());
                }
            }
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        directive(self.fate.take())
    }
}

pub(super) struct Ask(pub(super) usize);

impl Handler<Ask> for Sink {
    type Reply = ();

    async fn handle(&mut self, Ask(n): Ask, cx: &mut Context) {
        if let Some(edge) = self.edge {
            cx.ask(edge, n);
        }
    }
}

pub(super) struct Edge(pub(super) SubscriptionId);

impl Handler<Edge> for Sink {
    type Reply = ();

    async fn handle(&mut self, Edge(id): Edge, _: &mut Context) {
        self.edge = Some(id);
    }
}

/// Emits each event that 3 does not divide twice, and nothing for the others.
pub(super) struct Middle {
    pub(super) record: Record,
    pub(super) fuse: Arc<Fuse>,
    pub(super) fate: Option<Fate>,
    pub(super) emitted: Arc<AtomicUsize>,
}

impl ProducerConsumer for Middle {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        loop {
            match take(events, &self.record, &self.fuse) {
                (Some(event), _) => {
                    for _ in 0..if event.is_multiple_of(3) { 0 } else { 2 } {
                        cx.emit(self.emitted.fetch_add(1, Ordering::SeqCst));
                    }
                }
                (None, None) => return Ok(()),
                (None, fate) => {
                    self.fate = fate;
                    return Err("a failure on purpose".into());
                }
            }
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        directive(self.fate.take())
    }
}
