//! How much memory is resident, by the quarters of the run.

use std::fmt;
use std::fs;
use std::time::Duration;

/// A quarter of a shorter run is taken up by the first allocations.
const JUDGED_FROM: Duration = Duration::from_secs(20);
/// What the last quarter may be of the second.
const GROWTH_MAX: f64 = 1.1;

/// The samples of each quarter, in KiB.
#[derive(Default)]
pub(super) struct Memory([Vec<f64>; 4]);

/// Returns what is resident now, in KiB, where the system tells it.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

impl Memory {
    /// Takes a sample after this part of the run, from 0 to 1.
    pub(super) fn sample(&mut self, part: f64) {
        let quarter = [0.25, 0.5, 0.75].iter().filter(|end| part >= **end).count();
        self.0[quarter].extend(resident());
    }

    fn means(&self) -> [Option<f64>; 4] {
        let mean = |samples: &Vec<f64>| {
            let count = u32::try_from(samples.len())
                .ok()
                .filter(|count| *count > 0)?;
            Some(samples.iter().sum::<f64>() / f64::from(count))
        };
        self.0.each_ref().map(mean)
    }

    pub(super) fn judge(&self, time: Duration) {
        if let [_, Some(second), _, Some(last)] = self.means()
            && time >= JUDGED_FROM
        {
            assert!(last <= GROWTH_MAX * second, "memory grows: {self}");
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quarters = self
            .means()
            .map(|mean| mean.map(|kib| format!("{:.1} MiB", kib / 1024.0)));
        write!(
            f,
            "resident by quarters: {}",
            quarters.map(Option::unwrap_or_default).join(", ")
        )
    }
}
