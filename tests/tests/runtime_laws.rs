//! Laws of the real runtime: random programs of consumers, demand, failures, restarts and deaths, judged at rest.
//!
//! Each program runs twice: on one thread with a paused clock, which advances only when every task waits, and on two
//! workers, where rest is a condition with a deadline.
//!
//! * R0 liveness: at rest no living edge has credit while its producer, or the producer-consumer above it, holds an event.
//! * R1: a subscription is never sent more than it asked for, and gets what it gets in the order of emission.
//! * R2: an automatic consumer at rest waits for more than its minimum, so it is never silent for ever.
//! * R3: a producer owes at least the living credit, and just what it was told: no ask is forgotten or told twice, over
//!   restarts too.
//! * R4 conservation, by event: emitted = handled + failed + buffered + waiting + discarded + lost in hand.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stage::{
    Batch, Cancel, Consumer, ConsumerHandle, Context, Demand, Directive, EdgeStats, Failure,
    Handler, Intensity, Outlet, Producer, ProducerConsumer, ProducerConsumerHandle, ProducerHandle,
    Result, Source, Subscribe, SubscriptionId, UpstreamEnds, WhenFull, consumer_with,
    producer_consumer_with, producer_with,
};

/// Deadline for a program to come to rest on two workers.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a failing program may be shrunk, in milliseconds: one that hangs takes its deadline each time.
const SHRINK_MS_MAX: u32 = 60_000;

#[derive(Debug, Clone)]
enum Step {
    /// A consumer joins: max, min, whether it asks by hand, whether it listens to the middle stage.
    Join(usize, usize, bool, bool),
    /// A consumer that asks by hand asks.
    Ask(usize, usize),
    /// The producer pays up to this much of its debt.
    Pay(usize),
    /// The producer emits what nobody asked for.
    Push(usize),
    /// A consumer cancels its subscription.
    Cancel(usize),
    /// A consumer's next event fails it: it resumes, is made anew, or ends.
    FailConsumer(usize, Fate),
    /// The producer's next demand, or payment, fails it.
    FailProducer(Fate),
    /// The middle stage's next event fails it.
    FailMiddle(Fate),
    /// A consumer is aborted.
    Abort(usize),
    /// A consumer is stopped.
    Stop(usize),
    /// Lets the program come to rest, and judges it.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Resume,
    Restart,
    Panic,
    End,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Resume),
        3 => Just(Fate::Restart),
        2 => Just(Fate::Panic),
        1 => Just(Fate::End),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    prop_oneof![
        4 => (1..8usize, 0..8usize, any::<bool>(), any::<bool>())
            .prop_map(|(max, min, manual, middle)| Step::Join(max, min % max, manual, middle)),
        4 => (who.clone(), 1..9usize).prop_map(|(who, n)| Step::Ask(who, n)),
        6 => (1..20usize).prop_map(Step::Pay),
        2 => (1..9usize).prop_map(Step::Push),
        1 => who.clone().prop_map(Step::Cancel),
        2 => (who.clone(), fate()).prop_map(|(who, fate)| Step::FailConsumer(who, fate)),
        2 => fate().prop_filter("a source that ends, ends the program", |fate| *fate != Fate::End)
            .prop_map(Step::FailProducer),
        1 => fate().prop_map(Step::FailMiddle),
        1 => who.clone().prop_map(Step::Abort),
        1 => who.prop_map(Step::Stop),
        3 => Just(Step::Rest),
    ]
}

/// What a failing callback should mean, kept outside the behaviour because that may be made anew.
#[derive(Default)]
struct Fuse(Mutex<Option<Fate>>);

impl Fuse {
    fn set(&self, fate: Fate) {
        *self.0.lock().unwrap() = Some(fate);
    }

    fn blow(&self) -> Option<Fate> {
        let fate = self.0.lock().unwrap().take();
        assert!(fate != Some(Fate::Panic), "a panic on purpose");
        fate
    }
}

fn directive(fate: Option<Fate>) -> Directive {
    match fate {
        Some(Fate::Resume) => Directive::Resume,
        Some(Fate::End) => Directive::Stop,
        _ => Directive::Restart,
    }
}

/// What the source has done, by event.
#[derive(Default)]
struct Ledger {
    emitted: AtomicUsize,
    debt: AtomicUsize,
}

struct Payer {
    ledger: Arc<Ledger>,
    fuse: Arc<Fuse>,
    fate: Option<Fate>,
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

struct Pay(usize);

impl Handler<Pay, usize> for Payer {
    type Reply = ();

