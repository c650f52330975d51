//! How many instructions an event costs on its way through stages, as valgrind's callgrind counts them: on a busy machine
//! as on an idle one.
//!
//! ```text
//! cargo bench -p demand-stage --bench turns              # all rows
//! cargo bench -p demand-stage --bench turns -- through   # those whose name holds the word
//! ```
//!
//! It ends with 1 when a row costs a quarter more than it did when its cost was noted here.

use std::hint::black_box;
use std::io::{Error, Result as Counted};
use std::num::NonZeroUsize;
use std::process::{Command, ExitCode};

use stage::protocol::Dispatcher;
use stage::{
    Batch, Broadcast, Build, Consumer, Context, Demand, DemandMode, Exit, Group, Handle, Order,
    Outlet, Partition, Producer, ProducerConsumer, ProducerHandle, Result, Role, Source as _,
    consumer, consumer_supervisor, map_async, producer, producer_consumer,
};
use tokio::runtime::{Builder, Runtime};

/// Events on their way from a producer, `max` at most on each edge.
struct Row {
    name: &'static str,
    way: Way,
    max: usize,
    /// Instructions an event, when it was measured last.
    noted: f64,
}

/// Where they go.
#[derive(Clone, Copy)]
enum Way {
    /// Through so many producer-consumers to one consumer.
    Through(usize),
    /// The same, in one task.
    InOneTask(usize),
    /// Through one producer-consumer that is fused with the producer.
    Fused,
    /// The same, fused with the consumer too, so that there is no edge and no window.
    AllFused,
    /// Each to one of `CONSUMERS`, to whoever has asked most.
    ByDemand,
    /// Each to one of them, where its hash says.
    ByHash,
    /// Each to all of them.
    ToAll,
    /// Each to a task of its own.
    Children,
    /// The same, and what it comes to on to a consumer.
    Mapped,
}

const CONSUMERS: usize = 4;

const fn row(name: &'static str, way: Way, max: usize, noted: f64) -> Row {
    Row {
        name,
        way,
        max,
        noted,
    }
}

const ROWS: &[Row] = &[
    row("direct-1", Way::Through(0), 1, 1_770.0),
    row("direct-10", Way::Through(0), 10, 258.0),
    row("direct-1000", Way::Through(0), 1_000, 14.5),
    row("through-1", Way::Through(1), 1, 2_900.0),
    row("through-10", Way::Through(1), 10, 434.0),
    row("through-1000", Way::Through(1), 1_000, 18.4),
    row("grouped-1", Way::InOneTask(0), 1, 1_253.0),
    row("grouped-10", Way::InOneTask(0), 10, 207.0),
    row("grouped-through-1", Way::InOneTask(1), 1, 2_150.0),
    row("fused-1", Way::Fused, 1, 2_620.0),
    row("fused-10", Way::Fused, 10, 405.0),
    row("fused-1000", Way::Fused, 1_000, 18.1),
    row("all-fused", Way::AllFused, 1_000, 17.6),
    row("demand-4-10", Way::ByDemand, 10, 303.0),
    row("demand-4-1000", Way::ByDemand, 1_000, 14.9),
    row("partition-4-10", Way::ByHash, 10, 344.0),
    row("partition-4-1000", Way::ByHash, 1_000, 73.4),
    row("broadcast-4-10", Way::ToAll, 10, 772.0),
    row("broadcast-4-1000", Way::ToAll, 1_000, 40.2),
    row("children-100", Way::Children, 100, 2_361.0),
    row("mapped-100", Way::Mapped, 100, 2_232.0),
];

/// How much more a row may cost than was noted: what another compiler or library makes of the same code.
const SLACK: f64 = 1.25;
/// Demands on the first edge; enough that the start of the stages and of the runtime doesn't count.
const TURNS: usize = 4_000;
/// What marks the run that valgrind watches.
const WATCHED: &str = "--watched";
/// The name of [`measured`], as it stands in the debug information.
const NAME: &str = "turns::measured";

fn main() -> ExitCode {
    // Cargo says `--bench` to a bench it runs as one; `cargo test --all-targets` doesn't, and counts nothing.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [WATCHED, name] => {
            let rows = ROWS.iter().filter(|row| row.name == *name);
            rows.for_each(|row| row.run());
            ExitCode::SUCCESS
        }
        _ if is_bench => judge(words.iter().find(|word| **word != "--bench")),
        _ => {
            println!("nothing counted: run me with `cargo bench`");
            ExitCode::SUCCESS
        }
    }
}

