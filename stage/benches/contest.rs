//! What is measured: a flow of events, the programs that run it, and what is to be reached.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

/// One flow to run: how many events it moves, by what demand, and through what.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flow {
    /// 0 where as many are to be moved as take the time of a round.
    pub(crate) events: usize,
    pub(crate) max: usize,
    /// Producer-consumers in a row.
    pub(crate) middles: usize,
    /// Consumers of one producer, where it has several.
    pub(crate) consumers: usize,
}

impl Flow {
    pub(crate) const fn min(self) -> usize {
        self.max / 2
    }

    pub(crate) const fn batch_max(self) -> usize {
        self.max - self.min()
    }
}

/// Runs a flow to its end, and panics when not every event arrived. Returns what it cost: seconds, or bytes.
pub(crate) type Program = fn(&Runtime, Flow) -> f64;

/// What a cost is told in.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "million/s")]
    MillionPerSecond,
    #[serde(rename = "ns an event")]
    NanosecondsPerEvent,
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "bytes")]
    Bytes,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MillionPerSecond => "million/s",
            Self::NanosecondsPerEvent => "ns an event",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Bytes => "bytes",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(crate) fn figure(self, cost: f64, events: usize) -> f64 {
        match self {
            Self::MillionPerSecond => events as f64 / cost / 1e6,
            Self::NanosecondsPerEvent => cost / events as f64 * 1e9,
            Self::Microseconds => cost * 1e6,
            Self::Milliseconds => cost * 1e3,
            Self::Bytes => cost,
        }
    }
}

/// What a row has to reach: its figure, or its ratio to the first row of its contest.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    FigureAtMost(f64),
}

impl Goal {
    pub(crate) fn is_met(self, figure: f64, ratio: f64) -> bool {
        match self {
            Self::RatioAtLeast(least) => ratio >= least,
            Self::RatioAtMost(most) => ratio <= most,
            Self::FigureAtMost(most) => figure <= most,
        }
    }
}

/// One row: a program, and the flow that it runs.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) flow: Flow,
    pub(crate) goal: Option<Goal>,
}

/// Programs that take turns, round by round; the first is what the others are compared with.
pub(crate) struct Contest {
    pub(crate) section: &'static str,
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) contestants: Vec<Contestant>,
}

impl Contest {
    pub(crate) const fn new(section: &'static str, label: String, unit: Unit) -> Self {
        Self {
            section,
            label,
            unit,
            contestants: Vec::new(),
        }
    }

    /// What `--only` looks at.
    pub(crate) fn title(&self) -> String {
        format!("{}, {}", self.section, self.label)
    }

    /// Adds a program to compare with.
    pub(crate) fn reference(mut self, name: &'static str, program: Program, flow: Flow) -> Self {
        self.contestants.push(Contestant {
            name,
            program,
            flow,
            goal: None,
        });
        self
    }

    /// Adds a program of ours, with what it has to reach.
    pub(crate) fn ours(
        mut self,
        name: &'static str,
        program: Program,
        flow: Flow,
        goal: impl Into<Option<Goal>>,
    ) -> Self {
        self.contestants.push(Contestant {
            name,
            program,
            flow,
            goal: goal.into(),
        });
        self
    }
}

/// Runs a whole flow, its start and its end included; returns the seconds it took.
pub(crate) fn timed(runtime: &Runtime, flow: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    runtime.block_on(flow);
    start.elapsed().as_secs_f64()
}

/// Names the partition of an event, of so many. Source: Knuth's multiplicative hash.
pub(crate) const fn hash(event: usize, partitions: usize) -> usize {
    (event.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % partitions
}