    async fn handle(&mut self, Pay(n): Pay, cx: &mut Context<usize>) {
        let n = n.min(self.ledger.debt.load(Ordering::SeqCst));
        self.ledger.debt.fetch_sub(n, Ordering::SeqCst);
        self.emit(n, cx);
    }
}

struct Push(usize);

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
struct Taken {
    handled: Vec<usize>,
    failed: Vec<usize>,
}

type Record = Arc<Mutex<Taken>>;

fn take(
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
struct Failing<'a> {
    record: &'a Record,
    event: usize,
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.record.lock().unwrap().failed.push(self.event);
    }
}

struct Sink {
    record: Record,
    fuse: Arc<Fuse>,
    fate: Option<Fate>,
    edge: Option<SubscriptionId>,
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

struct Ask(usize);

impl Handler<Ask> for Sink {
    type Reply = ();

    async fn handle(&mut self, Ask(n): Ask, cx: &mut Context) {
        if let Some(edge) = self.edge {
            cx.ask(edge, n);
        }
    }
}

struct Edge(SubscriptionId);

impl Handler<Edge> for Sink {
    type Reply = ();

    async fn handle(&mut self, Edge(id): Edge, _: &mut Context) {
        self.edge = Some(id);
    }
}

/// Emits each event that 3 does not divide twice, and nothing for the others.
struct Middle {
    record: Record,
    fuse: Arc<Fuse>,
    fate: Option<Fate>,
    emitted: Arc<AtomicUsize>,
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

/// A consumer of the program and what the test knows of it.
struct Member {
    handle: ConsumerHandle<Sink>,
    edge: SubscriptionId,
    record: Record,
    fuse: Arc<Fuse>,
    demand: Demand,
    is_manual: bool,
    of_middle: bool,
    is_alive: bool,
    has_left: bool,
}

struct Program {
    ledger: Arc<Ledger>,
    source: ProducerHandle<Payer>,
    source_fuse: Arc<Fuse>,
    middle: ProducerConsumerHandle<Middle>,
    middle_record: Record,
    middle_fuse: Arc<Fuse>,
    middle_emitted: Arc<AtomicUsize>,
    middle_demand: Demand,
    members: Vec<Member>,
}

fn often() -> Intensity {
    Intensity::new(10_000, Duration::from_secs(1))
}

impl Program {
    fn start(capacity: usize, when_full: WhenFull, middle: Demand) -> Self {
        let (ledger, source_fuse) = <(Arc<Ledger>, Arc<Fuse>)>::default();
        let (in_ledger, in_fuse) = (Arc::clone(&ledger), Arc::clone(&source_fuse));
        let source = producer_with(move || Payer {
            ledger: Arc::clone(&in_ledger),
            fuse: Arc::clone(&in_fuse),
            fate: None,
        })
        .buffer(capacity, when_full)
        .intensity(often())
        .spawn()
        .unwrap();
        let (record, fuse, emitted) = <(Record, Arc<Fuse>, Arc<AtomicUsize>)>::default();
        let made = (Arc::clone(&record), Arc::clone(&fuse), Arc::clone(&emitted));
        let handle = producer_consumer_with(move || Middle {
            record: Arc::clone(&made.0),
            fuse: Arc::clone(&made.1),
            fate: None,
            emitted: Arc::clone(&made.2),
        })
        .intensity(often())
        .subscribe_to(&source, middle)
        .spawn()
        .unwrap();
        Self {
            ledger,
            source,
            source_fuse,
            middle: handle,
            middle_record: record,
            middle_fuse: fuse,
            middle_emitted: emitted,
            middle_demand: middle,
            members: Vec::new(),
        }
    }

    async fn join(&mut self, demand: Demand, is_manual: bool, of_middle: bool) {
        let (record, fuse) = <(Record, Arc<Fuse>)>::default();
        let made = (Arc::clone(&record), Arc::clone(&fuse));
        // The id outlives a restart, as the subscription does.
        let known = Arc::new(Mutex::new(None));
        let in_known = Arc::clone(&known);
        let handle = consumer_with(move || Sink {
            record: Arc::clone(&made.0),
            fuse: Arc::clone(&made.1),
            fate: None,
            edge: *in_known.lock().unwrap(),
        })
        .intensity(often())
        .spawn()
        .unwrap();
        let outlet: Outlet<usize> = if of_middle {
            self.middle.outlet()
        } else {
            self.source.outlet()
        };
        let mut options = Subscribe::from(demand).upstream_ends(UpstreamEnds::Keep);
        if is_manual {
            options = options.manual();
        }
        let edge = handle.subscribe_to(&outlet, options).unwrap();
        *known.lock().unwrap() = Some(edge);
        handle.call(Edge(edge)).await.unwrap();
        self.members.push(Member {
            handle,
            edge,
            record,
            fuse,
            demand,
            is_manual,
            of_middle,
            is_alive: true,
            has_left: false,
        });
    }

    fn pick(&mut self, at: usize) -> Option<&mut Member> {
        let count = self.members.len().max(1);
        self.members
            .get_mut(at % count)
            .filter(|member| member.is_alive)
    }

