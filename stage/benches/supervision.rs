//! What a child costs its supervisor, among few others and among many.
//!
//! `cargo bench -p stage-bench --bench supervision`. Each row is one supervisor: its children are started, a thousand
//! times one of them fails and is started again, and all are stopped from the last to the first. The costs are those of
//! one child: where they grow with the number of children, the supervisor looks at all of them for one.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stage::{
    Context, Handler, Intensity, Producer, ProducerHandle, Restart, Result, SpawnError, Strategy,
    producer_with, supervisor,
};
use tokio::runtime::Builder;
use tokio::sync::Notify;

/// Restarts of one row.
const RESTARTS: usize = 1_000;

/// Children of each row.
const ROWS: [usize; 3] = [100, 1_000, 10_000];

/// How many behaviours have started.
#[derive(Default)]
struct Starts {
    count: AtomicUsize,
    one_more: Notify,
}

impl Starts {
    async fn reach(&self, expected: usize) {
        while self.count.load(Ordering::Acquire) < expected {
            self.one_more.notified().await;
        }
    }
}

struct Child(Arc<Starts>);

struct Fail;

impl Producer for Child {
    type Out = ();

    async fn started(&mut self, _: &mut Context<()>) -> Result {
        self.0.count.fetch_add(1, Ordering::Release);
        self.0.one_more.notify_one();
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<()>) -> Result {
        Ok(())
    }
}

impl Handler<Fail, ()> for Child {
    type Reply = ();

    async fn handle(&mut self, _: Fail, cx: &mut Context<()>) {
        // A permanent child that stops itself is started again, as one that fails, without a panic's cost.
        cx.stop();
    }
}

fn main() -> ExitCode {
    // Cargo says `--bench` to a bench it runs as one; `cargo test --all-targets` doesn't, and gets no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing measured: run me with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    // The rows of the other bench are picked, and these are none of them.
    if std::env::args().any(|argument| argument == "--only") {
        return ExitCode::SUCCESS;
    }
    println!(
        "{:>10} {:>12} {:>12} {:>12}   microseconds a child",
        "children", "start", "restart", "stop"
    );
    for children in ROWS {
        let runtime = match Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("no runtime to measure on: {error}");
                return ExitCode::FAILURE;
            }
        };
        match runtime.block_on(row(children)) {
            Ok([start, restart, stop]) => {
                println!("{children:>10} {start:>12.2} {restart:>12.2} {stop:>12.2}");
            }
            Err(error) => {
                eprintln!("a child did not start: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Measures one supervisor; returns what a child's start, restart and stop cost, in microseconds.
async fn row(children: usize) -> std::result::Result<[f64; 3], SpawnError> {
    let starts = Arc::<Starts>::default();
    let all = supervisor(Strategy::OneForOne)
        .intensity(Intensity::new(usize::MAX, Duration::from_secs(1)))
        .spawn()?;
    let begun = Instant::now();
    let handles = (0..children)
        .map(|_| {
            let starts = Arc::clone(&starts);
            producer_with(move || Child(Arc::clone(&starts)))
                .supervised_by(&all, Restart::Permanent)
                .spawn()
        })
        .collect::<std::result::Result<Vec<ProducerHandle<Child>>, _>>()?;
    starts.reach(children).await;
    let start = cost(begun, children);
    let begun = Instant::now();
    for restarts in 0..RESTARTS {
        // It lives, and has room for a message.
        let _told = handles[restarts * 7_919 % children].cast(Fail);
        starts.reach(children + restarts + 1).await;
    }
    let restart = cost(begun, RESTARTS);
    let begun = Instant::now();
    all.stop().await;
    Ok([start, restart, cost(begun, children)])
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn cost(begun: Instant, n: usize) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6 / n as f64
}
