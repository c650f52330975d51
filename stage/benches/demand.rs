//! Events and children a second, against the same flow written by hand for its purpose.
//!
//! `cargo bench -p demand-stage` takes about a minute, `cargo bench -p demand-stage -- quick` a few seconds. The
//! programs of one flow take turns, round by round, so that a busy machine slows them alike: compare the ratios, each
//! of which is the median of ratios within a round, and never the rates of two days.

mod by_hand;
mod channels;
mod staged;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// One flow to run: how many events it moves and by what demand.
#[derive(Clone, Copy)]
struct Flow {
    events: usize,
    max: usize,
    between: Between,
}

/// What stands between the producer and the consumer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    ProducerConsumer,
}

impl Flow {
    const fn min(self) -> usize {
        self.max / 2
    }

    const fn batch_max(self) -> usize {
        self.max - self.min()
    }
}

/// Runs a flow to its end, and panics when not every event arrived.
type Program = fn(&Runtime, Flow);

/// Programs that do the same; the first is the baseline.
struct Contest {
    label: String,
    flow: Flow,
    programs: Vec<(&'static str, Program)>,
}

fn contests() -> Vec<Contest> {
    let flow = |max, between, label: &str| Contest {
        label: format!("{label}, max {max}"),
        flow: Flow {
            events: 0,
            max,
            between,
        },
        programs: vec![
            ("by hand", by_hand::flow),
            ("stage", staged::flow),
            ("tokio mpsc", channels::flow),
        ],
    };
    let direct = |max| flow(max, Between::Nothing, "producer → consumer");
    let through = |max| flow(max, Between::ProducerConsumer, "… → producer-consumer → …");
    let children = Contest {
        programs: vec![("by hand", by_hand::children), ("stage", staged::children)],
        ..flow(1000, Between::Nothing, "a child for each event")
    };
    vec![
        direct(1),
        direct(10),
        direct(1000),
        through(1),
        through(1000),
        children,
    ]
}

/// How long and how often to measure.
struct Effort {
    run: Duration,
    rounds: usize,
    /// How often the rounds are made anew while a row's spread exceeds `SPREAD_MAX`.
    attempts: usize,
}

const FULL: Effort = Effort {
    run: Duration::from_millis(200),
    rounds: 5,
    attempts: 4,
};

const QUICK: Effort = Effort {
    run: Duration::from_millis(25),
    rounds: 3,
    attempts: 1,
};

/// (fastest − slowest) ÷ median of a row's rounds. Beyond it a row is measured again, and marked in the end.
const SPREAD_MAX: f64 = 0.2;

fn main() -> ExitCode {
    // Cargo says `--bench` to a bench it runs as one; `cargo test --all-targets` doesn't, and gets no figures.
    let mut effort = None;
    for argument in std::env::args().skip(1) {
        effort = match argument.as_str() {
            "--bench" => effort.or(Some(FULL)),
            "quick" => Some(QUICK),
            unknown => {
                eprintln!(
                    "unknown argument {unknown:?}: say `quick`, or nothing to measure in full"
                );
                return ExitCode::from(2);
            }
        };
    }
    let Some(effort) = effort else {
        println!("nothing measured: run me with `cargo bench`");
        return ExitCode::SUCCESS;
    };
    let runtime = match Builder::new_multi_thread().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime to measure on: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "two workers, median of {} rounds; ~ marks a spread above {:.0} %\n",
        effort.rounds,
        SPREAD_MAX * 100.0
    );
    for contest in contests() {
        println!(
            "{:40} {:>10} {:>10} {:>8}",
            contest.label, "million/s", "÷ by hand", "spread"
        );
        for row in measure(&runtime, &contest, &effort) {
            println!("{row}");
        }
        println!();
    }
    ExitCode::SUCCESS
}

struct Row {
    program: &'static str,
    rate: f64,
    ratio: f64,
    spread: f64,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.spread > SPREAD_MAX { '~' } else { ' ' };
        write!(
            f,
            "  {:38} {:10.3} {:10.2} {:6.0} %{mark}",
            self.program,
            self.rate / 1e6,
            self.ratio,
            self.spread * 100.0
        )
    }
}

/// Measures all programs of a contest; of several attempts the steadiest counts.
fn measure(runtime: &Runtime, contest: &Contest, effort: &Effort) -> Vec<Row> {
    let flows: Vec<Flow> = contest
        .programs
        .iter()
        .map(|(_, program)| calibrated(runtime, *program, contest.flow, effort.run))
        .collect();
    let widest = |rows: &Vec<Row>| rows.iter().map(|row| row.spread).fold(0.0, f64::max);
    let mut best = attempt(runtime, contest, &flows, effort.rounds);
    for _ in 1..effort.attempts {
        if widest(&best) <= SPREAD_MAX {
            break;
        }
        let rows = attempt(runtime, contest, &flows, effort.rounds);
        if widest(&rows) < widest(&best) {
            best = rows;
        }
    }
    best
}

/// Finds how many events take about `run`.
fn calibrated(runtime: &Runtime, program: Program, mut flow: Flow, run: Duration) -> Flow {
    flow.events = 1000 * flow.batch_max();
    loop {
        let start = Instant::now();
        program(runtime, flow);
        let missing = run.as_secs_f64() / start.elapsed().as_secs_f64();
        if missing <= 1.5 {
            return flow;
        }
        // Short runs are slow ones, so their rate is not trusted for more than a few steps.
        let factor = if missing > 8.0 { 4 } else { 2 };
        flow.events *= factor;
    }
}

fn attempt(runtime: &Runtime, contest: &Contest, flows: &[Flow], rounds: usize) -> Vec<Row> {
    let rounds: Vec<Vec<f64>> = (0..rounds)
        .map(|_| {
            let programs = contest.programs.iter().zip(flows);
            programs
                .map(|((_, program), flow)| rate(runtime, *program, *flow))
                .collect()
        })
        .collect();
    let programs = contest.programs.iter().enumerate();
    programs
        .map(|(at, (program, _))| {
            let rates = sorted(rounds.iter().map(|rates| rates[at]));
            let ratios = sorted(rounds.iter().map(|rates| rates[at] / rates[0]));
            let rate = rates[rates.len() / 2];
            Row {
                program,
                rate,
                ratio: ratios[ratios.len() / 2],
                spread: (rates[rates.len() - 1] - rates[0]) / rate,
            }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn rate(runtime: &Runtime, program: Program, flow: Flow) -> f64 {
    let start = Instant::now();
    program(runtime, flow);
    flow.events as f64 / start.elapsed().as_secs_f64()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