fn judge(word: Option<&&str>) -> ExitCode {
    let mut wrong = 0;
    println!("{:16} {:>12} {:>8}", "", "an event", "noted");
    for row in ROWS
        .iter()
        .filter(|row| word.is_none_or(|word| row.name.contains(*word)))
    {
        match row.count() {
            Ok(count) => {
                let is_wrong = count > row.noted * SLACK;
                wrong += usize::from(is_wrong);
                let mark = if is_wrong { "!" } else { "" };
                println!("{:16} {count:>12.1} {:>8.1}{mark}", row.name, row.noted);
            }
            Err(error) => {
                eprintln!("turns: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "turns: {wrong} rows cost more than a quarter above what was noted; see the marked ones"
    );
    ExitCode::FAILURE
}

/// Runs the flow; a function of its own, so that valgrind finds where it begins and ends.
#[inline(never)]
fn measured(runtime: &Runtime, row: &Row) {
    runtime.block_on(row.flow());
}

impl Row {
    const fn events(&self) -> usize {
        TURNS * (self.max - self.max / 2)
    }

    fn run(&self) {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        measured(&runtime, self);
    }

    async fn flow(&self) {
        match self.way {
            Way::Through(count) => self.through(count, None).await,
            Way::InOneTask(count) => self.through(count, Some(&Group::new())).await,
            Way::Fused => self.fused().await,
            Way::AllFused => self.all_fused().await,
            Way::Children => self.children().await,
            Way::Mapped => self.mapped().await,
            Way::ByDemand | Way::ByHash | Way::ToAll => self.fan_out().await,
        }
    }

    fn source(&self) -> Source {
        let end = self.events();
        Source { next: 0, end }
    }

    fn demand(&self) -> Demand {
        Demand::new(self.max, self.max / 2).expect("a minimum below the maximum")
    }

    async fn fan_out(&self) {
        let source = producer(self.source()).accumulate();
        match self.way {
            Way::ByHash => {
                let hash = |event: &usize| Some(scattered(*event) % CONSUMERS);
                let by_hash = Partition::new(0..CONSUMERS, hash).expect("each has a name");
                let source = source.dispatcher(by_hash).spawn().expect("a runtime");
                self.serve(&source, |at| source.partition(at)).await;
            }
            Way::ToAll => {
                let to_all = Broadcast::new();
                let source = source.dispatcher(to_all).spawn().expect("a runtime");
                self.serve(&source, |_| source.outlet()).await;
            }
            _ => {
                let source = source.spawn().expect("a runtime");
                self.serve(&source, |_| source.outlet()).await;
            }
        }
    }

    /// Lets the events flow when all have subscribed.
    async fn serve<D: Dispatcher<usize>>(
        &self,
        source: &ProducerHandle<Source, D>,
        outlet: impl Fn(usize) -> Outlet<usize>,
    ) {
        let sinks = (0..CONSUMERS).map(|at| {
            let sink = consumer(Sink).subscribe_to(&outlet(at), self.demand());
            sink.spawn().expect("a runtime")
        });
        let sinks: Vec<_> = sinks.collect();
        tokio::task::yield_now().await;
        source.set_demand_mode(DemandMode::Forward);
        for sink in sinks {
            assert!(matches!(sink.join().await, Exit::Completed));
        }
    }

    async fn through(&self, producer_consumers: usize, group: Option<&Group>) {
        let demand = self.demand();
        let mut last = spawn(producer(self.source()), group).outlet();
        for _ in 0..producer_consumers {
            let middle = producer_consumer(PassOn).subscribe_to(&last, demand);
            last = spawn(middle, group).outlet();
        }
        let sink = consumer(Sink).subscribe_to(&last, demand);
        let sink = spawn(sink, group);
        drop(last);
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, self.events() as u64);
    }

    async fn fused(&self) {
        let pair = producer(self.source()).fuse(producer_consumer(PassOn));
        let pair = pair.spawn().expect("a runtime");
        let sink = consumer(Sink).subscribe_to(&pair, self.demand());
        let sink = sink.spawn().expect("a runtime");
        drop(pair);
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, self.events() as u64);
    }

    async fn all_fused(&self) {
        let pair = producer(self.source()).fuse(producer_consumer(PassOn));
        let all = pair.fuse(consumer(Sink)).spawn().expect("a runtime");
        assert!(matches!(all.join().await, Exit::Completed));
    }

    async fn children(&self) {
        let source = producer(self.source()).spawn().expect("a runtime");
        let children = consumer_supervisor(async |event: usize| {
            black_box(event);
            Ok(())
        });
        let children = children.subscribe_to(&source, self.demand());
        let children = children.spawn().expect("a runtime");
        assert!(matches!(children.join().await, Exit::Completed));
        assert_eq!(children.edges()[0].delivered, self.events() as u64);
    }

    async fn mapped(&self) {
        let source = producer(self.source()).spawn().expect("a runtime");
        let at_once = NonZeroUsize::new(self.max).expect("some at once");
        let mapped = map_async(at_once, Order::Unordered, async |event: usize| Ok(event));
        let mapped = mapped.subscribe_to(&source, self.demand());
        let mapped = mapped.spawn().expect("a runtime");
        let sink = consumer(Sink).subscribe_to(&mapped, self.demand());
        let sink = sink.spawn().expect("a runtime");
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(sink.edges()[0].delivered, self.events() as u64);
    }

    /// Runs this program anew under valgrind and returns the instructions an event.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn count(&self) -> Counted<f64> {
        let watched = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(format!("--toggle-collect={NAME}"))
            .arg(std::env::current_exe()?)
            .args([WATCHED, self.name])
            .output()
            .map_err(|error| Error::other(format!("cannot run valgrind: {error}; install it")))?;
        let report = String::from_utf8_lossy(&watched.stderr);
        let collected = report
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        let count: Option<u64> = collected.and_then(|(_, count)| count.trim().parse().ok());
        match count {
            Some(count) if watched.status.success() => Ok(count as f64 / self.events() as f64),
            _ => Err(Error::other(format!(
                "what valgrind ran ended: {}\n{report}",
                watched.status
            ))),
        }
    }
}

fn spawn<R: Role>(stage: Build<R>, group: Option<&Group>) -> Handle<R> {
    let stage = match group {
        None => stage,
        Some(group) => stage.colocate(group),
    };
    stage.spawn().expect("a runtime")
}

struct Source {
    next: usize,
    end: usize,
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

/// A number that has nothing to do with those next to it.
const fn scattered(event: usize) -> usize {
    event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

struct PassOn;

impl ProducerConsumer for PassOn {
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

struct Sink;

impl Consumer for Sink {
    type In = usize;

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        for event in events {
            black_box(event);
        }
        Ok(())
    }
}
