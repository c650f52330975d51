//! Runs a scenario under many schedules.

use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Schedules of each kind, unless the environment says otherwise.
const RUNS: usize = 3_000;

/// Fixed, so that a run that passed passes again; `SHUTTLE_RANDOM_SEED` is another.
const SEED: u64 = 0x5eed;

/// Preemptions that a schedule of the second kind places. Most known races need two or three.
const DEPTH: usize = 3;

/// Steps after which a run goes on for ever: the longest scenario takes a tenth of it.
const STEPS_MAX: usize = 50_000;

/// Runs it under random schedules, in which every step is anybody's, and under ones with few preemptions, in which some
/// stand still for long.
pub(crate) fn explore<F: Future<Output = ()> + 'static>(scenario: fn() -> F) {
    let runs = std::env::var("SCHEDULES").map(|runs| runs.parse().unwrap());
    let runs = runs.unwrap_or(RUNS);
    let run = move || block_on(scenario());
    Runner::new(RandomScheduler::new_from_seed(SEED, runs), config()).run(run);
    Runner::new(PctScheduler::new_from_seed(SEED, DEPTH, runs), config()).run(run);
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config
}
