//! Programs that do the same, in turns.

use std::time::{Duration, Instant};

/// How long and how often to measure.
pub(crate) struct Effort {
    /// How long one program runs in one round, about.
    pub(crate) round: Duration,
    /// How many rounds there are.
    pub(crate) rounds: usize,
}

/// What does its work once a call.
pub(crate) type Program = Box<dyn Fn()>;

/// Programs that do the same; the first is what the others are measured by.
pub(crate) struct Contest {
    pub(crate) name: String,
    pub(crate) programs: Vec<(&'static str, Program)>,
}

impl Contest {
    /// Measures, and prints a line a program.
    pub(crate) fn run(&self, effort: &Effort) {
        let calls: Vec<u32> = self
            .programs
            .iter()
            .map(|(_, program)| calls_within(program, effort.round))
            .collect();
        let rounds: Vec<Vec<f64>> = (0..effort.rounds)
            .map(|_| {
                let programs = self.programs.iter().zip(&calls);
                programs
                    .map(|((_, program), calls)| micros(program, *calls))
                    .collect()
            })
            .collect();
        println!("{:44} {:>10} {:>8}", self.name, "µs", "ratio");
        for (at, (name, _)) in self.programs.iter().enumerate() {
            let micros = median(rounds.iter().map(|round| round[at]));
            let ratio = median(rounds.iter().map(|round| round[at] / round[0]));
            println!("  {name:42} {micros:10.2} {ratio:8.2}");
        }
        println!();
    }
}

/// Finds how many calls take about that time.
fn calls_within(program: &Program, time: Duration) -> u32 {
    let mut calls = 1;
    while micros(program, calls) * f64::from(calls) < time.as_secs_f64() * 1e6 {
        calls *= 2;
    }
    calls
}

/// Returns how long one call takes.
fn micros(program: &Program, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        program();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