    async fn step(&mut self, step: &Step, rest: Rest) {
        match *step {
            Step::Join(max, min, is_manual, of_middle) => {
                self.join(Demand::new(max, min).unwrap(), is_manual, of_middle)
                    .await;
            }
            Step::Ask(at, n) => {
                if let Some(member) = self.pick(at).filter(|member| member.is_manual) {
                    // It may have ended by a failure of before.
                    let _ended = member.handle.call(Ask(n)).await;
                }
            }
            Step::Pay(n) => self.source.call(Pay(n)).await.unwrap(),
            Step::Push(n) => self.source.call(Push(n)).await.unwrap(),
            Step::Cancel(at) => {
                if let Some(member) = self.pick(at) {
                    member.has_left = true;
                    member.handle.cancel(member.edge, Cancel::Normal);
                }
            }
            Step::FailConsumer(at, fate) => {
                if let Some(member) = self.pick(at) {
                    member.fuse.set(fate);
                }
            }
            Step::FailProducer(fate) => self.source_fuse.set(fate),
            Step::FailMiddle(fate) => self.middle_fuse.set(fate),
            Step::Abort(at) => {
                if let Some(member) = self.pick(at) {
                    member.is_alive = false;
                    member.handle.abort();
                }
            }
            Step::Stop(at) => {
                if let Some(member) = self.pick(at) {
                    member.is_alive = false;
                    member.handle.stop().await;
                }
            }
            Step::Rest => self.rest(rest).await,
        }
    }

