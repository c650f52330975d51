//! How fast stages are, beside the same flow written by hand for its purpose.
//!
//! `cargo bench -p stage-bench` takes some minutes, `cargo bench -p stage-bench -- quick` less than one, and `--only
//! SUBSTRING` picks contests. The programs of one contest take turns, round by round, so that a busy machine slows them
//! alike: compare the ratios, each of which is the median of ratios within a round, and never the figures of two days.

mod actors;
mod by_hand;
mod channels;
mod clock;
mod contest;
mod contests;
mod gathering;
mod measure;
mod pings;
mod report;
mod resident;
mod staged;

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use contests::contests;
use measure::{Effort, FULL, Measured, QUICK, SPREAD_MAX, measure};
use report::Report;

/// What the command line says.
enum Task {
    Measure {
        effort: Effort,
        report: &'static str,
        only: String,
    },
    /// Prints the memory of an idle pair, and that's all.
    Resident(String),
    Nothing,
}

impl Task {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut is_bench, mut is_quick, mut only) = (false, false, String::new());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo says it to a bench that it runs as one; `cargo test --all-targets` doesn't, and gets no figures.
                "--bench" => is_bench = true,
                "quick" => is_quick = true,
                "--only" => only = arguments.next().ok_or("--only needs a part of a title")?,
                "--resident" => return Ok(Self::Resident(arguments.next().unwrap_or_default())),
                unknown => {
                    return Err(format!(
                        "unknown argument {unknown:?}: say `quick`, `--only SUBSTRING`, or nothing to measure in full"
                    ));
                }
            }
        }
        let (effort, report) = match (is_bench, is_quick) {
            (_, true) => (QUICK, "quick"),
            (true, false) => (FULL, "stages"),
            (false, false) => return Ok(Self::Nothing),
        };
        Ok(Self::Measure {
            effort,
            report,
            only,
        })
    }
}

fn main() -> ExitCode {
    let done = Task::parse(std::env::args().skip(1)).map(run);
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("not measured, or not written: {error}");
            ExitCode::FAILURE
        }
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    match task {
        Task::Nothing => println!("nothing measured: run me with `cargo bench`"),
        Task::Resident(name) => println!("{}", resident::bytes_per_pair(&runtime, &name)),
        Task::Measure {
            effort,
            report,
            only,
        } => measure_all(&runtime, &effort, Report::open(report)?, &only)?,
    }
    Ok(())
}

fn measure_all(
    runtime: &Runtime,
    effort: &Effort,
    mut report: Report,
    only: &str,
) -> io::Result<()> {
    println!(
        "two workers, median of {} rounds; ~ marks a spread above {:.0} %, ! a missed goal\n",
        effort.rounds,
        SPREAD_MAX * 100.0
    );
    let begun = Instant::now();
    let contests = contests();
    for contest in &contests {
        if contest.title().contains(only) {
            let measured = measure(runtime, contest, effort);
            print(&measured);
            report.add(measured);
            // Who stops a long run has the figures up to there.
            report.write(&contests)?;
        }
    }
    let (seconds, folder) = (begun.elapsed().as_secs(), report.folder().display());
    println!("measured in {seconds} s; the tables and plots are in {folder}");
    Ok(())
}

fn print(measured: &Measured) {
    println!("{}, {}", measured.section, measured.label);
    for row in &measured.rows {
        let steady = if row.spread > SPREAD_MAX { '~' } else { ' ' };
        let missed = if row.is_missed() { '!' } else { ' ' };
        let figure = report::figure(row.figure, measured.unit);
        let (name, ratio, spread) = (&row.name, row.ratio, row.spread * 100.0);
        println!("  {name:24} {figure:>18} {ratio:8.2} {spread:6.0} %{steady}{missed}");
    }
}
