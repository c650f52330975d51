//! Rounds, in which the programs of a contest take turns, and what they come to.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::contest::{Contest, Contestant, Flow, Goal, Unit};

/// How long and how often to measure.
pub(crate) struct Effort {
    pub(crate) run: Duration,
    pub(crate) rounds: usize,
    /// How often the rounds are made anew while a row's spread exceeds `SPREAD_MAX`.
    pub(crate) attempts: usize,
}

pub(crate) const FULL: Effort = Effort {
    run: Duration::from_millis(200),
    rounds: 5,
    attempts: 4,
};

pub(crate) const QUICK: Effort = Effort {
    run: Duration::from_millis(25),
    rounds: 3,
    attempts: 1,
};

/// (highest − lowest) ÷ median of a row's rounds. Beyond it a row is measured again, and marked in the end.
pub(crate) const SPREAD_MAX: f64 = 0.2;

/// What a contest came to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) section: String,
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) rows: Vec<Row>,
}

impl Measured {
    pub(crate) fn is_of(&self, section: &str, label: &str) -> bool {
        self.section == section && self.label == label
    }
}

/// What a program came to: medians, its ratio that of the ratios within a round.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) max_demand: usize,
    pub(crate) producer_consumers: usize,
    pub(crate) consumers: usize,
    pub(crate) figure: f64,
    pub(crate) ratio: f64,
    pub(crate) spread: f64,
    pub(crate) goal: Option<Goal>,
}

impl Row {
    pub(crate) fn is_missed(&self) -> bool {
        self.goal
            .is_some_and(|goal| !goal.is_met(self.figure, self.ratio))
    }
}

/// Measures all programs of a contest; of several attempts the steadiest counts.
pub(crate) fn measure(runtime: &Runtime, contest: &Contest, effort: &Effort) -> Measured {
    let contestants = contest.contestants.iter();
    let flows: Vec<Flow> = contestants
        .map(|contestant| calibrated(runtime, contestant, effort.run))
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
    Measured {
        section: contest.section.to_owned(),
        label: contest.label.clone(),
        unit: contest.unit,
        rows: best,
    }
}

/// Finds how many events take about `run`, where their number isn't given.
fn calibrated(runtime: &Runtime, contestant: &Contestant, run: Duration) -> Flow {
    let (program, mut flow) = (contestant.program, contestant.flow);
    if flow.events > 0 {
        return flow;
    }
    // Many consumers ask for much at once, before the flow is a steady one.
    flow.events = (1000 * flow.batch_max()).max(20 * flow.consumers * flow.max);
    loop {
        let cost = program(runtime, flow);
        let missing = run.as_secs_f64() / cost;
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
            let turns = contest.contestants.iter().zip(flows);
            turns
                .map(|(contestant, flow)| {
                    let cost = (contestant.program)(runtime, *flow);
                    contest.unit.figure(cost, flow.events)
                })
                .collect()
        })
        .collect();
    let contestants = contest.contestants.iter().enumerate();
    contestants
        .map(|(at, contestant)| row(contestant, &rounds, at))
        .collect()
}

fn row(contestant: &Contestant, rounds: &[Vec<f64>], at: usize) -> Row {
    let figures = sorted(rounds.iter().map(|figures| figures[at]));
    let ratios = sorted(rounds.iter().map(|figures| figures[at] / figures[0]));
    let figure = figures[figures.len() / 2];
    Row {
        name: contestant.name.to_owned(),
        max_demand: contestant.flow.max,
        producer_consumers: contestant.flow.middles,
        consumers: contestant.flow.consumers,
        figure,
        ratio: ratios[ratios.len() / 2],
        spread: (figures[figures.len() - 1] - figures[0]) / figure,
        goal: contestant.goal,
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