    async fn rest(&mut self, rest: Rest) {
        match rest {
            Rest::Paused => {
                // The paused clock moves only when every task waits.
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.judge().unwrap();
            }
            Rest::Workers => {
                let deadline = Instant::now() + PATIENCE;
                while let Err(broken) = self.judge() {
                    assert!(Instant::now() < deadline, "not at rest in time: {broken}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn alive(&self) -> impl Iterator<Item = &Member> {
        let ended = |member: &&Member| member.handle.exit().is_none();
        self.members
            .iter()
            .filter(move |member| member.is_alive)
            .filter(ended)
    }

    /// Judges the program as it stands; an error names the law that does not hold, or not yet: on two workers the counts
    /// are read while they change.
    fn judge(&self) -> std::result::Result<(), String> {
        let credit = |of_middle: bool| -> u64 {
            self.alive()
                .filter(|member| member.of_middle == of_middle && !member.has_left)
                .flat_map(|member| member.handle.edges())
                .map(|edge| edge.asked.saturating_sub(edge.delivered))
                .sum()
        };
        let law = |holds: bool, law: &str| if holds { Ok(()) } else { Err(law.to_owned()) };
        for member in &self.members {
            for edge in member.handle.edges() {
                law(
                    edge.delivered <= edge.asked,
                    "R1: more was sent than was asked for",
                )?;
            }
            let taken = member.record.lock().unwrap();
            let order: Vec<_> = taken
                .handled
                .windows(2)
                .map(|two| two[0] < two[1])
                .collect();
            law(order.iter().all(|in_order| *in_order), "R1: order")?;
        }
        let middle_lives = self.middle.exit().is_none();
        let middle_edge = edge_sums(&self.middle.edges());
        let middle_taken = self.middle_record.lock().unwrap();
        let middle_waits = middle_edge.1.saturating_sub(count(&middle_taken));
        let source_buffer = self.source.stats().buffered;
        let middle_credit = if middle_lives {
            middle_edge.0.saturating_sub(middle_edge.1)
        } else {
            0
        };
        let source_credit = credit(false) + middle_credit;
        law(
            source_buffer == 0 || source_credit == 0,
            "R0: the source holds an event that is asked for",
        )?;
        if middle_lives {
            let held = self.middle.stats().buffered as u64 + middle_waits;
            law(
                held == 0 || credit(true) == 0,
                "R0: the middle holds an event that is asked for",
            )?;
            let waits_for = middle_edge.0.saturating_sub(count(&middle_taken));
            law(
                waits_for > self.middle_demand.min() as u64,
                "R2: the middle asks no more",
            )?;
        }
        for member in self
            .alive()
            .filter(|member| !member.is_manual && !member.has_left)
        {
            let Some(edge) = member.handle.edges().first().cloned() else {
                return Err("R2: not subscribed".to_owned());
            };
            let handled = count(&member.record.lock().unwrap());
            let waits_for = edge.asked.saturating_sub(handled);
            let upstream_lives = !member.of_middle || middle_lives;
            law(
                !upstream_lives || waits_for > member.demand.min() as u64,
                "R2: a consumer asks no more",
            )?;
        }
        law(
            self.ledger.debt.load(Ordering::SeqCst) as u64 >= source_credit,
            "R3: credit that the source does not owe",
        )?;
        law(
            self.ledger.debt.load(Ordering::SeqCst) == self.source.stats().owed,
            "R3: the source was told more or less than it owes",
        )?;
        self.conserved(&middle_taken)
    }

    fn conserved(&self, middle: &Taken) -> std::result::Result<(), String> {
        let from_source = self.members.iter().filter(|member| !member.of_middle);
        balance(
            "source",
            self.ledger.emitted.load(Ordering::SeqCst),
            &self.source.stats(),
            from_source.map(Member::account).chain([Account {
                handled: middle
                    .handled
                    .iter()
                    .chain(&middle.failed)
                    .copied()
                    .collect(),
                lost: self.middle.stats().lost,
                waiting: if self.middle.exit().is_none() {
                    edge_sums(&self.middle.edges())
                        .1
                        .saturating_sub(count(middle))
                } else {
                    0
                },
            }]),
        )?;
        let from_middle = self.members.iter().filter(|member| member.of_middle);
        balance(
            "middle",
            self.middle_emitted.load(Ordering::SeqCst),
            &self.middle.stats(),
            from_middle.map(Member::account),
        )
    }
}

impl Member {
    fn account(&self) -> Account {
        let taken = self.record.lock().unwrap();
        Account {
            handled: taken.handled.iter().chain(&taken.failed).copied().collect(),
            lost: self.handle.stats().lost,
            waiting: 0,
        }
    }
}

struct Account {
    handled: Vec<usize>,
    lost: u64,
    waiting: u64,
}

fn count(taken: &Taken) -> u64 {
    (taken.handled.len() + taken.failed.len()) as u64
}

/// What was asked and what was delivered over all edges of a stage.
fn edge_sums(edges: &[EdgeStats]) -> (u64, u64) {
    edges.iter().fold((0, 0), |sum, edge| {
        (sum.0 + edge.asked, sum.1 + edge.delivered)
    })
}

fn balance(
    of: &str,
    emitted: usize,
    stats: &stage::StageStats,
    accounts: impl Iterator<Item = Account>,
) -> std::result::Result<(), String> {
    let (mut seen, mut lost, mut waiting) = (BTreeMap::<usize, usize>::new(), 0, 0);
    for account in accounts {
        for event in account.handled {
            *seen.entry(event).or_default() += 1;
        }
        lost += account.lost;
        waiting += account.waiting;
    }
    let twice: BTreeSet<_> = seen
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(event, _)| event)
        .collect();
    if !twice.is_empty() {
        return Err(format!("R4: events of the {of} came twice: {twice:?}"));
    }
    let elsewhere = stats.buffered as u64 + stats.discarded + lost + waiting;
    if emitted as u64 == seen.len() as u64 + elsewhere {
        Ok(())
    } else {
        Err(format!(
            "R4: the {of} emitted {emitted}: {} handled or failed, {waiting} waiting, {lost} lost, {stats:?}",
            seen.len()
        ))
    }
}

#[derive(Clone, Copy)]
enum Rest {
    Paused,
    Workers,
}

async fn run(steps: &[Step], capacity: usize, oldest: bool, middle: (usize, usize), rest: Rest) {
    let when_full = if oldest {
        WhenFull::DropOldest
    } else {
        WhenFull::DropNewest
    };
    let middle = Demand::new(middle.0, middle.1 % middle.0).unwrap();
    let mut program = Program::start(capacity, when_full, middle);
    for step in steps.iter().chain([&Step::Rest]) {
        program.step(step, rest).await;
    }
    for member in &program.members {
        member.handle.stop().await;
    }
    program.middle.stop().await;
    program.source.stop().await;
    assert_eq!(
        program.source.stats().buffered,
        0,
        "an ended stage holds nothing"
    );
    let middle_taken = program.middle_record.lock().unwrap();
    program.conserved(&middle_taken).unwrap();
}

/// The panics on purpose are caught and reported by the runtime; printing each would bury a real one.
fn silence_panics_on_purpose() {
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

/// Runs a program that must end: on the paused clock the time is over as soon as nothing moves any more.
async fn ends(program: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(3 * PATIENCE, program).await;
    ended.expect("a program must not hang");
}

fn on_one_thread(program: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(ends(program));
}

fn on_two_workers(program: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(ends(program));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_on_one_thread(
        steps in prop::collection::vec(step(), 1..60),
        capacity in 1..30usize,
        oldest in any::<bool>(),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        on_one_thread(run(&steps, capacity, oldest, middle, Rest::Paused));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, max_shrink_time: SHRINK_MS_MAX, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_at_rest_on_two_workers(
        steps in prop::collection::vec(step(), 1..60),
        capacity in 1..30usize,
        oldest in any::<bool>(),
        middle in (1..9usize, 0..9usize),
    ) {
        silence_panics_on_purpose();
        on_two_workers(run(&steps, capacity, oldest, middle, Rest::Workers));
    }
}
