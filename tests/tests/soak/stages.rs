//! The stages: sources that count, producer-consumers that pass on, sinks that look for what came twice. What they know
//! is kept outside of them, because a behaviour may be made anew.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stage::{
    Batch, Consumer, Context, Directive, Failure, Handler, Producer, ProducerConsumer, Result,
    SubscriptionId,
};

const PANIC: &str = "a panic on purpose";
/// Events of a batch between two points where its callback can be aborted.
const EVENTS_A_TURN: u64 = 16;

#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    source: u32,
    number: u64,
    /// Its place in what the stage before has emitted.
    place: u64,
    /// Whether that stage sends each event to all its consumers.
    is_broadcast: bool,
    /// Whether any stage on its way did.
    is_copied: bool,
}

/// What a failing callback should mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Resume,
    Restart,
    Panic,
    End,
    /// It stops its own stage before it fails, so that what is left of the batch is handed to nobody.
    Halt,
}

/// What was seen that must not be, and which events the sinks have had.
#[derive(Default)]
pub(super) struct Faults {
    faults: Mutex<Vec<String>>,
    had: Mutex<HashMap<u32, Vec<u64>>>,
}

/// One event in so many is remembered by name, so that what is remembered stays small; the counts are of all of them.
const REMEMBERED: u64 = 8;

impl Faults {
    pub(super) fn judge(&self) {
        let faults = self.faults.lock().unwrap();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    fn tell(&self, fault: String) {
        self.faults.lock().unwrap().push(fault);
    }

    fn had(&self, event: &Event) {
        if event.is_copied || !event.number.is_multiple_of(REMEMBERED) {
            return;
        }
        let place = event.number / REMEMBERED;
        let (word, bit) = (usize::try_from(place / 64).unwrap(), 1 << (place % 64));
        let mut had = self.had.lock().unwrap();
        let bits = had.entry(event.source).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let is_twice = bits[word] & bit != 0;
        bits[word] |= bit;
        drop(had);
        if is_twice {
            self.tell(format!("it came twice: {event:?}"));
        }
    }
}

/// What is known of one stage.
pub(super) struct Record {
    pub(super) at: u32,
    pub(super) is_broadcast: bool,
    pub(super) handled: AtomicU64,
    pub(super) emitted: AtomicU64,
    fuse: Mutex<Option<Fate>>,
    /// The place of the last event of each subscription.
    last: Mutex<HashMap<SubscriptionId, u64>>,
    faults: Arc<Faults>,
}

impl Record {
    pub(super) fn new(at: u32, is_broadcast: bool, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self {
            at,
            is_broadcast,
            handled: AtomicU64::new(0),
            emitted: AtomicU64::new(0),
            fuse: Mutex::default(),
            last: Mutex::default(),
            faults: Arc::clone(faults),
        })
    }

    /// Makes the next callback fail.
    pub(super) fn blow_next(&self, fate: Fate) {
        *self.fuse.lock().unwrap() = Some(fate);
    }

    /// Checks that an event is behind the one before it, and right behind it in a broadcast.
    fn arrives(&self, subscription: SubscriptionId, event: &Event) {
        let last = self.last.lock().unwrap().insert(subscription, event.place);
        let in_order = match last {
            Some(last) if event.is_broadcast => event.place == last + 1,
            Some(last) => event.place > last,
            None => true,
        };
        if !in_order {
            let at = self.at;
            self.faults
                .tell(format!("{at} got {event:?} behind {last:?}"));
        }
    }
}

/// A stage's record, and the fate of its failing callback.
pub(super) struct Behaviour {
    record: Arc<Record>,
    fate: Option<Fate>,
}

impl Behaviour {
    pub(super) const fn new(record: Arc<Record>) -> Self {
        Self { record, fate: None }
    }

    fn blow<Out: Send + 'static>(&mut self, cx: &mut Context<Out>) -> Result {
        self.fate = self.record.fuse.lock().unwrap().take();
        match self.fate {
            None => Ok(()),
            Some(Fate::Panic) => std::panic::panic_any(PANIC),
            Some(Fate::Halt) => {
                cx.stop();
                Err("a failure on purpose".into())
            }
            Some(_) => Err("a failure on purpose".into()),
        }
    }

    fn directive(&mut self) -> Directive {
        match self.fate.take() {
            Some(Fate::Resume | Fate::Halt) => Directive::Resume,
            Some(Fate::End) => Directive::Stop,
            _ => Directive::Restart,
        }
    }

    /// Takes the next event; it is counted in the same breath in which it leaves the batch.
    fn take<Out: Send + 'static>(
        &mut self,
        events: &mut Batch<'_, Event>,
        cx: &mut Context<Out>,
    ) -> Result<Option<Event>> {
        let Some(event) = events.front().copied() else {
            return Ok(None);
        };
        self.record.arrives(events.subscription(), &event);
        self.blow(cx)?;
        events.pop();
        self.record.handled.fetch_add(1, Ordering::Relaxed);
        Ok(Some(event))
    }

    fn emit(&self, event: Event, cx: &mut Context<Event>) {
        let is_broadcast = self.record.is_broadcast;
        cx.emit(Event {
            place: self.record.emitted.fetch_add(1, Ordering::Relaxed),
            is_broadcast,
            is_copied: event.is_copied || is_broadcast,
            ..event
        });
    }
}

async fn let_others(event: &Event) {
    if event.number.is_multiple_of(EVENTS_A_TURN) {
        tokio::task::yield_now().await;
    }
}

/// Emits what is demanded, at once.
pub(super) struct Counts(pub(super) Behaviour);

impl Producer for Counts {
    type Out = Event;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<Event>) -> Result {
        for left in (0..demand).rev() {
            let number = self.0.record.emitted.load(Ordering::Relaxed);
            let event = Event {
                source: self.0.record.at,
                number,
                place: 0,
                is_broadcast: false,
                is_copied: false,
            };
            self.0.emit(event, cx);
            if left == demand / 2 {
                self.0.blow(cx)?;
            }
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.0.directive()
    }
}

/// Passes on what it takes.
pub(super) struct Passes(pub(super) Behaviour);

impl ProducerConsumer for Passes {
    type In = Event;
    type Out = Event;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, Event>,
        cx: &mut Context<Event>,
    ) -> Result {
        while let Some(event) = self.0.take(events, cx)? {
            self.0.emit(event, cx);
            let_others(&event).await;
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.0.directive()
    }
}

/// Takes what comes.
pub(super) struct Sinks(pub(super) Behaviour);

impl Consumer for Sinks {
    type In = Event;

    async fn handle_events(&mut self, events: &mut Batch<'_, Event>, cx: &mut Context) -> Result {
        while let Some(event) = self.0.take(events, cx)? {
            self.0.record.faults.had(&event);
            let_others(&event).await;
        }
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.0.directive()
    }
}

/// Handled behind all that its sender knows the stage to have been told.
pub(super) struct Ping;

impl Handler<Ping, Event> for Counts {
    type Reply = ();

    async fn handle(&mut self, _: Ping, _: &mut Context<Event>) {}
}

impl Handler<Ping, Event> for Passes {
    type Reply = ();

    async fn handle(&mut self, _: Ping, _: &mut Context<Event>) {}
}

/// The panics on purpose are caught and reported by the runtime; printing each would bury a real one.
pub(super) fn silence_panics_on_purpose() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&PANIC) {
            print(panic);
        }
    }));
}
